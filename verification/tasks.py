"""Celery's doors to verification: a hint that documents wait, and the sweep that makes up for lost hints.

Also what a worker of Celery says of itself: that its loop runs, and when it is told to end.
"""

import os
from collections.abc import Callable
from typing import Any

import structlog
from celery import bootsteps, shared_task
from celery.signals import (
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_shutdown,
    worker_shutting_down,
)
from django.conf import settings
from django.db import close_old_connections

from documents.queue import VERIFY_WAITING, ring
from documents.sweeps import noted
from verification import sweeping, workers
from verification.serving import QueueWorker
from verification.stopping import sign

log = structlog.get_logger(__name__)

SWEEP = "verification.sweep"
LOOP_SECONDS = 5.0  # between two signs of life of a loop that waits for messages


class CeleryWorker:
    """What this process is to Celery: set before the processes of a pool are forked, and known to them."""

    def __init__(self) -> None:
        self.hostname, self.loop_pid = "worker", os.getpid()
        self.queues: list[str] = []  # of those that are read
        self.readers: dict[str, QueueWorker] = {}  # of this very process

    def reader(self, queue: str) -> QueueWorker:
        if queue not in self.readers:
            presence = workers.Presence(self.hostname, queue, loop_pid=self.loop_pid)
            self.readers[queue] = QueueWorker(queue, presence)
        return self.readers[queue]

    def end(self) -> None:
        """No row stays behind: the process that waits for messages sees to those of its pool, which may be killed."""
        for reader in self.readers.values():
            reader.presence.end()
        if self.queues and os.getpid() == self.loop_pid:
            workers.loop_runs(self.hostname, self.loop_pid, [])


this = CeleryWorker()


@shared_task(name=VERIFY_WAITING)
def verify_waiting(queue: str) -> int:
    return this.reader(queue).serve()


@shared_task(name=SWEEP)
def sweep() -> dict[str, int]:
    """Everything that could have been left lying, in the order in which one step makes work for the next."""
    steps: dict[str, Callable[[], int]] = {
        "reaped": lambda: len(sweeping.reap_stuck()),
        "judged": sweeping.judge_forgotten,
        "handed_over": sweeping.hand_over_to_cpu,
        "workers_forgotten": workers.forget_gone,
    }
    with noted(SWEEP) as done:
        for name, step in steps.items():
            try:
                done[name] = step()
            except Exception:  # the steps after it matter as much, and the next sweep tries it again
                log.exception("sweep_step_failed", step=name)
        for queue, count in sweeping.missing_hints().items():
            ring(queue, count)
            done[f"rung_{queue}"] = count
    return done


@worker_init.connect
def note_queues(sender: Any, **kwargs: Any) -> None:
    """Before any process of a pool: a pool without processes of its own sets out earlier than `celeryd_after_setup`."""
    this.hostname, this.loop_pid = sender.hostname, os.getpid()
    this.queues = [name for name in sender.app.amqp.queues.consume_from if name in settings.OCR_ENGINES]


@worker_process_init.connect
def start_reading(**kwargs: Any) -> None:
    """Load the engine before the first document, and in the process that uses it: CUDA does not survive a fork."""
    close_old_connections()
    for queue in this.queues:
        this.reader(queue).start()


@worker_shutting_down.connect
def stop_reading(how: str = "", **kwargs: Any) -> None:
    """In the signal handler of the process that waits for messages; those of its pool see the same sign."""
    sign.set(at_once=how == "Cold")


@worker_process_shutdown.connect
@worker_shutdown.connect
def leave(**kwargs: Any) -> None:
    this.end()


class LoopBeat(bootsteps.StartStopStep):
    """Says every LOOP_SECONDS that the loop runs, on the loop's own clock: it beats while messages are waited for, from
    each connection to the broker to its end, and never while the loop stands.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **kwargs: Any) -> None:
        super().__init__(consumer, **kwargs)
        self.entry: Any = None

    def start(self, consumer: Any) -> None:
        if this.queues:
            self.entry = consumer.timer.call_repeatedly(LOOP_SECONDS, loop_beat, (consumer.pool,))

    def stop(self, consumer: Any) -> None:
        if self.entry is not None:
            self.entry.cancel()
            self.entry = None


def loop_beat(pool: Any) -> None:
    close_old_connections()
    if this.readers:  # a pool without processes of its own: the work is done here
        for reader in this.readers.values():
            reader.presence.seen()
    else:
        workers.loop_runs(this.hostname, this.loop_pid, pool.info["processes"])
