"""Blind looks: a share of all decisions is looked at again, and cases with a known answer are mixed in.

Whoever looks is not told what was decided. A look changes nothing for the document; it says how far people agree.
"""

import hashlib
import hmac
import secrets
import uuid
from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from documents.audit import note
from documents.models import Document
from review.models import BlindLook, Decision, Review, ReviewDecision, Verdict
from review.rights import rights_of

SHARE_PERCENT = 5
TURN_PERCENT = 10  # of the times that somebody takes the next case, a look that waits for them comes first
LEASE = timedelta(minutes=10)
STEPS = 10_000


class LookLost(Exception):
    """The look is no longer in this person's hands, or was given. Nothing was saved."""


def is_sampled(review_id: uuid.UUID) -> bool:
    """The same for every repetition, and not to be foreseen without the server's key."""
    digest = hmac.new(settings.SECRET_KEY.encode(), f"second look {review_id}".encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8]) % STEPS < SHARE_PERCENT * STEPS // 100


def second_look_of(decision: ReviewDecision) -> None:
    """Set one up for a share of what people decide; what two agreed on was looked at twice already."""
    if decision.first_user_id is None and is_sampled(decision.review_id):
        BlindLook.objects.get_or_create(
            review_id=decision.review_id,
            kind=BlindLook.Kind.second,
            defaults={"expected": decision.decision, "decided_by": decision.user},
        )


def plant(review: Review, *, answer: Decision, by: Any, for_users: list[Any]) -> int:
    """Have each of these people look at a decided case of which the right answer is known: how many looks were set up.

    Raises ValueError for a case that is not decided: its answer would still have an effect.
    """
    if not review.decision:
        raise ValueError("only a decided case can be looked at for a known answer")
    with transaction.atomic():
        seen = set(review.looks.filter(kind=BlindLook.Kind.known).values_list("user", flat=True))
        looks = [
            BlindLook(review=review, kind=BlindLook.Kind.known, expected=answer, user=user)
            for user in for_users
            if user.pk not in seen and user.pk != review.document.owner_id
        ]
        BlindLook.objects.bulk_create(looks)
        note("look.planted", actor=str(by.pk), document=review.document_id, subject=str(review.pk), looks=len(looks))
    return len(looks)


def plant_for_all(review: Review, *, answer: Decision, by: Any) -> int:
    """As `plant`, for everybody who may decide: how many looks were set up. Raises ValueError."""
    people = get_user_model().objects.filter(is_active=True, is_staff=True)
    deciders = people.filter(groups__permissions__codename="decide_review").exclude(pk=by.pk).distinct()
    return plant(review, answer=answer, by=by, for_users=list(deciders))


class Planted(NamedTuple):
    """A case with a known answer: before how many people it is, how many gave theirs, how many of those were right."""

    ref: str
    answer: str
    people: int
    given: int
    right: int


def planted(limit: int = 50) -> list[Planted]:
    """The newest first; one query."""
    known = BlindLook.objects.filter(kind=BlindLook.Kind.known).order_by()
    rows = known.values("review__document_id", "expected").annotate(
        since=Max("created_at"),
        people=Count("pk"),
        given=Count("pk", filter=~Q(decision="")),
        right=Count("pk", filter=Q(decision=F("expected"))),
    )
    return [
        Planted(Document(pk=row["review__document_id"]).ref, row["expected"], row["people"], row["given"], row["right"])
        for row in rows.order_by("-since")[:limit]
    ]


def is_turn() -> bool:
    """Whether this take is one before which a look comes: by chance, so that nobody can wait for it."""
    return secrets.randbelow(100) < TURN_PERCENT


def take_look(user: Any) -> BlindLook | None:
    """Hold the look that has waited longest; None when there is none for this person."""
    if "decide_review" not in rights_of(user):
        return None
    # What is restricted or erased is used for nothing any more.
    unfit = Q(owner=user.pk) | Q(restricted_at__isnull=False) | Q(erased_at__isnull=False)
    own = Document.objects.filter(unfit, review=OuterRef("review_id"))
    said = Verdict.objects.filter(review=OuterRef("review_id"), user=user.pk)
    free = (
        BlindLook.objects.filter(decision="")
        .filter(Q(lease_until=None) | Q(lease_until__lte=Now()) | Q(user=user.pk))
        .filter(Q(kind=BlindLook.Kind.second) | Q(user=user.pk))
        .filter(Q(decided_by=None) | ~Q(decided_by=user.pk))
        .exclude(Exists(own))
        .exclude(Exists(said))
    )
    with transaction.atomic():
        look: BlindLook | None = (
            free.select_for_update(skip_locked=True, of=("self",)).order_by("created_at", "pk").first()
        )
        if look is not None:
            look.user, look.lease_until = user, timezone.now() + LEASE
            look.save(update_fields=["user", "lease_until"])
            note("look.taken", actor=str(user.pk), subject=str(look.pk))
    return look


def look_of(user: Any, review: Review) -> BlindLook | None:
    """The look at this case that is in this person's hands."""
    held: BlindLook | None = review.looks.filter(user=user.pk, decision="", lease_until__gt=Now()).first()
    return held


def give_look(look_id: uuid.UUID, user: Any, *, decision: Decision, reason_code: str = "") -> BlindLook:
    """Say what one would decide. Raises LookLost."""
    with transaction.atomic():
        held = BlindLook.objects.filter(pk=look_id, user=user.pk, decision="", lease_until__gt=Now())
        if not held.update(decision=decision, reason_code=reason_code, looked_at=Now(), lease_until=None):
            raise LookLost(str(look_id))
        look = BlindLook.objects.select_related("review").get(pk=look_id)
        note("look.given", actor=str(user.pk), document=look.review.document_id, subject=str(look.pk))
    return look
