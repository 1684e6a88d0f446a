"""Holding a document: taking the claim, giving it back, passing it on. Every write carries the claim's token."""

import itertools
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy
import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone
from structlog.contextvars import bound_contextvars

from documents.models import Document, MovedMeanwhile
from documents.status import Status
from verification.metrics import FALLBACKS, OCR_SECONDS, REFUSED_WRITES
from verification.models import RunOutcome, VerificationRun
from verification.reuse import StoredReading

log = structlog.get_logger(__name__)

ATTEMPTS_SPENT = "attempts_spent"
BEAT_SECONDS = 1.0  # between two signs of life of a claim: far less than any claim may be silent

FAIR = 4  # every so many claims of a process one goes to what waits longest: the bulk lane does not starve

_claims = itertools.count(1)


@dataclass(slots=True)
class Claimed:
    """A document that this worker holds, and the run that records it."""

    document: Document
    run: VerificationRun
    token: uuid.UUID
    pages: list[numpy.ndarray[Any, Any]] = field(default_factory=list)
    stored: StoredReading | None = None  # of the same file: then nothing was decoded
    beaten_at: float = field(default_factory=time.monotonic)

    @property
    def was_beaten(self) -> bool:
        """Whether progress was shown so short a time ago that nothing more needs to be written."""
        return time.monotonic() - self.beaten_at < BEAT_SECONDS

    def beat(self) -> bool:
        """Show progress, or look whether it is still held where that was done just now; False when it was lost."""
        if self.was_beaten:
            return self.document.is_held_by(self.token)
        self.beaten_at = time.monotonic()
        return self.document.beat(self.token)


@contextmanager
def passing() -> Iterator[None]:
    """A transaction that nobody waits for until it is on the disk: a claim, or a reading that is about to be judged.

    What a crash of PostgreSQL takes back of these leaves the document where it stood before, for the next claim or the
    sweep; the commit that decides takes all before it to the disk.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = off")
        yield


def claim(queue: str, worker: str, limit: int = 1) -> list[Claimed]:
    """Take up to `limit` waiting documents. Two workers never get the same one.

    Mostly of the fast lane while anything waits there; every FAIR-th claim of a process is for what waits longest, in
    either lane: behind k that wait longer, a document is claimed after FAIR x (k + 1) claims of any one process.
    """
    claims = []
    waiting = Document.objects.waiting(queue, oldest_first=next(_claims) % FAIR == 0)
    with passing():
        for document in waiting.select_for_update(skip_locked=True)[:limit]:
            token = uuid.uuid4()
            document.move_to(
                Status.processing,
                actor=worker,
                attempts=document.attempts + 1,
                claim_token=token,
                claimed_by=worker,
                claimed_at=Now(),
                heartbeat_at=Now(),
            )
            run = VerificationRun.objects.create(
                document=document, attempt=document.runs.count() + 1, queue=queue, worker=worker
            )
            claims.append(Claimed(document, run, token))
    for held in claims:
        document = held.document
        with bound_contextvars(correlation_id=document.correlation_id):
            log.info("queue_pull", document_id=str(document.pk), queue=queue, attempt=document.attempts)
    return claims


def beat_all(claims: Sequence[Claimed]) -> None:
    """Show progress for a whole batch: what waits behind a neighbour that loads slowly is not silent."""
    tokens = [held.token for held in claims]
    for each in claims:
        each.beaten_at = time.monotonic()
    held = Document.objects.filter(status=Status.processing, claim_token__in=tokens)
    held.update(heartbeat_at=Now())


def give_back(held: Claimed, reason: str, wait_seconds: float, *, counted: bool = True) -> None:
    """Let another attempt take it after `wait_seconds`; to a person once the attempts are spent.

    An attempt that failed for no fault of the document is not `counted`.
    """
    document = held.document
    if counted and document.attempts >= settings.OCR_GPU_MAX_RETRIES:
        give_to_person(held, reason)
        return
    again = Now() + timedelta(seconds=wait_seconds)
    attempts = document.attempts if counted else document.attempts - 1
    _leave(held, Status.uploaded, reason, queued_at=again, attempts=attempts)


def give_to_person(held: Claimed, reason: str) -> None:
    """A person is the right fallback for what no further attempt can read; the reason says what failed."""
    _leave(held, Status.needs_review, reason, ai_decision=Status.needs_review)


def hand_over(held: Claimed, reason: str, wait_seconds: float) -> None:
    """From the GPU queue to the CPU queue; on that itself back for another worker. Uncounted: one worker whose engine
    is broken must not send all that waits to a person.
    """
    if held.run.queue == settings.OCR_CPU_QUEUE:
        give_back(held, reason, wait_seconds, counted=False)
        return
    attempts = held.document.attempts - 1
    moved = _leave(
        held, Status.uploaded, reason, queue=settings.OCR_CPU_QUEUE, fallback_reason=reason, attempts=attempts
    )
    if moved:
        FALLBACKS.labels(reason).inc()
        log.warning("fallback_event", document_id=str(held.document.pk), reason=reason)


def refused_write(held: Claimed) -> None:
    """Note that this worker came back after its claim was taken: what it had is dropped."""
    REFUSED_WRITES.inc()
    log.warning("claim_lost", document_id=str(held.document.pk), run_id=str(held.run.pk))


def _leave(held: Claimed, status: Status, reason: str, **changes: Any) -> bool:
    document, run = held.document, held.run
    run.outcome, run.reason, run.finished_at = RunOutcome.failed, reason, timezone.now()
    try:
        with transaction.atomic():
            document.move_to(status, actor=run.worker, reason=reason, guard={"claim_token": held.token}, **changes)
            run.save(update_fields=["outcome", "reason", "finished_at"])
    except MovedMeanwhile:
        refused_write(held)
        return False
    facts = {
        "processor": "gpu" if run.queue == settings.OCR_GPU_QUEUE else "cpu",
        "type": document.type,
        "outcome": "failure",
    }
    seconds = (run.finished_at - run.started_at).total_seconds()
    OCR_SECONDS.labels(**facts).observe(seconds)
    log.warning(
        "attempt_failed",
        document_id=str(document.pk),
        reason=reason,
        attempt=document.attempts,
        seconds=seconds,
        **facts,
    )
    return True
