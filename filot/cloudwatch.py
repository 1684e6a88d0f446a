"""CloudWatch's embedded metric format: a log line that says which of its values are metrics. Pure: no Django."""

import time
from collections.abc import MutableMapping
from typing import Any, NamedTuple


class Measure(NamedTuple):
    """`value` is the field of the line that holds the figure, times `factor`.

    `dimensions`: the sets by which CloudWatch keeps it, an empty one for all together; each has few values.
    """

    name: str
    unit: str
    value: str
    factor: int
    dimensions: tuple[tuple[str, ...], ...] = ((),)


# Log event -> the metric in it, under the names that the old service reported.
MEASURES = {
    "processing_done": Measure(
        "filot.gpu.processing_time_ms",
        "Milliseconds",
        "seconds",
        1000,
        (("processor", "type", "outcome"), ("outcome",)),
    ),
    "attempt_failed": Measure(
        "filot.gpu.processing_time_ms",
        "Milliseconds",
        "seconds",
        1000,
        (("processor", "type", "outcome"), ("outcome",)),
    ),
    "ai_evaluation_done": Measure(
        "filot.verification.latency_ms", "Milliseconds", "latency_seconds", 1000, (("type", "outcome"), ("decided",))
    ),
    "queue_length": Measure("filot.queue_length", "Count", "count", 1, (("queue",),)),
    "gpu_active_jobs": Measure("filot.gpu.active_jobs", "Count", "count", 1),
    "buli2_pending": Measure("filot.buli2.retry_count", "Count", "count", 1, (("state",),)),
    # Beyond what that service had: what the alarms look at.
    "upload_answered": Measure("filot.uploads", "Count", "count", 1, (("outcome",),)),
    "queue_oldest": Measure("filot.queue_oldest_seconds", "Seconds", "seconds", 1, (("queue",),)),
    "workers_moving": Measure("filot.workers_moving", "Count", "count", 1, (("queue",),)),
    "documents_overdue": Measure("filot.documents_overdue", "Count", "count", 1),
    "originals_missing": Measure("filot.originals_missing", "Count", "count", 1),
    "reviews_waiting": Measure("filot.reviews", "Count", "count", 1, (("state",),)),
    "workflow_drift": Measure("filot.workflow_drift", "Count", "count", 1),
    "breaker_open": Measure("filot.buli2.breaker_open", "Count", "count", 1),
    "sweep_age": Measure("filot.sweep_age_seconds", "Seconds", "seconds", 1, (("sweep",),)),
    "sweep_seconds": Measure("filot.sweep_seconds", "Seconds", "seconds", 1, (("sweep",),)),
    "clock_offset": Measure("filot.clock_offset_seconds", "Seconds", "seconds", 1),
    "certificate_days": Measure("filot.certificate_days", "Count", "days", 1, (("certificate",), ())),
}


def with_metric(event: MutableMapping[str, Any], namespace: str) -> MutableMapping[str, Any]:
    """The same line, with its metric when it has one."""
    measure = MEASURES.get(str(event.get("event")))
    figure = event.get(measure.value) if measure else None
    if measure is None or not isinstance(figure, int | float):
        return event
    event[measure.name] = round(figure * measure.factor, 3)
    event["_aws"] = {
        "Timestamp": int(time.time() * 1000),
        "CloudWatchMetrics": [
            {
                "Namespace": namespace,
                "Dimensions": [list(names) for names in measure.dimensions if all(event.get(n) for n in names)],
                "Metrics": [{"Name": measure.name, "Unit": measure.unit}],
            }
        ],
    }
    return event
