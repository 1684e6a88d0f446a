"""Runs the review workflows and their activities until it is told to stop."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from temporalio.client import Client
from temporalio.worker import Worker

from integrations import temporal
from review import workflow_words as words
from review.activities import DATABASE_ACTIVITIES, PARTNER_ACTIVITIES
from review.workflows import KycReviewWorkflow

log = structlog.get_logger(__name__)

# Activities at a time, each with a database connection. Two rooms: BULI2 may fill its own for minutes, and a decision
# is recorded all the same.
DATABASE_THREADS, PARTNER_THREADS = 4, 8
GRACE = 4  # seconds for running activities after SIGTERM; after that they are told to give up, and repeated elsewhere
LAST_MOMENT = 6.0  # seconds after SIGTERM at which the process ends whatever still hangs in a read
PAUSE = 2.0  # seconds between two attempts to reach Temporal
EXIT_GRACE = 0.1  # else a process that ends right after its last call is sometimes aborted by the SDK's threads

T = TypeVar("T")


class Command(BaseCommand):
    help = "Run the Temporal worker of the review workflows."

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(serve())
        time.sleep(EXIT_GRACE)


async def serve() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _begin_to_stop, stop)
    while not stop.is_set():
        try:
            if client := await _unless(stop, temporal.connect()):
                await work(client, stop)
        except (temporal.TemporalUnavailable, RuntimeError) as error:  # the latter: the SDK gave up while it worked
            log.warning("temporal_unavailable", server=settings.TEMPORAL_ADDRESS, error=error)
            await _unless(stop, asyncio.sleep(PAUSE))
    log.info("temporal_worker_stopped")


async def work(client: Client, stop: asyncio.Event) -> None:
    """Serve until `stop`. While Temporal is away the SDK itself goes on trying; RuntimeError when it gives up."""
    await _unless(stop, temporal.register_search_attributes(client, words.SEARCH_ATTRIBUTES))
    with (
        ThreadPoolExecutor(DATABASE_THREADS, thread_name_prefix="database") as database,
        ThreadPoolExecutor(PARTNER_THREADS, thread_name_prefix="partner") as partner,
    ):
        workers = [_reviews(client, database), _at_partner(client, partner)]
        running = [asyncio.create_task(worker.run()) for worker in workers]
        log.info("temporal_worker_started", server=settings.TEMPORAL_ADDRESS, task_queue=settings.TEMPORAL_TASK_QUEUE)
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({*running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        await asyncio.gather(*(worker.shutdown() for worker in workers if worker.is_running))
        await asyncio.gather(*running)


def _reviews(client: Client, threads: ThreadPoolExecutor) -> Worker:
    """Workflows, and what needs our database only."""
    return Worker(
        client,
        task_queue=settings.TEMPORAL_TASK_QUEUE,
        workflows=[KycReviewWorkflow],
        # The partner's too: runs of earlier code have put them on this queue.
        activities=[*DATABASE_ACTIVITIES, *PARTNER_ACTIVITIES],
        activity_executor=threads,
        max_concurrent_activities=DATABASE_THREADS,
        graceful_shutdown_timeout=timedelta(seconds=GRACE),
    )


def _at_partner(client: Client, threads: ThreadPoolExecutor) -> Worker:
    return Worker(
        client,
        task_queue=settings.TEMPORAL_TASK_QUEUE + words.PARTNER_QUEUE_SUFFIX,
        activities=PARTNER_ACTIVITIES,
        activity_executor=threads,
        max_concurrent_activities=PARTNER_THREADS,
        graceful_shutdown_timeout=timedelta(seconds=GRACE),
    )


def _begin_to_stop(stop: asyncio.Event) -> None:
    if stop.is_set():
        return
    stop.set()
    log.info("temporal_worker_stopping")
    # A thread in a network read can't be interrupted, and Python would wait for it: Temporal repeats what it was doing.
    last_moment = threading.Timer(LAST_MOMENT, os._exit, (0,))
    last_moment.daemon = True
    last_moment.start()


async def _unless(stop: asyncio.Event, waiting: Coroutine[Any, Any, T]) -> T | None:
    """The result of `waiting`, or None once `stop` is set."""
    task, stopping = asyncio.create_task(waiting), asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if task.done():
        return task.result()
    task.cancel()
    return None
