"""Against the real development server. A call that does not end within its limit fails by the limit of `within`."""

import asyncio
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from structlog.testing import capture_logs
from temporalio import workflow
from temporalio.client import Client
from temporalio.service import OperatorService, RPCError, RPCStatusCode, TLSConfig
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from filot.embedded.temporal import Temporal
from filot.embedded.throwaway import new_folder
from integrations import temporal
from integrations.temporal import TemporalUnavailable, WorkflowGone
from tests.stack import wait_for

LIMIT = 1.0
WELL_OVER_LIMIT = 4.0  # under the 9.4 s that the SDK would take


@workflow.defn(name=temporal.WORKFLOW)
class Waiting:
    """Ends at its first signal."""

    def __init__(self) -> None:
        self.signals: list[dict[str, Any]] = []
        self.arguments: dict[str, Any] = {}

    @workflow.run
    async def run(self, arguments: dict[str, Any]) -> int:
        self.arguments = arguments
        await workflow.wait_condition(lambda: bool(self.signals))
        return len(self.signals)

    @workflow.signal(name="reviewDecision")
    def decide(self, payload: dict[str, Any]) -> None:
        self.signals.append(payload)

    @workflow.query(name="getWorkflowState")
    def state(self) -> dict[str, Any]:
        return {"signals": self.signals, "arguments": self.arguments}

    @workflow.query(name="broken")
    def broken(self) -> dict[str, Any]:
        raise ValueError("no answer to this")


@pytest.fixture(scope="module")
def worker() -> Iterator[None]:
    """Polls the task queue of this test process, in a loop of its own."""
    stop, up = threading.Event(), threading.Event()

    async def work() -> None:
        client = await temporal.connect()
        runner = UnsandboxedWorkflowRunner()
        queue = project.TEMPORAL_TASK_QUEUE
        async with Worker(client, task_queue=queue, workflows=[Waiting], workflow_runner=runner):
            up.set()
            while not stop.is_set():
                await asyncio.sleep(0.05)

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    assert up.wait(20)
    yield
    stop.set()
    thread.join()


@pytest.fixture
def workflow_id() -> str:
    return f"kyc-review-{uuid.uuid4()}"


def start(workflow_id: str) -> None:
    temporal.start_review_workflow("r-1", workflow_id=workflow_id, arguments={"review_id": "r-1"}, found_by={})


