"""Bringing a document whose owner or whose time is gone to a final state, by legal moves only.

A worker that holds it loses its claim; a review is decided, so that its workflow ends and BULI2 is told.
"""

import uuid

from django.utils import timezone

from documents.models import Document, MovedMeanwhile
from documents.status import Status
from integrations.models import Buli2Exchange, Direction, ExchangeState
from review.models import Decision, Review, Source
from review.services import AlreadyDecided, decide, open_review, record_decision
from verification.models import RunOutcome, VerificationRun

ERASED = "erased"  # reason of the moves, and of the decision
TRIES = 5  # somebody else may move it at every step

_NEXT = {
    Status.processing: Status.needs_review,
    Status.ocr_completed: Status.ai_evaluated,
    Status.ai_evaluated: Status.needs_review,
}


def close(document: Document, *, actor: str) -> None:
    """Safe to repeat, and harmless when it is final. Raises MovedMeanwhile when others move it again and again."""
    for _ in range(TRIES * len(Status)):
        # Not refreshed, which would open what is sealed: its key may be destroyed by now.
        now = Document.objects.get(pk=document.pk)
        if now.is_final:
            return
        try:
            _step(now, actor)
        except MovedMeanwhile:
            continue
    raise MovedMeanwhile(str(document.pk))


def _step(document: Document, actor: str) -> None:
    if document.state is Status.uploaded:
        now = timezone.now()
        document.move_to(
            Status.processing,
            actor=actor,
            reason=ERASED,
            claim_token=uuid.uuid4(),
            claimed_by=actor,
            claimed_at=now,
            heartbeat_at=now,
        )
    elif document.state is Status.needs_review:
        _decide(open_review(document), actor)
    else:
        document.move_to(_NEXT[document.state], actor=actor, reason=ERASED, ai_decision=Status.needs_review)
        VerificationRun.objects.filter(document=document, outcome=RunOutcome.running).update(
            outcome=RunOutcome.lost, reason=ERASED, finished_at=timezone.now()
        )


def _decide(review: Review, actor: str) -> None:
    try:
        decision = decide(
            review_id=review.pk,
            decision=Decision.rejected,
            source=Source.erasure,
            decided_by=actor,
            reason_code=ERASED,
        )
    except AlreadyDecided as earlier:
        decision = earlier.decision
    record_decision(decision.pk)


def give_up_messages(review_ids: list[uuid.UUID]) -> None:
    """What still waits to be sent about these reviews is not sent: its body is about to go."""
    waiting = Buli2Exchange.objects.filter(review_id__in=review_ids, direction=Direction.outbound, kind="submit")
    waiting = waiting.filter(state__in=[ExchangeState.pending, ExchangeState.dead])
    waiting.update(state=ExchangeState.withdrawn, next_attempt_at=None)
