"""Erase documents whose time is over, and whoever asked to be erased and is held no more.

In batches; safe to repeat, to run twice at once and to die in. Run it daily. An owner who has other documents gets a
fresh data key for them, and the key of the erased ones goes a week later: dumps older than that then open for these
documents no more, and dumps of the week still do.
"""

from datetime import timedelta
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandParser

from privacy.erasure import OLDER_KEY_KEPT, drop_older_keys, due_subjects, erase_subject, purge_batch
from privacy.retention import expired
from privacy.second_look import close_answered

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be erased and change nothing")
        parser.add_argument("--batch", type=int, default=200, help="documents at once")
        parser.add_argument("--limit", type=int, default=0, help="documents in all; 0: all that are due")
        parser.add_argument(
            "--key-days", type=int, default=OLDER_KEY_KEPT.days, help="how long the key of erased documents stays"
        )
        parser.add_argument("--by", default="purge_expired", help="who does it, for the audit trail: an id, no name")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            self._say_what_is_due()
            return
        by, done = options["by"], 0
        close_answered()
        held, gone = self._erase_subjects(by)
        while not options["limit"] or done < options["limit"]:
            left = options["limit"] - done if options["limit"] else options["batch"]
            erased = purge_batch(min(options["batch"], left), by=by)
            if not erased:
                break
            done += erased
        keys = drop_older_keys(by=by, kept=timedelta(days=options["key_days"]))
        self.stdout.write(f"{done} documents erased, {gone} subjects erased, {held} still held, {keys} older keys gone")

    def _erase_subjects(self, by: str) -> tuple[int, int]:
        """How many are held, and how many are gone. One that fails keeps no other from being erased."""
        held = gone = 0
        for owner in due_subjects():
            try:
                if erase_subject(owner, by=by).held:
                    held += 1
                else:
                    gone += 1
            except Exception as error:
                log.exception("erasure_failed", owner=str(owner))
                self.stderr.write(f"{owner}: not erased, {type(error).__name__}")
        return held, gone

    def _say_what_is_due(self) -> None:
        documents = expired()
        for document in documents[:100]:
            self.stdout.write(f"{document.pk} {document.type} {document.status} since {document.status_since:%Y-%m-%d}")
        self.stdout.write(f"{documents.count()} documents and {len(due_subjects())} subjects would be looked at")
