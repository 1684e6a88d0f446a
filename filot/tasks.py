"""What the project itself does now and then."""

import structlog
from celery import shared_task
from django.conf import settings
from django.core.management import call_command

from filot.logins import forget_ended
from filot.queues import queue_figures

logger = structlog.get_logger(__name__)


@shared_task(name="filot.report_queues")
def report_queues() -> None:
    """What waits, as log lines that CloudWatch reads as metrics. Prometheus asks /metrics instead."""
    figures = queue_figures()
    gpu, cpu = (figures["length"][queue] for queue in (settings.OCR_GPU_QUEUE, settings.OCR_CPU_QUEUE))
    for queue, count in {"gpu": gpu, "cpu": cpu, "total": gpu + cpu}.items():
        logger.info("queue_length", queue=queue, count=count)
    logger.info("gpu_active_jobs", count=figures["gpu_active"])
    for state, count in figures["buli2"].items():
        logger.info("buli2_pending", state=state, count=count)


@shared_task(name="filot.clear_sessions")
def clear_sessions() -> None:
    """Ended sessions of the console, and logins of API clients, stay in their tables until somebody deletes them."""
    call_command("clearsessions")
    forget_ended()
