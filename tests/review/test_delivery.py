"""Bringing reviews and decisions to Temporal."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from documents.models import Document
from documents.status import Status
from filot.models import User
from integrations import temporal
from review import delivery, services
from review.models import Review, ReviewDecision
from tests.review.cases import Temporal, case_of, document_in
from tests.review.test_services import approve
from verification.models import VerificationRun


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Temporal:
    return Temporal(monkeypatch)


def test_a_workflow_is_started_once_with_nothing_but_ids_and_figures(owner: User, server: Temporal) -> None:
    review = case_of(owner)
    VerificationRun.objects.update(policy="standard", policy_version="3")
    assert delivery.deliver() == (1, 0)
    assert delivery.deliver() == (0, 0)
    assert server.started == [
        {
            "review_id": str(review.pk),
            "document_id": str(review.document_id),
            "partner": False,
            "sla_seconds": 24 * 3600,
            "max_seconds": 7 * 24 * 3600,
            "poll_seconds": 300,
        }
    ]
    assert server.found_by == [
        {
            "FilotDocumentType": "KTP",
            "FilotRiskBand": "low",
            "FilotPolicy": "standard-3",
            "FilotStage": "pending",
        }
    ]


def test_a_document_that_nobody_could_judge_is_found_as_unknown(owner: User, server: Temporal) -> None:
    review = services.open_review(document_in(owner, Status.needs_review, ai_score=None))
    delivery.start_kyc_workflow(review)
    assert {server.found_by[0][name] for name in ("FilotRiskBand", "FilotPolicy")} == {"unknown"}


def test_a_decision_is_delivered_once_and_without_its_note(owner: User, server: Temporal) -> None:
    review = case_of(owner)
    delivery.deliver()
    accepted = approve(review, note="secret")
    assert delivery.deliver() == (0, 1)
    assert delivery.deliver() == (0, 0)
    payload = {
        "decisionId": str(accepted.pk),
        "decision": "approved",
        "decidedBy": "staff-1",
        "source": "console",
    }
    assert server.signals == [(review.workflow_id, "reviewDecision", payload)]


def test_a_decision_whose_workflow_is_gone_is_recorded_without_it(owner: User, server: Temporal) -> None:
    review = case_of(owner)
    delivery.deliver()
    approve(review)
    server.answers = [temporal.WorkflowGone()]
    assert delivery.deliver() == (0, 1)
    assert Document.objects.get(pk=review.document_id).state is Status.approved


def test_with_temporal_down_decisions_are_kept_and_delivered_when_it_is_back(owner: User, server: Temporal) -> None:
    reviews = [case_of(owner) for _ in range(3)]
    delivery.deliver()
    for review in reviews:
        approve(review)
    server.answers = [temporal.TemporalUnavailable()]
    assert delivery.deliver() == (0, 0)
    assert server.signals == [], "one time limit is waited for in a run, not three"
    noted = ReviewDecision.objects.get(delivery_attempts=1)
    assert (noted.delivery_error, noted.delivered_at) == ("TemporalUnavailable", None)
    assert delivery.deliver() == (0, 3)
    noted.refresh_from_db()
    assert (noted.delivery_error, noted.delivered_at is not None) == ("", True)


def test_a_server_that_is_really_away_is_noticed_and_nothing_is_lost(owner: User, settings: Any) -> None:
    settings.TEMPORAL_ADDRESS = "127.0.0.1:9"
    review = case_of(owner)
    approve(review)
    assert delivery.deliver() == (0, 0)
    assert ReviewDecision.objects.get().delivery_error == "TemporalUnavailable"
    assert Review.objects.get().workflow_started_at is None


def test_one_decision_that_can_not_be_recorded_does_not_hold_up_the_others(owner: User, server: Temporal) -> None:
    broken, whole = case_of(owner), case_of(owner)
    approve(broken)
    approve(whole)
    broken.document.move_to(Status.rejected, actor="test")
    server.answers = [temporal.WorkflowGone(), temporal.WorkflowGone()]
    assert delivery.deliver() == (0, 1)
    assert Document.objects.get(pk=whole.document_id).state is Status.approved
    assert broken.decisions.get().delivery_error == "MovedMeanwhile"


def test_a_decision_between_the_choice_to_start_and_the_start_reaches_the_new_workflow(
    owner: User, server: Temporal
) -> None:
    review = case_of(owner)
    accepted = approve(review)
    delivery.start_kyc_workflow(review)
    assert [payload["decisionId"] for _, _, payload in server.signals] == [str(accepted.pk)]


def test_a_delivery_that_left_no_mark_is_repeated_and_one_that_did_is_not(owner: User, server: Temporal) -> None:
    lost, recorded = case_of(owner), case_of(owner)
    for review in (lost, recorded):
        approve(review)
    assert delivery.deliver() == (0, 2)
    services.record_decision(recorded.decisions.get().pk)
    assert delivery.forget_lost_deliveries() == 0, "a worker may be about to record it"
    past = timezone.now() - timedelta(minutes=11)
    Review.objects.update(decided_at=past)
    ReviewDecision.objects.update(delivered_at=past)
    assert delivery.forget_lost_deliveries() == 1
    assert delivery.deliver() == (0, 1)
    assert [workflow_id for workflow_id, *_ in server.signals].count(lost.workflow_id) == 2


def test_a_cancelled_workflow_leaves_the_review_open(owner: User, server: Temporal) -> None:
    review = case_of(owner)
    delivery.fail_review_workflow(review, reason="erased")
    assert server.signals == [(review.workflow_id, "cancelReview", {"reason": "erased"})]
    server.answers = [temporal.WorkflowGone()]
    delivery.fail_review_workflow(review, reason="erased")
    assert Review.objects.open().filter(pk=review.pk).exists()  # type: ignore[attr-defined]
