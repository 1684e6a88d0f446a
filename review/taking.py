"""Taking a case: a lease of ten minutes that its page renews, so that no two people work on one case.

`SELECT ... FOR UPDATE SKIP LOCKED` gives each of many takers another case at once; a guarded UPDATE alone would tell
most of them that the queue is empty.
"""

import uuid
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from documents.audit import note
from documents.models import Document
from review.models import Review, Skip, Verdict
from review.rights import rights_of
from review.services import NO_HOLD

LEASE = timedelta(minutes=10)
SKIPPED_FOR = timedelta(hours=8)


class NotTaken(Exception):
    """The case is not to be had. Its `code` is one of those of `why_not`."""

    def __init__(self, code: str, review: Review) -> None:
        super().__init__(code)
        self.code, self.review = code, review


class CaseLost(Exception):
    """Nothing was saved: the lease was lost, or the case changed since its page was made. `review` is as it stands."""

    def __init__(self, review: Review) -> None:
        super().__init__(str(review.pk))
        self.review = review


class QueueState(NamedTuple):
    """Of the cases that this person may take: how many wait, are free, are held; when the first of those frees."""

    waiting: int
    free: int
    held: int
    frees_at: datetime | None


def takeable_by(user: Any) -> QuerySet[Review]:
    """The open cases that this person may work on, whoever holds them."""
    rights = rights_of(user)
    cases: QuerySet[Review] = Review.objects.filter(decision="")
    if "decide_review" not in rights:
        return cases.none()
    # What is restricted or erased is used for nothing any more.
    unfit = Q(owner=user.pk) | Q(restricted_at__isnull=False) | Q(erased_at__isnull=False)
    own = Document.objects.filter(unfit, pk=OuterRef("document_id"))
    said = Verdict.objects.filter(review=OuterRef("pk"), user=user.pk, undone_at=None)
    cases = cases.exclude(Exists(own)).exclude(Exists(said)).filter(Q(assigned_to=None) | Q(assigned_to=user.pk))
    return cases if "second_review" in rights else cases.filter(verdicts=0, escalated_at=None)


def take_next(user: Any) -> Review | None:
    """Hold the case that is due first: assigned ones before others. None when there is none free; see `queue_state`."""
    skipped = Skip.objects.filter(user=user.pk, at__gt=timezone.now() - SKIPPED_FOR).values("review")
    free = takeable_by(user).filter(Q(lease_until=None) | Q(lease_until__lte=Now())).exclude(pk__in=skipped)
    # One after the other, each in the order of an index: sorted together, all that waits would be read for each take.
    with transaction.atomic():
        for part in (free.filter(assigned_to=user.pk), free.filter(assigned_to=None)):
            first = part.order_by("due_at", "pk").select_for_update(skip_locked=True, of=("self",))
            review: Review | None = first.first()
            if review is not None:
                _hold(review, user)
                return review
    return None


def take(review_id: uuid.UUID, user: Any) -> Review:
    """Hold this case, or hold it on. Raises NotTaken, Review.DoesNotExist."""
    with transaction.atomic():
        review: Review = Review.objects.select_for_update(of=("self",)).select_related("document").get(pk=review_id)
        if code := why_not(review, user):
            raise NotTaken(code, review)
        if not holds(review, user):
            _hold(review, user)
    return review


def why_not(review: Review, user: Any) -> str:
    """Why this person can't work on the case now, as a code; an empty text when they can."""
    rights = rights_of(user)
    senior = "second_review" in rights
    if review.decision:
        return "decided"
    if review.document.restricted_at:
        return "restricted"
    if "decide_review" not in rights:
        return "no_right"
    if review.document.owner_id == user.pk:
        return "own"
    if review.verdicts and review.given.filter(user=user.pk, undone_at=None).exists():
        return "gave_first"
    if not senior and (review.verdicts or review.escalated_at):
        return "senior_only"
    if is_held(review) and review.holder_id != user.pk:
        return "held"
    if review.assigned_to_id not in (None, user.pk) and not senior:
        return "assigned"
    return ""


def is_held(review: Review) -> bool:
    return review.lease_until is not None and review.lease_until > timezone.now()


def holds(review: Review, user: Any) -> bool:
    return is_held(review) and review.holder_id == user.pk


def _hold(review: Review, user: Any) -> None:
    """Of a row that is locked."""
    now = timezone.now()
    review.holder, review.lease_until, review.taken_at, review.version = user, now + LEASE, now, review.version + 1
    review.save(update_fields=["holder", "lease_until", "taken_at", "version", "updated_at"])
    note("case.taken", actor=str(user.pk), document=review.document_id, subject=str(review.pk))


def beat(review_id: uuid.UUID, user: Any) -> int | None:
    """Renew the lease: seconds that are left of it, None when it was lost. A lease that ran out is not renewed."""
    held = Review.objects.held_by(user).filter(pk=review_id)
    return int(LEASE.total_seconds()) if held.update(lease_until=Now() + LEASE) else None


def release(review_id: uuid.UUID, user: Any, *, skipped: bool = True) -> bool:
    """Give the case back; `skipped`: it is not offered to them again for a while. False: they did not hold it."""
    with transaction.atomic():
        held = Review.objects.held_by(user).filter(pk=review_id)
        if not held.update(**NO_HOLD, version=F("version") + 1, updated_at=Now()):
            return False
        if skipped:
            Skip.objects.update_or_create(review_id=review_id, user=user, defaults={"at": timezone.now()})
        note("case.skipped" if skipped else "case.released", actor=str(user.pk), subject=str(review_id))
    return True


def free_from_others(review_ids: list[uuid.UUID], user: Any, *, expired_only: bool) -> int:
    """Take cases from whoever holds them: how many. A decision that is on its way from there will be refused."""
    with transaction.atomic():
        held = Review.objects.filter(pk__in=review_ids, decision="", holder__isnull=False)
        if expired_only:
            held = held.filter(lease_until__lte=Now())
        rows = list(held.select_for_update(of=("self",)).order_by("pk"))
        for review in rows:
            before, review.holder, review.lease_until = review.holder_id, None, None
            review.version += 1
            review.save(update_fields=["holder", "lease_until", "version", "updated_at"])
            note("case.freed", actor=str(user.pk), document=review.document_id, subject=str(review.pk), held_by=before)
    return len(rows)


def assign(review_ids: list[uuid.UUID], user: Any, *, to: Any) -> int:
    """Give cases to one person, out of the hands of whoever holds them: how many. Raises NotTaken for the first that
    this person may not decide; then none is assigned."""
    with transaction.atomic():
        rows = list(
            Review.objects.filter(pk__in=review_ids, decision="")
            .select_related("document")
            .select_for_update(of=("self",))
            .order_by("pk")
        )
        for review in rows:
            review.holder, review.lease_until, review.assigned_to = None, None, to
            if code := why_not(review, to):
                raise NotTaken(code, review)
            review.version += 1
            review.save(update_fields=["holder", "lease_until", "assigned_to", "version", "updated_at"])
        for review in rows:
            note("case.assigned", actor=str(user.pk), document=review.document_id, subject=str(review.pk), to=to.pk)
    return len(rows)


def queue_state(user: Any) -> QueueState:
    """One query."""
    held = Q(lease_until__gt=Now())
    counted = takeable_by(user).aggregate(
        waiting=Count("pk"), held=Count("pk", filter=held), frees_at=Min("lease_until", filter=held)
    )
    return QueueState(counted["waiting"], counted["waiting"] - counted["held"], counted["held"], counted["frees_at"])
