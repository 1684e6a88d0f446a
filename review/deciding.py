"""What a person's decision does: one guarded UPDATE on the case's state, version, holder and lease, or nothing at all.

Where two have to agree (`review.four_eyes`) the first verdict is kept, hidden, and the case goes back to the queue for
a second person. If they differ a third, who is a senior, settles it. A decision waits ten seconds in its row before
its signal leaves, and can be undone until then.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Now
from django.utils import timezone

from documents.audit import note
from documents.models import Document
from documents.status import Status
from review.four_eyes import reasons_for_two
from review.looks import second_look_of
from review.models import Decision, Review, ReviewDecision, Source, Verdict
from review.reasons import RETRY, Reason, in_force
from review.rights import rights_of
from review.services import NO_HOLD, OwnDocument, count_decision, note_decision
from review.taking import LEASE, CaseLost

UNDO = timedelta(seconds=10)
DIFFER = "verdicts_differ"  # reason of the escalation


class NotAllowed(Exception):
    """It needs the right to give a second verdict, or another person than the one who gave the first."""


class UnknownReason(Exception):
    """A rejection needs one of the reasons in force; a new upload one of those that may be tried again."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a person says of a case. `version` is that of the page they said it on."""

    decision: Decision
    version: int
    reason_code: str = ""
    note: str = ""
    new_upload: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """`decision` where the case is decided by it; else the verdict waits for another person's."""

    review: Review
    verdict: Verdict | None
    decision: ReviewDecision | None
    undo_until: Any


def decide_case(review_id: uuid.UUID, user: Any, said: Said, *, correlation_id: str = "") -> Outcome:
    """Decide, or give the verdict that is this person's. The caller's form is kept by them when it raises.

    Raises Review.DoesNotExist, OwnDocument, NotAllowed, UnknownReason, CaseLost. Nothing is to be rung for: the sweep
    brings the decision to its workflow once it can't be undone any more.
    """
    review = Review.objects.select_related("document").get(pk=review_id)
    if review.document.owner_id == user.pk:
        raise OwnDocument(str(review_id))
    reason = _reason(said)
    with transaction.atomic():
        because = reasons_for_two(review, said.decision)
        if because:
            outcome = _give_verdict(review, user, said, reason, because, correlation_id)
        else:
            moved = _guarded(review, user, said, decision=said.decision, decided_at=Now())
            outcome = _accept(moved, user, said, reason, None, None, correlation_id)
    if outcome.decision:
        count_decision(outcome.decision, "accepted")
    return outcome


def _reason(said: Said) -> Reason | None:
    if said.decision == Decision.approved:
        return None
    reason = in_force().get(said.reason_code)
    if reason is None or (said.new_upload and reason.kind != RETRY):
        raise UnknownReason(said.reason_code)
    return reason


def _guarded(review: Review, user: Any, said: Said, **changes: Any) -> Review:
    """The one write that decides between all who click at the same instant; the row as it is then. Raises CaseLost.

    Its conditions stand on the row itself: in a subquery over the same table, which a filter across a relation becomes,
    PostgreSQL would not look at them again after it had waited for another writer.
    """
    needs_review = Document.objects.in_use().filter(pk=OuterRef("document_id"), status=Status.needs_review)
    waits = Review.objects.held_by(user).filter(Exists(needs_review), pk=review.pk, version=said.version)
    if review.version != said.version or not waits.update(
        **changes, **NO_HOLD, version=F("version") + 1, updated_at=Now()
    ):
        raise CaseLost(Review.objects.select_related("document", "holder").get(pk=review.pk))
    return Review.objects.select_related("document").get(pk=review.pk)


