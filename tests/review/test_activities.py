"""Temporal's doors: what of an error leaves them, and whose connections they use."""

import asyncio
import dataclasses
import inspect
import uuid
from typing import Any

import pytest
from django.db import OperationalError
from structlog.testing import capture_logs
from temporalio import activity
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import ActivityEnvironment

from filot.models import User
from integrations.buli2 import Buli2Refused, Buli2Unavailable
from review import activities, partner, services
from review import workflow_words as words
from review.models import Review
from tests.review.cases import NIK, case_of


def test_every_activity_that_the_workflow_names_is_there() -> None:
    everything = [*activities.PARTNER_ACTIVITIES, *activities.DATABASE_ACTIVITIES]
    names = {activity._Definition.must_from_callable(found).name for found in everything}
    assert names == {
        words.SUBMIT_TO_BULI2,
        words.POLL_BULI2,
        words.TELL_BULI2,
        words.WITHDRAW_SUBMISSION,
        words.REMIND_OVERDUE,
        words.MARK_ESCALATED,
        words.RECORD_DECISION,
    }
    assert not any(asyncio.iscoroutinefunction(found) for found in everything)
    assert all("review_id" in inspect.signature(found).parameters for found in everything[:-1])


@pytest.mark.parametrize(
    ("error", "code", "kind", "for_good", "details"),
    [
        (Buli2Unavailable("http_503", 600.0), "http_503", "Buli2Unavailable", False, (600.0,)),
        (Buli2Unavailable("timeout"), "timeout", "Buli2Unavailable", False, ()),
        (Buli2Refused(422, "http_422"), "http_422", words.REFUSED, True, ()),
        (services.UnknownDecision("x"), "UnknownDecision", words.REFUSED, True, ()),
        (Review.DoesNotExist(), "DoesNotExist", words.REFUSED, True, ()),
        (OperationalError(f"row ({NIK}) failed"), "OperationalError", "OperationalError", False, ()),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_only_the_code_of_an_error_reaches_the_history(
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: str,
    kind: str,
    for_good: bool,
    details: tuple[Any, ...],
) -> None:
    def fail(review_id: str, alive: Any) -> None:
        raise error

    monkeypatch.setattr(partner, "submit", fail)
    with pytest.raises(ApplicationError) as raised:
        activities.submit_to_buli2(str(uuid.uuid4()))
    told = raised.value
    assert (told.message, told.type, told.non_retryable, tuple(told.details)) == (code, kind, for_good, details)
    assert told.__cause__ is None


@pytest.mark.django_db(transaction=True)
def test_a_poll_hands_over_ids_and_codes() -> None:
    review = case_of(User.objects.create_user("owner"))
    poll = ActivityEnvironment().run
    assert poll(activities.poll_buli2, str(review.pk)) is None
    accepted = services.decide(
        review_id=review.pk, decision="approved", source="console", decided_by="staff-1", note=f"{NIK} is legible"
    )
    found = poll(activities.poll_buli2, str(review.pk))
    assert found is not None
    assert dataclasses.asdict(found) == {
        "decisionId": str(accepted.pk),
        "decision": "approved",
        "decidedBy": "staff-1",
        "source": "console",
    }


@pytest.mark.django_db(transaction=True)
def test_escalation_and_reminder_leave_a_decided_review_alone() -> None:
    review = case_of(User.objects.create_user("owner"))
    activities.mark_escalated(str(review.pk), words.OVERDUE)
    activities.remind_overdue(str(review.pk))
    review.refresh_from_db()
    assert (review.escalation_reason, review.reminded_at is None) == (words.OVERDUE, False)
    services.decide(review_id=review.pk, decision="approved", source="console", decided_by="staff-1")
    activities.mark_escalated(str(review.pk), words.NO_DECISION)
    activities.remind_overdue(str(review.pk))
    review.refresh_from_db()
    assert review.escalation_reason == words.OVERDUE


@pytest.mark.django_db(transaction=True)
def test_a_reminder_whose_end_temporal_has_not_heard_of_is_said_once() -> None:
    late, decided = [case_of(User.objects.create_user(name)) for name in ("owner", "another")]
    services.decide(review_id=decided.pk, decision="approved", source="console", decided_by="staff-1")
    with capture_logs() as said:
        for review in (late, late, decided):
            activities.remind_overdue(str(review.pk))
    reminded = [line["review_id"] for line in said if line["event"] == "review_overdue"]
    assert reminded == [str(late.pk)]
    decided.refresh_from_db()
    assert decided.reminded_at is None


@pytest.mark.django_db(transaction=True)
def test_a_call_to_buli2_beats_and_ends_between_two_tries_when_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    environment, beats = ActivityEnvironment(), []
    environment.on_heartbeat = lambda *details: beats.append(details)

    def hang(review_id: str, alive: Any) -> None:
        alive()
        environment.cancel()
        alive()
        pytest.fail("it went on")

    monkeypatch.setattr(partner, "submit", hang)
    with pytest.raises(CancelledError):
        environment.run(activities.submit_to_buli2, str(uuid.uuid4()))
    assert len(beats) == 2
