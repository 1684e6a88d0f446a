"""BULI2, the review partner: hand a review over, ask how it stands, take it back.

Every call is a Buli2Exchange row, written before the first byte is sent. A submission and a cancellation have
one row for each review: what can't be delivered waits there and is never dropped. Calls do network I/O for up
to two minutes: never make them inside a transaction or a web request. All of them are safe to repeat.
"""

import time
import uuid
from collections.abc import Iterable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from documents.audit import note
from integrations.buli2_answers import Buli2Status, Ticket, in_path, read_status, read_ticket
from integrations.exchanges import Alive, Buli2Refused, Buli2Unavailable, body_digest, deliver, once, poll
from integrations.models import Buli2Exchange, Direction, ExchangeState
from integrations.tries import breaker_state, buli2_breaker

__all__ = [
    "Alive",
    "Buli2Refused",
    "Buli2Status",
    "Buli2Unavailable",
    "Ticket",
    "answered_submissions",
    "body_digest",
    "breaker_state",
    "buli2_breaker",
    "cancel_exchange",
    "cancel_review",
    "forget_old",
    "may_hold",
    "outstanding",
    "read_ticket",
    "resend",
    "review_status",
    "send_due",
    "submit_review",
    "unsent_submissions",
    "withdraw",
]

EFFECTS = ["submit", "cancel"]  # a poll that was refused is asked anew by the next poll
ACT_REASONS = ["partner_answers", "partner_asked", "mended", "not_needed"]  # of a person who resends or gives up
STOPPED = [ExchangeState.dead, ExchangeState.refused]


def submit_review(
    *, review_id: uuid.UUID, subject: uuid.UUID, body: dict[str, Any], correlation_id: str, alive: Alive = None
) -> Ticket:
    """Hand a review over. Again: the ticket of the first time. Raises Buli2Unavailable, Buli2Refused.

    The body of the first call is the one that is sent, also later. `subject`: under whose data key it is kept.
    `alive` is called before each HTTP try.
    """
    exchange = once("submit", "/internal/reviews", review_id, body, correlation_id, subject=subject)
    return read_ticket(deliver(exchange, alive=alive))


def review_status(
    *, review_id: uuid.UUID, subject: uuid.UUID, ticket_id: str, correlation_id: str, alive: Alive = None
) -> Buli2Status:
    """Ask how a review stands. Raises Buli2Unavailable (no further attempt is planned), Buli2Refused."""
    path = f"/internal/reviews/{in_path(ticket_id)}/status"
    return read_status(poll("status", path, review_id, correlation_id, alive, subject=subject))


def cancel_review(
    *,
    review_id: uuid.UUID,
    subject: uuid.UUID,
    ticket_id: str,
    reason: str,
    correlation_id: str,
    alive: Alive = None,
) -> None:
    """Take a review back. Again: nothing happens. Raises Buli2Unavailable, Buli2Refused (409: decided)."""
    path = f"/internal/reviews/{in_path(ticket_id)}/cancel"
    deliver(once("cancel", path, review_id, {"reason": reason}, correlation_id, subject=subject), alive=alive)


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


def unsent_submissions() -> list[uuid.UUID]:
    """Reviews whose submission waits, has died or was refused, and never reached BULI2."""
    return [row.review_id for row in _withdrawable().only("review_id") if row.review_id]


def may_hold(review_ids: Iterable[uuid.UUID]) -> bool:
    """Whether BULI2 may have received the submission of one of these, answered or not."""
    sent = Buli2Exchange.objects.filter(direction=Direction.outbound, kind="submit", maybe_received=True)
    return sent.filter(review_id__in=review_ids).exclude(state=ExchangeState.withdrawn).exists()


def answered_submissions(review_ids: Iterable[uuid.UUID]) -> QuerySet[Buli2Exchange]:
    """Those of these reviews that BULI2 took; `read_ticket(exchange.answer)` is its ticket."""
    return Buli2Exchange.objects.filter(
        direction=Direction.outbound, kind="submit", state=ExchangeState.done, review_id__in=review_ids
    )


