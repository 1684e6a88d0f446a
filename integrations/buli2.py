"""BULI2, the review partner: hand a review over, ask how it stands, take it back.

Every call is a Buli2Exchange row, written before the first byte is sent. A submission and a cancellation have
one row for each review: what can't be delivered waits there and is never dropped. Calls do network I/O for up
to two minutes: never make them inside a transaction or a web request. All of them are safe to repeat.
"""

import time
import uuid
from typing import Any

from django.utils import timezone

from integrations.buli2_answers import Buli2Status, Ticket, in_path, read_status, read_ticket
from integrations.exchanges import Buli2Refused, Buli2Unavailable, body_digest, deliver, once, poll
from integrations.models import Buli2Exchange, Direction, ExchangeState

__all__ = [
    "Buli2Refused",
    "Buli2Status",
    "Buli2Unavailable",
    "Ticket",
    "body_digest",
    "cancel_review",
    "read_ticket",
    "resend",
    "review_status",
    "send_due",
    "submit_review",
]


def submit_review(*, review_id: uuid.UUID, body: dict[str, Any], correlation_id: str) -> Ticket:
    """Hand a review over. Again: the ticket of the first time. Raises Buli2Unavailable, Buli2Refused.

    The body of the first call is the one that is sent, also later.
    """
    return read_ticket(deliver(once("submit", "/internal/reviews", review_id, body, correlation_id)))


def review_status(*, review_id: uuid.UUID, ticket_id: str, correlation_id: str) -> Buli2Status:
    """Ask how a review stands. Raises Buli2Unavailable (no further attempt is planned), Buli2Refused."""
    return read_status(poll("status", f"/internal/reviews/{in_path(ticket_id)}/status", review_id, correlation_id))


def cancel_review(*, review_id: uuid.UUID, ticket_id: str, reason: str, correlation_id: str) -> None:
    """Take a review back. Again: nothing happens. Raises Buli2Unavailable, Buli2Refused (409: decided)."""
    path = f"/internal/reviews/{in_path(ticket_id)}/cancel"
    deliver(once("cancel", path, review_id, {"reason": reason}, correlation_id))


def send_due(*, limit: int = 20, seconds: float = 20.0) -> list[Buli2Exchange]:
    """Try the waiting exchanges that are due, one HTTP try each; those that got through now. For the sweep.

    Starts no new one after `seconds`, nor after the breaker refused one. `read_ticket(exchange.answer)` of a
    submission is its ticket.
    """
    due = Buli2Exchange.objects.filter(
        state=ExchangeState.pending, direction=Direction.outbound, next_attempt_at__lte=timezone.now()
    )
    until, sent = time.monotonic() + seconds, []
    for exchange in due.order_by("next_attempt_at")[:limit]:
        if time.monotonic() >= until:
            break
        try:
            deliver(exchange, tries=1)
        except Buli2Unavailable as error:
            if error.code == "breaker_open":
                break
        except Buli2Refused:
            continue  # its row says so
        else:
            sent.append(Buli2Exchange.objects.get(pk=exchange.pk))
    return sent


def resend(exchange: Buli2Exchange) -> bool:
    """Make a dead or refused exchange due again, with new 24 hours, for the sweep. False: it was neither."""
    now = timezone.now()
    stopped = Buli2Exchange.objects.filter(
        pk=exchange.pk,
        direction=Direction.outbound,
        kind__in=["submit", "cancel"],
        state__in=[ExchangeState.dead, ExchangeState.refused],
    )
    return bool(stopped.update(state=ExchangeState.pending, next_attempt_at=now, waiting_since=now))
