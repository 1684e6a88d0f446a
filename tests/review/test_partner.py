"""A review at BULI2: what it is sent, what its answers do, and that it is told of ours."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from documents.status import Status
from filot.models import User
from integrations import buli2
from integrations.buli2 import Buli2Refused, Buli2Status, Buli2Unavailable, Ticket
from integrations.models import Buli2Exchange, Direction, ExchangeState
from review import partner, services
from review.models import Review, ReviewDecision
from tests.review.cases import FIELDS, NIK, case_of, document_in


class Partner:
    """In place of BULI2's client: the same calls, noted, with answers as told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.submitted: list[tuple[uuid.UUID, dict[str, Any], str]] = []
        self.cancelled: list[tuple[str, str]] = []
        self.status = Buli2Status("pending", None, None)
        self.down: Exception | None = None
        monkeypatch.setattr(buli2, "submit_review", self.submit_review)
        monkeypatch.setattr(buli2, "review_status", self.review_status)
        monkeypatch.setattr(buli2, "cancel_review", self.cancel_review)

    def submit_review(
        self, *, review_id: uuid.UUID, subject: uuid.UUID, body: dict[str, Any], correlation_id: str, alive: Any
    ) -> Ticket:
        self._answer()
        self.submitted.append((review_id, body, correlation_id))
        return Ticket(f"task-{len(self.submitted)}", "pending")

    def review_status(
        self, *, review_id: uuid.UUID, subject: uuid.UUID, ticket_id: str, correlation_id: str, alive: Any
    ) -> Buli2Status:
        self._answer()
        return self.status

    def cancel_review(
        self, *, review_id: uuid.UUID, subject: uuid.UUID, ticket_id: str, reason: str, correlation_id: str, alive: Any
    ) -> None:
        self._answer()
        self.cancelled.append((ticket_id, reason))

    def _answer(self) -> None:
        if self.down:
            raise self.down


