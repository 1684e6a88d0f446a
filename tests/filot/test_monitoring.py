"""Health pages and metrics: what they say, to whom, and that nothing makes them hang."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError
from django.test import Client
from django.urls import path
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from documents.models import Document
from documents.status import Status
from filot import monitoring
from filot.cloudwatch import MEASURES
from filot.models import User
from filot.probes import Probe, ask_all
from filot.tasks import report_queues
from integrations import temporal
from integrations.metrics import RETRIES
from integrations.models import Buli2Exchange, Direction, ExchangeState
from verification.models import Worker

urlpatterns = [
    path("health", monitoring.health),
    path("health/live", monitoring.live),
    path("health/ready", monitoring.ready),
    path("metrics", monitoring.metrics),
]

pytestmark = [pytest.mark.urls("tests.filot.test_monitoring"), pytest.mark.django_db(transaction=True)]

S3 = {name: os.environ[f"FILOT_TEST_S3_{name.upper()}"] for name in ("endpoint", "access_key", "bucket")}
NEEDED_PARTS = {"database", "migrations", "redis", "storage", "keys", "temporal"}
ALL_PARTS = NEEDED_PARTS | {"ocr"}
TOKEN = {"HTTP_AUTHORIZATION": "Bearer test-metrics-token"}


def break_part(monkeypatch: pytest.MonkeyPatch, name: str, check: Any) -> None:
    probes = {**monitoring.probes, name: Probe(name, check)}
    monkeypatch.setattr(monitoring, "probes", probes)


def fail() -> None:
    raise OperationalError(f'connection to "db.internal" failed with {django_settings.SECRET_KEY}')


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Redis hangs; the list grows with every time it is asked."""
    asked: list[int] = []
    release = threading.Event()

    def hang() -> None:
        asked.append(1)
        release.wait(30)

    break_part(monkeypatch, "redis", hang)
    monkeypatch.setattr(monitoring, "LIMIT", 0.2)
    yield asked
    release.set()


def test_health_has_the_agreed_words(client: Client) -> None:
    body = client.get("/health").json()
    assert set(body) == {"ok", "status", "uptime", "timestamp", "environment", "components"}
    assert (body["ok"], body["status"], body["environment"]) == (True, "ok", "test")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["timestamp"])
    assert datetime.fromisoformat(body["timestamp"]) > timezone.now() - timedelta(minutes=1)
    assert set(body["components"]) == ALL_PARTS


def test_ready_asks_every_part_and_tells_its_time(client: Client) -> None:
    response = client.get("/health/ready")
    assert response.status_code == 200, response.content
    for part in response.json()["components"].values():
        assert part["status"] == "up"
        assert part["ms"] >= 0


