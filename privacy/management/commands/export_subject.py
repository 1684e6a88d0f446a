"""Write all that is kept of a person into a ZIP they can read: originals, fields, decisions, events. Mode 0600."""

import uuid
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from documents.sealing import CannotOpen
from privacy.export import Exists, export_subject


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("subject", type=uuid.UUID, help="id of the owner")
        parser.add_argument("path", type=Path, help="the ZIP to write; nothing may be there yet")
        parser.add_argument("--by", default="operator", help="who does it, for the audit trail: an id, no name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = export_subject(options["subject"], options["path"], by=options["by"])
        except get_user_model().DoesNotExist as error:
            raise CommandError(f"no account has the id {options['subject']}") from error
        except Exists as error:
            raise CommandError(f"{options['path']} is there already") from error
        except CannotOpen as error:
            raise CommandError(f"something does not open, nothing was written: {error}") from error
        self.stdout.write(f"{count} documents written to {options['path']}")