def within(call: Callable[[], Any]) -> Any:
    """The result of `call`, or its exception; TimeoutError when it takes far longer than its limit."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(call).result(WELL_OVER_LIMIT)


def test_a_workflow_gets_its_arguments_and_answers_a_query(worker: None, workflow_id: str) -> None:
    start(workflow_id)
    state = temporal.query_workflow(workflow_id, "getWorkflowState")
    assert state == {"signals": [], "arguments": {"review_id": "r-1"}}


def test_starting_twice_is_fine_also_after_the_end(worker: None, workflow_id: str) -> None:
    start(workflow_id)
    start(workflow_id)
    temporal.signal_workflow(workflow_id, "reviewDecision", {"decisionId": "d-1"})
    assert temporal.query_workflow(workflow_id, "getWorkflowState")["signals"] == [{"decisionId": "d-1"}]
    start(workflow_id)
    with pytest.raises(WorkflowGone):
        temporal.signal_workflow(workflow_id, "reviewDecision", {"decisionId": "d-2"})


def test_a_workflow_that_never_was_is_gone(workflow_id: str) -> None:
    with pytest.raises(WorkflowGone):
        temporal.signal_workflow(workflow_id, "reviewDecision", {})
    with pytest.raises(WorkflowGone):
        temporal.query_workflow(workflow_id, "getWorkflowState")


def test_a_query_that_fails_or_is_unknown_is_no_crash(worker: None, workflow_id: str) -> None:
    start(workflow_id)
    for query in ("broken", "no such query"):
        with pytest.raises(TemporalUnavailable):
            temporal.query_workflow(workflow_id, query)


def test_a_missing_namespace_is_not_taken_for_an_ended_workflow(settings: Any, workflow_id: str) -> None:
    settings.TEMPORAL_NAMESPACE = "no-such-namespace"
    with pytest.raises(TemporalUnavailable):
        temporal.signal_workflow(workflow_id, "reviewDecision", {})


def test_a_ping_says_how_long_it_took() -> None:
    assert 0 < temporal.ping(timeout=5) < 5


def test_calls_from_many_threads_share_one_connection(worker: None, workflow_id: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        connections = set(threads.map(lambda _: temporal._connection(), range(16)))
        list(threads.map(lambda _: start(workflow_id), range(16)))
    assert connections == {temporal._connections[os.getpid()]}


@pytest.mark.parametrize(
    "call",
    [
        lambda: temporal.ping(LIMIT),
        lambda: temporal.signal_workflow("w", "reviewDecision", {}, timeout=LIMIT),
        lambda: temporal.start_review_workflow("r", workflow_id="w", arguments={}, found_by={}, timeout=LIMIT),
        lambda: temporal.query_workflow("w", "getWorkflowState", timeout=LIMIT),
    ],
)
def test_without_a_server_every_call_ends_within_its_limit(
    settings: Any, closed_port: int, call: Callable[[], Any]
) -> None:
    settings.TEMPORAL_ADDRESS = f"127.0.0.1:{closed_port}"
    with pytest.raises(TemporalUnavailable):
        within(call)


def test_a_server_that_goes_and_comes_back_is_used_again(settings: Any, workflow_id: str) -> None:
    folder = new_folder()
    with Temporal(folder / "temporal", throwaway=True) as server:
        settings.TEMPORAL_ADDRESS = server.address
        start(workflow_id)
        server.kill()
        for _ in range(2):
            with pytest.raises(TemporalUnavailable):
                within(lambda: temporal.signal_workflow(workflow_id, "reviewDecision", {}, timeout=LIMIT))
        server.start()
        start(f"{workflow_id}-again")


FORKING = """
import os, django
django.setup()
from integrations import temporal
temporal.ping()
child = os.fork()
if child == 0:
    temporal.ping()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
temporal.ping()
"""


def test_a_forked_child_has_a_connection_of_its_own_and_the_process_ends_well() -> None:
    script = subprocess.run(
        [sys.executable, "-c", FORKING],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "filot.settings"},
        cwd=project.BASE_DIR,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert script.returncode == 0, script.stderr.decode()


def test_a_key_or_a_certificate_is_never_sent_without_tls(settings: Any, tmp_path: Path) -> None:
    assert temporal._tls() is False
    settings.TEMPORAL_API_KEY = "an-api-key"
    assert temporal._tls() is True
    for name in ("CERT", "KEY"):
        file = tmp_path / name
        file.write_bytes(name.encode())
        setattr(settings, f"TEMPORAL_TLS_{name}", file)
    config = temporal._tls()
    assert isinstance(config, TLSConfig)
    assert (config.client_cert, config.client_private_key, config.server_root_ca_cert) == (b"CERT", b"KEY", None)


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Instead of a server: what `connect` asked the SDK for. Nothing else of the way there is faked."""
    asked: dict[str, Any] = {}

    async def note(address: str, **options: Any) -> None:
        asked.update(options, address=address)

    monkeypatch.setattr(Client, "connect", note)
    return asked


def test_temporal_cloud_is_reached_with_an_api_key_over_tls(settings: Any, asked_for: dict[str, Any]) -> None:
    settings.TEMPORAL_ADDRESS = "ap-southeast-1.aws.api.temporal.io:7233"
    settings.TEMPORAL_NAMESPACE, settings.TEMPORAL_API_KEY = "filot.a1b2c", "an-api-key"
    asyncio.run(temporal.connect())
    assert asked_for == {
        "address": "ap-southeast-1.aws.api.temporal.io:7233",
        "namespace": "filot.a1b2c",
        "api_key": "an-api-key",
        "tls": True,
        "runtime": None,
    }


