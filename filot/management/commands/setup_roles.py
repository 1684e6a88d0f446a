"""Make the groups of the review console and give each its rights. Safe to repeat."""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

QUEUE = ["review.view_review", "documents.view_document", "documents.view_documentevent"]
DECIDE = ["review.decide_review", "review.escalate_review"]
REVEAL = ["review.reveal_number"]
AUDIT = ["review.view_reviewdecision"]
OPERATIONS = ["verification.view_verificationrun", "integrations.view_buli2exchange"]
POLICY = ["verification.view_policychange"]
REPAIR = ["verification.change_verificationrun", "integrations.change_buli2exchange"]  # reaper; resend

ROLES: dict[str, list[str]] = {
    "reviewer": QUEUE + DECIDE + REVEAL,
    "senior": QUEUE + DECIDE + REVEAL + AUDIT,
    "compliance": QUEUE + REVEAL + AUDIT + OPERATIONS + POLICY,
    "auditor": QUEUE + AUDIT + OPERATIONS + POLICY,
    "ops": [
        "documents.view_document",
        "documents.view_documentevent",
        *OPERATIONS,
        *REPAIR,
    ],  # counts, never a case
}


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        by_name = {
            f"{permission.content_type.app_label}.{permission.codename}": permission
            for permission in Permission.objects.select_related("content_type")
        }
        missing = {name for names in ROLES.values() for name in names} - by_name.keys()
        if missing:
            raise CommandError(f"run `manage.py migrate` first: no permission {', '.join(sorted(missing))}")
        with transaction.atomic():
            for role, names in ROLES.items():
                group, _ = Group.objects.get_or_create(name=role)
                group.permissions.set(by_name[name] for name in names)
        self.stdout.write(f"roles: {', '.join(ROLES)}")
