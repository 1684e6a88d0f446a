"""Reviews at BULI2: what it is sent, what it answers, and that it is told when there is nothing left to decide."""

import uuid
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from documents.sealing import NOBODY
from documents.status import wire_time
from integrations import buli2
from integrations.models import Buli2Exchange
from review.models import Review, ReviewDecision, Source
from review.services import AlreadyDecided, decide
from verification.models import VerificationRun
from verification.runs import read_run

log = structlog.get_logger(__name__)

BULI2 = "buli2"  # `decided_by` of its decisions
CALLBACK_PATH = "/internal/reviews/{review_id}/callback"
RESTRICTED = "restricted"  # why nothing was sent
CANCELLED = "cancelled"  # reason given to BULI2 when a workflow ends without a decision
WORKFLOW_TELLS_FIRST = timedelta(minutes=30)  # the sweep only makes up for workflows that are gone
STOP_TELLING = timedelta(hours=24)  # the exchange is dead by then


def submit(review_id: str | uuid.UUID, alive: buli2.Alive = None) -> str:
    """Hand the review to BULI2 and keep its ticket; an empty text when it is decided already.

    Safe to repeat. Raises Buli2Unavailable, and Buli2Refused for what is restricted too: nobody new gets to see it. Not
    inside a transaction.
    """
    review = Review.objects.select_related("document").get(pk=review_id)
    if review.buli2_ticket_id or review.decision:
        return review.buli2_ticket_id
    if review.document.restricted_at:
        raise buli2.Buli2Refused(0, RESTRICTED)
    ticket = buli2.submit_review(
        review_id=review.pk,
        subject=review.document.owner_id,
        body=review_payload(review),
        correlation_id=review.document.correlation_id,
        alive=alive,
    )
    return keep_ticket(review.pk, ticket.id)


def keep_ticket(review_id: uuid.UUID, ticket_id: str) -> str:
    """The first ticket stays."""
    Review.objects.filter(pk=review_id, buli2_ticket_id="").update(buli2_ticket_id=ticket_id)
    return ticket_id


def ticket_is_on_its_way() -> bool:
    """Whether BULI2 may hold a review whose ticket we have not read yet: it may be faster than its own answer."""
    without = Review.objects.filter(buli2_ticket_id="", closed_at__isnull=True)
    return buli2.may_hold(without.values_list("pk", flat=True))


def review_payload(review: Review) -> dict[str, Any]:
    """The body of `POST /internal/reviews`. The same for every repetition."""
    document = review.document
    run = read_run(document)
    payload: dict[str, Any] = {
        "reviewId": str(review.pk),
        "documentId": str(document.pk),
        "userId": str(document.owner_id),
        "documentType": document.type,
        "parsedData": {name: field["value"] for name, field in ((run.fields if run else None) or {}).items()},
        "score": document.ai_score,
        "aiScore": document.ai_score,
        "decision": document.ai_decision or "needs_review",
        "reasons": reasons_of(run),
        "callbackUrl": settings.BULI2_CALLBACK_BASE_URL + CALLBACK_PATH.format(review_id=review.pk),
        "correlationId": document.correlation_id,
        "metadata": {"submittedAt": wire_time(review.created_at)},
    }
    if settings.BULI2_SEND_OCR_TEXT:
        payload["ocrText"] = "\n".join(line["text"] for line in ((run.lines if run else None) or []))
    return payload


def reasons_of(run: VerificationRun | None) -> list[str]:
    """Why it was judged so, as sentences for people."""
    return [reason["message"] for reason in run.reasons] if run else []


def poll(review_id: str | uuid.UUID, alive: buli2.Alive = None) -> ReviewDecision | None:
    """The review's accepted decision: ours, in case its signal was lost, else what BULI2 says now. None: not yet.

    Safe to repeat. Raises Buli2Unavailable, Buli2Refused. Not inside a transaction.
    """
    review = Review.objects.select_related("document").get(pk=review_id)
    if review.decision:
        return ReviewDecision.objects.get(review=review, accepted=True)
    if not review.buli2_ticket_id:
        return None
    correlation_id = review.document.correlation_id
    found = buli2.review_status(
        review_id=review.pk,
        subject=review.document.owner_id,
        ticket_id=review.buli2_ticket_id,
        correlation_id=correlation_id,
        alive=alive,
    )
    if found.decision is None:
        return None
    return decide_for_buli2(review, found.decision, found.notes or "", correlation_id)


