"""What sweeps say of themselves: when they last came through, how long it took, how much they had to repair."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.cache import cache
from prometheus_client import Counter, Histogram

SWEEP_SECONDS = Histogram(
    "filot_sweep_duration_seconds",
    "One run of a sweep",
    ["sweep"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
)
REPAIRED = Counter("filot_sweep_repaired_total", "Rows for which a sweep made up for a lost step", ["sweep", "step"])
KEPT_SECONDS = 7 * 86400
LEFT = "left"


@contextmanager
def noted(sweep: str) -> Iterator[dict[str, int]]:
    """Around one run. The caller fills {step: rows}; LEFT is what it found and could not repair. A run that fails
    is not noted: its age tells.
    """
    began = time.monotonic()
    done: dict[str, int] = {}
    yield done
    seconds = time.monotonic() - began
    SWEEP_SECONDS.labels(sweep).observe(seconds)
    left = done.pop(LEFT, 0)
    for step, count in done.items():
        REPAIRED.labels(sweep, step).inc(count)
    found = {"at": time.time(), "seconds": seconds, "repaired": sum(done.values()), LEFT: left}
    cache.set(_key(sweep), found, KEPT_SECONDS)


def last_run(sweep: str) -> dict[str, Any] | None:
    """{"at": epoch seconds, "seconds", "repaired", "left"} of the last run that came through; None if none is known."""
    noted_before: dict[str, Any] | None = cache.get(_key(sweep))
    return noted_before


def _key(sweep: str) -> str:
    return f"sweep:{sweep}"
