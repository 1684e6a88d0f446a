"""Copy the database and the stored objects into a new folder; data keys are copied apart, where they are kept."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from documents.storage import StoreUnavailable
from documents.sweeps import noted
from filot import backup

NEWEST = 100  # originals that are opened to see whether the keys fit


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="made by this command; one for each copy")
        parser.add_argument("--verify", action="store_true", help="read all of it again, and open its newest originals")
        parser.add_argument("--check", action="store_true", help="make no copy: only verify the one that is there")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        try:
            with noted("backup"):  # nothing below may fail, or it is not noted as a backup that ended well
                manifest = backup.verify(folder) if options["check"] else backup.make(folder)
                if options["verify"]:
                    backup.verify(folder)
                    self._open_newest()
        except (backup.BackupFailed, StoreUnavailable) as failed:
            raise CommandError(str(failed) or "the store does not answer") from failed
        rows = manifest["rows"]["documents_document"]
        word = "verified" if options["verify"] or options["check"] else "made"
        self.stdout.write(f"{word}: {rows} documents, {manifest['objects']} objects in {folder}")
        for key in manifest["missing"]:
            self.stdout.write(f"missing in the store: {key}")

    def _open_newest(self) -> None:
        opened = backup.open_originals(backup.some_originals(NEWEST))
        self.stdout.write(f"keys: {opened.whole} of {opened.whole + len(opened.broken)} newest originals opened")
        if opened.broken:
            raise backup.BackupFailed("the keys that are here do not open what is stored: see to the key store first")
