"""A correlation id for every request, and a bound on every body."""

import io
import json
import re
from typing import Any

import pytest
import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import RequestFactory
from django.urls import path
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from filot.middleware import CORRELATION_HEADER, UPLOAD_PATH, chosen_id
from filot.models import User
from tests.conftest import client_of

TRACE = "0af7651916cd43dd8448eb211c80319c"


def bound(request: HttpRequest, token: str = "") -> HttpResponse:
    correlation_id = request.correlation_id  # type: ignore[attr-defined]
    return JsonResponse({**structlog.contextvars.get_contextvars(), "request": correlation_id})


def failing(request: HttpRequest) -> HttpResponse:
    structlog.contextvars.bind_contextvars(left_behind="yes")
    raise RuntimeError("a fault")


class UploadView(APIView):
    parser_classes = (MultiPartParser,)
    throttle_scope = "none"

    def post(self, request: Request) -> Response:
        file = request.data.get("file")
        return Response({"size": file.size if file else None})


class JsonView(APIView):
    authentication_classes = ()
    permission_classes = ()
    throttle_scope = "none"

    def post(self, request: Request) -> Response:
        return Response({"keys": len(request.data)})


urlpatterns = [
    path("bound", bound),
    path("failing", failing),
    path("files/<str:token>", bound),
    path("documents/upload", UploadView.as_view()),
    path("json", JsonView.as_view()),
]
handler404 = "filot.errors.not_found"
handler500 = "filot.errors.server_error"

pytestmark = pytest.mark.urls("tests.filot.test_middleware")


@pytest.fixture
def caller() -> APIClient:
    client = APIClient()
    client.raise_request_exception = False
    return client


def test_a_harmless_id_of_the_caller_is_kept_bound_and_answered(caller: APIClient) -> None:
    response = caller.get("/bound", headers={"X-Correlation-Id": "app-7.31_b"})
    assert response["X-Correlation-Id"] == "app-7.31_b"
    assert response.json()["correlation_id"] == "app-7.31_b"
    assert response.json()["request"] == "app-7.31_b"


@pytest.mark.parametrize("given", ["", " ", "a b", "x" * 65, "a\nb", "<script>", "3174091207900001\u00e9", "a/b"])
def test_any_other_id_is_replaced(caller: APIClient, given: str) -> None:
    response = caller.get("/bound", headers={"X-Correlation-Id": given})
    assert re.fullmatch(r"[0-9a-f]{32}", response["X-Correlation-Id"])
    assert response.json()["correlation_id"] == response["X-Correlation-Id"]