@pytest.mark.parametrize("part", sorted(NEEDED_PARTS))
def test_ready_is_503_when_a_part_is_down_without_which_it_cannot_work(
    client: Client, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    break_part(monkeypatch, part, fail)
    response = client.get("/health/ready")
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    components = response.json()["components"]
    assert components[part]["status"] == "down"
    assert [name for name, state in components.items() if state["status"] == "down"] == [part]


@pytest.mark.parametrize(("moved", "state", "status"), [(4000, "down", "degraded"), (5, "up", "ok")])
def test_documents_that_nobody_reads_are_told_and_take_no_server_out_of_service(
    client: Client, moved: int, state: str, status: str
) -> None:
    now = timezone.now()
    a_document(User.objects.create_user("busy"), queue="ocr.cpu", queued_at=now - timedelta(hours=1))
    moved_at = now - timedelta(seconds=moved)
    Worker.objects.create(name="w", queue="ocr.cpu", host="h", pid=1, loop_pid=1, progress_at=moved_at)
    response = client.get("/health/ready")
    body = response.json()
    assert (response.status_code, body["status"], body["components"]["ocr"]["status"]) == (200, status, state)
    assert body["components"]["ocr"].get("error") == (None if state == "up" else "OcrStalled")


def test_what_is_down_is_named_without_addresses_or_secrets(
    client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    break_part(monkeypatch, "database", fail)
    body = client.get("/health").content.decode()
    assert "OperationalError" in body
    assert "db.internal" not in body
    assert django_settings.SECRET_KEY not in body + capsys.readouterr().err


@pytest.mark.parametrize("address", ["/health", "/health/live", "/health/ready", "/metrics"])
def test_head_is_answered_like_get_without_a_body(client: Client, address: str) -> None:
    response = client.head(address, **TOKEN)
    assert (response.status_code, response.content) == (200, b"")


def test_live_asks_no_part(client: Client, hanging: list[int]) -> None:
    response = client.get("/health/live")
    assert (response.status_code, response.json()["components"]) == (200, {})
    assert hanging == []


def test_a_part_that_hangs_is_down_and_costs_one_thread(client: Client, hanging: list[int]) -> None:
    for _ in range(4):
        response = client.get("/health/ready")
        assert response.status_code == 503
        assert response.json()["components"]["redis"]["error"] == "timeout"
        assert response.json()["components"]["database"]["status"] == "up"
    assert hanging == [1]


def test_a_part_that_comes_back_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Exception | None] = [ConnectionError(), None]

    def check() -> None:
        if error := answers.pop(0):
            raise error

    probe = Probe("part", check)
    assert ask_all({"part": probe}, 1.0)["part"].error == "ConnectionError"
    assert ask_all({"part": probe}, 1.0)["part"].error is None


def test_redis_and_temporal_are_really_asked(settings: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.REDIS_URL = f"redis://127.0.0.1:{free.getsockname()[1]}/0"
    assert monitoring.probes["redis"].ask(2.0).error == "ConnectionError"
    assert monitoring.probes["temporal"].ask(2.0).error is None


def test_temporal_away_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(timeout: float) -> float:
        raise temporal.TemporalUnavailable("away")

    monkeypatch.setattr(temporal, "ping", away)
    assert monitoring.probes["temporal"].ask(2.0).error == "TemporalUnavailable"


def test_a_folder_that_cannot_be_made_is_a_store_that_is_down(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.STORAGES = {
        **settings.STORAGES,
        "originals": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "file" / "originals"},
        },
    }
    assert monitoring.probes["storage"].ask(2.0).error == "StoreUnavailable"


def test_a_store_that_takes_no_credentials_is_down(settings: Any) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "originals": {
            "BACKEND": "documents.storage.ObjectStore",
            "OPTIONS": {
                "endpoint_url": S3["endpoint"],
                "access_key": S3["access_key"],
                "secret_key": "a wrong secret",
                "bucket_name": S3["bucket"],
                "region_name": "auto",
            },
        },
    }
    assert monitoring.probes["storage"].ask(5.0).error == "ClientError"


def on_s3(settings: Any, **changed: str) -> None:
    client = {
        "endpoint_url": S3["endpoint"],
        "region_name": "auto",
        "aws_access_key_id": S3["access_key"],
        "aws_secret_access_key": os.environ["FILOT_TEST_S3_SECRET_KEY"],
    }
    named = {name.removeprefix("aws_").removesuffix("_id"): value for name, value in client.items()}
    named["secret_key"] = named.pop("secret_access_key")
    options = {**named, "bucket_name": changed.get("originals", S3["bucket"])}
    backend = {"BACKEND": "documents.storage.ObjectStore", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "originals": backend}
    settings.KEY_STORE = {"bucket": changed.get("keys", S3["bucket"]), **client}


def test_stores_that_are_there_are_up(settings: Any) -> None:
    on_s3(settings)
    assert [monitoring.probes[part].ask(5.0).error for part in ("storage", "keys")] == [None, None]


def test_a_bucket_that_nobody_made_is_a_store_that_is_down(settings: Any) -> None:
    """A store says 404 to HEAD for a missing object and for a missing bucket: all was well, and no upload was taken."""
    on_s3(settings, originals="nobody-made-this")
    assert [monitoring.probes[part].ask(5.0).error for part in ("storage", "keys")] == ["NoSuchBucket", None]


def test_without_the_bucket_of_data_keys_no_server_is_ready(settings: Any, client: Client) -> None:
    """Ready asked for the bucket of the originals alone, and every upload was 503."""
    on_s3(settings, keys="nobody-made-this")
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["components"]["keys"]["error"] == "KeysUnavailable"
    assert answer.json()["components"]["storage"]["status"] == "up"


