"""Seal all that is a subject's under a fresh data key and destroy the older one. The subject is an owner's id.

Runs beside reads and writes; can be interrupted and repeated: it goes on with the key that is there. The older key is
destroyed once no process can seal under it any more, two and a half minutes after the fresh one was made.
"""

import time
import uuid
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from documents.models import Document
from documents.resealing import reseal
from documents.sealing import NOBODY, CannotOpen, SubjectErased


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("subject", nargs="?", type=uuid.UUID, help="id of the owner")
        parser.add_argument("--all", action="store_true", help="every owner of a document, one after the other")
        parser.add_argument("--keep-key", action="store_true", help="no fresh key: only what is not under the newest")
        parser.add_argument("--no-wait", action="store_true", help="leave the older key to the next run")
        parser.add_argument("--by", default="operator", help="who does it, for the audit trail: an id, no name")

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["subject"]) == options["all"]:
            raise CommandError("name one subject, or --all")
        failed = 0
        for subject in everybody() if options["all"] else [options["subject"]]:
            try:
                self._reseal(subject, options)
            except SubjectErased:
                self.stdout.write(f"{subject}: erased, nothing to do")
            except CannotOpen as error:
                failed += 1
                self.stderr.write(f"{subject}: {error}")
        if failed:
            raise CommandError(f"{failed} subjects have values that do not open; their keys stay as they are")

    def _reseal(self, subject: uuid.UUID, options: dict[str, Any]) -> None:
        values = objects = 0
        while True:
            done = reseal(subject, by=options["by"], fresh_key=not options["keep_key"])
            values, objects = values + done.values, objects + done.objects
            if not done.left or options["no_wait"]:
                break
            time.sleep(done.left)
        state = f"run it again in {done.left:.0f} s for the older key" if done.left else "done"
        self.stdout.write(f"{subject}: {values} values and {objects} objects, {state}")


def everybody() -> Iterator[uuid.UUID]:
    yield NOBODY
    yield from Document.objects.order_by("owner_id").values_list("owner_id", flat=True).distinct().iterator()