def _give_verdict(
    review: Review, user: Any, said: Said, reason: Reason | None, because: list[str], correlation_id: str
) -> Outcome:
    """The version guards what was read of the case before: between the two nobody else gave a verdict."""
    given = list(review.given.filter(undone_at=None).order_by("number"))
    if given and "second_review" not in rights_of(user):
        raise NotAllowed
    if any(verdict.user_id == user.pk for verdict in given):
        raise NotAllowed
    verdict = Verdict(
        review=review,
        number=len(given) + 1,
        user=user,
        decision=said.decision,
        reason_code=said.reason_code,
        new_upload=said.new_upload,
        note=said.note or None,
    )
    changes: dict[str, Any] = {"needs_two": True, "two_because": because, "verdicts": verdict.number}
    agreeing = next((earlier for earlier in given if earlier.decision == said.decision), None)
    if not given:
        changes["first_verdict_by"] = user
    elif agreeing is None:
        changes |= {"escalated_at": Now(), "escalation_reason": DIFFER}
    else:
        changes |= {"decision": said.decision, "decided_at": Now()}
    moved = _guarded(review, user, said, **changes)
    verdict.save(force_insert=True)
    if agreeing:
        return _accept(moved, user, said, reason, verdict, agreeing, correlation_id)
    # What it says is left out: the first verdict is hidden, from readers of the audit trail too.
    note("case.verdict", actor=str(user.pk), document=review.document_id, subject=str(review.pk), number=verdict.number)
    return Outcome(moved, verdict, None, verdict.created_at + UNDO)


def _accept(
    review: Review,
    user: Any,
    said: Said,
    reason: Reason | None,
    verdict: Verdict | None,
    agreeing: Verdict | None,
    correlation_id: str,
) -> Outcome:
    decision = ReviewDecision(
        review=review,
        decision=said.decision,
        source=Source.console,
        decided_by=str(user.pk),
        user=user,
        first_user=agreeing.user if agreeing else None,
        reason_code=said.reason_code,
        reason_id=reason.row if reason else None,
        new_upload=said.new_upload,
        note=said.note or None,
        correlation_id=correlation_id,
        accepted=True,
        deliver_after=timezone.now() + UNDO,
    )
    if review.taken_at:
        decision.seconds = max(0, round((timezone.now() - review.taken_at).total_seconds()))
    decision.save(force_insert=True)
    second_look_of(decision)
    note_decision(decision)
    return Outcome(review, verdict, decision, decision.deliver_after)


# Undo -----------------------------------------------------------------------------------------------------------------


class TooLate(Exception):
    """It has begun to leave, was undone before, or was somebody else's."""


def undo(review_id: uuid.UUID, user: Any) -> Review:
    """Take back one's own decision or verdict of the last ten seconds; the case is in one's hands again.

    One guarded UPDATE: what has begun to leave stays. Raises TooLate.
    """
    since = timezone.now() - UNDO
    with transaction.atomic():
        review = Review.objects.select_for_update(of=("self",)).get(pk=review_id)
        mine = review.decisions.filter(user=user.pk, accepted=True, leaving_at=None, deliver_after__gt=timezone.now())
        decided = mine.filter(undone_at=None).update(accepted=False, undone_at=Now())
        said = review.given.filter(user=user.pk, number=review.verdicts, undone_at=None)
        if not decided and (
            review.decision or not said.filter(created_at__gte=since).exists() or _is_held_by_another(review, user)
        ):
            raise TooLate
        review.verdicts -= said.update(undone_at=Now())
        review.first_verdict_by = review.first_verdict_by if review.verdicts else None
        if review.escalation_reason == DIFFER:
            review.escalated_at, review.escalation_reason = None, ""
        review.decision, review.decided_at = "", None
        review.holder, review.lease_until, review.version = user, timezone.now() + LEASE, review.version + 1
        review.looks.filter(kind="second", decision="").delete()
        review.save()
        note("case.undone", actor=str(user.pk), document=review.document_id, subject=str(review.pk))
    return review


def _is_held_by_another(review: Review, user: Any) -> bool:
    held = review.lease_until is not None and review.lease_until > timezone.now()
    return held and review.holder_id != user.pk


def undoable(user: Any) -> ReviewDecision | Verdict | None:
    """What this person can still take back; two queries at most."""
    now = timezone.now()
    decided = ReviewDecision.objects.filter(user=user.pk, accepted=True, leaving_at=None, deliver_after__gt=now)
    said = Verdict.objects.filter(user=user.pk, undone_at=None, created_at__gt=now - UNDO, review__decision="")
    newest = decided.select_related("review__document").order_by("-created_at").first()
    return newest or said.select_related("review__document").order_by("-created_at").first()
