"""CloudWatch's embedded metric format: a log line that says which of its values are metrics. Pure: no Django."""

import time
from collections.abc import MutableMapping
from typing import Any, NamedTuple


class Measure(NamedTuple):
    """`value` is the field of the line that holds the figure, times `factor`; dimensions have few values each."""

    name: str
    unit: str
    value: str
    factor: int
    dimensions: tuple[str, ...]


# Log event -> the metric in it, under the names that the old service reported.
MEASURES = {
    "processing_done": Measure(
        "filot.gpu.processing_time_ms", "Milliseconds", "seconds", 1000, ("processor", "type", "outcome")
    ),
    "ai_evaluation_done": Measure(
        "filot.verification.latency_ms", "Milliseconds", "latency_seconds", 1000, ("type", "outcome")
    ),
    "queue_length": Measure("filot.queue_length", "Count", "count", 1, ("queue",)),
    "gpu_active_jobs": Measure("filot.gpu.active_jobs", "Count", "count", 1, ()),
    "buli2_pending": Measure("filot.buli2.retry_count", "Count", "count", 1, ("state",)),
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
                "Dimensions": [[name for name in measure.dimensions if event.get(name)]],
                "Metrics": [{"Name": measure.name, "Unit": measure.unit}],
            }
        ],
    }
    return event