def test_the_id_of_a_trace_is_used_when_there_is_no_other(caller: APIClient) -> None:
    response = caller.get("/bound", headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
    assert response["X-Correlation-Id"] == TRACE


@pytest.mark.parametrize("trace", ["00-" + "0" * 32 + "-b7ad6b7169203331-01", f"{TRACE}", "00-xyz-b7ad6b7169203331-01"])
def test_an_invalid_trace_is_not_used(caller: APIClient, trace: str) -> None:
    response = caller.get("/bound", headers={"traceparent": trace})
    assert response["X-Correlation-Id"] not in (TRACE, "0" * 32)


def test_nothing_bound_by_one_request_reaches_the_next(caller: APIClient) -> None:
    structlog.contextvars.bind_contextvars(left_behind="before")
    assert caller.get("/failing").status_code == 500
    assert "left_behind" not in caller.get("/bound").json()
    assert structlog.contextvars.get_contextvars() == {}


def test_errors_carry_the_id_too(caller: APIClient) -> None:
    response = caller.get("/nowhere", headers={"X-Correlation-Id": "app-8"})
    assert response["X-Correlation-Id"] == "app-8"
    assert response.json()["error"]["correlationId"] == "app-8"


def test_request_lines_carry_the_id_and_no_query_link_or_value(
    caller: APIClient, capsys: pytest.CaptureFixture[str]
) -> None:
    caller.get("/files/IjEyMyI:1tZabc:signature", headers={"X-Correlation-Id": "app-9"})
    caller.get("/bound?q=BUDI+SANTOSO&nik=3174091207900001", headers={"X-Correlation-Id": "app-9"})
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    finished = [line for line in lines if line["event"] == "request_finished"]
    assert [line["request"] for line in finished] == ["GET /files/***", "GET /bound?***"]
    assert {line["correlation_id"] for line in lines} == {"app-9"}


def test_a_fault_is_logged_once_with_its_id(caller: APIClient, capsys: pytest.CaptureFixture[str]) -> None:
    caller.get("/failing", headers={"X-Correlation-Id": "app-10"})
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    failures = [line for line in lines if "exception" in line]
    assert [(line["event"], line["correlation_id"]) for line in failures] == [("request_failed", "app-10")]
    assert "in failing" in failures[0]["exception"] and failures[0]["exception"].endswith("RuntimeError: ***")


class Unread(io.BytesIO):
    """A body that must not be read."""

    def read(self, *args: Any) -> bytes:
        raise AssertionError("the body was read")


def declared(length: int) -> dict[str, Any]:
    extra = {"CONTENT_LENGTH": str(length), "wsgi.input": Unread()}
    return {"content_type": "multipart/form-data; boundary=b", **extra}


def test_a_large_upload_is_refused_by_its_length_before_it_is_read(owner: User, settings: Any) -> None:
    length = settings.MAX_UPLOAD_BYTES + settings.MULTIPART_OVERHEAD_BYTES + 1
    response = client_of(owner).generic("POST", UPLOAD_PATH, b"", **declared(length))
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")


def test_who_calls_is_asked_before_how_large_it_is(caller: APIClient, db: None) -> None:
    response = caller.generic("POST", UPLOAD_PATH, b"", **declared(10**9))
    assert response.status_code == 401


def test_a_file_of_exactly_the_limit_gets_through(owner: User, settings: Any) -> None:
    file = io.BytesIO(b"x" * settings.MAX_UPLOAD_BYTES)
    file.name = "card.jpg"
    response = client_of(owner).post(UPLOAD_PATH, {"file": file, "type": "KTP"}, format="multipart")
    assert (response.status_code, response.json()) == (200, {"size": settings.MAX_UPLOAD_BYTES})


@pytest.mark.parametrize("address", [UPLOAD_PATH, "/json"])
def test_a_chunked_body_is_411(caller: APIClient, address: str) -> None:
    response = caller.post(address, HTTP_TRANSFER_ENCODING="gzip, Chunked")
    assert (response.status_code, response.json()["error"]["code"]) == (411, "length_required")


def test_a_large_json_body_is_refused_before_it_is_read(caller: APIClient, settings: Any) -> None:
    length = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1
    extra = {"CONTENT_LENGTH": str(length), "wsgi.input": Unread()}
    response = caller.generic("POST", "/json", b"", content_type="application/json", **extra)
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")


def test_a_json_body_of_exactly_the_limit_gets_through(caller: APIClient, settings: Any) -> None:
    body = b'{"a": 1}'.ljust(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    response = caller.generic("POST", "/json", body, content_type="application/json")
    assert (response.status_code, response.json()) == (200, {"keys": 1})


def test_a_length_that_is_no_number_is_no_fault_of_ours(caller: APIClient) -> None:
    response = caller.generic("POST", "/json", b"", content_type="application/json", CONTENT_LENGTH="many")
    assert response.status_code < 500


@pytest.mark.parametrize("given", ["3273014107900001", "req-3273014107900001", "09.254.294.3-407.000"])
def test_a_correlation_id_that_holds_an_identity_number_is_replaced(given: str) -> None:
    assert chosen_id(RequestFactory().get("/", headers={CORRELATION_HEADER: given}))[0] != given


@pytest.mark.parametrize("given", ["req-42", "12345678-1234-1234-1234-123456789012", "1" * 32, "20261124-77"])
def test_an_ordinary_correlation_id_is_kept(given: str) -> None:
    assert chosen_id(RequestFactory().get("/", headers={CORRELATION_HEADER: given})) == (given, True)
