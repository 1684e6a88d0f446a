"""Temporal, for processes that are no workers: every call ends within its limit, also when Temporal is down.

The SDK is asynchronous and a client does not survive a fork. So each process gets, at its first call, one event
loop in a background thread with its own runtime and client. A connection that failed is not kept.
"""

import asyncio
import atexit
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import structlog
from django.conf import settings
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

CALL_SECONDS = 5.0  # of a whole call: with Temporal down a signal blocks 9.4 s, whatever its rpc_timeout
REASON_LENGTH = 200  # characters of what the SDK says of a connection: the address, and what TLS or the network said
EXIT_GRACE_SECONDS = 0.1  # else a process that ends right after a call is sometimes aborted by SDK threads
REUSE_AFTER_FAILURE = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
WORKFLOW = "kycReviewWorkflow"  # the registered name, as other systems know it

T = TypeVar("T")
log = structlog.get_logger(__name__)


class TemporalUnavailable(Exception):
    """No answer within the limit, or the server is not usable now. The call may still have had its effect."""


class WorkflowGone(Exception):
    """The workflow has ended, or never was: for a decision that means it is settled already."""


def start_review_workflow(
    review_id: str,
    *,
    workflow_id: str,
    arguments: dict[str, object],
    found_by: dict[str, str],
    again: bool = False,
    timeout: float = CALL_SECONDS,
) -> None:
    """Start the workflow with `arguments` as its one argument. Again: nothing happens, also after its end.

    `found_by`: search attributes, which a server that does not know them does without. `again`: also after an end that
    was none of its own (terminated, failed, timed out). Raises TemporalUnavailable.
    """

    async def begin(client: Client, attributes: dict[str, str]) -> None:
        pairs = [SearchAttributePair(SearchAttributeKey.for_keyword(name), value) for name, value in attributes.items()]
        try:
            await client.start_workflow(
                WORKFLOW,
                arguments,
                id=workflow_id,
                task_queue=settings.TEMPORAL_TASK_QUEUE,
                id_reuse_policy=REUSE_AFTER_FAILURE if again else WorkflowIDReusePolicy.REJECT_DUPLICATE,
                rpc_timeout=timedelta(seconds=timeout),
                search_attributes=TypedSearchAttributes(pairs),
            )
        except WorkflowAlreadyStartedError:
            log.info("workflow_already_started", review_id=review_id)

    async def start(client: Client) -> None:
        try:
            await begin(client, found_by)
        except RPCError as error:
            if error.status is not RPCStatusCode.INVALID_ARGUMENT or not found_by:
                raise
            log.warning("search_attributes_refused", review_id=review_id, names=sorted(found_by))
            await begin(client, {})

    call(start, timeout)


def signal_workflow(
    workflow_id: str, signal: str, payload: dict[str, object], *, timeout: float = CALL_SECONDS
) -> None:
    """Deliver a signal, at least once. Raises WorkflowGone, TemporalUnavailable."""

    async def send(client: Client) -> None:
        handle = client.get_workflow_handle(workflow_id)
        await handle.signal(signal, payload, rpc_timeout=timedelta(seconds=timeout))

    call(send, timeout)


def query_workflow(workflow_id: str, query: str, *, timeout: float = CALL_SECONDS) -> dict[str, object]:
    """A workflow's answer to a query; needs a running worker. Raises WorkflowGone, TemporalUnavailable."""

    async def ask(client: Client) -> dict[str, object]:
        handle = client.get_workflow_handle(workflow_id)
        return dict(await handle.query(query, rpc_timeout=timedelta(seconds=timeout)))

    return call(ask, timeout)


def ping(timeout: float = CALL_SECONDS) -> float:
    """Seconds that a health check took. Raises TemporalUnavailable."""

    async def check(client: Client) -> bool:
        return await client.service_client.check_health(timeout=timedelta(seconds=timeout))

    started = time.monotonic()
    if not call(check, timeout):
        raise TemporalUnavailable("not serving")
    return time.monotonic() - started


async def register_search_attributes(client: Client, names: Iterable[str]) -> list[str]:
    """Have the server know these keywords, and return those that it does not know afterwards. Safe to repeat.

    Temporal Cloud, and a cluster that does not let us, answer with a refusal: there an operator adds them. Nothing
    fails for the lack of them, only Temporal's own pages find less.
    """
    namespace, operator = client.namespace, client.operator_service
    listing, limit = ListSearchAttributesRequest(namespace=namespace), timedelta(seconds=CALL_SECONDS)
    missing = list(names)
    try:
        known = await operator.list_search_attributes(listing, timeout=limit)
        missing = [name for name in missing if name not in known.custom_attributes]
        if missing:
            keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
            wanted = AddSearchAttributesRequest(namespace=namespace, search_attributes=dict.fromkeys(missing, keyword))
            await operator.add_search_attributes(wanted, timeout=limit)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:  # another worker was faster
            log.warning("search_attributes_missing", names=missing, reason=error.status.name.lower())
            return missing
    return []


