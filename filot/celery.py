"""The Celery application: `celery -A filot worker -Q ocr.cpu`."""

import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, celeryd_init, setup_logging, task_prerun
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections
from django_structlog.celery.steps import DjangoStructLogInitStep

from filot.checks import refuse_if_unfit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "filot.settings")

app = Celery("filot")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)
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
