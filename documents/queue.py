"""Hints that there is work. The row is the queue: a lost hint costs time until the sweep comes, never a document."""

import structlog
from celery import current_app
from django.conf import settings
from kombu import Connection
from kombu.pools import producers

log = structlog.get_logger(__name__)

VERIFY_WAITING = "verification.verify_waiting"  # named, not imported: documents stand below verification
CONNECT_SECONDS = 0.3
ANSWER_SECONDS = 0.3

# A connection of its own, since a worker's may wait long for a message, and a request may not: with Redis down or
# deaf a ring costs a third of a second at most.
_CONNECTION = Connection(
    settings.CELERY_BROKER_URL,
    ssl=settings.CELERY_BROKER_USE_SSL,
    connect_timeout=CONNECT_SECONDS,
    transport_options={
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": ANSWER_SECONDS,
        "retry_on_timeout": False,
        "max_retries": 0,
    },
)


def first_queue() -> str:
    """Where a document is queued at first."""
    return settings.OCR_GPU_QUEUE if settings.OCR_GPU_ENABLED else settings.OCR_CPU_QUEUE


def ring(queue: str, count: int = 1) -> bool:
    """Tell the workers of `queue` that `count` more documents wait. Never raises."""
    return _send(VERIFY_WAITING, queue, [{"queue": queue}] * count)


def ring_default(task: str) -> bool:
    """Start the task `task` on the default queue soon. Never raises."""
    return _send(task, settings.DEFAULT_QUEUE, [{}])


def _send(task: str, queue: str, calls: list[dict[str, str]]) -> bool:
    try:
        with producers[_CONNECTION].acquire(block=True, timeout=ANSWER_SECONDS) as producer:
            for kwargs in calls:
                current_app.send_task(task, kwargs=kwargs, queue=queue, producer=producer, retry=False)
    except Exception as error:  # the broker's, the pool's and the socket's exceptions have no common parent
        log.warning("hint_lost", task_name=task, queue=queue, error=type(error).__name__)
        return False
    return True


def hints_waiting(queue: str) -> int | None:
    """How many hints lie in the broker for `queue`; None when it does not answer."""
    try:
        with producers[_CONNECTION].acquire(block=True, timeout=ANSWER_SECONDS) as producer:
            waiting: int = producer.channel.client.llen(queue)
    except Exception as error:
        log.warning("broker_silent", queue=queue, error=type(error).__name__)
        return None
    return waiting