def missing_search_attributes(names: Iterable[str], timeout: float = CALL_SECONDS) -> list[str]:
    """As register_search_attributes, for commands. Raises TemporalUnavailable."""
    wanted = list(names)

    async def register(client: Client) -> list[str]:
        return await register_search_attributes(client, wanted)

    return call(register, timeout)


async def connect(runtime: Runtime | None = None) -> Client:
    """A client of the configured server, for the loop that awaits it. Raises TemporalUnavailable."""
    try:
        return await Client.connect(
            settings.TEMPORAL_ADDRESS,
            namespace=settings.TEMPORAL_NAMESPACE,
            api_key=settings.TEMPORAL_API_KEY or None,
            tls=_tls(),
            runtime=runtime,
        )
    except RuntimeError as error:
        raise TemporalUnavailable(str(error)[:REASON_LENGTH]) from error


def _tls() -> TLSConfig | bool:
    """Always on with an API key or a client certificate, which must never travel in the clear."""
    files = (settings.TEMPORAL_TLS_CA, settings.TEMPORAL_TLS_CERT, settings.TEMPORAL_TLS_KEY)
    if not any([*files, settings.TEMPORAL_TLS_SERVER_NAME]):
        return bool(settings.TEMPORAL_TLS or settings.TEMPORAL_API_KEY)
    authority, certificate, key = (Path(file).read_bytes() if file else None for file in files)
    return TLSConfig(
        server_root_ca_cert=authority,
        domain=settings.TEMPORAL_TLS_SERVER_NAME or None,
        client_cert=certificate,
        client_private_key=key,
    )


class _Connection:
    """The event loop of this process and, once connected, its client."""

    def __init__(self) -> None:
        self.target = _target()
        self.loop = asyncio.new_event_loop()
        self._runtime = Runtime(telemetry=TelemetryConfig())  # the SDK's default one dies in a forked child
        self._connecting = asyncio.Lock()
        self._client: Client | None = None
        threading.Thread(target=self.loop.run_forever, name="temporal", daemon=True).start()

    async def use(self, action: Callable[[Client], Awaitable[T]]) -> T:
        async with self._connecting:
            if self._client is None:
                self._client = await connect(self._runtime)
        return await action(self._client)


_connections: dict[int, _Connection] = {}  # by process id: a fork must not use its parent's
_guard = threading.Lock()


def _forget_lock() -> None:
    global _guard  # a thread of the parent may have held it at the fork
    _guard = threading.Lock()


os.register_at_fork(after_in_child=_forget_lock)


def _target() -> tuple[str, str]:
    return settings.TEMPORAL_ADDRESS, settings.TEMPORAL_NAMESPACE


def _connection() -> _Connection:
    with _guard:
        connection = _connections.get(os.getpid())
        if connection is None or connection.target != _target():
            connection = _connections[os.getpid()] = _Connection()
        return connection


def call(action: Callable[[Client], Awaitable[T]], timeout: float) -> T:
    """What `action` returns, within `timeout` seconds. Raises TemporalUnavailable, WorkflowGone."""
    connection = _connection()
    future = asyncio.run_coroutine_threadsafe(connection.use(action), connection.loop)
    try:
        return future.result(timeout)
    except FutureTimeout as error:
        future.cancel()
        raise TemporalUnavailable(f"no answer within {timeout:g} s") from error
    except RPCError as error:
        # A missing namespace is NOT_FOUND too: a decision would count as delivered to an ended workflow.
        namespace_is_missing = any(
            detail.Is(NamespaceNotFoundFailure.DESCRIPTOR) for detail in error.grpc_status.details
        )
        if error.status is RPCStatusCode.NOT_FOUND and not namespace_is_missing:
            raise WorkflowGone(error.message) from error
        raise TemporalUnavailable(error.status.name.lower()) from error
    except WorkflowQueryFailedError as error:
        raise TemporalUnavailable("the query failed") from error
    except (RuntimeError, OSError) as error:  # the SDK's own when it can't connect; an unreadable certificate
        raise TemporalUnavailable(type(error).__name__) from error


@atexit.register
def _let_threads_finish() -> None:
    if os.getpid() in _connections:
        time.sleep(EXIT_GRACE_SECONDS)
