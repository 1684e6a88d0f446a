"""The doors of a decision: who may, once, never by GET, and the second is told."""

from typing import Any

import pytest
from django.test import Client

from documents.status import Status
from filot.models import User
from review import case_pages
from review.models import Review, ReviewDecision
from review.services import record_decision
from tests.review.admin_cases import logged_in, open_case, staff, state_of

pytestmark = pytest.mark.django_db
NOT_APPLIED = "not applied yet"
DOORS = ["approve/", "reject/", "escalate/", "reveal/"]


@pytest.fixture(autouse=True)
def rings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that were rung for."""
    rung: list[str] = []
    monkeypatch.setattr(case_pages, "ring_default", rung.append)
    return rung


def address(review: Review, tail: str = "change/") -> str:
    return f"/admin/review/review/{review.pk}/{tail}"


def approve(client: Client, review: Review, note: str = "") -> Any:
    return client.post(address(review, "approve/"), {"note": note})


@pytest.mark.parametrize("role", ["reviewer", "senior"])
def test_an_approval_is_a_row_and_the_next_case_opens(
    owner: User, role: str, rings: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    review, following, user = open_case(owner), open_case(owner), staff(role)

    with django_capture_on_commit_callbacks(execute=True):
        answer = approve(logged_in(user), review, "looks right")

    decision = ReviewDecision.objects.get()
    assert (decision.decision, decision.source, decision.user, decision.accepted) == ("approved", "console", user, True)
    assert decision.note == "looks right"
    assert answer["Location"] == address(following)
    assert rings == ["review.deliver"]
    assert state_of(review.document) is Status.needs_review  # the workflow moves it, not the page


def test_a_message_says_what_was_decided_and_that_nothing_is_left(owner: User) -> None:
    review = open_case(owner)

    page = logged_in(staff("reviewer")).post(address(review, "approve/"), follow=True)

    text = page.content.decode()
    assert f"Decision recorded: {review.document.ref} will be approved." in text
    assert "No other case waits for you." in text


def test_pressing_again_after_the_document_was_moved_promises_nothing(owner: User) -> None:
    review, client = open_case(owner), logged_in(staff("reviewer"))
    client.post(address(review, "reject/"), {"reason_code": "expired"})
    record_decision(ReviewDecision.objects.get().pk)

    page = client.post(address(review, "reject/"), {"reason_code": "expired"}, follow=True)

    text = page.content.decode()
    assert f"{review.document.ref} was rejected before." in text
    assert ReviewDecision.objects.count() == 1


def test_a_case_says_while_its_decision_is_not_applied_yet(owner: User) -> None:
    review, client = open_case(owner), logged_in(staff("reviewer"))
    assert NOT_APPLIED not in client.get(address(review)).content.decode()
    approve(client, review)

    recorded = client.get(address(review)).content.decode()
    record_decision(ReviewDecision.objects.get().pk)
    applied = client.get(address(review)).content.decode()

    assert NOT_APPLIED in recorded
    assert "once the workflow has applied it" in recorded
    assert NOT_APPLIED not in applied
    assert "the decision stands." in applied


def test_a_rejection_needs_one_of_the_reasons(owner: User) -> None:
    review, client = open_case(owner), logged_in(staff("reviewer"))

    for code in ("", "bad mood"):
        answer = client.post(address(review, "reject/"), {"reason_code": code, "note": "my words"})
        assert answer.status_code == 400
        assert "my words" in answer.content.decode()
    assert not ReviewDecision.objects.exists()

    client.post(address(review, "reject/"), {"reason_code": "unreadable"})
    decision = ReviewDecision.objects.get()
    assert (decision.decision, decision.reason_code) == ("rejected", "unreadable")


def test_a_note_that_is_too_long_is_given_back_and_nothing_is_decided(owner: User) -> None:
    review = open_case(owner)

    answer = approve(logged_in(staff("reviewer")), review, "x" * 1001)

    assert answer.status_code == 400
    assert "x" * 1001 in answer.content.decode()
    assert not ReviewDecision.objects.exists()


@pytest.mark.parametrize("role", ["compliance", "auditor", "ops"])
@pytest.mark.parametrize("door", ["approve/", "reject/", "escalate/"])
def test_other_roles_decide_nothing(owner: User, role: str, door: str) -> None:
    review = open_case(owner)
    data = {"reason_code": "unreadable", "escalation_reason": "second_opinion"}

    answer = logged_in(staff(role)).post(address(review, door), data)

    review.refresh_from_db()
    assert answer.status_code == 403
    assert (review.decision, review.escalated_at) == ("", None)


def test_a_superuser_has_no_right_to_decide_by_being_one(owner: User) -> None:
    review = open_case(owner)
    client = logged_in(User.objects.create_superuser("root"))

    assert approve(client, review).status_code == 403
    assert 'id="decision"' not in client.get(address(review)).content.decode()
    assert not ReviewDecision.objects.exists()


def test_nobody_decides_a_document_they_uploaded() -> None:
    user = staff("reviewer")
    review = open_case(user)

    answer = approve(logged_in(user), review)

    assert answer.status_code == 403
    assert "You uploaded this document" in answer.content.decode()
    assert not ReviewDecision.objects.filter(accepted=True).exists()


def test_ones_own_document_is_never_the_next_case(owner: User) -> None:
    user = staff("reviewer")
    open_case(user, number="")

    answer = approve(logged_in(user), open_case(owner))

    assert answer["Location"] == "/admin/review/review/"


@pytest.mark.parametrize("door", ["approve/", "reject/"])
def test_the_second_decider_is_told_and_keeps_their_note(owner: User, door: str) -> None:
    review, first = open_case(owner), staff("reviewer")
    approve(logged_in(first), review)

    answer = logged_in(staff("senior")).post(
        address(review, door), {"reason_code": "mismatch", "note": "I saw something"}
    )

    text = answer.content.decode()
    assert answer.status_code == 409
    assert first.username in text
    assert "I saw something" in text
    assert ReviewDecision.objects.get(accepted=True).user == first


def test_the_same_person_pressing_twice_is_no_conflict(owner: User) -> None:
    review, client = open_case(owner), logged_in(staff("reviewer"))

    assert [approve(client, review).status_code for _ in range(2)] == [302, 302]
    assert ReviewDecision.objects.count() == 1


def test_an_escalation_marks_the_case_and_the_next_one_opens(owner: User) -> None:
    review, following = open_case(owner), open_case(owner)
    client = logged_in(staff("reviewer"))

    assert client.post(address(review, "escalate/"), {"escalation_reason": "no such"}).status_code == 400
    answer = client.post(address(review, "escalate/"), {"escalation_reason": "second_opinion"})

    review.refresh_from_db()
    assert (review.escalation_reason, review.decision) == ("second_opinion", "")
    assert answer["Location"] == address(following)


def test_escalating_a_decided_case_tells_so(owner: User) -> None:
    review = open_case(owner)
    approve(logged_in(staff("reviewer")), review)

    answer = logged_in(staff("senior")).post(address(review, "escalate/"), {"escalation_reason": "unclear_rule"})

    assert answer.status_code == 409


@pytest.mark.parametrize("door", DOORS)
def test_a_get_decides_and_reveals_nothing(owner: User, door: str) -> None:
    review = open_case(owner)

    answer = logged_in(staff("senior")).get(address(review, door))

    review.refresh_from_db()
    assert answer.status_code == 405
    assert (review.decision, review.escalated_at) == ("", None)


def test_looking_at_queue_case_and_dashboard_changes_nothing(owner: User) -> None:
    review, client = open_case(owner), logged_in(staff("senior"))
    before = (Review.objects.values().get(), type(review.document).objects.values().get())

    for page in ("/admin/", "/admin/review/review/", address(review)):
        assert client.get(page).status_code == 200

    assert (Review.objects.values().get(), type(review.document).objects.values().get()) == before
    assert not ReviewDecision.objects.exists()


@pytest.mark.parametrize("door", DOORS)
def test_a_post_without_its_token_is_refused(owner: User, door: str) -> None:
    review = open_case(owner)
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff("senior"))

    assert client.post(address(review, door), {"reason": "compare"}).status_code == 403
    assert not ReviewDecision.objects.exists()


def test_the_case_page_itself_takes_no_post(owner: User) -> None:
    review = open_case(owner)

    answer = logged_in(staff("senior")).post(address(review), {"decision": "approved"})

    review.refresh_from_db()
    assert answer.status_code == 405
    assert review.decision == ""
