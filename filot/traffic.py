"""What requests were answered, for Prometheus and, of uploads, for CloudWatch."""

import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

from filot.middleware import route_of

REQUESTS = Counter("filot_http_requests_total", "Answers of the web server", ["route", "method", "code"])
SECONDS = Histogram(
    "filot_http_request_duration_seconds",
    "From the first line of a request to its answer",
    ["route"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UPLOAD = "upload"

View = Callable[[HttpRequest], HttpResponse]

log = structlog.get_logger(__name__)


def counted(get_response: View) -> View:
    """Stands right inside what names its lines, so that nothing that answers is left out: refusals and errors too."""

    def middleware(request: HttpRequest) -> HttpResponse:
        began = time.monotonic()
        response = get_response(request)
        route, method = route_of(request), request.method if request.method in METHODS else "OTHER"
        REQUESTS.labels(route, method, str(response.status_code)).inc()
        SECONDS.labels(route).observe(time.monotonic() - began)
        if route == UPLOAD and method == "POST":
            log.info("upload_answered", outcome=outcome_of(response.status_code), count=1)
        return response

    return middleware


def outcome_of(status: int) -> str:
    """Of an upload. A refusal is the client's own doing; only a failure counts against our promise."""
    return "accepted" if status < 400 else "refused" if status < 500 else "failed"