def test_a_folder_of_data_keys_that_cannot_be_made_is_down(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.KEY_STORE = {"root": str(tmp_path / "file" / "keys")}
    assert monitoring.probes["keys"].ask(2.0).error in {"KeysUnavailable", "StoreUnavailable"}


def test_the_web_server_has_its_routes_before_its_first_request() -> None:
    """Else the first request of each process pays for them, and uptime counts from that."""
    code = "import filot.wsgi, sys; assert {'filot.urls', 'filot.monitoring'} <= sys.modules.keys()"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_migrations_that_are_not_applied_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Behind:
        def __init__(self, connection: Any) -> None:
            self.loader = self.graph = self

        def leaf_nodes(self) -> list[str]:
            return ["x"]

        def migration_plan(self, targets: list[str]) -> list[str]:
            return targets

    check = monitoring.Migrations()
    check()
    monkeypatch.setattr(monitoring, "MigrationExecutor", Behind)
    check()  # a good answer is kept for a while
    with pytest.raises(RuntimeError, match="1 migrations are not applied"):
        monitoring.Migrations()()


def a_document(owner: User, **values: Any) -> Document:
    facts = {"type": "KTP", "storage_key": uuid.uuid4().hex, "content_type": "image/png", "size": 1, "sha256": "0"}
    document: Document = Document.objects.create(owner=owner, **facts, **values)
    return document


@pytest.fixture
def work() -> None:
    """Two documents for the CPU, the older one an hour old; one on a GPU; a worker; exchanges in every state."""
    owner = User.objects.create_user("busy")
    now = timezone.now()
    for minutes in (60, 1):
        a_document(owner, queue="ocr.cpu", queued_at=now - timedelta(minutes=minutes))
    claimed = {"status": Status.processing, "claim_token": uuid.uuid4(), "heartbeat_at": now}
    a_document(owner, queue="ocr.gpu", queued_at=now, **claimed)
    a_document(owner, queue="ocr.cpu", status=Status.needs_review)
    facts = {"host": "h", "pid": 1, "loop_pid": 1, "doing": "reading", "progress_at": now - timedelta(seconds=30)}
    Worker.objects.create(name="w", queue="ocr.cpu", **facts)
    for state in ExchangeState:
        Buli2Exchange.objects.create(
            direction=Direction.outbound, kind="submit", method="POST", path="/x", review_id=uuid.uuid4(), state=state
        )
    Buli2Exchange.objects.create(
        direction=Direction.inbound, kind="callback", method="POST", path="/x", state=ExchangeState.pending
    )


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_tell_what_waits_in_the_rows(client: Client, work: None) -> None:
    response = client.get("/metrics", **TOKEN)
    assert response["Content-Type"].startswith("text/plain")
    found = samples(response.content.decode())
    assert found["filot_queue_length", "ocr.cpu"] == 2
    assert found["filot_queue_length", "ocr.gpu"] == 0
    assert 3600 <= found["filot_queue_oldest_seconds", "ocr.cpu"] < 3700
    assert found["filot_queue_oldest_seconds", "ocr.gpu"] == 0
    assert found["filot_gpu_active_jobs",] == 1
    assert found["filot_workers", "ocr.cpu", "working"] == 1
    assert found["filot_workers", "ocr.gpu", "idle"] == 0
    assert 30 <= found["filot_worker_progress_age_seconds", "ocr.cpu"] < 90
    assert found["filot_buli2_pending", "pending"] == 1
    assert found["filot_buli2_pending", "dead"] == 1
    assert found["filot_buli2_pending", "refused"] == 1


def test_metrics_include_what_the_apps_count(client: Client) -> None:
    names = set(re.findall(r"^# TYPE (\w+)", client.get("/metrics", **TOKEN).content.decode(), re.MULTILINE))
    assert {"filot_ocr_duration_seconds", "filot_verification_latency_seconds", RETRIES._name + "_total"} <= names


def test_metrics_are_json_under_their_old_names_for_whoever_asks(client: Client, work: None) -> None:
    body = client.get("/metrics", HTTP_ACCEPT="application/json", **TOKEN).json()
    assert body["metrics"]["filot.queue_length"] == {"gpu": 0, "cpu": 2, "total": 2}
    assert body["metrics"]["filot.gpu.active_jobs"] == 1
    assert body["metrics"]["filot.buli2.retry_count"] == 1
    assert set(body["metrics"]["filot.gpu.processing_time_ms"]) == {"count", "mean"}
    assert set(body["metrics"]["filot.verification.latency_ms"]) == {"count", "mean"}


@pytest.mark.parametrize("accept", ["application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "*/*", "image/png"])
def test_a_scraper_gets_text_whatever_else_it_would_take(client: Client, accept: str) -> None:
    response = client.get("/metrics", HTTP_ACCEPT=accept, **TOKEN)
    assert (response.status_code, response["Content-Type"][:10]) == (200, "text/plain")


def test_without_a_database_the_counters_remain(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitoring, "queue_probe", Probe("queues", fail))
    found = client.get("/metrics", **TOKEN).content.decode()
    assert "filot_ocr_duration_seconds" in found
    assert "filot_queue_length" not in found
    as_json = client.get("/metrics", HTTP_ACCEPT="application/json", **TOKEN).json()
    assert "filot.queue_length" not in as_json["metrics"]


def test_the_processes_of_a_host_are_added_up(client: Client, settings: Any, tmp_path: Path) -> None:
    count = "from prometheus_client import Counter; Counter('filot_probe', 'a count').inc(3)"
    for _ in range(2):
        subprocess.run(
            [sys.executable, "-c", count], env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}, check=True, timeout=60
        )
    settings.PROMETHEUS_MULTIPROC_DIR = tmp_path
    found = samples(client.get("/metrics", **TOKEN).content.decode())
    assert found["filot_probe_total",] == 6
    assert found["filot_gpu_active_jobs",] == 0


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Basic test-metrics-token", "Bearer \xe9"])
def test_metrics_need_their_token(client: Client, given: str) -> None:
    response = client.get("/metrics", **({"HTTP_AUTHORIZATION": given} if given else {}))
    assert (response.status_code, response["WWW-Authenticate"][:6]) == (401, "Bearer")


@pytest.mark.parametrize(
    ("remote", "forwarded", "proxies", "status"),
    [
        ("127.0.0.1", None, 0, 200),
        ("10.1.2.3", None, 0, 200),
        ("fd00::1", None, 0, 200),
        ("203.0.113.200", None, 0, 200),  # documentation addresses are not public either
        ("8.8.8.8", None, 0, 403),
        ("2a00:1450::1", None, 0, 403),
        ("", None, 0, 403),
        ("10.1.2.3", "8.8.8.8", 0, 403),
        ("10.1.2.3", "10.9.9.9", 0, 403),
        ("10.1.2.3", "8.8.8.8", 1, 403),
        ("10.1.2.3", "10.9.9.9", 1, 200),
    ],
)
def test_without_a_token_metrics_are_for_private_networks(
    client: Client, settings: Any, remote: str, forwarded: str | None, proxies: int, status: int
) -> None:
    settings.METRICS_TOKEN, settings.TRUSTED_PROXIES = "", proxies
    extra = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    assert client.get("/metrics", REMOTE_ADDR=remote, **extra).status_code == status


def test_metrics_can_be_switched_off(client: Client, settings: Any) -> None:
    settings.METRICS_ENABLED = False
    assert client.get("/metrics", **TOKEN).status_code == 404


def test_a_probe_ends_with_its_process_even_when_its_part_hangs() -> None:
    program = (
        "import django, time; from django.conf import settings; settings.configure(); django.setup();"
        "from filot.probes import Probe; print(Probe('x', lambda: time.sleep(600)).ask(0.1).error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "timeout"


def test_what_waits_becomes_lines_for_cloudwatch(work: None, capsys: pytest.CaptureFixture[str]) -> None:
    report_queues()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    told = {(line["event"], line.get("queue") or line.get("state")): line.get("count") for line in lines}
    old = ("queue_length", "gpu_active_jobs", "buli2_pending")
    assert {key: count for key, count in told.items() if key[0] in old} == {
        ("queue_length", "gpu"): 0,
        ("queue_length", "cpu"): 2,
        ("queue_length", "total"): 2,
        ("gpu_active_jobs", None): 1,
        ("buli2_pending", "pending"): 1,
        ("buli2_pending", "dead"): 1,
        ("buli2_pending", "refused"): 1,
    }
    assert {event for event, _ in told} <= set(MEASURES)


def test_uptime_grows(client: Client) -> None:
    first = client.get("/health/live").json()["uptime"]
    time.sleep(0.01)
    assert client.get("/health/live").json()["uptime"] > first
