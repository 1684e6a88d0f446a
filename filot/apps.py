"""The project package as an application: its user model, checks and commands."""

import logging.config

from django.apps import AppConfig
from django.conf import settings
from django.core import checks as django_checks

from filot.checks import startup_problems
from filot.logs import log_uncaught


class FilotConfig(AppConfig):
    name = "filot"

    def ready(self) -> None:
        """Logs first: this is the first application, and gunicorn, celery and manage.py all load it."""
        logging.config.dictConfig(settings.LOGGING)
        log_uncaught()
        django_checks.register(startup_problems)
