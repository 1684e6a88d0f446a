"""Finding what was left lying: dead claims, readings never judged, documents that wait for a GPU, hints that were lost.

Each is a query on status and age followed by the same verb as the fast path; two sweeps at once are harmless.
"""

from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from structlog.contextvars import bound_contextvars

from documents.models import Document
from documents.queue import hints_waiting
from documents.status import Status
from verification.claims import ATTEMPTS_SPENT
from verification.metrics import FALLBACKS, REAPED
from verification.models import RunOutcome, VerificationRun
from verification.services import evaluate, give_unjudged_to_person

log = structlog.get_logger(__name__)

UNJUDGED_SECONDS = 30  # judging takes milliseconds: whatever stands so long was left by a dead worker
UNJUDGEABLE = timedelta(hours=1)  # time to mend a policy that fails; what still fails then never will do
HINT_GRACE_SECONDS = 2  # the upload that committed just now is ringing itself; what was reaped just now is not
MOST_HINTS = 200  # a sweep; the next one goes on
MOST_ROWS = 500


def reap_stuck(*, dry_run: bool = False) -> list[Document]:
    """Take documents from workers that went silent: back to the queue, or to a person once the attempts are spent.

    Returns the documents, as they stood before when `dry_run`. Safe when two run at once: a row that the other holds
    is passed over.
    """
    stuck = Document.objects.stuck(
        silent_seconds=settings.OCR_GPU_STUCK_TIMEOUT, held_seconds=settings.OCR_GPU_LOCK_TTL
    ).order_by("heartbeat_at")
    if dry_run:
        return list(stuck[:MOST_ROWS])
    reaped = []
    with transaction.atomic():
        for document in stuck.select_for_update(skip_locked=True)[:MOST_ROWS]:
            with bound_contextvars(correlation_id=document.correlation_id):
                _take_from_dead_worker(document)
            reaped.append(document)
    return reaped


def _take_from_dead_worker(document: Document) -> None:
    worker, token = document.claimed_by, document.claim_token
    runs = VerificationRun.objects.filter(document=document, outcome=RunOutcome.running)
    spent = document.attempts >= settings.OCR_GPU_MAX_RETRIES
    if spent:
        document.move_to(
            Status.needs_review,
            actor="reaper",
            reason=ATTEMPTS_SPENT,
            guard={"claim_token": token},
            ai_decision=Status.needs_review,
        )
    else:
        document.move_to(
            Status.uploaded,
            actor="reaper",
            reason="worker_lost",
            guard={"claim_token": token},
            queued_at=Now(),
        )
    runs.update(outcome=RunOutcome.lost, reason="worker_lost", finished_at=timezone.now())
    REAPED.labels(document.status).inc()
    log.warning("claim_reaped", document_id=str(document.pk), worker=worker, attempts=document.attempts)


def judge_forgotten() -> int:
    """Judge what was read by a worker that died before it judged; one that can't be judged holds up no other."""
    silent = min(UNJUDGED_SECONDS, settings.OCR_GPU_STUCK_TIMEOUT)  # a dead worker is known as one after that
    forgotten = list(Document.objects.unjudged(silent)[:MOST_ROWS])
    for document in forgotten:
        try:
            evaluate(document)
        except Exception:
            log.exception("judging_failed", document_id=str(document.pk))
            if timezone.now() - document.status_since > UNJUDGEABLE:
                give_unjudged_to_person(document)
    return len(forgotten)


def hand_over_to_cpu() -> int:
    """Move what waits too long for a GPU to the CPU queue, with the reason."""
    if not settings.OCR_GPU_AUTOFALLBACK:
        return 0
    now = timezone.now()
    patience = timedelta(seconds=settings.OCR_GPU_FALLBACK_AFTER if settings.OCR_GPU_ENABLED else 0)
    progress = VerificationRun.objects.filter(queue=settings.OCR_GPU_QUEUE, started_at__gt=now - patience)
    reason = "gpu_queue_too_long" if progress.exists() else "no_gpu_worker"
    if not settings.OCR_GPU_ENABLED:
        reason = "gpu_disabled"
    waiting = Document.objects.filter(
        status=Status.uploaded, queue=settings.OCR_GPU_QUEUE, queued_at__lt=Now() - patience
    )
    moved: int = waiting.update(queue=settings.OCR_CPU_QUEUE, fallback_reason=reason, updated_at=now)
    if moved:
        FALLBACKS.labels(reason).inc(moved)
        log.warning("fallback_event", count=moved, reason=reason)
    return moved


def missing_hints() -> dict[str, int]:
    """How many hints each queue lacks: waiting rows less the hints in the broker.

    Counted, not rung for every waiting row: a row that only waits its turn has its hint, and ringing again each sweep
    would flood the broker.
    """
    missing = {}
    for queue in (settings.OCR_GPU_QUEUE, settings.OCR_CPU_QUEUE):
        settled = Q(queued_at__lt=Now() - timedelta(seconds=HINT_GRACE_SECONDS)) | Q(attempts__gt=0)
        waiting = Document.objects.waiting(queue).filter(settled)[:MOST_ROWS].count()
        hints = hints_waiting(queue) if waiting else None
        if hints is not None and waiting > hints:
            missing[queue] = min(waiting - hints, MOST_HINTS)
    return missing
