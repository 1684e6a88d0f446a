"""The project package as an application: its user model, checks and commands."""

import logging.config
import sys

from django.apps import AppConfig
from django.conf import settings
from django.core import checks as django_checks

from filot import counters, traces
from filot.checks import startup_problems
from filot.logs import log_uncaught

WORKERS = {"worker", "beat", "temporal_worker"}  # words of the command lines in deploy/Procfile


class FilotConfig(AppConfig):
    name = "filot"

    def ready(self) -> None:
        """Logs first: this is the first application, and gunicorn, celery and manage.py all load it."""
        logging.config.dictConfig(settings.LOGGING)
        log_uncaught()
        django_checks.register(startup_problems)
        traces.begin()
        if settings.PROMETHEUS_MULTIPROC_DIR and WORKERS & set(sys.argv[1:]):
            counters.fold(settings.PROMETHEUS_MULTIPROC_DIR)
        if settings.METRICS_PORT and WORKERS & set(sys.argv[1:]):
            counters.serve(settings.METRICS_PORT)
