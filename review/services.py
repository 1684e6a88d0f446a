"""Opening reviews, deciding them, and moving their documents.

A decision is a row before it is anything else: one guarded write per review, and the first wins. `review.delivery`
brings it to the workflow, which has it recorded here.
"""

import uuid
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from documents.audit import note as note_entry
from documents.models import Document, MovedMeanwhile
from documents.status import Status, wire_time
from review import metrics
from review import workflow_words as words
from review.four_eyes import risk_number, standing_reasons
from review.models import Decision, Proposal, Review, ReviewDecision, Source
from review.reasons import latest_row

log = structlog.get_logger(__name__)

NO_HOLD: dict[str, Any] = {"holder": None, "lease_until": None}
KNOWN_ESCALATIONS = {"client", words.OVERDUE, words.NO_DECISION}  # of a metric's label: reasons of people vary


class AlreadyDecided(Exception):
    """The contrary was accepted before: `decision` is that one."""

    def __init__(self, decision: ReviewDecision) -> None:
        super().__init__(f"already {decision.decision}")
        self.decision = decision


class OwnDocument(Exception):
    """Nobody decides a document they uploaded."""


class UnknownDecision(Exception):
    """No accepted decision has this id."""


class NotInReview(Exception):
    """The document does not wait for a person."""


# Opening --------------------------------------------------------------------------------------------------------------


def open_review(document: Document) -> Review:
    """The review of a document in needs_review. Safe to repeat. Raises NotInReview when there is none to open."""
    existing = Review.objects.filter(document=document).first()
    if existing is not None:
        return existing
    if document.state is not Status.needs_review:
        raise NotInReview(str(document.pk))
    due_at = document.status_since + timedelta(hours=sla_hours())
    because = standing_reasons(document)
    facts = {"due_at": due_at, "risk": risk_number(document), "needs_two": bool(because), "two_because": because}
    review, created = Review.objects.get_or_create(document=document, defaults=facts)
    if created:
        log.info("review_opened", **_named(review))
    return review


def sla_hours() -> int:
    """What two compliance admins agreed on last, or REVIEW_SLA_HOURS."""
    applied = Proposal.objects.filter(kind=Proposal.Kind.sla, state=Proposal.State.applied)
    agreed = applied.order_by("-settled_at").first()
    return int(agreed.content["hours"] if agreed else settings.REVIEW_SLA_HOURS)


def open_reviews(limit: int = 200) -> int:
    """Open a review for each document that waits for a person and has none, those that wait longest first."""
    waiting = Document.objects.filter(status=Status.needs_review, review__isnull=True).order_by("status_since")
    return len([open_review(document) for document in waiting[:limit]])


# Deciding -------------------------------------------------------------------------------------------------------------


def decide(
    *,
    review_id: uuid.UUID,
    decision: str,
    source: str,
    decided_by: str,
    user: Any = None,
    reason_code: str = "",
    note: str = "",
    correlation_id: str = "",
) -> ReviewDecision:
    """Write the decision, once: one guarded UPDATE decides between people and BULI2 at the same instant.

    The same decision again returns the accepted one. The contrary is kept as a refused row and raises AlreadyDecided.
    Raises Review.DoesNotExist, OwnDocument. The caller rings `review.deliver` after the commit.
    """
    review = Review.objects.select_related("document").get(pk=review_id)
    if str(review.document.owner_id) in {decided_by, str(user.pk) if user else ""}:
        raise OwnDocument(str(review_id))
    offered = ReviewDecision(
        review=review,
        decision=Decision(decision),
        source=Source(source),
        decided_by=decided_by,
        user=user,
        reason_code=reason_code,
        note=note or None,
        reason=latest_row(reason_code),
        correlation_id=correlation_id,
        accepted=True,
    )
    counts, outcome = _first_or_refused(offered)
    count_decision(offered, outcome)
    if outcome == "refused":
        raise AlreadyDecided(counts)
    return counts


@transaction.atomic
def _first_or_refused(offered: ReviewDecision) -> tuple[ReviewDecision, str]:
    """The decision that counts, and what became of this one: accepted, repeated or refused."""
    now, review = timezone.now(), Review.objects.filter(pk=offered.review_id)
    # One after the other: between a write that was refused and the look at what refused it nobody may undo that.
    review.select_for_update(of=("self",)).get()
    if review.filter(decision="").update(
        decision=offered.decision, decided_at=now, updated_at=now, version=F("version") + 1, **NO_HOLD
    ):
        offered.save(force_insert=True)
        note_decision(offered)
        return offered, "accepted"
    counts = ReviewDecision.objects.get(review_id=offered.review_id, accepted=True)
    if counts.decision == offered.decision:
        return counts, "repeated"
    _keep_refused(offered)
    return counts, "refused"


