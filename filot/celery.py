"""The Celery application: `celery -A filot worker -Q ocr.cpu`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "filot.settings")

app = Celery("filot")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
