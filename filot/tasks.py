"""What the project itself does now and then."""

import structlog
from celery import shared_task
from django.conf import settings
from django.core.management import call_command

from filot import certificates
from filot.lockout import forget_attempts
from filot.logins import forget_ended
from filot.queues import queue_figures
from filot.service_figures import service_figures
from verification.workers import IDLE, WORKING

logger = structlog.get_logger(__name__)


@shared_task(name="filot.report_queues")
def report_queues() -> None:
    """What waits, as log lines that CloudWatch reads as metrics. Prometheus asks /metrics instead."""
    figures = queue_figures()
    gpu, cpu = (figures["length"][queue] for queue in (settings.OCR_GPU_QUEUE, settings.OCR_CPU_QUEUE))
    for queue, count in {"gpu": gpu, "cpu": cpu, "total": gpu + cpu}.items():
        logger.info("queue_length", queue=queue, count=count)
    logger.info("gpu_active_jobs", count=figures["gpu_active"])
    for queue, name in {"gpu": settings.OCR_GPU_QUEUE, "cpu": settings.OCR_CPU_QUEUE}.items():
        logger.info("queue_oldest", queue=queue, seconds=figures["oldest"][name])
        moving = sum(figures["states"][name, state] for state in (IDLE, WORKING))
        logger.info("workers_moving", queue=queue, count=moving)
    for state, count in figures["buli2"].items():
        logger.info("buli2_pending", state=state, count=count)
    report_service()


def report_service() -> None:
    figures = service_figures()
    logger.info("documents_overdue", count=figures["overdue"])
    logger.info("originals_missing", count=figures["missing"])
    logger.info("clock_offset", seconds=abs(figures["clock"]))
    for state, count in figures["reviews"].items():
        logger.info("reviews_waiting", state=state, count=count)
    for sweep, seconds in figures["sweep_age"].items():
        logger.info("sweep_age", sweep=sweep, seconds=seconds)
    for sweep, seconds in figures["sweep_seconds"].items():
        logger.info("sweep_seconds", sweep=sweep, seconds=seconds)
    if "drift" in figures:
        logger.info("workflow_drift", count=figures["drift"])
    if "breaker_open" in figures:
        logger.info("breaker_open", count=figures["breaker_open"])
    for certificate, ends in figures["certificates"].items():
        logger.info("certificate_days", certificate=certificate, days=certificates.days_left(ends))


@shared_task(name="filot.look_at_certificates")
def look_at_certificates() -> None:
    """Hourly, since it speaks to other servers: /metrics only tells what was found."""
    certificates.look()


@shared_task(name="filot.clear_sessions")
def clear_sessions() -> None:
    """Ended sessions of the console, logins of API clients and failed log-ins stay in their tables until then."""
    call_command("clearsessions")
    forget_ended()
    forget_attempts()