def note_decision(decision: ReviewDecision) -> None:
    """In the audit trail; last in the transaction that accepts it."""
    review = decision.review
    note_entry(
        f"case.{decision.decision}",
        actor=decision.decided_by,
        document=review.document_id,
        subject=str(review.pk),
        decision=decision.pk,
        source=decision.source,
        reason=decision.reason_code,
        new_upload=decision.new_upload,
        first=decision.first_user_id,
        two_because=review.two_because,
    )


def _keep_refused(offered: ReviewDecision) -> None:
    """One row for each who said it: a callback that BULI2 repeats a hundred times is one opinion."""
    offered.accepted = False
    if not ReviewDecision.objects.filter(
        review=offered.review, source=offered.source, decided_by=offered.decided_by, decision=offered.decision
    ).exists():
        offered.save(force_insert=True)


def count_decision(offered: ReviewDecision, outcome: str) -> None:
    metrics.DECISIONS.labels(offered.source, offered.decision, outcome).inc()
    if outcome == "accepted":
        waited = (timezone.now() - offered.review.created_at).total_seconds()
        metrics.REVIEW_SECONDS.labels(offered.source).observe(waited)
    log.info(
        "review_decided",
        decision=offered.decision,
        source=offered.source,
        outcome=outcome,
        **_named(offered.review),
    )


def begin_to_leave(decision_id: str | uuid.UUID) -> bool:
    """From here on it can't be undone; False when it was undone, or never accepted. Safe to repeat."""
    accepted = ReviewDecision.objects.filter(pk=decision_id, accepted=True)
    return bool(accepted.update(leaving_at=Coalesce("leaving_at", Now())))


def record_decision(decision_id: str | uuid.UUID) -> None:
    """Move the document to where its accepted decision leads, and close the review. Safe to repeat.

    Raises UnknownDecision; MovedMeanwhile when the document stands somewhere that the decision does not explain.
    """
    if not begin_to_leave(decision_id):
        raise UnknownDecision(str(decision_id))
    found = ReviewDecision.objects.select_related("review__document").get(pk=decision_id)
    review, document = found.review, found.review.document
    with transaction.atomic():
        # Locked, so that two deliveries at once are one after the other and the second finds it done.
        document = Document.objects.select_for_update().get(pk=document.pk)
        if document.state is Status.needs_review:
            document.move_to(
                review.target, actor=found.decided_by, reason=found.reason_code, new_upload=found.new_upload
            )
        elif document.state is not review.target:
            raise MovedMeanwhile(f"{document.pk} is {document.state}, decided was {review.target}")
        closed = Review.objects.filter(pk=review.pk, closed_at__isnull=True).update(closed_at=timezone.now())
    if closed:
        log.info("review_closed", status=str(document.state), **_named(review))


def escalate(review: Review, *, by: str, reason: str) -> Review:
    """Mark it as one for more senior eyes. Safe to repeat: the first reason stays. A decided one is left as it is."""
    now = timezone.now()
    waiting = Review.objects.filter(pk=review.pk, decision="", escalated_at__isnull=True)
    with transaction.atomic():
        escalated = waiting.update(escalated_at=now, escalation_reason=reason, updated_at=now)
        if escalated:
            note_entry(
                "case.escalated", actor=by, document=review.document_id, subject=str(review.pk), reason=reason or "none"
            )
    if escalated:
        metrics.ESCALATIONS.labels(reason if reason in KNOWN_ESCALATIONS else "person").inc()
        log.info("review_escalated", by=by, reason=reason, **_named(review))
    review.refresh_from_db()
    return review


def remind_overdue(review_id: str | uuid.UUID) -> None:
    """Say once that nobody has decided in time; the console shows it by `due_at`. Safe to repeat."""
    review = Review.objects.select_related("document").get(pk=review_id)
    late = Review.objects.filter(pk=review_id, decision="", reminded_at__isnull=True)
    if late.update(reminded_at=timezone.now()):
        metrics.OVERDUE.inc()
        log.warning("review_overdue", due_at=wire_time(review.due_at), **_named(review))


def _named(review: Review) -> dict[str, str]:
    """For a log line: ids, and the correlation id of the request that the document came with."""
    document = review.document
    return {
        "review_id": str(review.pk),
        "document_id": str(document.pk),
        "correlation_id": document.correlation_id,
    }


def correlation_of(subject_id: str) -> str:
    """The correlation id of the document that a review, or one of its decisions, is about; empty if there is none."""
    about = Q(review__pk=subject_id) | Q(review__decisions__pk=subject_id)
    found: str | None = Document.objects.filter(about).values_list("correlation_id", flat=True).first()
    return found or ""
