"""The one shape of every error of the API: a word for programs, a text for people, nothing of our innards."""

import functools
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import structlog
from django.conf import settings
from django.core import exceptions as django_errors
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.views import csrf, defaults
from django.views.decorators.csrf import csrf_exempt
from redis.exceptions import RedisError
from rest_framework import exceptions, status
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from documents.sealing import CannotOpen
from documents.storage import StoreUnavailable
from filot.throttling import TooManyCalls, count_once

RETRY_AFTER = 5  # seconds, when a part is down and does not say for how long
READS = ("GET", "HEAD")
NOT_A_CHOICE = "Not one of the choices."
NOT_JSON = "The body is not valid JSON."
NOT_A_FORM = "The body is not valid multipart/form-data."

logger = structlog.get_logger(__name__)


class Unavailable(exceptions.APIException):
    """A needed part is down."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"
    default_detail = "A part of the service is not available. Try again soon."

    def __init__(self, detail: str | None = None, *, retry_after: float = RETRY_AFTER) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = "The body is too large."


class BadRequest(exceptions.APIException):
    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "bad_request"
    default_detail = "The request could not be understood."


# What the parts raise when they are down, and what bad input makes the parts below raise.
# CannotOpen: the key that sealed a value is not among ours, which is for operators to mend.
DOWN: tuple[type[Exception], ...] = (OperationalError, InterfaceError, StoreUnavailable, RedisError, CannotOpen)
BAD_INPUT: tuple[type[Exception], ...] = (
    django_errors.SuspiciousOperation,
    django_errors.BadRequest,
    UnreadablePostError,
    UnicodeError,
    DataError,  # a number out of range, a NUL in a text
    RecursionError,  # JSON nested a thousand deep
)


def answer(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. None for what nobody foresaw: Django then logs it and calls `server_error`."""
    known = as_api_error(exc)
    if known is None:
        return None
    request = context["request"]
    try:
        count_once(request._request)  # what was refused before its view counted it: without a valid token, mostly
    except TooManyCalls as refusal:
        known = refusal
    # Some views answer in HTML or YAML only: an error of theirs is JSON all the same.
    request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
    return Response(error_body(request, known), status=known.status_code, headers=error_headers(known))


