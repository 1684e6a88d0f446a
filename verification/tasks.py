"""Celery's doors to verification: a hint that documents wait, and the sweep that makes up for lost hints."""

from collections.abc import Callable
from typing import Any

import structlog
from celery import Task, shared_task
from celery.signals import celeryd_after_setup, worker_process_init
from django.conf import settings
from django.db import close_old_connections

from documents.queue import VERIFY_WAITING, ring
from ocr_gpu.engine import EngineUnavailable
from verification import services, sweeping
from verification.reading import engine_of

log = structlog.get_logger(__name__)

_own_queues: list[str] = []


@shared_task(name=VERIFY_WAITING, bind=True)
def verify_waiting(self: Task[Any, Any], queue: str) -> int:
    return services.verify_waiting(queue, self.request.hostname or "worker")


@shared_task(name="verification.sweep")
def sweep() -> dict[str, int]:
    """Everything that could have been left lying, in the order in which one step makes work for the next."""
    steps: dict[str, Callable[[], int]] = {
        "reaped": lambda: len(sweeping.reap_stuck()),
        "judged": sweeping.judge_forgotten,
        "handed_over": sweeping.hand_over_to_cpu,
    }
    done = {}
    for name, step in steps.items():
        try:
            done[name] = step()
        except Exception:  # the steps after it matter as much, and the next sweep tries it again
            log.exception("sweep_step_failed", step=name)
    for queue, count in sweeping.missing_hints().items():
        ring(queue, count)
        done[f"rung_{queue}"] = count
    return done


@celeryd_after_setup.connect
def note_queues(sender: str, instance: Any, **kwargs: Any) -> None:
    _own_queues[:] = [name for name in instance.app.amqp.queues if name in settings.OCR_ENGINES]


@worker_process_init.connect
def warm_up(**kwargs: Any) -> None:
    """Load the engine before the first document, and in the process that uses it: CUDA does not survive a fork."""
    close_old_connections()
    for queue in _own_queues:
        try:
            engine_of(queue)
        except EngineUnavailable as unavailable:
            log.error("engine_unavailable", queue=queue, reason=str(unavailable))
