"""After a restore, before the servers start: erase again what had been erased since that copy was made.

The key store says what was erased; where the key store itself came from an older copy, the rows say whose keys have to
go. What is past its time goes with `purge_expired`. Safe to repeat.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from privacy.erasure import replay_erasures


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--by", default="replay_erasures", help="who does it, for the audit trail: an id, no name")

    def handle(self, *args: Any, **options: Any) -> None:
        done = replay_erasures(by=options["by"])
        self.stdout.write(", ".join(f"{count} {what}" for what, count in done.items()) + " erased again")