def test_temporal_cloud_is_reached_with_a_client_certificate(
    settings: Any, asked_for: dict[str, Any], tmp_path: Path
) -> None:
    settings.TEMPORAL_ADDRESS, settings.TEMPORAL_NAMESPACE = "filot.a1b2c.tmprl.cloud:7233", "filot.a1b2c"
    for name in ("CERT", "KEY"):
        (tmp_path / name).write_bytes(name.encode())
        setattr(settings, f"TEMPORAL_TLS_{name}", tmp_path / name)
    asyncio.run(temporal.connect())
    tls = asked_for["tls"]
    assert (tls.client_cert, tls.client_private_key, tls.server_root_ca_cert) == (b"CERT", b"KEY", None)
    assert (asked_for["api_key"], asked_for["namespace"]) == (None, "filot.a1b2c")


def test_a_cluster_of_ones_own_has_its_own_authority_and_name(
    settings: Any, asked_for: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_bytes(b"CA")
    settings.TEMPORAL_TLS_CA, settings.TEMPORAL_TLS_SERVER_NAME = tmp_path / "ca.pem", "temporal.internal"
    asyncio.run(temporal.connect())
    tls = asked_for["tls"]
    assert (tls.server_root_ca_cert, tls.domain, tls.client_cert) == (b"CA", "temporal.internal", None)


def test_the_development_server_is_reached_in_the_clear(settings: Any, asked_for: dict[str, Any]) -> None:
    asyncio.run(temporal.connect())
    assert (asked_for["tls"], asked_for["api_key"]) == (False, None)
    settings.TEMPORAL_TLS = True
    asyncio.run(temporal.connect())
    assert asked_for["tls"] is True


FOUND_BY = {"FilotDocumentType": "KTP", "FilotRiskBand": "high"}


def found(query: str) -> list[str]:
    """What Temporal's own search says, as its pages and its command line do."""

    async def search(client: Client) -> list[str]:
        return [execution.id async for execution in client.list_workflows(query)]

    return temporal.call(search, 10)


def test_attributes_are_registered_once_and_a_run_is_found_by_them(worker: None, workflow_id: str) -> None:
    for _ in range(2):
        assert temporal.missing_search_attributes(FOUND_BY) == []
    arguments = {"review_id": "r-1"}
    temporal.start_review_workflow("r-1", workflow_id=workflow_id, arguments=arguments, found_by=FOUND_BY)
    query = f"FilotDocumentType = 'KTP' AND FilotRiskBand = 'high' AND WorkflowId = '{workflow_id}'"
    wait_for("the run in Temporal's search", lambda: found(query) == [workflow_id])
    assert found(query.replace("high", "low")) == []


def test_a_server_that_does_not_know_an_attribute_starts_the_run_without(worker: None, workflow_id: str) -> None:
    with capture_logs() as logged:
        temporal.start_review_workflow(
            "r-1", workflow_id=workflow_id, arguments={"review_id": "r-1"}, found_by={"FilotNobodyAddedThis": "x"}
        )
    assert [line["event"] for line in logged] == ["search_attributes_refused"]
    assert temporal.query_workflow(workflow_id, "getWorkflowState")["arguments"] == {"review_id": "r-1"}


def test_a_server_that_lets_nobody_add_attributes_is_lived_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Temporal Cloud does; faked in the one call that it refuses."""

    async def denied(*args: Any, **kwargs: Any) -> None:
        raise RPCError("denied", RPCStatusCode.PERMISSION_DENIED, b"")

    monkeypatch.setattr(OperatorService, "list_search_attributes", property(lambda self: denied))
    assert temporal.missing_search_attributes(["FilotRiskBand"]) == ["FilotRiskBand"]


def test_an_unreadable_certificate_is_unavailable(settings: Any, tmp_path: Path, closed_port: int) -> None:
    settings.TEMPORAL_ADDRESS = f"127.0.0.1:{closed_port}"
    settings.TEMPORAL_TLS_CA = tmp_path / "missing.pem"
    with pytest.raises(TemporalUnavailable):
        temporal.ping(LIMIT)
