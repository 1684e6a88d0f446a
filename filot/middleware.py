"""What happens to every request before its view: a correlation id, a bound on its body, a count."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from rest_framework.views import APIView

from documents.tracing import SERVER, hop
from filot.errors import error_response, refused

CORRELATION_HEADER = "X-Correlation-Id"
PAGE_METHODS = ("GET", "HEAD", "POST")
UPLOAD_PATH = "/documents/upload"

_CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Clients make ids of what they have at hand: a card's number would stand in plain columns, logs and messages.
_IDENTITY_NUMBER = re.compile(r"(?:[0-9][._-]?){15}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")

View = Callable[[HttpRequest], HttpResponse]


def correlation(get_response: View) -> View:
    """Gives the request its `correlation_id`, and the same to its log lines and to the answer's header."""

    def middleware(request: HttpRequest) -> HttpResponse:
        correlation_id, given = chosen_id(request)
        request.correlation_id = correlation_id  # type: ignore[attr-defined]
        request.correlation_given = given  # type: ignore[attr-defined]
        # A thread serves one request after another: what the last one bound must not name this one's lines.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(correlation_id=correlation_id)
        traceparent = request.headers.get("traceparent", "")
        with hop(correlation_id, f"web {request.method}", SERVER, traceparent=traceparent) as span:
            response = get_response(request)
            if span is not None:
                span.update_name(f"web {request.method} {route_of(request)}")
                span.set_attribute("http.response.status_code", response.status_code)
        response[CORRELATION_HEADER] = request.correlation_id  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        return response

    return middleware


def chosen_id(request: HttpRequest) -> tuple[str, bool]:
    """The caller's id when it is harmless, else its trace's, else a new one; and whether it is the caller's."""
    given = request.headers.get(CORRELATION_HEADER, "")
    if _CORRELATION_ID.fullmatch(given) and (_UUID.fullmatch(given) or not _IDENTITY_NUMBER.search(given)):
        return given, True
    trace = _TRACEPARENT.fullmatch(request.headers.get("traceparent", ""))
    return (trace[1], True) if trace else (uuid.uuid4().hex, False)


def route_of(request: HttpRequest) -> str:
    """The name of the route in filot.urls, "admin" for each page of the console: a label with few values."""
    match = request.resolver_match
    if match is None:
        return "none"
    return match.app_names[0] if match.app_names else match.url_name or "none"


class DeclaredSize(FileUploadHandler):
    """Refuses a multipart body by its Content-Length, before a byte of it is read.

    As an upload handler it speaks when the view asks for the body, so after the view checked who is calling
    and how often: the order in which the contract wants an upload refused.
    """

    def handle_raw_input(self, input_data: Any, META: Any, content_length: int, *args: Any, **kwargs: Any) -> None:
        if content_length > settings.MAX_UPLOAD_BYTES + settings.MULTIPART_OVERHEAD_BYTES:
            raise RequestDataTooBig("the upload is larger than MAX_UPLOAD_BYTES")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


def upload_size(get_response: View) -> View:
    """Bounds every body: an upload by MAX_UPLOAD_BYTES, anything else by DATA_UPLOAD_MAX_MEMORY_SIZE.

    DRF reads a JSON body whatever its size, and Django takes a chunked one for an empty one.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
            refusal = refused(request)
            return refusal or error_response(request, 411, "length_required", "Send the body with a Content-Length.")
        if request.path_info == UPLOAD_PATH:
            request.upload_handlers.insert(0, DeclaredSize(request))
        elif declared_length(request) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return refused(request) or error_response(request, 413, "too_large", "The body is too large.")
        return get_response(request)

    return middleware


def page_methods(get_response: View) -> View:
    """The console's pages know reading and posting; Django's admin takes any other method for a GET."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(f"/{settings.ADMIN_PATH}") and request.method not in PAGE_METHODS:
            return refused(request) or HttpResponseNotAllowed(PAGE_METHODS)
        return get_response(request)

    return middleware


def not_cached(get_response: View) -> View:
    """What is answered is about somebody, unless the answer itself says how long it may be kept."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-cache" if "ETag" in response else "no-store")
        return response

    return middleware


def declared_length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0  # Django reads nothing then


class RateLimited:
    """Counts what DRF does not: the console's pages and all other plain views. Tells every caller what is left.

    Stands before CsrfViewMiddleware, or calls that it refuses would be free. An unknown address has no view at all:
    `filot.errors.not_found` counts it.
    """

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        budget = getattr(request, "budget", None)
        for name, value in budget.headers().items() if budget else ():
            response.headers.setdefault(name, value)
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        of_the_api = issubclass(getattr(view, "cls", object), APIView)
        return None if of_the_api else refused(request)
