"""Seeing a number in full: this person, this case, for some minutes, and never without its audit entry."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from documents.audit import note
from review.models import RevealGrant, Review
from review.rights import rights_of
from review.taking import holds

GRANT = timedelta(minutes=5)
LIMITED_A_DAY = 20  # of whoever may look at any case but works on none
DAY = timedelta(hours=24)


class RevealRefused(Exception):
    """`code` says why: no_right, not_held or spent."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def may_ask(user: Any, review: Review) -> str:
    """Why this person may not see the number now, as a code; an empty text when they may, for a reason."""
    rights = rights_of(user)
    if rights & {"reveal_any", "reveal_limited"}:
        return ""
    if "reveal_number" not in rights:
        return "no_right"
    return "" if holds(review, user) else "not_held"


def reveal(review: Review, user: Any, *, reason: str) -> RevealGrant:
    """Let this person see the number of this case for five minutes. Raises RevealRefused."""
    if code := may_ask(user, review):
        raise RevealRefused(code)
    now = timezone.now()
    with transaction.atomic():
        if not rights_of(user) & {"reveal_any", "reveal_number"}:
            # Locked, so that many requests at once are counted one after the other.
            get_user_model().objects.select_for_update().get(pk=user.pk)
            if RevealGrant.objects.filter(user=user.pk, created_at__gt=now - DAY).count() >= LIMITED_A_DAY:
                raise RevealRefused("spent")
        grant = RevealGrant.objects.create(
            review=review, user=user, reason=reason, created_at=now, expires_at=now + GRANT
        )
        note(
            "number.revealed",
            actor=str(user.pk),
            document=review.document_id,
            subject=str(review.pk),
            reason=reason,
            minutes=int(GRANT.total_seconds() // 60),
        )
    return grant


def grant_of(user: Any, review: Review) -> RevealGrant | None:
    """The grant under which this person may see the number now; of a reviewer only while the case is in their hands."""
    if may_ask(user, review):
        return None
    grants = RevealGrant.objects.filter(user=user.pk, review=review.pk, expires_at__gt=timezone.now())
    return grants.order_by("-expires_at").first()


def cover(review: Review, user: Any) -> None:
    """End what was granted to this person for this case. Safe to repeat."""
    now = timezone.now()
    RevealGrant.objects.filter(user=user.pk, review=review.pk, expires_at__gt=now).update(expires_at=now)
