"""Put a copy back: into an empty database, and into the store what it has not. Nothing that is there is changed."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from documents.storage import StoreUnavailable
from filot import backup


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--objects-only", action="store_true", help="leave the database as it is")
        parser.add_argument("--open", type=int, default=0, metavar="N", help="open the newest N originals; 0: all")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        try:
            manifest = backup.verify(folder)
            if not options["objects_only"]:
                backup.restore_database(folder)
            count = backup.restore_objects(folder)
        except (backup.BackupFailed, StoreUnavailable) as failed:
            raise CommandError(str(failed) or "the store does not answer") from failed
        self.stdout.write(f"objects: {count} put back, {manifest['objects'] - count} were there")
        if not options["objects_only"]:
            self._compare(manifest)
        opened = backup.open_originals(backup.some_originals(options["open"]))
        self.stdout.write(f"keys: {opened.whole} of {opened.whole + len(opened.broken)} originals opened and are whole")
        if unexpected := sorted(set(opened.broken) - set(manifest["missing"])):
            raise CommandError(
                f"{len(unexpected)} originals do not open with the keys that are here, {unexpected[0]} for instance:"
                " bring back the key store and its master key of that time, or their owners were erased since"
            )

    def _compare(self, manifest: dict[str, Any]) -> None:
        found, told = backup.row_counts(), manifest["rows"]
        # The dump is one moment after the count: rows that came in between are there too.
        fewer = {table: told[table] - count for table, count in found.items() if count < told[table]}
        if fewer:
            raise CommandError(f"rows are missing: {fewer}")
        if backup.applied_migrations() != manifest["migrations"]:
            raise CommandError("the migrations are not those of the copy")
        self.stdout.write(f"database: {found['documents_document']} documents")
