"""A worker at work: claim what waits and settle it, show progress from the work itself, stop and rest in order."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

from documents.models import Document
from documents.queue import ring
from documents.status import Status
from ocr_gpu import progress
from ocr_gpu.engine import DeviceLost, trouble_of
from verification import services
from verification.claims import BEAT_SECONDS, Claimed, beat_all, claim, give_back, hand_over
from verification.metrics import FALLBACKS
from verification.reading import engine_of
from verification.stopping import Stopping, sign
from verification.workers import RESTING, STARTING, TAKING, Presence, others_take

log = structlog.get_logger(__name__)

REST_SECONDS = 60.0  # before a device that could not be used is tried again
GPU_UNUSABLE = "gpu_unusable"
WORKER_STOPPING = "worker_stopping"


class QueueWorker:
    """What a process that reads documents of one queue does with a hint. One to a process, in one thread.

    `presence` is its row. A worker of `ocr.gpu` tries its device before each claim.
    """

    def __init__(self, queue: str, presence: Presence) -> None:
        self.queue, self.presence = queue, presence
        self.rests_until = 0.0

    def start(self) -> None:
        """Load the engine before the first document, and try its device. Says in its row what came of it."""
        self.presence.note(STARTING, now=True)
        try:
            engine = engine_of(self.queue)
        except Exception as unavailable:  # missing, misspelt, or out of memory: each engine has its own exceptions
            log.error("engine_unavailable", queue=self.queue, reason=unavailable)
            self.presence.note(RESTING, reason=_reason(unavailable), now=True)
            return
        self.presence.started(engine, settings.OCR_CPU_THREADS)

    def serve(self) -> int:
        """Claim what waits, up to a batch, and settle it or give it back. Returns how many documents were claimed."""
        if sign.seconds() is not None:
            return 0
        self.leave_if_rested()
        if reason := self.trouble():
            self.rest(reason)
            return 0
        self.presence.note(TAKING)
        claims = claim(self.queue, self.presence.name, services.batch_size(self.queue))
        try:
            lost = self.work(claims) if claims else ""
        finally:
            self.presence.finished(len(claims))
        if lost:
            self.rest(lost)
        return len(claims)

    def work(self, claims: Sequence[Claimed]) -> str:
        """Returns why this worker has to rest, or nothing."""
        self.presence.note(progress.LOADING, held=len(claims))
        try:
            with self.watched(claims):
                services.verify(claims, self.queue)
        except Stopping:
            give_all_back(claims)
        except DeviceLost as lost:
            reason = f"{GPU_UNUSABLE}: {lost.code}"
            log.error("device_lost", queue=self.queue, code=lost.code, documents=len(claims))
            pass_all_on(claims, reason)
            return reason
        except (SystemExit, KeyboardInterrupt):  # a process of a pool that is told to end, or ended by hand
            give_all_back(claims)
            raise
        return ""

    @contextmanager
    def watched(self, claims: Sequence[Claimed]) -> Iterator[None]:
        """Each step of the work is a sign of life of the claims and of this worker, and the moment to stop."""
        beaten_at = time.monotonic()

        def step(doing: str) -> None:
            nonlocal beaten_at
            stopping = sign.seconds() if doing != progress.SETTLING else None  # what was read is kept
            if stopping is not None and stopping >= settings.OCR_STOP_SECONDS:
                raise Stopping
            if time.monotonic() - beaten_at >= BEAT_SECONDS:
                beaten_at = time.monotonic()
                beat(claims)
                self.presence.note(doing)

        with progress.told_to(step):
            yield

    def leave_if_rested(self) -> None:
        """After a rest a process of a pool ends and another takes its place: what a driver has lost is lost to this one
        for good. One that has no pool around it tries again as it is.
        """
        if self.rests_until and time.monotonic() >= self.rests_until and self.presence.is_in_pool:
            ring(self.queue)  # this hint ends with the process
            raise SystemExit(0)

    def trouble(self) -> str:
        """Why this worker must take nothing now: its device cannot be used. Asked again after REST_SECONDS."""
        if self.queue != settings.OCR_GPU_QUEUE:
            return ""
        if time.monotonic() < self.rests_until:
            return self.presence.row.reason
        try:
            code = trouble_of(engine_of(self.queue))
        except Exception as unavailable:  # each engine has its own exceptions, and its libraries have more
            log.error("engine_unavailable", queue=self.queue, reason=unavailable)
            return _reason(unavailable)
        return f"{GPU_UNUSABLE}: {code}" if code else ""

    def rest(self, reason: str) -> None:
        """Take nothing for a while; what waits goes to the CPU, unless another worker of the queue can take it."""
        if time.monotonic() >= self.rests_until:
            self.rests_until = time.monotonic() + REST_SECONDS
            log.error("worker_rests", queue=self.queue, reason=reason, seconds=REST_SECONDS)
        self.presence.note(RESTING, reason=reason, held=0, now=self.presence.row.doing != RESTING)
        if settings.OCR_GPU_AUTOFALLBACK and not others_take(self.queue, self.presence.name):
            ring(settings.OCR_CPU_QUEUE, move_to_cpu(reason))


def _reason(unavailable: Exception) -> str:
    code = getattr(unavailable, "code", "")
    return f"{GPU_UNUSABLE}: {code}" if code else "engine_unavailable"


def beat(claims: Sequence[Claimed]) -> None:
    """A sign of life of a batch. A database that is away is no reason to stop reading: the next step tries again."""
    try:
        beat_all(claims)
    except DatabaseError as error:
        log.warning("beat_lost", error=type(error).__name__)


def give_all_back(claims: Sequence[Claimed]) -> None:
    """What of the claims has not been read yet waits again at once, uncounted, and somebody is told."""
    left = _unread(claims)
    for held in left:
        try:
            give_back(held, WORKER_STOPPING, 0, counted=False)
        except DatabaseError:  # the signal may have come in the middle of a query
            connection.close()
            _give_back_again(held)
        ring(held.run.queue)
    log.info("worker_stopped_reading", given_back=len(left))


def _give_back_again(held: Claimed) -> None:
    try:
        give_back(held, WORKER_STOPPING, 0, counted=False)
    except DatabaseError:  # the sweep finds it, later
        log.exception("giving_back_failed", document_id=str(held.document.pk))


def pass_all_on(claims: Sequence[Claimed], reason: str) -> None:
    """What has not been read yet goes to the CPU queue, or waits for a GPU where that is not wanted; uncounted."""
    for held in _unread(claims):
        if settings.OCR_GPU_AUTOFALLBACK:
            hand_over(held, reason, REST_SECONDS)
            ring(settings.OCR_CPU_QUEUE)
        else:
            give_back(held, reason, REST_SECONDS, counted=False)


def _unread(claims: Sequence[Claimed]) -> list[Claimed]:
    return [held for held in claims if held.document.state is Status.processing]


def move_to_cpu(reason: str) -> int:
    """All that waits for a GPU waits for the CPU, from now on and with the reason."""
    waiting = Document.objects.filter(status=Status.uploaded, queue=settings.OCR_GPU_QUEUE)
    moved: int = waiting.update(queue=settings.OCR_CPU_QUEUE, fallback_reason=reason, updated_at=timezone.now())
    if moved:
        FALLBACKS.labels(reason).inc(moved)
        log.warning("fallback_event", count=moved, reason=reason)
    return moved
