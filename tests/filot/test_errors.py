"""Every error has one shape, and none shows our innards."""

import json
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation, TooManyFilesSent, ValidationError
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from documents.storage import StoreUnavailable

SECRET_DETAIL = "SELECT secret_column FROM innards"


class Conflict(APIException):
    status_code = 409
    default_code = "not_ready"
    default_detail = "The document has not been read yet."
    extra = {"currentStatus": "processing"}


class Busy(Exception):
    retry_after = 17


RAISED: dict[str, Any] = {
    "not-found": Http404("no such row 17"),
    "forbidden": PermissionDenied(SECRET_DETAIL),
    "conflict": Conflict(),
    "suspicious": SuspiciousOperation(SECRET_DETAIL),
    "many-files": TooManyFilesSent(SECRET_DETAIL),
    "value": ValidationError("not a uuid"),
    "unicode": UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    "data": DataError(SECRET_DETAIL),
    "depth": RecursionError(SECRET_DETAIL),
    "database": OperationalError(SECRET_DETAIL),
    "interface": InterfaceError(SECRET_DETAIL),
    "store": StoreUnavailable(SECRET_DETAIL),
    "busy": Busy(SECRET_DETAIL),
    "fault": RuntimeError(SECRET_DETAIL),
}


class Open(APIView):
    authentication_classes = ()
    permission_classes = ()
    throttle_scope = "none"


class RaisingView(Open):
    def get(self, request: Request, what: str) -> Response:
        raise RAISED[what]


class Inner(serializers.Serializer[Any]):
    number = serializers.IntegerField()


class Outer(serializers.Serializer[Any]):
    title = serializers.CharField()
    parts = Inner(many=True)

    def validate(self, attrs: Any) -> Any:
        raise serializers.ValidationError("the two do not match")


class EchoView(Open):
    def post(self, request: Request) -> Response:
        body = Outer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(body.data)


class FormView(EchoView):
    parser_classes = (MultiPartParser,)


def raise_outside_drf(request: HttpRequest, what: str) -> HttpResponse:
    raise RAISED[what]


urlpatterns = [
    path("raise/<str:what>", RaisingView.as_view()),
    path("plain/<str:what>", raise_outside_drf),
    path("admin/<str:what>", raise_outside_drf),
    path("echo", EchoView.as_view()),
    path("form", FormView.as_view()),
]
handler400 = "filot.errors.bad_request"
handler403 = "filot.errors.permission_denied"
handler404 = "filot.errors.not_found"
handler500 = "filot.errors.server_error"

pytestmark = pytest.mark.urls("tests.filot.test_errors")


@pytest.fixture
def caller() -> APIClient:
    client = APIClient()
    client.raise_request_exception = False
    return client


def error_of(response: Any) -> dict[str, Any]:
    """The error, once its shape is checked."""
    body = json.loads(response.content)
    assert body["success"] is False
    error: dict[str, Any] = body["error"]
    assert set(error) == {"code", "message", "details", "correlationId"}
    assert error["message"]
    assert error["correlationId"] == response["X-Correlation-Id"]
    assert "innards" not in response.content.decode()
    assert "Traceback" not in response.content.decode()
    return error


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ("not-found", 404, "not_found"),
        ("forbidden", 403, "permission_denied"),
        ("conflict", 409, "not_ready"),
        ("suspicious", 400, "bad_request"),
        ("many-files", 400, "bad_request"),
        ("value", 400, "validation_error"),
        ("unicode", 400, "bad_request"),
        ("data", 400, "bad_request"),
        ("depth", 400, "bad_request"),
        ("database", 503, "unavailable"),
        ("interface", 503, "unavailable"),
        ("store", 503, "unavailable"),
        ("busy", 503, "unavailable"),
        ("fault", 500, "internal_error"),
    ],
)
def test_whatever_is_raised_has_its_status_and_word(caller: APIClient, what: str, status: int, code: str) -> None:
    response = caller.get(f"/raise/{what}")
    assert (response.status_code, error_of(response)["code"]) == (status, code)


@pytest.mark.parametrize(
    ("what", "status"),
    [("not-found", 404), ("forbidden", 403), ("suspicious", 400), ("database", 503), ("fault", 500)],
)
def test_errors_outside_the_views_of_the_api_look_the_same(caller: APIClient, what: str, status: int) -> None:
    response = caller.get(f"/plain/{what}")
    assert response.status_code == status
    error_of(response)


@pytest.mark.parametrize(
    ("what", "status"),
    [("not-found", 404), ("forbidden", 403), ("suspicious", 400), ("database", 503), ("fault", 500)],
)
def test_people_at_the_console_get_a_page(caller: APIClient, what: str, status: int) -> None:
    response = caller.get(f"/admin/{what}")
    assert response.status_code == status
    assert response["Content-Type"].startswith("text/html")
    assert "innards" not in response.content.decode()


@pytest.mark.parametrize("address", ["/raise/database", "/plain/database", "/admin/database", "/raise/store"])
def test_a_part_that_is_down_says_when_to_come_back(caller: APIClient, address: str) -> None:
    assert caller.get(address)["Retry-After"] == "5"


