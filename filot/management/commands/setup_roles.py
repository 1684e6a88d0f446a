"""Make the groups of the review console and give each its rights. Safe to repeat."""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from documents.audit import note

QUEUE = ["review.view_review", "documents.view_document", "documents.view_documentevent", "review.view_counts"]
DECIDE = ["review.decide_review", "review.escalate_review", "review.correct_field"]
REVEAL = ["review.reveal_any", "review.reveal_number"]
LEAD = ["review.second_review", "review.correct_any", "review.assign_review", *REVEAL]
DECISIONS = ["review.view_reviewdecision"]
RULES = ["verification.view_policychange", "review.view_rejectreason", "review.view_proposal"]
EXCHANGES = ["integrations.view_buli2exchange"]
OPERATIONS = ["verification.view_verificationrun"]
RUNS = [*OPERATIONS, "review.view_reviewworkflow"]
REPAIR = ["verification.change_verificationrun", "integrations.change_buli2exchange"]  # reaper; resend
ALL_ACTS = ["documents.view_auditentry", "documents.export_auditentry"]

# Who may what, as docs/decisions/0031 has it. A reviewer's rights on one case hang on holding it: review.taking.
ROLES: dict[str, list[str]] = {
    "reviewer": [*QUEUE, *DECIDE, "review.reveal_number", "documents.view_own_auditentry"],
    "senior": [*QUEUE, *DECIDE, *LEAD, *DECISIONS, *EXCHANGES, *OPERATIONS, "documents.view_team_auditentry"],
    "compliance": [
        *QUEUE,
        *DECISIONS,
        *EXCHANGES,
        *RUNS,
        *RULES,
        *ALL_ACTS,
        *REVEAL,
        "review.assign_review",
        "review.settle_proposal",
        "review.plant_look",
    ],
    "auditor": [*QUEUE, *DECISIONS, *EXCHANGES, *RUNS, *RULES, *ALL_ACTS, "review.reveal_limited"],
    # Counts, never a case.
    "ops": [
        "review.view_counts",
        "review.release_expired",
        "documents.view_document",
        "documents.view_documentevent",
        "documents.view_ops_auditentry",
        *RUNS,
        *EXCHANGES,
        *REPAIR,
    ],
}


def set_rights(role: str, permissions: list[Permission]) -> bool:
    """Whether anything had to be changed."""
    group, _ = Group.objects.get_or_create(name=role)
    before = set(group.permissions.values_list("pk", flat=True))
    group.permissions.set(permissions)
    return before != {permission.pk for permission in permissions}


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
            changed = [role for role, names in ROLES.items() if set_rights(role, [by_name[name] for name in names])]
            for role in changed:
                note("role.set_up", actor="system:setup_roles", subject=role, rights=sorted(ROLES[role]))
        self.stdout.write(f"roles: {', '.join(ROLES)}")
