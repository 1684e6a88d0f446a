"""Forbid to erase anything of an owner, lift that again, say when a relationship ended, or show what holds."""

import uuid
from datetime import date
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from documents import audit
from privacy.models import LegalHold, Subject
from privacy.retention import in_force


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("subject", type=uuid.UUID, help="id of the owner")
        parser.add_argument("--place", metavar="REASON", help="place a hold; the reason is a code, for instance court")
        parser.add_argument("--until", type=date.fromisoformat, help="its last day; none: until it is lifted")
        parser.add_argument("--lift", action="store_true", help="lift all holds that were placed")
        parser.add_argument(
            "--relationship-ended", type=date.fromisoformat, metavar="DAY", help="from here rules may count"
        )
        parser.add_argument("--by", default="operator", help="who does it, for the audit trail: an id, no name")

    def handle(self, *args: Any, **options: Any) -> None:
        owner_id, by = options["subject"], options["by"]
        if not get_user_model()._default_manager.filter(pk=owner_id).exists():
            raise CommandError(f"no account has the id {owner_id}")
        if options["place"]:
            place(owner_id, options["place"], options["until"], by)
        if options["lift"]:
            lift(owner_id, by)
        if options["relationship_ended"]:
            end_relationship(owner_id, options["relationship_ended"], by)
        holds = LegalHold.objects.filter(in_force(timezone.now().date()), owner_id=owner_id)
        for hold in holds:
            self.stdout.write(f"{hold.reason_code} by {hold.placed_by} since {hold.placed_at:%Y-%m-%d}")
        self.stdout.write(f"{holds.count()} holds in force")


def place(owner_id: uuid.UUID, reason: str, until: date | None, by: str) -> None:
    with transaction.atomic():
        LegalHold.objects.create(owner_id=owner_id, reason_code=reason, placed_by=by, until=until)
        audit.note("hold.placed", actor=by, subject=str(owner_id), reason=reason)


def lift(owner_id: uuid.UUID, by: str) -> None:
    with transaction.atomic():
        standing = LegalHold.objects.filter(owner_id=owner_id, lifted_at__isnull=True)
        count = standing.update(lifted_at=timezone.now(), lifted_by=by)
        audit.note("hold.lifted", actor=by, subject=str(owner_id), count=count)


def end_relationship(owner_id: uuid.UUID, day: date, by: str) -> None:
    with transaction.atomic():
        Subject.objects.update_or_create(owner_id=owner_id, defaults={"relationship_ended_on": day})
        audit.note("relationship.ended", actor=by, subject=str(owner_id), on=day.isoformat())
