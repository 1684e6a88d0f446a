"""The metrics by Prometheus's own linter, and the contract's names."""

import re
import subprocess

import pytest
from django.core.cache import cache
from django.test import Client
from prometheus_client import REGISTRY

from filot import certificates
from integrations import metrics as buli2_metrics
from tests.deploy.tools import promtool
from verification import metrics as verification_metrics
from verification.tasks import sweep

TOKEN = {"HTTP_AUTHORIZATION": "Bearer test-metrics-token"}
CONTRACT = {
    "filot_queue_length",
    "filot_queue_oldest_seconds",
    "filot_gpu_active_jobs",
    "filot_ocr_duration_seconds",
    "filot_verification_latency_seconds",
    "filot_buli2_pending",
    "filot_buli2_retries_total",
    "filot_decisions_total",
    "filot_buli2_forwards_total",
    "filot_fallbacks_total",
}
COMMON_LABELS = {
    *("queue", "state", "processor", "type", "outcome", "source", "decision", "reason", "kind", "route", "method"),
    *("code", "sweep", "step", "certificate", "table", "le", "quantile", "generation", "implementation"),
    *("major", "minor", "patchlevel", "version"),
}


@pytest.fixture
def exposition(transactional_db: None, client: Client, settings: object) -> str:
    settings.BULI2_MODE = "sandbox"  # type: ignore[attr-defined]
    cache.set(certificates.KEY, {"buli2": 1.0})
    sweep()
    verification_metrics.OCR_SECONDS.labels("cpu", "KTP", "success").observe(1)
    verification_metrics.LATENCY_SECONDS.labels("KTP", "auto_approve").observe(1)
    verification_metrics.DECISIONS.labels("KTP", "auto_approve").inc()
    verification_metrics.FALLBACKS.labels("gpu_gone").inc()
    buli2_metrics.FORWARDS.labels("done").inc()
    client.get("/health/live")
    client.post("/documents/upload")
    return client.get("/metrics", **TOKEN).content.decode()


@pytest.mark.urls("filot.urls")
def test_promtool_has_nothing_to_say_about_the_metrics(exposition: str) -> None:
    said = subprocess.run(
        [promtool(), "check", "metrics"], input=exposition, capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_every_metric_of_the_contract_is_there(exposition: str) -> None:
    types = set(re.findall(r"^# TYPE (\w+) ", exposition, re.MULTILINE))
    assert types >= CONTRACT


def test_our_metrics_keep_prometheuss_rules_without_promtool_too(exposition: str) -> None:
    kinds = dict(re.findall(r"^# TYPE (filot_\w+) (\w+)", exposition, re.MULTILINE))
    helped = set(re.findall(r"^# HELP (filot_\w+) \S", exposition, re.MULTILINE))
    assert set(kinds) == helped
    for name, kind in kinds.items():
        assert (kind == "counter") == name.endswith("_total"), name
        assert not re.search(r"_(ms|milliseconds|minutes|hours|count|sum|bucket|kilobytes)$", name), name
    labels = set(re.findall(r"[{,](\w+)=\"", exposition))
    assert labels <= COMMON_LABELS, "a label of which nobody said that it has few values"


def test_a_request_and_an_upload_are_counted_by_route_method_and_code(exposition: str) -> None:
    assert 'filot_http_requests_total{code="200",method="GET",route="live"}' in exposition
    assert 'filot_http_requests_total{code="401",method="POST",route="upload"}' in exposition


def test_no_gauge_is_counted_by_the_processes_themselves() -> None:
    """Those of several processes could not be added up: what waits comes from the rows alone."""
    ours = [metric for metric in REGISTRY.collect() if metric.name.startswith("filot_")]
    assert {metric.type for metric in ours} <= {"counter", "histogram"}
