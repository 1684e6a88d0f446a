"""Rate limits per user and per address, counted on Redis; while it is down each process counts for itself."""

import hashlib
import ipaddress
import math
import threading
import time
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django_ratelimit.core import get_usage
from rest_framework.exceptions import APIException
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

PERIOD = 60  # seconds
LOGIN_RETRY_AFTER = 5  # seconds, while Redis is down
IPV6_PREFIX = 64  # one customer has at least a /64
LOG_PAUSE = 10.0  # seconds between two lines about a missing Redis
KEPT_COUNTS = 20_000  # keys of one minute that a process remembers at most
UNLIMITED = ("health", "metrics", "static")  # first parts of a path; see docs/decisions/0015

logger = structlog.get_logger(__name__)


class Budget(NamedTuple):
    """What is left of a limit, and in how many seconds it is whole again."""

    remaining: int
    limit: int
    reset: int

    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }


class TooManyCalls(APIException):
    status_code = 429
    default_code = "rate_limited"
    default_detail = "Too many calls. Try again later."

    def __init__(self, limit: int, reset: int) -> None:
        super().__init__()
        self.retry_after = max(1, reset)
        self.headers = Budget(0, limit, self.retry_after).headers()


class LoginsPaused(APIException):
    """Guesses at a password could not be counted across processes: nobody logs in until they can."""

    status_code = 503
    default_code = "logins_paused"
    default_detail = "Logins are paused for a moment. Try again soon."
    retry_after = LOGIN_RETRY_AFTER


class ProcessCounts:
    """The stand-in while Redis is down: calls of the current minute, counted in this process only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minute = -1
        self._counts: dict[str, int] = {}
        self._logged_at = -math.inf

    def count(self, key: str) -> int:
        now = time.time()
        with self._lock:
            minute = int(now // PERIOD)
            if minute != self._minute or len(self._counts) >= KEPT_COUNTS:
                self._minute, self._counts = minute, {}
            self._counts[key] = self._counts.get(key, 0) + 1
            count, log = self._counts[key], now - self._logged_at > LOG_PAUSE
            if log:
                self._logged_at = now
        if log:
            logger.warning("rate_limit_counted_in_process")
        return count


process_counts = ProcessCounts()


class RateLimit(BaseThrottle):
    """Reads `throttle_scope` of the view: "action", "webhook", "none", else "all".

    Every call counts for its user and for its address; one that changes something on an "action" view also
    counts for that view alone; BULI2's callbacks have a budget of their own. Raises TooManyCalls.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        scope = getattr(view, "throttle_scope", "all")
        request._request.was_counted = True  # type: ignore[attr-defined]
        if scope == "none":
            return True
        if scope == "webhook":
            count_call(request._request, "webhook", callers(request._request), settings.RATE_LIMITS["webhook"])
            return True
        whose = callers(request._request, request.user)
        count_call(request._request, "all", whose, settings.RATE_LIMITS["all"])
        if scope == "action" and request.method not in SAFE_METHODS:
            name = f"{type(view).__module__}.{type(view).__name__}"
            count_call(request._request, name, whose, settings.RATE_LIMITS["action"])
        return True


def count_once(request: HttpRequest) -> None:
    """Count a call that no view of the API counts: a page, a file, an unknown address, one without a valid token.

    Safe to repeat for one request. Raises TooManyCalls.
    """
    if getattr(request, "was_counted", False) or request.path_info[1:].partition("/")[0] in UNLIMITED:
        return
    request.was_counted = True  # type: ignore[attr-defined]
    user = getattr(request, "user", None)
    whose = callers(request, user)
    # A desk of reviewers works behind one address: each has a budget of their own in the console.
    if user is not None and user.is_authenticated and user.is_staff:
        whose = whose[:1]
    count_call(request, "all", whose, settings.RATE_LIMITS["all"])


def callers(request: HttpRequest, user: Any = None) -> list[str]:
    """Whom a call counts for: its address, and its user when there is one."""
    address = f"address:{client_address(request)}"
    return [f"user:{user.pk}", address] if user is not None and user.is_authenticated else [address]


def count_call(request: HttpRequest, group: str, whose: list[str], limit: int) -> None:
    """Count one call for each of `whose`; raises TooManyCalls over `limit` a minute, until all are free.

    The narrowest budget that a request was counted against stands on it, for the headers of its answer.
    """
    resets = []
    for key in whose:
        usage = _usage(request, group, key, limit)
        if usage is None:
            count, reset = process_counts.count(f"{group} {key}"), PERIOD - int(time.time()) % PERIOD
        else:
            count, reset = usage["count"], seconds_left(usage)
        budget = Budget(max(0, limit - count), limit, reset)
        request.budget = min(getattr(request, "budget", budget), budget)  # type: ignore[attr-defined]
        if count > limit:
            logger.warning("rate_limited", group=group, by=key.partition(":")[0], ip=client_address(request))
            resets.append(reset)
    if resets:
        raise TooManyCalls(limit, max(resets))


def seconds_left(usage: dict[str, Any]) -> int:
    """`time_left` is a whole second too early: whoever waited just so long would be refused again."""
    return int(usage["time_left"]) + 1


def count_login(request: HttpRequest, username: str) -> None:
    """Count an attempt to log in, for its address and for the account it aims at.

    Raises TooManyCalls, or LoginsPaused when Redis cannot count.
    """
    limit = settings.RATE_LIMITS["action"]
    account = hashlib.sha256(username.strip().lower().encode(errors="replace")).hexdigest()
    for key in (f"address:{client_address(request)}", f"account:{account}"):
        usage = _usage(request, "login", key, limit)
        if usage is None:
            logger.warning("login_refused_without_redis")
            raise LoginsPaused
        if usage["should_limit"]:
            logger.warning("rate_limited", group="login", by=key.partition(":")[0], ip=client_address(request))
            raise TooManyCalls(limit, seconds_left(usage))


def refused_login(request: HttpRequest, username: str) -> HttpResponse | None:
    """`count_login` for the console's login page: the answer when the attempt is refused, else None."""
    try:
        count_login(request, username)
    except (TooManyCalls, LoginsPaused) as refusal:
        headers = {**getattr(refusal, "headers", {}), "Retry-After": str(refusal.retry_after)}
        return HttpResponse(str(refusal.detail), "text/plain", refusal.status_code, headers=headers)
    return None


def _usage(request: HttpRequest, group: str, key: str, limit: int) -> dict[str, Any] | None:
    """{count, limit, should_limit, time_left}; None when Redis cannot count."""
    usage: dict[str, Any] | None = get_usage(
        request, group=group, key=lambda _group, _request: key, rate=f"{limit}/m", increment=True
    )
    return usage


def client_address(request: HttpRequest) -> str:
    """Who called, as far as our own proxies vouch for it: one IPv4 address, or the /64 of an IPv6 one.

    With n trusted proxies the n-th entry of X-Forwarded-For from the right; the rest is the caller's word.
    """
    remote: str = request.META.get("REMOTE_ADDR", "")
    proxies: int = settings.TRUSTED_PROXIES
    if proxies:
        hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        forwarded = _address(hops[-proxies]) if len(hops) >= proxies else None
        if forwarded:
            return forwarded
    return _address(remote) or "unknown"


def _address(text: str) -> str | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False).network_address)
    return str(address)
