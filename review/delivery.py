"""Bringing reviews and decisions to Temporal.

What it has not heard of stays marked in the rows and is found by the next run: nothing is lost while it is away, and
nobody waits for it.
"""

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar

import structlog
from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from documents.tracing import PRODUCER, followed
from integrations import temporal
from review import metrics
from review import workflow_words as words
from review.console import risk_of
from review.models import Review, ReviewDecision
from review.services import begin_to_leave, record_decision, sla_hours
from verification.runs import read_run

log = structlog.get_logger(__name__)

POLL_SECONDS = 300
DELIVER_SECONDS = 30.0  # one run; what is left over waits for the next
REDELIVER_AFTER = timedelta(minutes=10)  # a worker that runs records within seconds
ERROR_LENGTH = 200
UNKNOWN = "unknown"

Row = TypeVar("Row", Review, ReviewDecision)


def has_partner() -> bool:
    return bool(settings.BULI2_MODE != "local")


def start_kyc_workflow(review: Review, *, again: bool = False) -> None:
    """Start the review's workflow. Safe to repeat: its id is the review's. Raises TemporalUnavailable.

    `again`: also where an operator or the server has ended it before its time.
    """
    temporal.start_review_workflow(
        str(review.pk),
        workflow_id=review.workflow_id,
        arguments={
            "review_id": str(review.pk),
            "document_id": str(review.document_id),
            "partner": has_partner(),
            "sla_seconds": sla_hours() * 3600,
            "max_seconds": settings.REVIEW_MAX_DAYS * 24 * 3600,
            "poll_seconds": POLL_SECONDS,
        },
        found_by=found_by(review),
        again=again,
    )
    Review.objects.filter(pk=review.pk, workflow_started_at__isnull=True).update(workflow_started_at=timezone.now())
    # A decision that was brought while there was no workflow yet was recorded without it, and would leave it waiting.
    for decision in review.decisions.filter(accepted=True).select_related("review"):
        complete_manual_review_workflow(decision)


def found_by(review: Review) -> dict[str, str]:
    """The search attributes: codes, so that operators find runs in Temporal's own pages."""
    document = review.document
    run = read_run(document)
    return {
        words.DOCUMENT_TYPE: document.type,
        words.RISK_BAND: UNKNOWN if document.ai_score is None else risk_of(document.ai_score).tone,
        words.POLICY: f"{run.policy}-{run.policy_version}" if run and run.policy else UNKNOWN,
        words.STAGE: words.WorkflowStatus.pending.value,
    }


def complete_manual_review_workflow(decision: ReviewDecision) -> None:
    """Bring an accepted decision to its workflow; without one any more, record it here. Raises TemporalUnavailable.

    One that can still be undone waits for its time, and one that was undone never leaves.
    """
    if decision.deliver_after > timezone.now() or not begin_to_leave(decision.pk):
        return
    payload: dict[str, object] = {
        "decisionId": str(decision.pk),
        "decision": decision.decision,
        "decidedBy": decision.decided_by,
        "source": decision.source,
    }
    try:
        temporal.signal_workflow(decision.review.workflow_id, words.SIGNAL_DECISION, payload)
    except temporal.WorkflowGone:
        # It ended after REVIEW_MAX_DAYS, was cancelled, or never began: the decision counts all the same.
        record_decision(decision.pk)
    ReviewDecision.objects.filter(pk=decision.pk).update(delivered_at=timezone.now(), delivery_error="")


def fail_review_workflow(review: Review, *, reason: str) -> None:
    """End the workflow without a decision; the review stays in the console. Raises TemporalUnavailable."""
    try:
        temporal.signal_workflow(review.workflow_id, words.SIGNAL_CANCEL, {"reason": reason})
    except temporal.WorkflowGone:
        log.info("workflow_gone", review_id=str(review.pk))


def deliver(limit: int = 100) -> tuple[int, int]:
    """Bring to Temporal what it has not heard of: (workflows started, decisions delivered). Safe to run twice at once.

    Stops when Temporal does not answer: its call has cost its time limit once, and the rows wait for the next run.
    """
    end = time.monotonic() + DELIVER_SECONDS
    decisions = ReviewDecision.objects.filter(accepted=True, delivered_at__isnull=True, deliver_after__lte=Now())
    # What failed before comes last: one that can't be delivered must not hold up the others.
    undelivered = decisions.select_related("review__document").order_by("delivery_attempts", "created_at")[:limit]
    unstarted = Review.objects.unstarted().select_related("document").order_by("created_at")[:limit]
    started, (delivered, answers) = 0, _each("decision", undelivered, _deliver_one, end)
    if answers:
        started, answers = _each("start", unstarted, start_kyc_workflow, end)
    if not answers:
        log.warning("temporal_unavailable", undelivered_decisions=decisions.count())
    return started, delivered


def forget_lost_deliveries() -> int:
    """Have decisions delivered again that left no mark: the server may have lost what it took. Safe to repeat."""
    then = timezone.now() - REDELIVER_AFTER
    lost = Review.objects.filter(closed_at__isnull=True, decided_at__lt=then)
    decisions = ReviewDecision.objects.filter(accepted=True, delivered_at__lt=then, review__in=lost)
    return decisions.update(delivered_at=None)


def _each(kind: str, rows: Iterable[Row], step: Callable[[Row], None], end: float) -> tuple[int, bool]:
    """How many steps were done before `end`, and whether Temporal answers. Any other failure passes the row over."""
    done = 0
    for row in rows:
        if time.monotonic() > end:
            break
        try:
            with followed(_correlation(row), f"temporal.{kind}", PRODUCER):
                step(row)
        except temporal.TemporalUnavailable:
            metrics.DELIVERIES.labels(kind, "unavailable").inc()
            return done, False
        except Exception:
            metrics.DELIVERIES.labels(kind, "failed").inc()
            log.exception("delivery_failed", kind=kind, row_id=str(row.pk))
            continue
        metrics.DELIVERIES.labels(kind, "done").inc()
        done += 1
    return done, True


def _correlation(row: Review | ReviewDecision) -> str:
    review = row.review if isinstance(row, ReviewDecision) else row
    return review.document.correlation_id


def _deliver_one(decision: ReviewDecision) -> None:
    try:
        complete_manual_review_workflow(decision)
    except Exception as error:
        ReviewDecision.objects.filter(pk=decision.pk).update(
            delivery_attempts=F("delivery_attempts") + 1, delivery_error=type(error).__name__[:ERROR_LENGTH]
        )
        raise