def decide_for_buli2(review: Review, decision: str, notes: str, correlation_id: str) -> ReviewDecision:
    """The accepted decision, BULI2's or the one that came before it."""
    try:
        return decide(
            review_id=review.pk,
            decision=decision,
            source=Source.buli2,
            decided_by=BULI2,
            note=notes,
            correlation_id=correlation_id,
        )
    except AlreadyDecided as earlier:
        return earlier.decision


def tell(review_id: str | uuid.UUID, alive: buli2.Alive = None) -> None:
    """Tell BULI2 that it need not look any more, unless it knows. Safe to repeat.

    Raises Buli2Unavailable. What it refuses counts as told: it has decided meanwhile, or does not know the review.
    """
    review = Review.objects.select_related("document").get(pk=review_id)
    if not review.buli2_ticket_id or review.buli2_told_at or _decided_by_buli2(review):
        return
    try:
        buli2.cancel_review(
            review_id=review.pk,
            # Of an erased owner nothing can be sealed any more; this body holds a word of ours.
            subject=NOBODY if review.document.erased_at else review.document.owner_id,
            ticket_id=review.buli2_ticket_id,
            reason=review.decision or CANCELLED,
            correlation_id=review.document.correlation_id,
            alive=alive,
        )
    except buli2.Buli2Refused as refused:
        log.warning("buli2_refused_to_be_told", review_id=str(review.pk), http_status=refused.http_status)
    Review.objects.filter(pk=review.pk).update(buli2_told_at=timezone.now())


def _decided_by_buli2(review: Review) -> bool:
    return review.decisions.filter(accepted=True, source=Source.buli2).exists()


def send_waiting(limit: int = 20) -> int:
    """Try the exchanges that are due again, and keep the tickets of those that got through. For the sweep."""
    withdraw_needless()
    sent = buli2.send_due(limit=limit)
    for exchange in sent:
        _settle_sent(exchange)
    return len(sent)


def withdraw(review_id: str | uuid.UUID) -> None:
    """Give up the submission of a review that needs nobody at BULI2 any more. Safe to repeat.

    One that may have arrived is sent on: BULI2 takes the same key as the same review, and its answer is the ticket by
    which that review is then taken back. Unless BULI2 decided it: then there is nothing left to say.
    """
    review = Review.objects.get(pk=review_id)
    buli2.withdraw([review.pk], received_too=_decided_by_buli2(review))


def withdraw_needless() -> int:
    """As `withdraw`, for all that were decided meanwhile, or erased. For the sweep."""
    unsent = set(buli2.unsent_submissions())
    needed = set(Review.objects.filter(pk__in=unsent, decision="").values_list("pk", flat=True))
    withdrawn = buli2.withdraw(unsent - needed)
    if withdrawn:
        log.info("buli2_submissions_withdrawn", count=withdrawn)
    return withdrawn


def _keep_ticket_of(exchange: Buli2Exchange) -> None:
    if exchange.review_id:
        keep_ticket(exchange.review_id, buli2.read_ticket(exchange.answer).id)


def _settle_sent(exchange: Buli2Exchange) -> None:
    if exchange.kind != "submit" or not exchange.review_id:
        return
    _keep_ticket_of(exchange)
    if Review.objects.filter(pk=exchange.review_id).exclude(decision="").exists():
        with suppress(buli2.Buli2Unavailable):  # then its row waits, and is sent like any other
            tell(exchange.review_id)


def _find_tickets(reviews: QuerySet[Review]) -> None:
    """Who sent one on after its workflow had ended may have died between BULI2's answer and the ticket's row."""
    for exchange in buli2.answered_submissions(reviews.values_list("pk", flat=True)):
        try:
            _keep_ticket_of(exchange)
        except Exception:  # its key is gone, and its row not emptied yet: that must not hold up the others
            log.exception("ticket_not_read", exchange_id=str(exchange.pk))


def tell_untold(limit: int = 20) -> int:
    """Tell BULI2 of decisions whose workflow had ended before they came. For the sweep; stops when BULI2 is away."""
    now = timezone.now()
    untold = Review.objects.filter(
        decided_at__range=(now - STOP_TELLING, now - WORKFLOW_TELLS_FIRST), buli2_told_at__isnull=True
    )
    _find_tickets(untold.filter(buli2_ticket_id="", document__erased_at=None))
    ours = (
        untold.exclude(buli2_ticket_id="")
        .filter(decisions__accepted=True, decisions__source__in=[Source.console, Source.erasure])
        .order_by("decided_at")
    )
    told = 0
    for review_id in ours.values_list("pk", flat=True)[:limit]:
        try:
            tell(review_id)
        except buli2.Buli2Unavailable:
            break
        told += 1
    return told
