"""Check the audit trail: every entry signed, in order, none missing. Exit 1 and say which when it was tampered with.

An entry that was changed, removed, moved or inserted is found, also by somebody who may write every table. Only that
the newest entries were taken away together with a head that was saved before them can't be seen from inside: keep the
line that --head prints (or the `anchor` of the log line `audit_noted`) elsewhere, and give it to --anchor.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from documents.audit import check_chain
from documents.models import AuditHead

DIGEST_LENGTH = 64


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--head", action="store_true", help="print the newest entry as NUMBER:HASH, to keep")
        parser.add_argument(
            "--anchor", action="append", default=[], metavar="NUMBER:HASH", help="an entry as it was kept elsewhere"
        )
        parser.add_argument("--first", type=int, default=1, metavar="NUMBER", help="the entry to begin with")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["head"]:
            self.stdout.write(str(AuditHead.objects.first() or "0:none"))
            return
        problems = check_chain(first=max(1, options["first"]), anchors=dict(map(anchor, options["anchor"])))
        for problem in problems:
            self.stdout.write(self.style.ERROR(problem))
        if problems:
            raise CommandError("the audit trail was tampered with, or its key is missing")
        self.stdout.write(self.style.SUCCESS(f"the audit trail holds, up to {AuditHead.objects.first() or 'nothing'}"))


def anchor(text: str) -> tuple[int, str]:
    """Raises CommandError for what is none."""
    number, _, digest = text.strip().partition(":")
    if not number.isdecimal() or len(digest) != DIGEST_LENGTH:
        raise CommandError(f"{text} is no anchor: NUMBER:HASH, as --head prints it")
    return int(number), digest.lower()
