"""The Celery application: `celery -A filot worker -Q ocr.cpu`."""

import logging.config
import os
from typing import Any

import structlog
from celery import Celery, bootsteps
from celery.signals import beat_init, celeryd_init, setup_logging, task_prerun
from celery.worker import state
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections
from django_structlog.celery.steps import DjangoStructLogInitStep

from filot.checks import refuse_if_unfit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "filot.settings")

BEAT_LOOK_SECONDS = 1.0
ACKS_LOOK_SECONDS = 3.0

log = structlog.get_logger(__name__)

app = Celery("filot")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


class BeatLives(bootsteps.StartStopStep):
    """Ends a worker whose embedded beat (`-B`) is gone, for whoever started it to start both again.

    Celery itself would work on without its clock: no sweep would ever come again, and nobody would see why.
    """

    requires = ("celery.worker.components:Timer", "celery.worker.components:Beat")

    def start(self, worker: Any) -> None:
        if worker.beat is not None:
            worker.timer.call_repeatedly(BEAT_LOOK_SECONDS, self.look, (worker.beat,))

    def look(self, beat: Any) -> None:
        if not beat.is_alive() and state.should_stop is None:
            log.error("beat_died", exit_code=beat.exitcode)
            state.should_stop = os.EX_SOFTWARE  # type: ignore[assignment]  # the worker's loop sees it, and ends as on SIGTERM


class AcksArrive(bootsteps.StartStopStep):
    """Connects to the broker anew after an acknowledgement was lost, in a Redis that went deaf for a while.

    For kombu its message is still being worked on. With a prefetch of one the worker would be given no other for ever,
    and look as if it had nothing to do.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **kwargs: Any) -> None:
        super().__init__(consumer, **kwargs)
        self.entry: Any = None
        self.was_lost = False

    def start(self, consumer: Any) -> None:
        self.was_lost = False
        self.entry = consumer.timer.call_repeatedly(ACKS_LOOK_SECONDS, self.look, (consumer,))

    def stop(self, consumer: Any) -> None:
        if self.entry is not None:
            self.entry.cancel()
            self.entry = None

    def look(self, consumer: Any) -> None:
        """Twice in a row: between a task's end and its acknowledgement there is a moment."""
        qos = consumer.task_consumer.channel.qos
        held = len(qos._delivered) - len(qos._dirty)  # as its `can_consume` counts
        lost = held > len(state.reserved_requests)
        if lost and self.was_lost:
            log.warning("acknowledgement_lost", held=held, at_work=len(state.reserved_requests))
            raise ConnectionError("an acknowledgement never arrived")  # for Celery one of the broker's
        self.was_lost = lost


app.steps["worker"].add(DjangoStructLogInitStep)
app.steps["worker"].add(BeatLives)
app.steps["consumer"].add(AcksArrive)
app.steps["consumer"].add("verification.tasks:LoopBeat")  # by name: no app can be imported before Django is set up


@setup_logging.connect
def use_our_logs(**kwargs: Any) -> None:
    """With a receiver here Celery leaves the loggers alone: its lines are masked like all others."""
    logging.config.dictConfig(settings.LOGGING)


@celeryd_init.connect
@beat_init.connect
def check_before_work(**kwargs: Any) -> None:
    try:
        refuse_if_unfit()
    except ImproperlyConfigured as problems:  # Celery swallows every Exception of a receiver, and would start
        raise SystemExit(str(problems)) from None


@task_prerun.connect
def check_connections(**kwargs: Any) -> None:
    """A connection is kept from task to task: one that broke meanwhile is made anew, as it is for each request."""
    close_old_connections()