def test_an_exception_says_itself_when_to_come_back(caller: APIClient) -> None:
    assert caller.get("/raise/busy")["Retry-After"] == "17"


def test_an_unknown_address_is_a_json_404(caller: APIClient) -> None:
    response = caller.get("/nowhere/at/all")
    assert (response.status_code, error_of(response)["code"]) == (404, "not_found")


def test_a_foreign_host_is_400(caller: APIClient) -> None:
    response = caller.get("/nowhere", HTTP_HOST="evil.example")
    assert (response.status_code, error_of(response)["code"]) == (400, "bad_request")


def test_extra_words_of_an_error_lie_beside_it(caller: APIClient) -> None:
    assert caller.get("/raise/conflict").json()["currentStatus"] == "processing"


def test_a_wrong_method_is_405_and_names_the_right_ones(caller: APIClient) -> None:
    response = caller.delete("/echo")
    assert (response.status_code, error_of(response)["code"]) == (405, "method_not_allowed")
    assert response["Allow"] == "POST, OPTIONS"


@pytest.mark.urls("filot.urls")
@pytest.mark.parametrize("address", ["/health", "/health/live", "/health/ready", "/metrics", "/files/x"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_wrong_method_outside_the_api_is_405_too(db: None, address: str, method: str) -> None:
    response = Client(enforce_csrf_checks=True).generic(method, address)
    assert (response.status_code, error_of(response)["code"]) == (405, "method_not_allowed")
    assert "GET" in response["Allow"]


@pytest.mark.urls("filot.urls")
def test_a_foreign_form_is_403_in_the_one_shape_and_a_page_at_the_console(db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/")
    assert (response.status_code, error_of(response)["code"]) == (403, "csrf_failed")
    page = client.post("/admin/login/")
    assert (page.status_code, page["Content-Type"]) == (403, "text/html; charset=utf-8")


@pytest.mark.urls("filot.urls")
@pytest.mark.parametrize("address", ["/api/docs", "/api/schema"])
def test_pages_that_answer_in_another_format_fail_in_json(db: None, caller: APIClient, address: str) -> None:
    for response in (caller.delete(address), caller.get(address, HTTP_ACCEPT="image/gif")):
        assert response.status_code in (405, 406)
        assert response["Content-Type"] == "application/json"
        error_of(response)


def test_an_answer_that_nobody_can_give_is_406_in_the_one_shape(caller: APIClient) -> None:
    response = caller.get("/raise/conflict", HTTP_ACCEPT="image/gif")
    assert (response.status_code, error_of(response)["code"]) == (406, "not_acceptable")


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        ("application/json", "The body is not valid JSON."),
        ("application/json; charset=klingon", "The body is not valid JSON."),
        ("multipart/form-data", "The body is not valid multipart/form-data."),
        ("multipart/form-data; boundary=\u00e9", "The body is not valid multipart/form-data."),
    ],
)
def test_a_body_that_cannot_be_read_is_named_in_our_own_words(
    caller: APIClient, content_type: str, message: str
) -> None:
    address = "/form" if content_type.startswith("multipart") else "/echo"
    response = caller.generic("POST", address, b'{"nik": 3174', content_type=content_type)
    error = error_of(response)
    assert (response.status_code, error["code"], error["message"]) == (400, "parse_error", message)


def test_a_body_of_another_kind_is_415(caller: APIClient) -> None:
    response = caller.post("/echo", data="a=1", content_type="application/x-www-form-urlencoded")
    assert (response.status_code, error_of(response)["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"title": "\xff"}',
        b"[" * 100_000,
        b'{"title": ' + b"9" * 5000 + b"}",
        b'{"title": NaN}',
        b"null",
        b"[]",
        b'"text"',
        b"",
        b'{"title": "\\ud800", "parts": [{"number": 1}]}',
        b'{"title": "\\u0000", "parts": []}',
    ],
)
def test_bad_json_is_400(caller: APIClient, body: bytes) -> None:
    response = caller.post("/echo", data=body, content_type="application/json")
    assert response.status_code == 400
    error_of(response)


def test_an_unknown_charset_is_no_fault_of_ours(caller: APIClient) -> None:
    response = caller.post("/echo", data=b"{}", content_type="application/json; charset=klingon")
    assert response.status_code in (400, 415)
    error_of(response)


def test_validation_names_each_field_by_its_path(caller: APIClient) -> None:
    response = caller.post("/echo", {"parts": [{"number": 1}, {"number": "x"}]}, format="json")
    error = error_of(response)
    assert (response.status_code, error["code"]) == (400, "validation_error")
    assert error["details"] == [
        {"field": "title", "message": "This field is required."},
        {"field": "parts.1.number", "message": "A valid integer is required."},
    ]


def test_a_fault_of_the_whole_request_has_no_field(caller: APIClient) -> None:
    response = caller.post("/echo", {"title": "x", "parts": []}, format="json")
    assert error_of(response)["details"] == [{"field": "", "message": "the two do not match"}]


def test_debug_pages_are_off_by_default(settings: Any) -> None:
    assert settings.DEBUG is False
