"""Whom a breach touched between two times: owners by id, how many documents, which kinds of data, first and last.

CSV on standard output, or into a file of mode 0600 with --out. Law gives 3 x 24 hours (docs/privacy.md). --contacts
adds names and addresses of the accounts, for the notices; then --out is needed.
"""

import csv
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any, TextIO

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from documents import audit
from documents.status import wire_time
from privacy.breach import Touched, touched

HEAD = ["owner", "documents", "types", "how", "first", "last", "erased_since"]
CONTACT = ["display_name", "email"]
AT_ONCE = 1000


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=moment, required=True, help="2026-11-01 or 2026-11-01T08:00, UTC")
        parser.add_argument("--until", type=moment, required=True, help="not included; a day alone: to its end")
        parser.add_argument("--actor", default="", help="only what this account did: one that was taken over")
        parser.add_argument("--stored", action="store_true", help="everybody whose data lay here in that time")
        parser.add_argument("--contacts", action="store_true", help="with name and address, for the notices")
        parser.add_argument("--out", help="write here, mode 0600; nothing may be there yet")
        parser.add_argument("--by", default="operator", help="who asks, for the audit trail: an id, no name")

    def handle(self, *args: Any, **options: Any) -> None:
        since, until = options["since"][0], options["until"][1]
        if since >= until:
            raise CommandError("--since must be before --until")
        if options["contacts"] and not options["out"]:
            raise CommandError("names and addresses go into a file: give --out")
        found = list(touched(since, until, actor=options["actor"], stored=options["stored"]))
        out = open_private(options["out"]) if options["out"] else sys.stdout
        try:
            write(out, found, contacts=options["contacts"])
        finally:
            if out is not sys.stdout:
                out.close()
        with transaction.atomic():
            audit.note("breach.reported", actor=options["by"], owners=len(found), contacts=options["contacts"])
        documents = sum(each.documents for each in found)
        self.stderr.write(f"{len(found)} owners of {documents} documents, {wire_time(since)} to {wire_time(until)}")


def moment(text: str) -> tuple[datetime, datetime]:
    """The moment, and the end of what is meant: of a day its last instant."""
    given = datetime.fromisoformat(text)
    given = given.replace(tzinfo=UTC) if given.tzinfo is None else given
    return given, given + timedelta(days=1) if len(text) == len("2026-11-01") else given


def open_private(path: str) -> TextIO:
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", newline="")
    except FileExistsError as error:
        raise CommandError(f"{path} is there already") from error


def write(out: TextIO, found: list[Touched], *, contacts: bool) -> None:
    rows = csv.writer(out)
    rows.writerow(HEAD + (CONTACT if contacts else []))
    for start in range(0, len(found), AT_ONCE):
        part = found[start : start + AT_ONCE]
        users = get_user_model()._default_manager.in_bulk([each.owner_id for each in part]) if contacts else {}
        for each in part:
            row = [each.owner_id, each.documents, " ".join(each.types), " ".join(each.how)]
            row += [wire_time(each.first), wire_time(each.last), "yes" if each.erased else ""]
            user: Any = users.get(each.owner_id)
            rows.writerow(row + ([user.told["display_name"], user.told["email"]] if user else []))
