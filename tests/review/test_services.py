"""Opening, deciding, recording and delivering reviews."""

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from documents.models import Document, MovedMeanwhile
from documents.status import Status
from filot.models import User
from review import services
from review import workflow_words as words
from review.models import Review, ReviewDecision
from review.services import AlreadyDecided, NotInReview, OwnDocument, UnknownDecision, decide
from tests.review.cases import case_of, document_in

OTHERS = 18


def approve(review: Review, **facts: Any) -> ReviewDecision:
    facts = {"decision": "approved", "source": "console", "decided_by": "staff-1", **facts}
    return decide(review_id=review.pk, **facts)


# Opening --------------------------------------------------------------------------------------------------------------


def test_every_document_that_waits_for_a_person_gets_one_review(owner: User) -> None:
    waiting = [document_in(owner, Status.needs_review) for _ in range(3)]
    for status in set(Status) - {Status.needs_review}:
        document_in(owner, status)
    assert services.open_reviews() == 3
    assert services.open_reviews() == 0
    assert set(Review.objects.values_list("document_id", flat=True)) == {document.pk for document in waiting}


def test_a_review_is_due_when_the_sla_has_passed_since_it_came_to_people(owner: User, settings: Any) -> None:
    settings.REVIEW_SLA_HOURS = 10
    since = timezone.now() - timedelta(hours=3)
    review = services.open_review(document_in(owner, Status.needs_review, status_since=since))
    assert review.due_at == since + timedelta(hours=10)


def test_no_review_is_opened_for_a_document_that_needs_none(owner: User) -> None:
    with pytest.raises(NotInReview):
        services.open_review(document_in(owner, Status.auto_approve))


# Deciding -------------------------------------------------------------------------------------------------------------


def test_the_same_decision_again_is_the_one_that_was_accepted(owner: User) -> None:
    review = case_of(owner)
    first = approve(review)
    assert approve(review, decided_by="staff-2") == first
    assert review.decisions.count() == 1


def test_the_contrary_is_refused_and_kept_once(owner: User) -> None:
    review = case_of(owner)
    first = approve(review, note="legible by eye")
    for _ in range(3):
        with pytest.raises(AlreadyDecided) as refused:
            approve(review, decision="rejected", source="buli2", decided_by="buli2")
    assert refused.value.decision == first
    review.refresh_from_db()
    assert review.decision == "approved"
    assert [(row.decision, row.accepted) for row in review.decisions.all()] == [("approved", True), ("rejected", False)]


def test_nobody_decides_a_document_they_uploaded(owner: User) -> None:
    review = case_of(owner)
    with pytest.raises(OwnDocument):
        approve(review, user=owner, decided_by="somebody")
    with pytest.raises(OwnDocument):
        approve(review, decided_by=str(owner.pk))
    assert not review.decisions.exists()


def test_a_word_that_is_no_decision_is_refused(owner: User) -> None:
    with pytest.raises(ValueError, match="maybe"):
        approve(case_of(owner), decision="maybe")


def test_a_note_is_sealed_in_its_column(owner: User) -> None:
    accepted = approve(case_of(owner), note="the birth date is legible")
    with connection.cursor() as cursor:
        cursor.execute("SELECT note FROM review_reviewdecision")
        assert b"legible" not in bytes(cursor.fetchone()[0])
    assert ReviewDecision.objects.get(pk=accepted.pk).note == "the birth date is legible"


@pytest.mark.django_db(transaction=True)
def test_of_many_who_decide_at_once_one_wins_and_the_others_are_told() -> None:
    owner = User.objects.create_user("owner")
    for _ in range(5):
        review = case_of(owner)
        outcomes = at_once([_decider(review, number) for number in range(OTHERS)])
        review.refresh_from_db()
        accepted = ReviewDecision.objects.get(review=review, accepted=True)
        assert accepted.decision == review.decision
        assert outcomes.count("won") == 1
        assert outcomes.count("told") == sum(1 for number in range(OTHERS) if _word(number) != review.decision)
        assert set(outcomes) == {"won", "same", "told"}


def _word(number: int) -> str:
    return "approved" if number % 2 else "rejected"


def _decider(review: Review, number: int) -> Callable[[], str]:
    source = "buli2" if number % 3 == 0 else "console"

    def run() -> str:
        try:
            found = approve(review, decision=_word(number), source=source, decided_by=f"who-{number}")
        except AlreadyDecided:
            return "told"
        return "won" if found.decided_by == f"who-{number}" else "same"

    return run


def at_once(jobs: list[Callable[[], str]]) -> list[str]:
    """Run all jobs in threads that start together, each with its own database connection."""
    barrier, outcomes = threading.Barrier(len(jobs)), ["" for _ in jobs]

    def run(index: int) -> None:
        barrier.wait()
        try:
            outcomes[index] = jobs[index]()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


# Recording ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("decision", "status"), [("approved", Status.approved), ("rejected", Status.rejected)])
def test_recording_moves_the_document_once_however_often_it_runs(owner: User, decision: str, status: Status) -> None:
    review = case_of(owner)
    accepted = approve(review, decision=decision, reason_code="unreadable" if decision == "rejected" else "")
    for _ in range(3):
        services.record_decision(str(accepted.pk))
    document = Document.objects.get(pk=review.document_id)
    assert document.state is status
    event = document.events.get(after=status)
    assert (event.actor, event.reason, event.correlation_id) == ("staff-1", accepted.reason_code, "upload-1")
    review.refresh_from_db()
    assert review.closed_at is not None


@pytest.mark.django_db(transaction=True)
def test_recording_twice_at_the_same_instant_has_one_effect() -> None:
    review = case_of(User.objects.create_user("owner"))
    accepted = approve(review)

    def record() -> str:
        services.record_decision(accepted.pk)
        return "done"

    assert at_once([record] * 6) == ["done"] * 6
    assert review.document.events.filter(after=Status.approved).count() == 1


def test_a_refused_or_unknown_decision_moves_nothing(owner: User) -> None:
    review = case_of(owner)
    approve(review)
    with pytest.raises(AlreadyDecided):
        approve(review, decision="rejected", decided_by="staff-2")
    refused = ReviewDecision.objects.get(accepted=False)
    for decision_id in (refused.pk, uuid.uuid4()):
        with pytest.raises(UnknownDecision):
            services.record_decision(decision_id)
    assert Document.objects.get(pk=review.document_id).state is Status.needs_review


def test_a_document_that_stands_elsewhere_is_left_alone(owner: User) -> None:
    review = case_of(owner)
    accepted = approve(review)
    review.document.move_to(Status.rejected, actor="test")
    with pytest.raises(MovedMeanwhile):
        services.record_decision(accepted.pk)
    assert Document.objects.get(pk=review.document_id).state is Status.rejected


# Escalating -----------------------------------------------------------------------------------------------------------


def test_the_first_escalation_stays(owner: User) -> None:
    review = case_of(owner)
    first = services.escalate(review, by="client", reason="client").escalated_at
    again = services.escalate(review, by="workflow", reason=words.OVERDUE)
    assert (again.escalated_at, again.escalation_reason) == (first, "client")


def test_a_decided_review_is_not_escalated_any_more(owner: User) -> None:
    review = case_of(owner)
    approve(review)
    assert services.escalate(review, by="workflow", reason=words.NO_DECISION).escalated_at is None
