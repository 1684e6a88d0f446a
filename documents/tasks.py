"""Celery's doors to documents."""

from celery import shared_task

from documents import services


@shared_task(name="documents.sweep_originals")
def sweep_originals() -> int:
    return services.sweep_originals()
