"""One correlation id from the request through the worker, Temporal and BULI2 and back; and spans over the same hops."""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from rest_framework.test import APIClient
from temporalio.testing import ActivityEnvironment

from documents import tracing
from documents.models import Document
from filot import traces
from integrations import breaker, temporal
from integrations.models import Buli2Exchange, Direction
from integrations.signatures import sign
from integrations.simulator import BuliSimulator
from integrations.simulator_desk import Desk
from review import activities, delivery
from review import services as review_services
from review.models import Review
from tests.documents.test_api import picture
from tests.stack import TIMEOUTS, Stack, wait_for
from tests.test_the_walk import card
from tests.verification.build import KTP_LINES, ScriptedEngine
from verification import services

SECRET = "test-signature-secret"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


# All of it, by real processes ----------------------------------------------------------------------------------------


@pytest.mark.xdist_group("stack")
def test_one_id_follows_a_document_through_every_process_and_back(stack: Stack) -> None:
    token, given = stack.token(), f"follow-{uuid.uuid4().hex[:12]}"
    answer = stack.call(
        "POST",
        "/documents/upload",
        token,
        files={"file": ("card", card("ktp-doubtful", 431), "image/jpeg")},
        data={"type": "KTP"},
        headers={"X-Correlation-Id": given},
    )
    assert (answer.status_code, answer.headers["X-Correlation-Id"]) == (201, given)
    document_id = answer.json()["documentId"]
    stack.settled(token, document_id)
    ticket = "SELECT buli2_ticket_id FROM review_review WHERE document_id = %s AND buli2_ticket_id <> ''"
    ((ticket_id,),) = wait_for("BULI2's ticket", lambda: stack.rows(ticket, document_id))
    desk = f"http://127.0.0.1:{stack.simulator_port}/decide"
    requests.post(desk, data={"ticket": ticket_id, "decision": "approved"}, timeout=TIMEOUTS, allow_redirects=False)
    wait_for("the decision", lambda: stack.status(token, document_id)["status"] == "review_result")

    def said_by(process: str) -> set[str]:
        lines = [json.loads(line) for line in stack.log(process).splitlines() if line.startswith("{")]
        return {line["event"] for line in lines if line.get("correlation_id") == given}

    assert {"document_received", "upload_answered", "buli2_callback"} <= said_by("web")
    assert {"queue_pull", "processing_done", "ai_evaluation_done"} <= said_by("ocr")
    wait_for("Temporal's worker", lambda: {"buli2_forward", "review_closed"} <= said_by("temporal"))
    rows = "SELECT direction, correlation_id FROM integrations_buli2exchange WHERE review_id = %s"
    ((review_id,),) = stack.rows("SELECT id FROM review_review WHERE document_id = %s", document_id)
    assert set(stack.rows(rows, review_id)) == {("outbound", given), ("inbound", given)}
    events = "SELECT DISTINCT correlation_id FROM documents_documentevent WHERE document_id = %s"
    assert stack.rows(events, document_id) == [(given,)]


# Spans ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(id_generator=tracing.CorrelatedIds())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(provider)
    yield exporter
    tracing.use(None)


@pytest.fixture
def simulator(settings: Any) -> Iterator[BuliSimulator]:
    breaker._built.cache_clear()
    settings.BULI2_MODE, settings.BULI2_API_KEY, settings.BULI2_TIMEOUTS = "sandbox", "test-api-key", (1.0, 1.0)
    with BuliSimulator(api_key="test-api-key", desk=Desk(secret=SECRET)) as running:
        settings.BULI2_API_URL = running.url
        yield running