def withdraw(review_ids: Iterable[uuid.UUID], *, received_too: bool = False) -> int:
    """Give up submissions that never reached BULI2. One that may have is left: its ticket is still to be learnt.

    Guarded against a sender that begins at this moment: either it is not withdrawn, or nothing is sent.
    """
    unsent = (_undelivered() if received_too else _withdrawable()).filter(review_id__in=list(review_ids))
    return unsent.update(state=ExchangeState.withdrawn, next_attempt_at=None)


def outstanding() -> QuerySet[Buli2Exchange]:
    """Submissions and cancellations that wait, are dead or were refused. For a person to look at, and for figures.

    Not among them: a cancellation that BULI2 answered by 409, since it had decided and nothing is left to take back.
    """
    told = Q(kind="cancel", state=ExchangeState.refused, http_status=HTTPStatus.CONFLICT)
    effects = Buli2Exchange.objects.filter(direction=Direction.outbound, kind__in=EFFECTS)
    return effects.filter(state__in=[ExchangeState.pending, *STOPPED]).exclude(told)


def _undelivered() -> QuerySet[Buli2Exchange]:
    return outstanding().filter(kind="submit")


def _withdrawable() -> QuerySet[Buli2Exchange]:
    return _undelivered().filter(maybe_received=False)


def resend(exchange: Buli2Exchange, *, actor: str, reason: str) -> bool:
    """Make a dead or refused exchange due again, with new 24 hours, for the sweep. False: it was neither.

    `actor` and `reason`, one of ACT_REASONS, stand in the audit trail.
    """
    now = timezone.now()
    stopped = _effects(exchange).filter(state__in=STOPPED)
    with transaction.atomic():
        done = stopped.update(state=ExchangeState.pending, next_attempt_at=now, waiting_since=now)
        if done:
            _note_act("exchange.resent", exchange, actor, reason)
    return bool(done)


def cancel_exchange(exchange: Buli2Exchange, *, actor: str, reason: str) -> bool:
    """Give up an exchange that waits, is dead or was refused. False: it was none of these.

    One that may have reached BULI2 too: whoever cancels it knows that it will not be asked again. `actor` and `reason`
    as for `resend`.
    """
    given_up = _effects(exchange).filter(state__in=[ExchangeState.pending, *STOPPED])
    with transaction.atomic():
        done = given_up.update(state=ExchangeState.withdrawn, next_attempt_at=None)
        if done:
            _note_act("exchange.given_up", exchange, actor, reason)
    return bool(done)


def _note_act(action: str, exchange: Buli2Exchange, actor: str, reason: str) -> None:
    if reason not in ACT_REASONS:
        raise ValueError(f"no reason to act on an exchange: {reason!r}")
    review = str(exchange.review_id or "")
    note(action, actor=actor, subject=str(exchange.pk), kind=exchange.kind, review=review, reason=reason)


def _effects(exchange: Buli2Exchange) -> QuerySet[Buli2Exchange]:
    return Buli2Exchange.objects.filter(pk=exchange.pk, direction=Direction.outbound, kind__in=EFFECTS)


def forget_old(limit: int = 10_000) -> int:
    """Delete status polls, and callbacks that were about no review, once they are older than is kept.

    Everything that had an effect stays for as long as its review does. Safe to repeat.
    """
    passing = Q(kind="status") | Q(direction=Direction.inbound, review_id__isnull=True)
    before = timezone.now() - timedelta(days=settings.BULI2_KEEP_POLLS_DAYS)
    old = Buli2Exchange.objects.filter(passing, created_at__lt=before).order_by("created_at").values_list("pk")[:limit]
    return Buli2Exchange.objects.filter(pk__in=old).delete()[1].get("integrations.Buli2Exchange", 0)
