"""Do the database and Temporal tell the same story? Both ways, and what puts it right where they do not.

The sweeps mend what this finds in the ordinary way of things. This is for what they can't see: a server that was set
back to a backup, a run that an operator ended, a database that was.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from django.utils import timezone

from documents.models import Document
from documents.status import Status
from integrations import temporal, temporal_runs
from integrations.temporal_runs import Run
from review import delivery, services
from review import workflow_words as words
from review.models import Review

log = structlog.get_logger(__name__)

RECONCILE = "review.reconcile"
OLDER_THAN = timedelta(seconds=60)  # younger differences are on their way
PREFIX = "kyc-review-"
TELLING = timedelta(hours=25)  # a recorded workflow may go on for a day, until BULI2 has been told


class Kind(StrEnum):
    review_missing = "review_missing"  # a document waits for a person and nobody was asked
    not_started = "not_started"  # a review without a workflow
    workflow_missing = "workflow_missing"  # started, and Temporal does not know it
    ended_early = "ended_early"  # terminated, failed or timed out, not by its own end
    stuck = "stuck"  # Temporal can't go on with it: its code or its attributes do not fit
    undelivered = "undelivered"  # a decision that no workflow was told of
    unrecorded = "unrecorded"  # a decision that was told, and the document has not moved
    unaware = "unaware"  # the document has moved, and the workflow still waits for a decision
    unknown_review = "unknown_review"  # a workflow of a review that is not in the database


@dataclass(frozen=True, slots=True)
class Drift:
    kind: Kind
    subject: str  # id of the review, or of the document that has none
    detail: str
    mend: Callable[[], object]


def drift(older_than: timedelta) -> Iterator[Drift]:
    """Every difference that has lasted for so long. Raises TemporalUnavailable, before anything or in between."""
    before = timezone.now() - older_than
    runs = temporal_runs.running(words.STAGE)
    yield from _documents(before)
    yield from _open_reviews(runs, before)
    yield from _unrecorded(before)
    yield from _known_to_temporal(runs, before)


def _documents(before: datetime) -> Iterator[Drift]:
    forgotten = Document.objects.filter(status=Status.needs_review, review__isnull=True, status_since__lt=before)
    for document in forgotten.order_by("status_since"):
        mend = _open(document)
        yield Drift(Kind.review_missing, str(document.pk), "the document waits for a person and has no review", mend)


def _open(document: Document) -> Callable[[], object]:
    return lambda: delivery.start_kyc_workflow(services.open_review(document))


def _open_reviews(runs: dict[str, Run], before: datetime) -> Iterator[Drift]:
    waiting = Review.objects.filter(decision="", created_at__lt=before).select_related("document")
    for review in waiting.order_by("created_at").iterator():
        start = _start(review)
        if review.workflow_started_at is None:
            yield Drift(Kind.not_started, str(review.pk), "no workflow was started", start)
        elif review.workflow_started_at < before and review.workflow_id not in runs:
            # The search is behind by seconds, so each suspect is looked at itself.
            run = temporal_runs.find(review.workflow_id)
            if run is None:
                yield Drift(Kind.workflow_missing, str(review.pk), "Temporal does not know its workflow", start)
            elif not run.is_running and run.status != "completed":  # completed: cancelled, or the time was up
                yield Drift(Kind.ended_early, str(review.pk), f"its workflow was {run.status}", start)


def _start(review: Review) -> Callable[[], object]:
    return lambda: delivery.start_kyc_workflow(review, again=True)


def _unrecorded(before: datetime) -> Iterator[Drift]:
    reviews = Review.objects.filter(closed_at__isnull=True, decided_at__lt=before).select_related("document")
    for review in reviews.order_by("decided_at"):
        decision = review.decisions.get(accepted=True)
        record = _record(review)
        if decision.delivered_at is None:
            yield Drift(Kind.undelivered, str(review.pk), decision.delivery_error or "not brought yet", record)
            continue
        run = temporal_runs.find(review.workflow_id)
        kind = Kind.stuck if run and run.stuck else Kind.unrecorded
        yield Drift(kind, str(review.pk), f"its workflow is {run.status if run else 'gone'}", record)


def _record(review: Review) -> Callable[[], object]:
    """Tell the workflow again, and move the document here: the workflow finds it done."""

    def mend() -> None:
        decision = review.decisions.select_related("review").get(accepted=True)
        delivery.complete_manual_review_workflow(decision)
        services.record_decision(decision.pk)

    return mend


def _known_to_temporal(runs: dict[str, Run], before: datetime) -> Iterator[Drift]:
    ids = {run_id: _review_id(run_id) for run_id in runs}
    known = Review.objects.select_related("document").in_bulk([found for found in ids.values() if found])
    for run_id, run in runs.items():
        review_id = ids[run_id]
        review = known.get(review_id) if review_id else None
        if review is None:
            subject = str(review_id or run_id)
            yield Drift(Kind.unknown_review, subject, "its review is not in the database", _cancel(run_id))
        elif review.closed_at is not None and review.closed_at < before and not _has_heard(run, review):
            yield Drift(Kind.unaware, str(review.pk), "it waits for a decision that was recorded", _tell(review))
        elif (review.closed_at or not review.decision) and _is_stuck(run, review, before):  # else it was told before
            yield Drift(Kind.stuck, str(review.pk), "Temporal can't go on with it", _nothing)


def _review_id(run_id: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(run_id.removeprefix(PREFIX))
    except ValueError:
        return None


def _has_heard(run: Run, review: Review) -> bool:
    """Whether the workflow knows that its document was moved; then it may go on until BULI2 has been told."""
    if review.closed_at is not None and review.closed_at < timezone.now() - TELLING:
        return False
    stage = run.stage
    if not stage:
        try:
            stage = str(temporal.query_workflow(run.workflow_id, words.QUERY_STATE)["status"])
        except temporal.WorkflowGone:
            return True
    return stage == words.WorkflowStatus.completed or not _is_running(run.workflow_id)


def _is_running(workflow_id: str) -> bool:
    found = temporal_runs.find(workflow_id)
    return found is not None and found.is_running


def _is_stuck(run: Run, review: Review, before: datetime) -> bool:
    """Temporal's search does not tell, so each is looked at: some milliseconds a run."""
    found = temporal_runs.find(run.workflow_id) if review.created_at < before else None
    return found is not None and found.stuck


def _cancel(workflow_id: str) -> Callable[[], object]:
    return lambda: temporal.signal_workflow(workflow_id, words.SIGNAL_CANCEL, {"reason": "unknown_review"})


def _tell(review: Review) -> Callable[[], object]:
    return lambda: delivery.complete_manual_review_workflow(
        review.decisions.select_related("review").get(accepted=True)
    )


def _nothing() -> None:
    """No call of ours mends it: the code that fits its history has to be deployed."""
    raise NotMendable


class NotMendable(Exception):
    """A person has to see to it."""
