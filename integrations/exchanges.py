"""The life of a message to BULI2: its row, when it is sent, and what the row says afterwards."""

import random
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog
from django.db import DatabaseError, transaction
from django.utils import timezone

from documents.sealing import blind_index
from integrations.breaker import BreakerOpen
from integrations.metrics import FORWARDS
from integrations.models import Buli2Exchange, Direction, ExchangeState
from integrations.tries import JITTER, TRIES, UNFINISHED, Attempt, TryFailed, Withdrawn, encoded

# Between attempts a row waits as long as it has waited so far, within these two.
FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=15)
DEAD_AFTER = timedelta(hours=24)
DUE_TOLERANCE = timedelta(seconds=1)  # a timer that rings a moment early is not sent away again
CLAIM_SLACK = timedelta(seconds=30)

WITHDRAWN = "withdrawn"

Alive = Callable[[], None] | None  # called before each try, so that who waits for it sees that it moves

log = structlog.get_logger(__name__)


class Buli2Unavailable(Exception):
    """Not delivered; the row waits. `retry_after`: seconds until its next attempt, None if none is planned.

    `code`: unreachable, timeout, network, http_<status>, redirect, bad_answer, answer_too_large, bad_address,
    breaker_open, in_progress (somebody else is sending it) or dead.
    """

    def __init__(self, code: str, retry_after: float | None = None) -> None:
        super().__init__(code)
        self.code, self.retry_after = code, retry_after


class Buli2Refused(Exception):
    """BULI2 answered with a 4xx: the same message would be refused again. Or we withdrew it: status 0."""

    def __init__(self, http_status: int, code: str) -> None:
        super().__init__(code)
        self.http_status, self.code = http_status, code


def once(
    kind: str, path: str, review_id: uuid.UUID, body: dict[str, Any], correlation_id: str, *, subject: uuid.UUID
) -> Buli2Exchange:
    """The one row of this effect. A later call gets the first one's row and body: the key stands for them."""
    defaults = {
        "method": "POST",
        "path": path,
        "state": ExchangeState.pending,
        "subject": subject,
        "body": body,
        "body_sha256": body_digest(encoded(body)),
        "correlation_id": correlation_id[:64],
        "next_attempt_at": timezone.now(),
    }
    with transaction.atomic(durable=True):  # refuses a caller's transaction, which could undo the row
        return Buli2Exchange.objects.get_or_create(
            direction=Direction.outbound, kind=kind, review_id=review_id, defaults=defaults
        )[0]


def poll(
    kind: str, path: str, review_id: uuid.UUID, correlation_id: str, alive: Alive = None, *, subject: uuid.UUID
) -> dict[str, Any]:
    """Ask once, under a row of its own, which no sweep repeats. Raises Buli2Unavailable, Buli2Refused."""
    exchange = Buli2Exchange(
        direction=Direction.outbound,
        kind=kind,
        method="GET",
        path=path,
        review_id=review_id,
        subject=subject,
        state=ExchangeState.failed,  # and stays so if this process dies
        error=UNFINISHED,
        correlation_id=correlation_id[:64],
    )
    with transaction.atomic(durable=True):
        exchange.save()
    return _run(Attempt(exchange, TRIES, alive))


def deliver(exchange: Buli2Exchange, tries: int = TRIES, alive: Alive = None) -> dict[str, Any]:
    """The answer to a submission or cancellation; it is sent now if it is due and nobody else is sending it.

    Raises Buli2Unavailable, also while the row waits for its time, and Buli2Refused.
    """
    attempt = Attempt(exchange, tries, alive)
    if exchange.state == ExchangeState.pending and _claim(attempt):
        return _run(attempt)
    exchange.refresh_from_db()
    if exchange.state == ExchangeState.done:
        return dict(exchange.answer)
    if exchange.state == ExchangeState.refused:
        raise Buli2Refused(exchange.http_status or 0, exchange.error)
    if exchange.state == ExchangeState.withdrawn:
        raise Buli2Refused(0, WITHDRAWN)
    if exchange.state == ExchangeState.dead or exchange.next_attempt_at is None:
        raise Buli2Unavailable("dead")
    left = (exchange.next_attempt_at - timezone.now()).total_seconds()
    raise Buli2Unavailable(exchange.error or "in_progress", max(left, 1.0))