def as_api_error(exc: BaseException | None) -> exceptions.APIException | None:
    """The API's error for an exception of Django, the database or a part; None when the fault is ours."""
    if isinstance(exc, exceptions.APIException):
        return exc
    if isinstance(exc, Http404):
        return exceptions.NotFound()
    if isinstance(exc, django_errors.PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(exc, django_errors.RequestDataTooBig):
        return TooLarge()
    if isinstance(exc, django_errors.ValidationError):
        return exceptions.ValidationError(exc.messages)
    if isinstance(exc, DOWN) or isinstance(getattr(exc, "retry_after", None), int | float):
        logger.error("part_down", error=type(exc).__name__, exc_info=exc)
        return Unavailable(retry_after=getattr(exc, "retry_after", RETRY_AFTER))
    if isinstance(exc, BAD_INPUT):
        logger.warning("bad_input", error=type(exc).__name__)
        return BadRequest()
    return None


def error_body(request: Any, exc: exceptions.APIException) -> dict[str, Any]:
    detail: Any = exc.detail
    if isinstance(exc, exceptions.ValidationError):
        code, message, details = "validation_error", "The request is not valid.", list(flat(detail))
    elif isinstance(exc, exceptions.ParseError):  # its own words are Python's, and quote the body
        is_form = (request.content_type or "").startswith("multipart/")
        code, message, details = exc.default_code, NOT_A_FORM if is_form else NOT_JSON, []
    elif isinstance(detail, dict):  # simplejwt: {"detail", "code", ...}
        code, message, details = str(detail.get("code", exc.default_code)), str(detail.get("detail", "")), []
    else:
        code, message, details = str(getattr(detail, "code", exc.default_code)), str(detail), []
    return shape(request, code, message, details) | getattr(exc, "extra", {})


def error_headers(exc: exceptions.APIException) -> dict[str, str]:
    headers: dict[str, str] = dict(getattr(exc, "headers", {}))
    if auth_header := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    seconds = getattr(exc, "retry_after", None) or getattr(exc, "wait", None)
    if seconds is None and exc.status_code == status.HTTP_503_SERVICE_UNAVAILABLE:
        seconds = RETRY_AFTER
    if seconds is not None:
        headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    return headers


def flat(detail: Any, field: str = "") -> Iterator[dict[str, str]]:
    """DRF's nested messages as [{"field": "a.0.b", "message"}]; "" is the request as a whole."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            path = "" if name == "non_field_errors" else str(name)
            yield from flat(inner, ".".join(part for part in (field, path) if part))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, dict | list)
            yield from flat(inner, f"{field}.{index}".strip(".") if nested else field)
    else:
        # DRF repeats what was sent, and anything may have been: an answer holds none of it.
        message = NOT_A_CHOICE if getattr(detail, "code", "") == "invalid_choice" else str(detail)
        yield {"field": field, "message": message}


def shape(request: Any, code: str, message: str, details: list[dict[str, str]]) -> dict[str, Any]:
    correlation_id = getattr(request, "correlation_id", "")
    error = {"code": code, "message": message, "details": details, "correlationId": correlation_id}
    return {"success": False, "error": error}


def error_response(
    request: HttpRequest, status_code: int, code: str, message: str, headers: dict[str, str] | None = None
) -> JsonResponse:
    """The same shape outside DRF: middleware, health pages, unknown addresses."""
    return JsonResponse(shape(request, code, message, []), status=status_code, headers=headers)


def _json(request: HttpRequest, exc: exceptions.APIException) -> JsonResponse:
    return JsonResponse(error_body(request, exc), status=exc.status_code, headers=error_headers(exc))


def _for_people(request: HttpRequest) -> bool:
    return request.path_info.startswith(f"/{settings.ADMIN_PATH}")


def refused(request: HttpRequest) -> HttpResponse | None:
    """Counts a call outside the API's views: the answer when it is one too many, else None."""
    try:
        count_once(request)
    except TooManyCalls as refusal:
        if _for_people(request):
            return HttpResponse(str(refusal.detail), "text/plain", refusal.status_code, headers=error_headers(refusal))
        return _json(request, refusal)
    return None


def only_reads(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A view outside DRF that changes nothing: another method is 405, and no question of a CSRF token."""

    @csrf_exempt
    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method in READS:
            return view(request, *args, **kwargs)
        response = _json(request, exceptions.MethodNotAllowed(request.method or ""))
        response["Allow"] = ", ".join(READS)
        return response

    return guarded


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    if _for_people(request):
        return csrf.csrf_failure(request, reason)
    return error_response(request, 403, "csrf_failed", "This call needs a CSRF token, or comes from a foreign page.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if refusal := refused(request):
        return refusal
    if _for_people(request):
        return defaults.bad_request(request, exception)
    return _json(request, as_api_error(exception) or BadRequest())


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _for_people(request):
        return defaults.permission_denied(request, exception)
    return _json(request, exceptions.PermissionDenied())


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if refusal := refused(request):
        return refusal
    if _for_people(request):
        return defaults.page_not_found(request, exception)
    return _json(request, exceptions.NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    """Called while the exception is being handled. A part that is down is 503, here too."""
    failure = sys.exc_info()[1]
    down = isinstance(failure, DOWN)
    if isinstance(failure, DataError):  # a NUL or a number out of range, in an address of the console
        return bad_request(request, failure)
    if _for_people(request):
        page = defaults.server_error(request)
        if down:
            page.status_code, page["Retry-After"] = status.HTTP_503_SERVICE_UNAVAILABLE, str(RETRY_AFTER)
        return page
    if down:
        return _json(request, Unavailable())
    return error_response(request, 500, "internal_error", "Something went wrong on our side.")
