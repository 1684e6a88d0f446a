"""Is FiLot well, and how much has it to do: health pages and metrics. None waits for a part that hangs."""

import hmac
import ipaddress
import os
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from documents.keystore import FolderKeys, key_store
from documents.storage import StoreUnavailable, originals
from filot.counters import Counted
from filot.errors import RETRY_AFTER, error_response, only_reads
from filot.probes import Answer, Probe, ask_all
from filot.queues import queue_figures, queue_metrics, reported
from filot.service_figures import service_figures, service_metrics
from filot.throttling import client_address
from integrations import temporal
from verification.workers import stalled_queues

LIMIT = 2.0  # seconds that one part may take to show that it lives
MIGRATIONS_KEPT = 30.0  # seconds for which "all migrations are applied" is believed
STARTED = time.monotonic()  # filot.wsgi loads this with the process
NOBODY = uuid.UUID(int=0)  # whose data keys there are none


def check_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


class Migrations:
    """Reading all migration files costs some 50 ms: a good answer is kept for a while."""

    def __init__(self) -> None:
        self._good_until = 0.0

    def __call__(self) -> None:
        if time.monotonic() < self._good_until:
            return
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if missing:
            raise RuntimeError(f"{len(missing)} migrations are not applied")
        self._good_until = time.monotonic() + MIGRATIONS_KEPT


def check_redis() -> None:
    with redis.Redis.from_url(settings.REDIS_URL, retry=None, **settings.REDIS_TIMEOUTS) as client:
        client.ping()


def check_storage() -> None:
    """An answer for a name that is not there: the store is reached, has the bucket and takes our credentials."""
    store = originals()
    if isinstance(store, FileSystemStorage):
        _expect_writable(Path(store.location))
    else:
        store.ping()  # type: ignore[attr-defined]  # documents.storage.ObjectStore


def check_keys() -> None:
    """The same of the store of data keys: without it nothing can be sealed or opened."""
    store = key_store()
    store.read(NOBODY, "health")
    if isinstance(store, FolderKeys):
        _expect_writable(store.root)


def _expect_writable(folder: Path) -> None:
    while not folder.exists():  # it is made with the first object
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise StoreUnavailable("the folder is not writable")


def check_temporal() -> None:
    temporal.ping(LIMIT)


class OcrStalled(Exception):
    """Documents wait, and nobody who could read them moves."""


def check_ocr() -> None:
    if stalled := stalled_queues(settings.OCR_STALLED_AFTER):
        raise OcrStalled(", ".join(stalled))


PARTS: dict[str, Callable[[], None]] = {
    "database": check_database,
    "migrations": Migrations(),
    "redis": check_redis,
    "storage": check_storage,
    "keys": check_keys,
    "temporal": check_temporal,
    "ocr": check_ocr,
}
# Told, but no reason to take this server out of service: uploads are stored and read later, results are asked for,
# reviews decided. When too much waits, uploads are refused one by one: documents.pressure.
WORKS_WITHOUT = frozenset({"ocr"})
probes = {name: Probe(name, check) for name, check in PARTS.items()}
queue_probe: Probe[dict[str, Any]] = Probe("queues", queue_figures)
service_probe: Probe[dict[str, Any]] = Probe("service", service_figures)


def report(answers: dict[str, Answer[None]]) -> dict[str, Any]:
    components = {
        name: {"status": "up" if answer.error is None else "down", "ms": round(answer.seconds * 1000, 1)}
        | ({} if answer.error is None else {"error": answer.error})
        for name, answer in answers.items()
    }
    ok = all(answer.error is None for answer in answers.values())
    return {
        "ok": ok,
        "status": "ok" if ok else "degraded",
        "uptime": round(time.monotonic() - STARTED, 3),
        "timestamp": utc_now(),
        "environment": settings.ENVIRONMENT,
        "components": components,
    }


def utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@only_reads
@never_cache
def health(request: HttpRequest) -> HttpResponse:
    """How each part is. 200 as long as this process answers: what is down is in the body."""
    return JsonResponse(report(ask_all(probes, LIMIT)))


@only_reads
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """Whether this process answers at all. It asks no other part: a restart would not bring Redis back."""
    return JsonResponse(report({}))


@only_reads
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """503 when a part is down without which this server can't work; of others the body alone tells."""
    answers = ask_all(probes, LIMIT)
    able = all(answer.error is None for name, answer in answers.items() if name not in WORKS_WITHOUT)
    headers = {} if able else {"Retry-After": str(RETRY_AFTER)}
    return JsonResponse(report(answers), status=200 if able else 503, headers=headers)


class AllMetrics:
    """What the processes counted, and what waits by the rows. Without a database the counters remain."""

    def __init__(self) -> None:
        answers = ask_all({"queues": queue_probe, "service": service_probe}, LIMIT)
        self.queues, self.service = answers["queues"].value, answers["service"].value

    def collect(self) -> Iterator[Metric]:
        yield from Counted().collect()
        read = self.queues is not None and self.service is not None
        yield GaugeMetricFamily(
            "filot_rows_read", "1 when the gauges that come from the rows are here", value=int(read)
        )
        if self.queues is not None:
            yield from queue_metrics(self.queues)
        if self.service is not None:
            yield from service_metrics(self.service)


@only_reads
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text, or JSON under the names of the old service when `Accept` asks for it."""
    if not settings.METRICS_ENABLED:
        return error_response(request, 404, "not_found", "Not found.")
    if refusal := refused(request):
        return refusal
    everything = AllMetrics()
    if request.accepts("text/plain") or not request.accepts("application/json"):
        return HttpResponse(generate_latest(everything), content_type=CONTENT_TYPE_LATEST)
    return JsonResponse({"timestamp": utc_now(), "metrics": reported(everything.queues, everything.collect())})


def refused(request: HttpRequest) -> HttpResponse | None:
    """None for whoever may read the metrics: with the token, or without one from a private network."""
    if settings.METRICS_TOKEN:
        scheme, _, given = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), settings.METRICS_TOKEN.encode()):
            return None
        challenge = {"WWW-Authenticate": 'Bearer realm="metrics"'}
        return error_response(request, 401, "not_authenticated", "The metrics need their token.", challenge)
    if is_private(request):
        return None
    return error_response(request, 403, "permission_denied", "The metrics are for private networks only.")


def is_private(request: HttpRequest) -> bool:
    """Behind a proxy that nobody told us of, everybody would seem to come from its private address."""
    if not settings.TRUSTED_PROXIES and ("HTTP_X_FORWARDED_FOR" in request.META or "HTTP_FORWARDED" in request.META):
        return False
    try:
        return ipaddress.ip_address(client_address(request)).is_private
    except ValueError:
        return False