def named(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in spans.get_finished_spans()}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("originals_in", "published_policy")
def test_the_five_hops_of_a_document_are_one_trace(
    spans: InMemorySpanExporter, simulator: BuliSimulator, api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubtful = [line for line in KTP_LINES if not line.startswith(("Alamat", "Tempat"))]
    monkeypatch.setattr(services, "engine_of", lambda queue: ScriptedEngine(doubtful))
    monkeypatch.setattr(temporal, "start_review_workflow", lambda *args, **kwargs: None)
    headers = {"HTTP_TRACEPARENT": f"00-{TRACE}-{SPAN}-01"}
    form = {"type": "KTP", "file": picture_file()}
    answer = api.post("/documents/upload", form, format="multipart", **headers)
    assert (answer.status_code, answer["X-Correlation-Id"]) == (201, TRACE)
    services.verify_waiting("ocr.cpu", "w1")
    review_services.open_reviews()
    delivery.deliver()
    review = Review.objects.get()
    ActivityEnvironment().run(activities.submit_to_buli2, str(review.pk))
    (sent,) = [headers for method, path, headers in simulator.requests if method == "POST"]
    body = json.dumps({"decision": "approved"}).encode()
    called = APIClient().generic(
        *("POST", f"/internal/reviews/{review.pk}/callback", body),
        content_type="application/json",
        HTTP_X_BULI2_SIGNATURE=sign(body, SECRET),
        HTTP_TRACEPARENT=sent["traceparent"],
    )
    assert called.status_code == 200

    found = named(spans)
    hops = [
        *("web POST upload", "verification.load", "verification.settle", "temporal.start"),
        *("temporal.submit_to_buli2", "buli2.submit", "web POST review-callback"),
    ]
    assert set(hops) <= set(found), sorted(found)
    assert {f"{found[name].context.trace_id:032x}" for name in hops} == {TRACE}
    assert len({found[name].context.span_id for name in hops}) == len(hops)
    upload, submit = found["web POST upload"], found["buli2.submit"]
    assert upload.parent is not None
    assert f"{upload.parent.span_id:016x}" == SPAN
    assert submit.parent is not None
    assert submit.parent.span_id == found["temporal.submit_to_buli2"].context.span_id
    assert sent["traceparent"].startswith(f"00-{TRACE}-{submit.context.span_id:016x}-")
    assert found["web POST review-callback"].parent is not None
    assert found["web POST review-callback"].parent.span_id == submit.context.span_id
    assert Buli2Exchange.objects.get(direction=Direction.inbound).correlation_id == TRACE
    told = json.dumps([{**(span.attributes or {}), "name": span.name} for span in spans.get_finished_spans()])
    assert "3273014107900001" not in told
    assert "SITI" not in told


def picture_file() -> Any:
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile("card.jpg", picture(), content_type="image/jpeg")


@pytest.mark.django_db
def test_the_callback_of_a_partner_who_sends_no_id_is_followed_under_the_documents(
    spans: InMemorySpanExporter, simulator: BuliSimulator, owner: Any
) -> None:
    from tests.review.cases import case_of

    review = case_of(owner)
    body = json.dumps({"decision": "rejected"}).encode()
    path = f"/internal/reviews/{review.pk}/callback"
    signed = {"content_type": "application/json", "HTTP_X_BULI2_SIGNATURE": sign(body, SECRET)}
    assert APIClient().generic("POST", path, body, **signed)["X-Correlation-Id"] == "upload-1"
    given = APIClient().generic("POST", path, body, HTTP_X_CORRELATION_ID="theirs-7", **signed)
    assert given["X-Correlation-Id"] == "theirs-7"
    kept = Buli2Exchange.objects.order_by("created_at").values_list("correlation_id", flat=True)
    assert list(kept) == ["upload-1", "theirs-7"]
    assert Document.objects.get().correlation_id == "upload-1"


def test_a_failure_marks_its_span_with_the_class_of_the_error_and_no_text(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError), tracing.followed("c-1", "verification.load"):
        raise ValueError("NIK 3273014107900001")
    (span,) = spans.get_finished_spans()
    assert (span.status.status_code.name, span.status.description, span.events) == ("ERROR", "ValueError", ())


@pytest.mark.parametrize(
    ("correlation_id", "trace_id"),
    [(TRACE, TRACE), ("0AF76519-16CD-43DD-8448-EB211C80319C", TRACE), ("follow-1", None), ("0" * 32, None)],
)
def test_the_trace_is_the_correlation_id_where_it_can_be(correlation_id: str, trace_id: str | None) -> None:
    found = f"{tracing.trace_id_of(correlation_id):032x}"
    assert found == (trace_id or found)
    assert re.fullmatch(r"(?!0{32})[0-9a-f]{32}", found)


@pytest.mark.parametrize("traceparent", ["", "junk", f"00-{'1' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01"])
def test_a_parent_of_another_trace_is_no_parent(spans: InMemorySpanExporter, traceparent: str) -> None:
    with tracing.hop(TRACE, "web GET x", tracing.SERVER, traceparent=traceparent):
        pass
    (span,) = spans.get_finished_spans()
    assert span.parent is None
    assert f"{span.context.trace_id:032x}" == TRACE


def test_without_traces_nothing_is_made_and_nothing_fails() -> None:
    with tracing.followed("c-1", "verification.load") as span:
        assert span is None
        assert tracing.traceparent_of(span) == {}


def test_an_endpoint_turns_the_spans_on(settings: Any) -> None:
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = ""
    traces.begin()
    assert tracing._Tracer.made_with is None
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:9"  # nobody there: spans are lost, nothing else
    try:
        traces.begin()
        with tracing.followed("c-1", "x") as span:
            assert span is not None
    finally:
        tracing.use(None)
