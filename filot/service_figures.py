"""What an operator is woken for, read from the rows and from what the parts left in Redis when somebody asks."""

import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from documents.models import Document
from documents.status import Status
from documents.sweeps import last_run
from filot import certificates
from integrations.buli2 import breaker_state
from review.models import Review, ReviewDecision
from verification.models import VerificationRun

OVERDUE = timedelta(hours=1)  # after its upload a document has an outcome or waits for a person, whatever went wrong
LEFT = timedelta(minutes=5)  # sweeps come every few seconds: what stands so long is not on its way
MISSING_SINCE = timedelta(days=1)
UNSETTLED = (Status.uploaded, Status.processing, Status.ocr_completed, Status.ai_evaluated)
RECONCILE = "review.reconcile"
SWEEPS = ("verification.sweep", "review.sweep", "documents.sweep_originals", RECONCILE, "backup")
# Those that grow with every document, for as long as documents are kept.
GROWING = (
    "documents_document",
    "documents_documentevent",
    "verification_verificationrun",
    "integrations_buli2exchange",
    "review_review",
    "review_reviewdecision",
)

# figure -> metric, help, label; a figure with a label is a mapping
GAUGES: dict[str, tuple[str, str, str]] = {
    "overdue": ("filot_documents_overdue", "Documents without an outcome an hour after their upload", ""),
    "missing": ("filot_originals_missing", "Documents of a day whose original was not in the store", ""),
    "reviews": ("filot_reviews", "Reviews by what they wait for", "state"),
    "breaker_open": ("filot_buli2_breaker_open", "1 while no call to BULI2 is let through", ""),
    "sweep_age": ("filot_sweep_age_seconds", "Since a sweep last came through", "sweep"),
    "sweep_seconds": ("filot_sweep_last_duration_seconds", "What its last run took", "sweep"),
    "drift": ("filot_workflow_drift", "Differences between rows and Temporal when they were last compared", ""),
    "clock": ("filot_clock_offset_seconds", "This host's clock less the database's", ""),
    "certificates": (
        "filot_certificate_expiry_timestamp_seconds",
        "When a certificate ends, in epoch seconds",
        "certificate",
    ),
    "tables": ("filot_table_size_bytes", "A table with its indexes", "table"),
}


def service_figures() -> dict[str, Any]:
    """{figure: number, or {label: number}}, by the names of GAUGES. What is not known now is left out."""
    now = timezone.now()
    unsettled = Document.objects.in_use().filter(status__in=UNSETTLED).exclude(queue="")
    without_original = VerificationRun.objects.filter(reason="original_missing", started_at__gt=now - MISSING_SINCE)
    figures: dict[str, Any] = {
        "overdue": unsettled.filter(created_at__lt=now - OVERDUE).count(),
        "missing": without_original.values("document").distinct().count(),
        "reviews": _reviews(),
        "clock": _clock_offset(),
        "certificates": certificates.known(),
        "tables": _sizes(),
    }
    runs = {sweep: run for sweep in SWEEPS if (run := last_run(sweep))}
    figures["sweep_age"] = {sweep: max(0.0, time.time() - run["at"]) for sweep, run in runs.items()}
    figures["sweep_seconds"] = {sweep: run["seconds"] for sweep, run in runs.items()}
    if RECONCILE in runs:
        figures["drift"] = runs[RECONCILE].get("left", 0)
    if settings.BULI2_MODE != "local":
        figures["breaker_open"] = int(breaker_state() != "closed")
    return figures


def _reviews() -> dict[str, int]:
    left = timezone.now() - LEFT
    unopened = Document.objects.in_use().filter(status=Status.needs_review, status_since__lt=left, review__isnull=True)
    undelivered = ReviewDecision.objects.filter(accepted=True, delivered_at__isnull=True, created_at__lt=left)
    return {
        "open": Review.objects.open().in_use().count(),
        "overdue": Review.objects.open().in_use().filter(due_at__lt=timezone.now()).count(),
        "unopened": unopened.count(),
        "unstarted": Review.objects.unstarted().filter(created_at__lt=left).count(),
        "undelivered": undelivered.count(),
        # Temporal was told, and no worker of it moved the document.
        "unrecorded": Review.objects.in_use().filter(closed_at__isnull=True, decided_at__lt=left).count(),
    }


def _clock_offset() -> float:
    """Of two clocks that are asked one after the other: half the way there is taken off."""
    before = time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        theirs = float(cursor.fetchone()[0])
    return (before + time.time()) / 2 - theirs


def _sizes() -> dict[str, int]:
    """Of a partitioned table the sum of its parts: it holds nothing itself."""
    query = """SELECT c.relname, coalesce(sum(pg_total_relation_size(t.relid)), 0) FROM pg_class c,
        pg_partition_tree(c.oid) t WHERE c.relname = ANY(%s) AND c.relnamespace = 'public'::regnamespace GROUP BY 1
        UNION ALL SELECT relname, pg_total_relation_size(oid) FROM pg_class
        WHERE relname = ANY(%s) AND relkind = 'r' AND relnamespace = 'public'::regnamespace"""
    with connection.cursor() as cursor:
        cursor.execute(query, [list(GROWING), list(GROWING)])
        return {name: int(size) for name, size in cursor.fetchall()}


def service_metrics(figures: Mapping[str, Any]) -> Iterator[Metric]:
    for figure, value in figures.items():
        name, text, label = GAUGES[figure]
        gauge = GaugeMetricFamily(name, text, labels=[label] if label else None)
        for word, number in value.items() if label else [("", value)]:
            gauge.add_metric([word] if label else [], number)
        yield gauge
