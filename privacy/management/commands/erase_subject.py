"""Erase a person: their data key, originals, pages, fields, index and fingerprint, and the names in their account.

While the law holds something (a rule with legal_hold, or a hold that was placed) that is restricted instead: no login,
in no queue and on no page of the console, not read, judged, compared or sent to BULI2; only export_subject,
breach_report and backups still reach it. It is dated with the day on which `purge_expired` erases it. Safe to repeat.
"""

import uuid
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from privacy.erasure import StaffAccount, erase_subject
from review.models import Review


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("subject", type=uuid.UUID, help="id of the owner")
        parser.add_argument("--by", default="operator", help="who does it, for the audit trail: an id, no name")

    def handle(self, *args: Any, **options: Any) -> None:
        owner_id = options["subject"]
        tickets = list(
            Review.objects.filter(document__owner_id=owner_id)
            .exclude(buli2_ticket_id="")
            .values_list("buli2_ticket_id", flat=True)
        )
        try:
            done = erase_subject(owner_id, by=options["by"])
        except get_user_model().DoesNotExist as error:
            raise CommandError(f"no account has the id {owner_id}") from error
        except StaffAccount as error:
            raise CommandError("this is an account of staff: close it in the console instead") from error
        if done.held:
            because = ", ".join(sorted({hold.because for hold in done.held}))
            due = f"{done.due_on:%Y-%m-%d}" if done.due_on else "a day that is not known yet"
            self.stdout.write(f"{owner_id}: {done.erased} documents erased; restricted until {due}, held by {because}")
        else:
            self.stdout.write(f"{owner_id}: erased, {done.erased} documents")
        if tickets:
            self.stdout.write(f"BULI2 was sent copies and has no call to erase them. Ask it to: {', '.join(tickets)}")
