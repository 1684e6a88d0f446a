"""What waits, read from the rows when somebody asks: the row is the queue, so no process has to count."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, Q
from django.utils import timezone
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from documents.models import Document
from documents.status import Status
from integrations import buli2
from integrations.models import ExchangeState
from verification.workers import worker_figures

TIMES = {
    "filot_ocr_duration_seconds": "filot.gpu.processing_time_ms",
    "filot_verification_latency_seconds": "filot.verification.latency_ms",
}
UNDELIVERED = (ExchangeState.pending, *buli2.STOPPED)


def queue_figures() -> dict[str, Any]:
    """{"length": {queue: n}, "oldest": {queue: seconds}, "gpu_active": n, "buli2": {state: n}}, zeros too, and what
    worker_figures says.
    """
    ocr_queues = (settings.OCR_GPU_QUEUE, settings.OCR_CPU_QUEUE)
    waiting = (
        Document.objects.filter(status=Status.uploaded, queue__in=ocr_queues, restricted_at__isnull=True)
        .order_by()
        .values_list("queue")
        .annotate(Count("pk"), Min("queued_at"))
    )
    length, oldest = dict.fromkeys(ocr_queues, 0), dict.fromkeys(ocr_queues, 0.0)
    for queue, count, since in waiting:
        length[queue], oldest[queue] = count, _age(since)
    exchanges = buli2.outstanding().aggregate(
        **{state.value: Count("pk", filter=Q(state=state)) for state in UNDELIVERED}
    )
    active = Document.objects.filter(status=Status.processing, queue=settings.OCR_GPU_QUEUE).count()
    return {"length": length, "oldest": oldest, "gpu_active": active, "buli2": exchanges, **worker_figures()}


def _age(since: datetime | None) -> float:
    return max(0.0, (timezone.now() - since).total_seconds()) if since else 0.0


def queue_metrics(figures: dict[str, Any]) -> Iterator[Metric]:
    length = GaugeMetricFamily("filot_queue_length", "Documents that wait to be read", labels=["queue"])
    oldest = GaugeMetricFamily("filot_queue_oldest_seconds", "Age of the oldest of them", labels=["queue"])
    for queue, count in figures["length"].items():
        length.add_metric([queue], count)
        oldest.add_metric([queue], figures["oldest"][queue])
    active = GaugeMetricFamily("filot_gpu_active_jobs", "Documents held by GPU workers", value=figures["gpu_active"])
    pending = GaugeMetricFamily("filot_buli2_pending", "Undelivered messages to BULI2", labels=["state"])
    for state, count in figures["buli2"].items():
        pending.add_metric([state], count)
    workers = GaugeMetricFamily("filot_workers", "Processes that read documents", labels=["queue", "state"])
    for (queue, state), count in figures["states"].items():
        workers.add_metric([queue, state], count)
    age = GaugeMetricFamily(
        "filot_worker_progress_age_seconds", "Since a worker of the queue last went forward", labels=["queue"]
    )
    for queue, seconds in figures["progress_age"].items():
        age.add_metric([queue], seconds)
    yield from (length, oldest, active, pending, workers, age)


def reported(figures: dict[str, Any] | None, metrics: Iterable[Metric]) -> dict[str, Any]:
    """The same figures under the names that the old service reported."""
    named: dict[str, Any] = {}
    if figures is not None:
        gpu, cpu = (figures["length"][queue] for queue in (settings.OCR_GPU_QUEUE, settings.OCR_CPU_QUEUE))
        named["filot.queue_length"] = {"gpu": gpu, "cpu": cpu, "total": gpu + cpu}
        named["filot.gpu.active_jobs"] = figures["gpu_active"]
        named["filot.buli2.retry_count"] = figures["buli2"][ExchangeState.pending]
    families = {family.name: family for family in metrics}
    for name, old_name in TIMES.items():
        count, seconds = _totals(families.get(name))
        named[old_name] = {"count": int(count), "mean": round(1000 * seconds / count, 3) if count else None}
    return named


def _totals(family: Metric | None) -> tuple[float, float]:
    samples = family.samples if family else []
    count = sum(sample.value for sample in samples if sample.name.endswith("_count"))
    return count, sum(sample.value for sample in samples if sample.name.endswith("_sum"))