@pytest.fixture
def at_buli2(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Partner:
    settings.BULI2_MODE = "sandbox"
    return Partner(monkeypatch)


def approve(review: Review, **facts: Any) -> ReviewDecision:
    facts = {"source": "console", "decided_by": "staff-1", **facts}
    return services.decide(review_id=review.pk, decision="approved", **facts)


def test_a_submission_carries_the_body_of_the_contract(owner: User, settings: Any) -> None:
    settings.BULI2_CALLBACK_BASE_URL = "https://filot.example"
    review = case_of(owner)
    body = partner.review_payload(review)
    assert body == {
        "reviewId": str(review.pk),
        "documentId": str(review.document_id),
        "userId": str(owner.pk),
        "documentType": "KTP",
        "parsedData": {"nik": NIK, "name": FIELDS["name"]["value"]},
        "score": 61,
        "aiScore": 61,
        "decision": "needs_review",
        "reasons": ["The address could not be read."],
        "callbackUrl": f"https://filot.example/internal/reviews/{review.pk}/callback",
        "correlationId": "upload-1",
        "metadata": {"submittedAt": body["metadata"]["submittedAt"]},
    }
    assert body["metadata"]["submittedAt"].endswith("Z")
    assert json.dumps(partner.review_payload(Review.objects.get(pk=review.pk))) == json.dumps(body)


def test_the_text_of_the_card_goes_along_only_where_it_was_asked_for(owner: User, settings: Any) -> None:
    settings.BULI2_SEND_OCR_TEXT = True
    assert partner.review_payload(case_of(owner))["ocrText"] == NIK


def test_a_document_that_nobody_could_read_is_submitted_all_the_same(owner: User) -> None:
    review = services.open_review(document_in(owner, Status.needs_review, ai_score=None, ai_decision=""))
    body = partner.review_payload(review)
    assert (body["parsedData"], body["score"], body["decision"], body["reasons"]) == ({}, None, "needs_review", [])


def test_a_ticket_is_kept_and_not_asked_for_again(owner: User, at_buli2: Partner) -> None:
    review = case_of(owner)
    assert [partner.submit(review.pk), partner.submit(str(review.pk))] == ["task-1", "task-1"]
    assert len(at_buli2.submitted) == 1
    assert at_buli2.submitted[0][2] == "upload-1"


def test_what_is_decided_already_is_not_submitted(owner: User, at_buli2: Partner) -> None:
    review = case_of(owner)
    approve(review)
    assert partner.submit(review.pk) == ""
    assert at_buli2.submitted == []


def test_a_poll_writes_what_buli2_decided_as_a_decision(owner: User, at_buli2: Partner) -> None:
    review = case_of(owner)
    partner.submit(review.pk)
    assert partner.poll(review.pk) is None
    at_buli2.status = Buli2Status("completed", "rejected", "blurred")
    found = partner.poll(review.pk)
    assert found is not None
    assert (found.decision, found.source, found.note, found.accepted) == ("rejected", "buli2", "blurred", True)
    assert partner.poll(review.pk) == found
    assert ReviewDecision.objects.count() == 1


def test_a_poll_finds_our_own_decision_whose_signal_was_lost(owner: User, at_buli2: Partner) -> None:
    review = case_of(owner)
    partner.submit(review.pk)
    ours = approve(review)
    at_buli2.down = Buli2Unavailable("timeout")
    assert partner.poll(review.pk) == ours


def test_buli2_learns_of_our_decision_once(owner: User, at_buli2: Partner) -> None:
    review = case_of(owner)
    partner.submit(review.pk)
    approve(review)
    for _ in range(3):
        partner.tell(review.pk)
    assert at_buli2.cancelled == [("task-1", "approved")]
    assert Review.objects.get(pk=review.pk).buli2_told_at is not None


def test_buli2_is_not_told_what_it_decided_or_never_heard_of(owner: User, at_buli2: Partner) -> None:
    its_own, unknown = case_of(owner), case_of(owner)
    partner.submit(its_own.pk)
    approve(its_own, source="buli2", decided_by="buli2")
    approve(unknown)
    partner.tell(its_own.pk)
    partner.tell(unknown.pk)
    assert at_buli2.cancelled == []


def test_a_refusal_to_be_told_is_the_end_of_it_but_silence_is_not(owner: User, at_buli2: Partner) -> None:
    review = case_of(owner)
    partner.submit(review.pk)
    approve(review)
    at_buli2.down = Buli2Unavailable("timeout")
    with pytest.raises(Buli2Unavailable):
        partner.tell(review.pk)
    assert Review.objects.get(pk=review.pk).buli2_told_at is None
    at_buli2.down = Buli2Refused(409, "http_409")
    partner.tell(review.pk)
    assert Review.objects.get(pk=review.pk).buli2_told_at is not None


def test_the_sweep_tells_what_no_workflow_told_and_stops_while_buli2_is_away(owner: User, at_buli2: Partner) -> None:
    reviews = [case_of(owner) for _ in range(3)]
    for review in reviews:
        partner.submit(review.pk)
        approve(review)
    assert partner.tell_untold() == 0, "their workflows come first"
    Review.objects.update(decided_at=timezone.now() - timedelta(hours=1))
    at_buli2.down = Buli2Unavailable("breaker_open")
    assert partner.tell_untold() == 0
    at_buli2.down = None
    assert [partner.tell_untold(), partner.tell_untold()] == [3, 0]


def test_a_ticket_whose_row_was_never_written_is_found_and_the_review_taken_back(
    owner: User, at_buli2: Partner
) -> None:
    """Whoever sent the submission died after BULI2's answer; the workflow had ended before."""
    review = case_of(owner)
    waiting_submission(review, state="done", maybe_received=True, answer={"taskId": "task-9", "status": "pending"})
    approve(review)
    Review.objects.filter(pk=review.pk).update(decided_at=timezone.now() - timedelta(minutes=40))
    assert partner.tell_untold() == 1
    assert at_buli2.cancelled == [("task-9", "approved")]


def test_a_ticket_that_a_resend_brought_is_kept(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    review = case_of(owner)
    sent = Buli2Exchange(
        direction=Direction.outbound,
        kind="submit",
        method="POST",
        path="/internal/reviews",
        review_id=review.pk,
        state=ExchangeState.done,
        answer={"taskId": "task-late", "status": "pending"},
    )
    monkeypatch.setattr(buli2, "send_due", lambda *, limit: [sent])
    assert partner.send_waiting() == 1
    assert Review.objects.get(pk=review.pk).buli2_ticket_id == "task-late"


def waiting_submission(review: Review, **facts: Any) -> Buli2Exchange:
    defaults = {"kind": "submit", "method": "POST", "path": "/internal/reviews", "state": "pending", "body": {}}
    return Buli2Exchange.objects.create(
        direction="outbound", review_id=review.pk, next_attempt_at=timezone.now(), **{**defaults, **facts}
    )


def test_a_review_that_a_person_decided_before_buli2_heard_of_it_is_never_sent(owner: User) -> None:
    decided, open_still = case_of(owner), case_of(owner)
    rows = [waiting_submission(review) for review in (decided, open_still)]
    approve(decided)
    assert partner.withdraw_needless() == 1
    assert [Buli2Exchange.objects.get(pk=row.pk).state for row in rows] == ["withdrawn", "pending"]


def test_what_buli2_refused_is_given_up_once_nobody_needs_it(owner: User) -> None:
    decided, open_still = case_of(owner), case_of(owner)
    rows = [waiting_submission(review, state="refused") for review in (decided, open_still)]
    approve(decided)
    assert partner.withdraw_needless() == 1
    assert [Buli2Exchange.objects.get(pk=row.pk).state for row in rows] == ["withdrawn", "refused"]


def test_a_review_that_is_no_more_is_never_sent(owner: User) -> None:
    review = case_of(owner)
    row = waiting_submission(review, state="dead")
    review.document.delete()
    assert partner.withdraw_needless() == 1
    assert Buli2Exchange.objects.get(pk=row.pk).state == "withdrawn"


def test_one_that_may_have_arrived_is_sent_on_and_then_taken_back_at_once(
    owner: User, at_buli2: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = case_of(owner)
    row = waiting_submission(review, attempt=1, maybe_received=True)
    approve(review)

    def got_through(*, limit: int) -> list[Buli2Exchange]:
        Buli2Exchange.objects.filter(pk=row.pk).update(state="done")
        return [Buli2Exchange(kind="submit", review_id=review.pk, answer={"taskId": "task-7", "status": "pending"})]

    monkeypatch.setattr(buli2, "send_due", got_through)
    assert partner.send_waiting() == 1
    assert at_buli2.cancelled == [("task-7", "approved")]
    assert Review.objects.get(pk=review.pk).buli2_told_at is not None
