"""A person's look at an automatic rejection: a new document of the same picture, put before a person at once.

The rejected document stays rejected: final states never re-open. The new one carries the same reading, so that the
person sees what the machine saw, and goes the way of every review.
"""

import uuid
from datetime import timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from documents import audit
from documents.models import Document, DocumentEvent
from documents.status import Status
from documents.storage import read_original, read_page, write_original, write_page
from privacy.models import PersonalRequest, RequestKind, RequestState
from verification.models import RunOutcome, VerificationRun
from verification.reuse import StoredReading
from verification.runs import read_run

log = structlog.get_logger(__name__)

REASON = "second_look"
ANSWERED_WITHIN = timedelta(days=7)  # a review ends by then, or is escalated


class NotRejectedByMachine(Exception):
    """There is no automatic rejection to look at."""


def ask_second_look(document: Document, *, by: str, correlation_id: str = "") -> PersonalRequest:
    """Make the new document and put it before a person. Again: the first request.

    Raises NotRejectedByMachine, OriginalMissing, StoreUnavailable, CannotOpen.
    """
    if earlier := _earlier(document):
        return earlier
    if document.state is not Status.auto_reject:
        raise NotRejectedByMachine(str(document.pk))
    fresh = _copied(document, correlation_id)
    run = read_run(document)
    try:
        with transaction.atomic():
            fresh.save(force_insert=True)
            DocumentEvent.objects.create(
                document=fresh, after=Status.uploaded, actor=by, reason=REASON, correlation_id=correlation_id
            )
            _put_before_person(fresh, run, by)
            request = PersonalRequest.objects.create(
                owner_id=document.owner_id,
                kind=RequestKind.second_look,
                document=document,
                new_document=fresh,
                due_at=timezone.now() + ANSWERED_WITHIN,
            )
            audit.note("second_look.asked", actor=by, document=document, request=request.pk, new_document=fresh.pk)
    except IntegrityError:
        if earlier := _earlier(document):  # asked twice at once: our object is swept
            return earlier
        raise
    log.info("second_look_asked", document_id=str(document.pk), new_document_id=str(fresh.pk))
    return request


def _earlier(document: Document) -> PersonalRequest | None:
    asked = PersonalRequest.objects.filter(document=document, kind=RequestKind.second_look)
    return asked.select_related("new_document").first()


def _copied(document: Document, correlation_id: str) -> Document:
    """The object first: a row without its object would be a lost document."""
    folder, _, name = document.storage_key.rpartition("/")
    key = f"{folder}/{document.type}_{uuid.uuid4()}.{name.rpartition('.')[2]}"
    write_original(key, read_original(document.storage_key))
    try:
        write_page(key, read_page(document.storage_key))
    except Exception as error:  # it can be made again from the original
        log.warning("page_not_copied", document_id=str(document.pk), error=type(error).__name__)
    return Document(
        owner_id=document.owner_id,
        type=document.type,
        storage_key=key,
        content_type=document.content_type,
        size=document.size,
        sha256=document.sha256,
        applicant=document.applicant,
        correlation_id=correlation_id,
        number_index=document.number_index,
        fingerprint=document.fingerprint,
        picture_bands=document.picture_bands,
        attempts=1,
    )


def _put_before_person(document: Document, run: VerificationRun | None, by: str) -> None:
    now = timezone.now()
    claim: dict[str, Any] = {"claim_token": uuid.uuid4(), "claimed_by": by, "claimed_at": now, "heartbeat_at": now}
    document.move_to(Status.processing, actor=by, reason=REASON, **claim)
    if run is None:
        document.move_to(Status.needs_review, actor=by, reason=REASON, ai_decision=Status.needs_review)
        return
    _same_reading(document, run).save(force_insert=True)
    outcome: dict[str, Any] = {"ai_score": run.score, "ai_decision": Status.needs_review}
    way = [Status.ocr_completed, Status.ai_evaluated]
    document.move_to(Status.needs_review, through=way, actor=by, reason=REASON, **outcome)


def _same_reading(document: Document, run: VerificationRun) -> VerificationRun:
    """What was read and found, and that this time a person decides."""
    same = VerificationRun(
        document=document, attempt=1, queue=run.queue, worker=REASON, picture_sha256=run.picture_sha256
    )
    StoredReading(run, b"").copy_to(same)
    same.outcome, same.reason, same.finished_at = RunOutcome.judged, REASON, timezone.now()
    same.policy, same.policy_version, same.thresholds = run.policy, run.policy_version, run.thresholds
    same.score, same.points, same.findings, same.known = run.score, run.points, run.findings, run.known
    same.reasons, same.decision = run.reasons, Status.needs_review
    return same


def close_answered() -> int:
    """Requests whose new document was decided are answered. Safe to repeat; for the sweep."""
    open_ones = PersonalRequest.objects.filter(kind=RequestKind.second_look, state=RequestState.open)
    done = 0
    for state in (Status.approved, Status.rejected):
        decided = open_ones.filter(new_document__status=state)
        done += decided.update(state=RequestState.done, outcome=state, closed_at=timezone.now())
    return done
