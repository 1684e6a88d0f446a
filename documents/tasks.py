"""Celery's doors to documents."""

from celery import shared_task

from documents import services
from documents.sweeps import noted

SWEEP = "documents.sweep_originals"


@shared_task(name=SWEEP)
def sweep_originals() -> int:
    with noted(SWEEP) as done:
        done["swept"] = services.sweep_originals()
    return done["swept"]
