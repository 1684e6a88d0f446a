"""Who reads documents: each process writes its own row, out of its work, and others judge by the rows who is well.

Three times tell what no list of processes can. `seen_at`: the loop that waits for messages runs. `progress_at`: a step
of work was done, or work was asked for; a worker that is there and takes nothing does not come so far. Both old: the
process is gone or frozen.
"""

import os
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from documents.models import Document
from documents.status import Status
from ocr_gpu.engine import OcrEngine
from verification.models import Worker

log = structlog.get_logger(__name__)

WRITE_SECONDS = 1.0  # between two writes of one process: a card has a hundred steps
SILENT_SECONDS = 60  # a loop beats every few seconds; between two steps of a slow engine lie ten
KEPT = timedelta(days=1)  # of a worker that left no word: long enough to be asked about

STARTING, IDLE, TAKING, RESTING = "starting", "idle", "taking", "resting"
WORKING, STUCK, SILENT = "working", "stuck", "silent"  # states, with IDLE and RESTING
STATES = (IDLE, WORKING, RESTING, STUCK, SILENT)


class Presence:
    """The row of this process. Nothing here raises: a worker whose row cannot be written works on."""

    def __init__(self, hostname: str, queue: str, *, loop_pid: int) -> None:
        host = hostname.rpartition("@")[2]
        self.name = f"{hostname} {queue} {os.getpid()}"[-128:]
        self.row = Worker(name=self.name, queue=queue, host=host[:64], pid=os.getpid(), loop_pid=loop_pid)
        self._written_at = float("-inf")
        self._written_doing = ""

    @property
    def is_in_pool(self) -> bool:
        """Whether another process waits for messages and would replace this one."""
        return self.row.loop_pid != self.row.pid

    def started(self, engine: OcrEngine, threads: int) -> None:
        row = self.row
        row.engine, row.engine_version, row.device = engine.name, engine.version, device_label(engine.device)
        row.threads = threads
        self.note(IDLE, now=True)

    def note(self, doing: str, *, reason: str = "", held: int | None = None, now: bool = False) -> None:
        """Work went forward, or was asked for. Written at most once in WRITE_SECONDS, except `now`."""
        row, row.doing, row.reason = self.row, doing, reason
        row.progress_at = row.seen_at = timezone.now()
        row.held = row.held if held is None else held
        if now or time.monotonic() - self._written_at >= WRITE_SECONDS:
            self._write()

    def finished(self, count: int) -> None:
        """`count` documents are off its hands. The row says so at once if it said otherwise."""
        self.row.done += count
        self.note(IDLE, held=0, now=self._written_doing != IDLE)

    def seen(self) -> None:
        """Its loop runs: what was not written yet is written too."""
        self.row.seen_at = timezone.now()
        self._write()

    def end(self) -> None:
        try:
            Worker.objects.filter(name=self.name).delete()
        except DatabaseError as error:
            log.warning("worker_row_left", worker=self.name, error=type(error).__name__)

    def _write(self) -> None:
        if connection.in_atomic_block:  # a write that fails there would take the work along
            return
        self._written_at, self._written_doing = time.monotonic(), self.row.doing
        try:
            self.row.save(force_insert=False)
        except DatabaseError as error:
            log.warning("worker_row_not_written", worker=self.name, error=type(error).__name__)


def loop_runs(hostname: str, loop_pid: int, pids: Iterable[int]) -> None:
    """The loop that feeds the processes of a pool runs: said of their rows. Those of dead ones go. Never raises."""
    try:
        rows = Worker.objects.filter(loop_pid=loop_pid, name__startswith=f"{hostname} ")
        rows.filter(pid__in=pids).update(seen_at=timezone.now())
        rows.exclude(pid__in=pids).delete()
    except DatabaseError as error:
        log.warning("worker_row_not_written", worker=hostname, error=type(error).__name__)


def device_label(device: str) -> str:
    """Which of the machine's devices it is: a process that sees one GPU only calls it cuda:0, whichever it is."""
    visible = settings.VISIBLE_GPUS
    kind, _, index = device.partition(":")
    if kind == "cuda" and index.isdigit() and int(index) < len(visible):
        return f"cuda:{visible[int(index)]}"[:32]
    return device


def state_of(row: Worker) -> str:
    """What is to be thought of it, one of STATES."""
    now = timezone.now()
    if row.seen_at < now - timedelta(seconds=SILENT_SECONDS):
        return SILENT
    if row.doing in (IDLE, RESTING):
        return row.doing
    stuck = row.progress_at < now - timedelta(seconds=settings.OCR_GPU_STUCK_TIMEOUT)
    return STUCK if stuck else WORKING


def ocr_queues() -> tuple[str, str]:
    return settings.OCR_GPU_QUEUE, settings.OCR_CPU_QUEUE


def worker_figures() -> dict[str, Any]:
    """{"states": {(queue, state): n}, "progress_age": {queue: seconds}}: zeros too, but no age without a worker."""
    states = {(queue, state): 0 for queue in ocr_queues() for state in STATES}
    ages: dict[str, float] = {}
    for row in Worker.objects.all():
        key = row.queue, state_of(row)
        states[key] = states.get(key, 0) + 1
        age = max(0.0, (timezone.now() - row.progress_at).total_seconds())
        ages[row.queue] = min(age, ages.get(row.queue, age))
    return {"states": states, "progress_age": ages}


def stalled_queues(seconds: float) -> list[str]:
    """The queues in which a document waits for so long while no worker of theirs showed progress or asked for work.

    An empty queue is never stalled, nor is a long one that moves.
    """
    since = timezone.now() - timedelta(seconds=seconds)
    waiting = Document.objects.filter(status=Status.uploaded, queued_at__lt=since)
    moving = Worker.objects.filter(progress_at__gte=since)
    return [
        queue
        for queue in ocr_queues()
        if waiting.filter(queue=queue).exists() and not moving.filter(queue=queue).exists()
    ]


def others_take(queue: str, name: str) -> bool:
    """Whether another worker of the queue is there that could take what waits."""
    alive: Iterable[Worker] = Worker.objects.filter(queue=queue).exclude(name=name)
    return any(state_of(row) in (IDLE, WORKING) for row in alive)


def forget_gone() -> int:
    """Delete the rows of workers that were last seen so long ago that nobody asks any more."""
    gone: QuerySet[Worker] = Worker.objects.filter(seen_at__lt=timezone.now() - KEPT)
    return gone.delete()[0]