def body_digest(raw: bytes) -> str:
    """Equal for equal bodies. Keyed: from a plain digest a number could be found by trying all of them."""
    return blind_index("exchange body", raw.decode("latin-1"))


def _claim(attempt: Attempt) -> bool:
    """Move the due time past the longest attempt: two senders at once would be two messages."""
    now = timezone.now()
    due = Buli2Exchange.objects.filter(
        pk=attempt.exchange.pk, state=ExchangeState.pending, next_attempt_at__lte=now + DUE_TOLERANCE
    )
    with transaction.atomic(durable=True):
        return bool(due.update(next_attempt_at=now + timedelta(seconds=attempt.longest) + CLAIM_SLACK))


def _run(attempt: Attempt) -> dict[str, Any]:
    """Only for who holds the claim. The row says afterwards how it ended."""
    try:
        status, content = attempt.run()
    except Withdrawn as error:
        raise Buli2Refused(0, WITHDRAWN) from error
    except BreakerOpen as error:
        return _failed(attempt, TryFailed("breaker_open"), error.retry_after)
    except TryFailed as error:
        return _failed(attempt, error, error.retry_after)
    except BaseException:
        _give_back(attempt)
        raise
    _settle(attempt, ExchangeState.done, error="", http_status=status, answer=content)
    return content


def _give_back(attempt: Attempt) -> None:
    """Our own failure, or we were told to stop: the row need not wait until its claim has run out."""
    held = Buli2Exchange.objects.filter(pk=attempt.exchange.pk, state=ExchangeState.pending)
    with suppress(DatabaseError):  # then it waits that long
        held.update(next_attempt_at=timezone.now() + FIRST_WAIT)


def _failed(attempt: Attempt, error: TryFailed, retry_after: float | None) -> dict[str, Any]:
    """Write the failure; the answer if somebody else delivered the message meanwhile, else raise."""
    exchange, wait = attempt.exchange, None
    if error.is_refusal:
        state = ExchangeState.refused
    elif exchange.state == ExchangeState.failed:
        state = ExchangeState.failed
    elif timezone.now() - exchange.waiting_since >= DEAD_AFTER:
        state = ExchangeState.dead
    else:
        state, wait = ExchangeState.pending, _wait_between(exchange, retry_after)
    settled = _settle(
        attempt,
        state,
        error=error.code,
        http_status=error.http_status,
        answer=error.text,
        next_attempt_at=timezone.now() + wait if wait else None,
    )
    if settled.state == ExchangeState.done:
        return dict(settled.answer)
    if settled.state == ExchangeState.withdrawn:
        raise Buli2Refused(0, WITHDRAWN) from error
    if error.is_refusal:
        raise Buli2Refused(error.http_status or 0, error.code) from error
    if state == ExchangeState.dead:
        raise Buli2Unavailable("dead") from error
    raise Buli2Unavailable(error.code, wait.total_seconds() if wait else retry_after) from error


def _settle(attempt: Attempt, state: ExchangeState, **facts: Any) -> Buli2Exchange:
    changes = {"next_attempt_at": None, **facts, "state": state, "duration_ms": attempt.duration_ms}
    with transaction.atomic(durable=True):
        row = Buli2Exchange.objects.select_for_update().get(pk=attempt.exchange.pk)
        # A slower twin never undoes a delivery, and only a delivery undoes what was given up meanwhile.
        if row.state != ExchangeState.done and (row.state != ExchangeState.withdrawn or state == ExchangeState.done):
            for name, value in changes.items():
                setattr(row, name, value)
            row.save(update_fields=list(changes))
    FORWARDS.labels(outcome=state.value).inc()
    (log.info if state == ExchangeState.done else log.warning)(
        "buli2_forward",
        kind=row.kind,
        review_id=str(row.review_id),
        outcome=state.value,
        error=facts["error"],
        http_status=facts["http_status"],
        attempt=row.attempt,
        duration_ms=attempt.duration_ms,
        correlation_id=row.correlation_id,
    )
    return row


def _wait_between(exchange: Buli2Exchange, retry_after: float | None) -> timedelta:
    waited = timezone.now() - exchange.waiting_since
    asked = timedelta(seconds=retry_after or 0)
    return min(max(waited, FIRST_WAIT, asked) * (1 + JITTER * random.random()), LONGEST_WAIT)
