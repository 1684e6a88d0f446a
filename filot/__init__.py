"""The Django project: settings, routes, and what stands before every app."""

from filot.celery import app as celery_app

__all__ = ["celery_app"]
