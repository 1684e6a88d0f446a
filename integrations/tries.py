"""The HTTP tries of one attempt to deliver a message to BULI2, through the breaker."""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import F
from django.utils import timezone
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from documents.tracing import CLIENT, followed, traceparent_of
from integrations.bounded_http import Answer, CallFailed, call
from integrations.breaker import SharedBreaker, shared_breaker
from integrations.buli2_answers import READERS, BadAnswer, read_object
from integrations.metrics import RETRIES
from integrations.models import Buli2Attempt, Buli2Exchange, ExchangeState

TRIES = 3
TRY_WAITS = (1.0, 2.0, 4.0)  # seconds after the first try, the second ...
JITTER = 0.25  # of a wait, added at random
LONGEST_WAIT_INSIDE = 10.0  # a longer Retry-After ends the attempt; the row then waits for it
MAX_KEPT_TEXT = 4096  # bytes of an answer that was no use
PASSING = ("unreachable", "network", "timeout")
NEVER_SENT = ("unreachable", "bad_address")
UNFINISHED = "unfinished"


class Withdrawn(Exception):
    """The exchange was given up meanwhile: nothing is sent any more."""


class TryFailed(Exception):
    """One HTTP try without a usable answer."""

    def __init__(self, code: str, answer: Answer | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.http_status = answer.status if answer else None
        self.retry_after = answer.retry_after if answer else None
        self.text = answer.body[:MAX_KEPT_TEXT].decode(errors="replace") if answer else None

    @property
    def is_busy(self) -> bool:
        return self.http_status == 429

    @property
    def is_refusal(self) -> bool:
        return 400 <= (self.http_status or 0) < 500 and not self.is_busy

    @property
    def was_not_taken(self) -> bool:
        """BULI2 surely did nothing with it: there was no connection, or it said so by a 4xx."""
        return self.code in NEVER_SENT or self.is_refusal or self.is_busy

    @property
    def is_worth_another_try(self) -> bool:
        """Network errors, timeouts, 5xx and 429, unless BULI2 asks for more time than a thread may wait."""
        passing = self.code in PASSING or self.is_busy or (self.http_status or 0) >= 500
        return passing and (self.retry_after or 0) <= LONGEST_WAIT_INSIDE


@dataclass(slots=True)
class Attempt:
    """Up to `tries` HTTP tries, each with a row; `duration_ms` is that of the last one.

    `alive` is called before each try, so that who runs it can show that it moves.
    """

    exchange: Buli2Exchange
    tries: int
    alive: Callable[[], None] | None = None
    duration_ms: int | None = None
    _row: Buli2Attempt | None = None
    _body: bytes | None = None

    @property
    def longest(self) -> float:
        """Seconds that it can take."""
        return self.tries * (sum(settings.BULI2_TIMEOUTS) + LONGEST_WAIT_INSIDE * (1 + JITTER))

    def run(self) -> tuple[int, dict[str, Any]]:
        """HTTP status and content of the answer. Raises TryFailed, of the last try, BreakerOpen and Withdrawn."""
        retrying = Retrying(
            stop=stop_after_attempt(self.tries),
            wait=_wait,
            retry=retry_if_exception(_is_worth_another),
            reraise=True,
        )
        return retrying(self._try)

    def _try(self) -> tuple[int, dict[str, Any]]:
        if self.alive is not None:
            self.alive()
        try:
            status, content = buli2_breaker().call(self._send, before=self._begin)
        except TryFailed as error:
            self._end(error.code, error.http_status, taken=not error.was_not_taken)
            raise
        self._end("", status, taken=True)
        return status, content

    def _begin(self) -> None:
        """Written before the first byte is sent, whatever becomes of us: BULI2 may have got it from here on."""
        body = self.exchange.body  # opened here: a key that is gone is not the partner's failure
        self._body = None if body is None else encoded(body)
        now, row = timezone.now(), Buli2Exchange.objects.filter(pk=self.exchange.pk)
        counted = row.exclude(state=ExchangeState.withdrawn).update(
            attempt=F("attempt") + 1, last_attempt_at=now, maybe_received=True
        )
        if not counted:
            raise Withdrawn(str(self.exchange.pk))
        if self.exchange.attempt:
            RETRIES.inc()
        self.exchange.attempt += 1
        self._row = Buli2Attempt.objects.create(
            exchange=self.exchange, number=self.exchange.attempt, started_at=now, error=UNFINISHED
        )

    def _send(self) -> tuple[int, dict[str, Any]]:
        """Nothing but the call: what is raised in here is the partner's doing."""
        exchange, started = self.exchange, time.monotonic()
        try:
            with followed(exchange.correlation_id, f"buli2.{exchange.kind}", CLIENT) as span:
                answer = call(
                    exchange.method,
                    f"{settings.BULI2_API_URL}{exchange.path}",
                    headers=_headers(exchange) | traceparent_of(span),
                    body=self._body,
                    timeouts=settings.BULI2_TIMEOUTS,
                )
        except CallFailed as error:
            raise TryFailed(error.code) from error
        finally:
            self.duration_ms = round((time.monotonic() - started) * 1000)
        return answer.status, _read(exchange.kind, answer)

    def _end(self, error: str, http_status: int | None, *, taken: bool) -> None:
        if self._row is not None:
            own_row = Buli2Attempt.objects.filter(pk=self._row.pk)
            own_row.update(error=error, http_status=http_status, duration_ms=self.duration_ms)
        if not taken and not self.exchange.maybe_received:
            # Only if nobody else has begun a try since: that one may have arrived.
            untouched = Buli2Exchange.objects.filter(pk=self.exchange.pk, attempt=self.exchange.attempt)
            untouched.update(maybe_received=False)
        self.exchange.maybe_received |= taken


def breaker_state() -> str:
    """closed, open or half-open, as all processes know it."""
    return buli2_breaker().state


def buli2_breaker() -> SharedBreaker:
    return shared_breaker("buli2", _is_failure)


def encoded(body: object) -> bytes:
    """The bytes that are sent: the same ones each time."""
    return json.dumps(body, separators=(",", ":"), allow_nan=False).encode()


def _headers(exchange: Buli2Exchange) -> dict[str, str]:
    headers = {
        "Authorization": f"Bearer {settings.BULI2_API_KEY}",
        "X-Correlation-Id": exchange.correlation_id,
        "Accept": "application/json",
        "Accept-Encoding": "identity",  # an answer's size is limited as sent, and nothing is unpacked
        "User-Agent": "FiLot",
    }
    if exchange.kind == "submit":
        headers["Idempotency-Key"] = str(exchange.review_id)
    elif exchange.kind == "cancel":
        headers["Idempotency-Key"] = f"{exchange.review_id}:cancel"
    if exchange.body is not None:
        headers["Content-Type"] = "application/json"
    return headers


def _read(kind: str, answer: Answer) -> dict[str, Any]:
    if 300 <= answer.status < 400:
        raise TryFailed("redirect", answer)
    if not 200 <= answer.status < 300:
        raise TryFailed(f"http_{answer.status}", answer)
    try:
        content = read_object(answer.body)
        READERS[kind](content)
    except BadAnswer as error:
        raise TryFailed("bad_answer", answer) from error
    return content


def _wait(retry: RetryCallState) -> float:
    error = retry.outcome.exception() if retry.outcome else None
    asked = (error.retry_after or 0.0) if isinstance(error, TryFailed) else 0.0
    return max(TRY_WAITS[retry.attempt_number - 1], asked) * (1 + JITTER * random.random())


def _is_worth_another(error: BaseException) -> bool:
    return isinstance(error, TryFailed) and error.is_worth_another_try


def _is_failure(error: BaseException) -> bool:
    """For the breaker: a 4xx shows a partner that is alive; the unforeseen never closes an open circuit."""
    return not (isinstance(error, TryFailed) and (error.is_refusal or error.is_busy))
