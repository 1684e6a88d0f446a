"""Following one document: its correlation id on every log line and, with the traces extra, on every span.

The trace id *is* the correlation id, as far as that has 32 hexadecimal digits, else a digest of it. So the request, the
worker that takes the row, Temporal's activities, the calls to BULI2 and its callback stand in one trace although a row
lies between them, and whoever has a log line has the trace.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from structlog.contextvars import bound_contextvars

try:
    from opentelemetry import trace
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
except ImportError:  # the extra is optional: spans cost nothing then
    trace = None  # type: ignore[assignment]
    RandomIdGenerator = object  # type: ignore[assignment,misc]

SERVER, CONSUMER, CLIENT, PRODUCER = "SERVER", "CONSUMER", "CLIENT", "PRODUCER"

_HEX = re.compile(r"[0-9a-f]{32}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_trace_id: ContextVar[int | None] = ContextVar("trace_id", default=None)


class CorrelatedIds(RandomIdGenerator):
    """Ids of spans by chance; of a trace that `hop` begins, its own."""

    def generate_trace_id(self) -> int:
        chosen = _trace_id.get()
        return int(super().generate_trace_id()) if chosen is None else chosen


class _Tracer:
    """What spans are made with; nothing until `use` was called."""

    made_with: Any = None


def use(provider: Any) -> None:
    """Make spans with this TracerProvider, built with CorrelatedIds; None makes none."""
    _Tracer.made_with = None if provider is None else provider.get_tracer("filot")


def trace_id_of(correlation_id: str) -> int:
    plain = correlation_id.replace("-", "").lower()
    if _HEX.fullmatch(plain) and int(plain, 16):
        return int(plain, 16)
    return int(hashlib.sha256(correlation_id.encode()).hexdigest()[:32], 16)


@contextmanager
def followed(correlation_id: str, name: str, kind: str = CONSUMER, **facts: Any) -> Iterator[Any]:
    """A piece of work for one document: its log lines and its span say for which."""
    with bound_contextvars(correlation_id=correlation_id), hop(correlation_id, name, kind, **facts) as span:
        yield span


@contextmanager
def hop(correlation_id: str, name: str, kind: str, *, traceparent: str = "", **facts: Any) -> Iterator[Any]:
    """One span, None without traces. `traceparent`: of the caller, whose span is its parent when the trace is the same.

    Facts are ids, codes and counts, never a value of a card. Inside another hop of the trace it is that one's child.
    """
    tracer = _Tracer.made_with
    if tracer is None or not correlation_id:
        yield None
        return
    trace_id = trace_id_of(correlation_id)
    token = _trace_id.set(trace_id)
    try:
        with tracer.start_as_current_span(
            name,
            context=_parent(trace_id, traceparent),
            kind=trace.SpanKind[kind],
            attributes={"filot.correlation_id": correlation_id, **facts},
            record_exception=False,  # the text of an exception may repeat a row's values; its class says enough
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_status(trace.StatusCode.ERROR, type(error).__name__)
                raise
    finally:
        _trace_id.reset(token)


def _parent(trace_id: int, traceparent: str) -> Any:
    around = trace.get_current_span().get_span_context()
    if around.is_valid and around.trace_id == trace_id:
        return None  # the current context
    caller = _TRACEPARENT.fullmatch(traceparent)
    if caller and int(caller[1], 16) == trace_id:
        flags = trace.TraceFlags(int(caller[3], 16) | trace.TraceFlags.SAMPLED)
        remote = trace.SpanContext(trace_id, int(caller[2], 16), is_remote=True, trace_flags=flags)
        return trace.set_span_in_context(trace.NonRecordingSpan(remote))
    return trace.set_span_in_context(trace.INVALID_SPAN)


def traceparent_of(span: Any) -> dict[str, str]:
    """The header that hands the span on; nothing without traces."""
    if span is None:
        return {}
    context = span.get_span_context()
    return {"traceparent": f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"}
