"""Take documents from workers that went silent: back to the queue, or to a person once the attempts are spent."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from documents.queue import ring
from documents.status import Status
from verification.sweeping import reap_stuck


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be reaped and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        documents = reap_stuck(dry_run=options["dry_run"])
        for document in documents:
            if document.state is Status.uploaded:
                ring(document.queue)
            self.stdout.write(f"{document.pk} attempt {document.attempts}: {document.status}")
        verb = "would be reaped" if options["dry_run"] else "reaped"
        self.stdout.write(f"{len(documents)} {verb}")
