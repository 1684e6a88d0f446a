"""Claim a document, read it, judge it, settle it: each step survives the death of the process after it.

A claim is a conditional UPDATE with an owner token; every later write of the worker carries the token as a condition,
so a worker that was taken for dead is refused. What no worker finishes is found by `verification.sweeping`.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from documents.models import Document, MovedMeanwhile
from documents.pressure import lane_with, unread_of
from documents.queue import first_queue
from documents.sealing import CannotOpen, blind_index
from documents.status import Status
from documents.storage import OriginalMissing, StoreUnavailable, read_original, write_page
from documents.tracing import followed
from ocr_gpu.engine import OcrEngine
from ocr_gpu.images import UnreadableFile, upright_pages
from ocr_gpu.pictures import page_jpeg
from ocr_gpu.sandbox import SandboxUnavailable
from verification.claims import Claimed, beat_all, claim, give_back, give_to_person, hand_over, passing, refused_write
from verification.comparing import bands_of
from verification.fields import FieldValue
from verification.judging import JUDGED_FIELDS, judge
from verification.kinds import Kind
from verification.known import known_of
from verification.metrics import DECISIONS, LATENCY_SECONDS, OCR_SECONDS, REUSED
from verification.models import RunOutcome, VerificationRun
from verification.reading import Reading, document_type, engine_of, fields_as_json, lines_as_json, read_batch
from verification.reuse import StoredReading, stored_reading
from verification.runs import evidence_of, fields_of, read_run

log = structlog.get_logger(__name__)

AWAY_BACKOFF_SECONDS = 15  # a part that is away is not the document's fault
RETRY_BACKOFF_SECONDS = 2
MISSING_BACKOFF_SECONDS = 300  # time to mount again what is not mounted, before a person has to do without the picture
NUMBER_DIGITS = 16


def request_verification(document: Document) -> None:
    """Queue an uploaded document that is not queued yet. Safe to repeat, and harmless in every other state."""
    waiting = Document.objects.filter(pk=document.pk, status=Status.uploaded, queue="")
    lane = lane_with(unread_of(document.owner_id))
    waiting.update(queue=first_queue(), queued_at=Now(), lane=lane, updated_at=timezone.now())
    document.refresh_from_db()


def verify_waiting(queue: str, worker: str) -> int:
    """Claim what waits in `queue`, up to a batch, and settle it. Returns how many documents were claimed."""
    claims = claim(queue, worker, batch_size(queue))
    if claims:
        verify(claims, queue)
    return len(claims)


def batch_size(queue: str) -> int:
    """How many documents this process takes at once: a batch on a GPU, else one.

    On a CPU a batch only makes the first document wait for the last, silently, until it is taken for stuck.
    """
    try:
        device = engine_of(queue).device
    except Exception:  # `verify` says what is wrong with it
        return 1
    return settings.OCR_GPU_BATCH_SIZE if device.startswith("cuda") else 1


def verify(claims: Sequence[Claimed], queue: str) -> None:
    """Load, read and parse, keep the reading, judge and settle; whatever fails is given back or to a person."""
    try:
        engine = engine_of(queue)
    except Exception:  # missing, misspelt, or out of memory on its device: each engine has its own exceptions
        log.exception("engine_unavailable", queue=queue)
        for held in claims:
            hand_over(held, "engine_unavailable", AWAY_BACKOFF_SECONDS)
        return
    loaded = []
    for held in claims:
        with followed(held.document.correlation_id, "verification.load", document_id=str(held.document.pk)):
            if load(held, engine):
                if held.stored:
                    keep_and_settle(held, held.stored)
                else:
                    loaded.append(held)
        if len(claims) > 1:
            beat_all(claims)
    for held, reading in read(engine, loaded):
        if len(claims) > 1:  # a store that hangs while pages are stored makes the last of a batch wait for all others
            beat_all(claims)
        with followed(held.document.correlation_id, "verification.settle", document_id=str(held.document.pk)):
            keep_and_settle(held, reading)


def keep_and_settle(held: Claimed, reading: Reading | StoredReading) -> None:
    """The last two steps of one document. What fails here fails none of its batch, and is left to the sweep."""
    try:
        if keep_reading(held, reading):
            settle(held.document, held.run, reading.seen if isinstance(reading, Reading) else None)
    except Exception:
        log.exception("settling_failed", document_id=str(held.document.pk))


def load(held: Claimed, engine: OcrEngine) -> bool:
    """Fetch and open the original, and decode it unless the same file was read before. False when the document could
    not go on; it was given back then.
    """
    try:
        original = read_original(held.document.storage_key)
        if settings.OCR_REUSE_READINGS:
            parser_version = document_type(held.document.type).PARSER_VERSION
            held.stored = stored_reading(held.document, original, engine, parser_version)
        if held.stored is None:
            held.pages = upright_pages(original)
    except OriginalMissing:
        give_back(held, "original_missing", MISSING_BACKOFF_SECONDS)
        return False
    except StoreUnavailable:
        give_back(held, "storage_unavailable", AWAY_BACKOFF_SECONDS, counted=False)
        return False
    except SandboxUnavailable:
        give_back(held, "decoder_unavailable", AWAY_BACKOFF_SECONDS, counted=False)
        return False
    except CannotOpen:
        give_to_person(held, "original_cannot_be_opened")
        return False
    except UnreadableFile as unreadable:
        give_to_person(held, unreadable.code)
        return False
    except Exception:
        log.exception("loading_failed", document_id=str(held.document.pk))
        give_back(held, "loading_failed", RETRY_BACKOFF_SECONDS)
        return False
    if held.was_beaten or held.beat():
        return True
    refused_write(held)
    return False


def read(engine: OcrEngine, loaded: Sequence[Claimed]) -> list[tuple[Claimed, Reading]]:
    """One pass of the engine over all pages; one by one if that fails, so that a bad page fails no neighbour."""
    if not loaded:
        return []
    try:
        readings = read_batch(engine, [(held.document.type, held.pages) for held in loaded])
        return list(zip(loaded, readings, strict=True))
    except Exception:
        log.exception("ocr_failed", documents=len(loaded), engine=engine.name)
    if len(loaded) > 1:
        return [pair for held in loaded for pair in read(engine, [held])]
    give_back(loaded[0], "ocr_failed", RETRY_BACKOFF_SECONDS)
    return []


def keep_reading(held: Claimed, reading: Reading | StoredReading) -> bool:
    """Store what was read and move on to ocr_completed, under the claim. False when the claim was lost.

    The page comes before the row, and outside its transaction: a store that hangs holds no lock.
    """
    run, document = held.run, held.document
    if not held.beat():
        refused_write(held)
        return False
    seconds = run.read_seconds = (timezone.now() - run.started_at).total_seconds()
    if isinstance(reading, StoredReading):
        reading.copy_to(run)
    else:
        _note(run, document.type, reading)
    run.picture_sha256 = _store_page(document, reading)
    known_by = _known_by(document.type, reading)
    try:
        with passing():
            document.move_to(Status.ocr_completed, actor=run.worker, guard={"claim_token": held.token}, **known_by)
            run.save()
    except MovedMeanwhile:
        refused_write(held)
        return False
    processor = "gpu" if run.device.startswith("cuda") else "cpu"
    if run.reused_from:
        REUSED.labels(document.type).inc()
    else:
        OCR_SECONDS.labels(processor, document.type, "success").observe(seconds)
    log.info(
        "processing_done",
        document_id=str(document.pk),
        processor=processor,
        type=document.type,
        outcome="success",
        engine=run.engine,
        seconds=seconds,
        reused=run.reused_from is not None,
    )
    return True


def _note(run: VerificationRun, type: str, reading: Reading) -> None:
    run.outcome = RunOutcome.read
    run.engine, run.engine_version, run.device = reading.engine, reading.engine_version, reading.device
    run.parser_version, run.page, run.turn, run.kind = reading.parser_version, reading.page, reading.turn, reading.kind
    run.lines = lines_as_json(reading.lines)
    run.fields = fields_as_json(type, reading.fields)
    measures = {name: float(value) for name, value in reading.measures.items()}
    run.quality = {
        # PostgreSQL's JSON has no word for infinity
        "measures": {name: round(value, 4) for name, value in measures.items() if math.isfinite(value)},
        "issues": [issue.code for issue in reading.issues],
    }


def _known_by(type: str, reading: Reading | StoredReading) -> dict[str, Any]:
    """The columns by which other documents are compared with this one."""
    number = _number_index(type, reading.fields)
    bands = bands_of(reading.fingerprint)
    return {"number_index": number, "fingerprint": reading.fingerprint or None, "picture_bands": bands or None}


def _store_page(document: Document, reading: Reading | StoredReading) -> str:
    """Store the upright page for people; its digest, or an empty text when it could not be stored.

    It can be made again from the original, so no document waits for it. The digest goes into the run: a page that
    another reading left there, one that was never committed or lost its claim, is not taken for this one's.
    """
    try:
        picture = reading.picture if isinstance(reading, StoredReading) else page_jpeg(reading.picture)
        write_page(document.storage_key, picture)
    except Exception as error:  # a store that is away, or a page that can't be encoded
        log.warning("page_not_stored", document_id=str(document.pk), error=type(error).__name__)
        return ""
    return hashlib.sha256(picture).hexdigest()


def settle(document: Document, run: VerificationRun, kind: Kind | None = None) -> bool:
    """Judge what was read and move the document to its outcome. Safe to repeat: the second finds it moved, False.

    What it is compared with is asked for after its own reading was committed: of two documents with one number at the
    same moment at least one sees the other. `kind` as in `evidence_of`: telling it takes as long as all the rest.
    """
    verdict = judge(document, evidence_of(document, run, known_of(document, fields_of(run)), kind), run)
    run.outcome, run.finished_at = RunOutcome.judged, timezone.now()
    outcome: dict[str, Any] = {"ai_score": verdict.score, "ai_decision": verdict.decision}
    actor = f"policy {verdict.policy} {verdict.policy_version}"
    main_reason = verdict.reasons[0].code if verdict.reasons else ""
    try:
        with transaction.atomic():
            document.move_to(
                Status(verdict.decision), through=[Status.ai_evaluated], actor=actor, reason=main_reason, **outcome
            )
            run.save(update_fields=[*JUDGED_FIELDS, "outcome", "finished_at"])
    except MovedMeanwhile:
        return False
    DECISIONS.labels(document.type, verdict.decision).inc()
    latency = (timezone.now() - document.created_at).total_seconds()
    LATENCY_SECONDS.labels(document.type, verdict.decision).observe(latency)
    log.info(
        "ai_evaluation_done",
        document_id=str(document.pk),
        type=document.type,
        outcome=verdict.decision,
        score=verdict.score,
        latency_seconds=latency,
        decided="automatically" if verdict.decision != Status.needs_review else "by a person",
    )
    return True


def evaluate(document: Document) -> None:
    """Judge a document that was read and whose judging is still to come; nothing in any other state."""
    run = read_run(document)
    if document.state is Status.ocr_completed and run is not None and run.outcome == RunOutcome.read:
        settle(document, run)
    document.refresh_from_db()


def give_unjudged_to_person(document: Document) -> None:
    """Of a reading that can't be judged a person makes the best. Safe to repeat."""
    try:
        document.move_to(
            Status.needs_review,
            through=[Status.ai_evaluated],
            actor="sweep",
            reason="judging_failed",
            ai_decision=Status.needs_review,
        )
    except MovedMeanwhile:
        log.info("judged_meanwhile", document_id=str(document.pk))


def number_index(type: str, number: str) -> str:
    """What `Document.number_index` holds for a number; an old NPWP of 15 digits is the 16 with a leading zero."""
    return blind_index(type, "".join(character for character in number if character.isdigit()).zfill(NUMBER_DIGITS))


def _number_index(type: str, fields: Mapping[str, FieldValue]) -> str:
    numbers = [fields[name].value for name in document_type(type).NUMBER_FIELDS if name in fields]
    return next((number_index(type, number) for number in numbers if number), "")
