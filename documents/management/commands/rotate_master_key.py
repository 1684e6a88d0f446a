"""Wrap every data key under the master key that wraps now: the first of ENCRYPTION_KEYS, or MASTER_KEY_KMS_ID.

Put the new master key first, restart the servers, run this, then take the old one away. Runs beside reads; can be
interrupted and repeated. Nothing is sealed anew: only the wrapped keys are written.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from documents import audit, masterkeys
from documents.resealing import rewrap_all
from documents.sealed_rows import count_before_data_keys


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--by", default="operator", help="who does it, for the audit trail: an id, no name")

    def handle(self, *args: Any, **options: Any) -> None:
        done, name = rewrap_all(), masterkeys.wrapping().name
        with transaction.atomic():
            audit.note("master_key.rotated", actor=options["by"], subjects=done.subjects, keys=done.keys)
        self.stdout.write(f"{done.keys} data keys of {done.subjects} subjects wrapped under {name}")
        if done.failed:
            shown = ", ".join(map(str, done.failed[:10]))
            raise CommandError(f"{len(done.failed)} subjects have keys that no known master key opens: {shown}")
        if before := count_before_data_keys():
            self.stdout.write(
                f"{before} columns are still sealed under ENCRYPTION_KEYS itself, as it was before data keys: "
                "run `reseal_subject --all --keep-key` before you take a key away"
            )
