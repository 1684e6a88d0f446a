"""The doors of a decision: who may, once, under a lease, never by GET, and whoever comes late is told."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from documents.status import Status
from filot.models import User
from review.models import Review, ReviewDecision
from review.services import decide, record_decision
from tests.review.admin_cases import act, logged_in, open_case, staff, state_of

pytestmark = pytest.mark.django_db
DOORS = [
    "claim",
    "release",
    "approve",
    "reject",
    "new-upload",
    "escalate",
    "correct",
    "reveal",
    "cover",
    "beat",
    "undo",
]


def address(review: Review, tail: str = "change") -> str:
    return f"/admin/review/review/{review.pk}/{tail}/"


@pytest.mark.parametrize("role", ["reviewer", "senior"])
def test_an_approval_is_a_row_and_the_next_case_opens(owner: User, role: str) -> None:
    review, following, user = open_case(owner), open_case(owner), staff(role)

    answer = act(logged_in(user), review, "approve", note="looks right")

    decision = ReviewDecision.objects.get()
    assert (decision.decision, decision.source, decision.user, decision.accepted) == ("approved", "console", user, True)
    assert decision.note == "looks right"
    assert answer["Location"] == address(following)
    following.refresh_from_db()
    assert following.holder == user
    assert state_of(review.document) is Status.needs_review  # the workflow moves it, not the page


def test_the_page_after_a_decision_offers_to_undo_it_and_that_works(owner: User) -> None:
    review, following, user = open_case(owner), open_case(owner), staff("reviewer")
    client = logged_in(user)

    page = client.get(act(client, review, "approve")["Location"])
    assert address(review, "undo") in page.content.decode()
    answer = client.post(address(review, "undo"))

    review.refresh_from_db()
    assert answer["Location"] == address(review)
    assert (review.decision, review.holder) == ("", user)
    assert not ReviewDecision.objects.filter(accepted=True).exists()
    assert following.decision == ""


def test_a_message_says_that_nothing_is_left(owner: User) -> None:
    client = logged_in(staff("reviewer"))
    page = client.get(act(client, open_case(owner), "approve")["Location"])
    assert "No other case waits for you." in page.content.decode()


def test_a_case_says_while_its_decision_is_not_applied_yet(owner: User) -> None:
    review, client = open_case(owner), logged_in(staff("reviewer"))
    act(client, review, "approve")

    recorded = client.get(address(review)).content.decode()
    record_decision(ReviewDecision.objects.get().pk)
    applied = client.get(address(review)).content.decode()

    assert "once the workflow has applied it" in recorded
    assert "once the workflow has applied it" not in applied


@pytest.mark.parametrize("code", ["", "bad mood"])
def test_a_rejection_needs_one_of_the_reasons_and_the_note_is_given_back(owner: User, code: str) -> None:
    review, client = open_case(owner), logged_in(staff("reviewer"))

    answer = act(client, review, "reject", reason_code=code, note="my words")

    assert answer.status_code == 400
    assert "my words" in answer.content.decode()
    assert not ReviewDecision.objects.exists()
    act(client, review, "reject", reason_code="unreadable")
    assert ReviewDecision.objects.get().reason_code == "unreadable"


def test_a_new_upload_is_a_rejection_that_asks_for_another_file(owner: User) -> None:
    review, client = open_case(owner), logged_in(staff("reviewer"))
    assert act(client, review, "new-upload", reason_code="expired").status_code == 400
    assert act(client, review, "new-upload", reason_code="unreadable").status_code == 302
    decision = ReviewDecision.objects.get()
    assert (decision.decision, decision.new_upload) == ("rejected", True)


def test_a_note_that_is_too_long_is_given_back_and_nothing_is_decided(owner: User) -> None:
    answer = act(logged_in(staff("reviewer")), open_case(owner), "approve", note="x" * 1001)

    assert answer.status_code == 400
    assert "x" * 1001 in answer.content.decode()
    assert not ReviewDecision.objects.exists()


@pytest.mark.parametrize("role", ["compliance", "auditor", "ops"])
@pytest.mark.parametrize("door", ["claim", "approve", "reject", "new-upload", "escalate", "correct", "release"])
def test_other_roles_decide_nothing(owner: User, role: str, door: str) -> None:
    review = open_case(owner)
    data = {"reason_code": "unreadable", "escalation_reason": "second_opinion", "field": "name", "why": "misread"}

    answer = logged_in(staff(role)).post(address(review, door), {"version": review.version, **data})

    review.refresh_from_db()
    assert answer.status_code == 403
    assert (review.decision, review.escalated_at, review.holder) == ("", None, None)


def test_a_superuser_has_no_right_to_decide_by_being_one(owner: User) -> None:
    review = open_case(owner)
    client = logged_in(User.objects.create_superuser("root"))

    assert act(client, review, "approve").status_code == 403
    assert address(review, "approve") not in client.get(address(review)).content.decode()
    assert not ReviewDecision.objects.exists()


def test_nobody_decides_a_document_they_uploaded(owner: User) -> None:
    user = staff("reviewer")
    review = open_case(user)
    Review.objects.update(holder=user, lease_until=timezone.now() + timedelta(minutes=5))

    answer = logged_in(user).post(address(review, "approve"), {"version": review.version})

    assert answer.status_code == 403
    assert not ReviewDecision.objects.filter(accepted=True).exists()


def test_ones_own_document_is_never_the_next_case(owner: User) -> None:
    user = staff("reviewer")
    open_case(user, number="")

    answer = act(logged_in(user), open_case(owner), "approve")

    assert answer["Location"] == "/admin/review/review/"


@pytest.mark.parametrize("lost", ["never held", "another holds it", "run out", "decided", "older page"])
def test_whoever_has_lost_the_case_is_told_and_keeps_their_note(owner: User, lost: str) -> None:
    review, user = open_case(owner), staff("reviewer")
    client = logged_in(user)
    if lost != "never held":
        client.post(address(review, "claim"))
        review.refresh_from_db()
    if lost == "another holds it":
        Review.objects.update(holder=staff("senior"))
    if lost == "run out":
        Review.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    if lost == "decided":
        decide(review_id=review.pk, decision="rejected", source="buli2", decided_by="buli2")
    version = review.version - (lost == "older page")

    answer = client.post(address(review, "approve"), {"version": version, "note": "I saw something"})

    assert answer.status_code == 409
    assert "I saw something" in answer.content.decode()
    assert not ReviewDecision.objects.filter(source="console").exists()


def test_an_escalation_marks_the_case_and_the_next_one_opens(owner: User) -> None:
    review, following = open_case(owner), open_case(owner)
    client = logged_in(staff("reviewer"))

    assert act(client, review, "escalate", escalation_reason="no such").status_code == 400
    answer = act(client, review, "escalate", escalation_reason="second_opinion")

    review.refresh_from_db()
    assert (review.escalation_reason, review.decision, review.holder) == ("second_opinion", "", None)
    assert answer["Location"] == address(following)


@pytest.mark.parametrize("door", DOORS)
def test_a_get_takes_decides_and_reveals_nothing(owner: User, door: str) -> None:
    review = open_case(owner)

    answer = logged_in(staff("senior")).get(address(review, door))

    review.refresh_from_db()
    assert answer.status_code == 405
    assert (review.decision, review.escalated_at, review.holder) == ("", None, None)


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


def test_a_heartbeat_says_what_is_left_and_to_whoever_lost_the_case_what_became_of_it(owner: User) -> None:
    review, client = open_case(owner), logged_in(staff("reviewer"))
    client.post(address(review, "claim"))
    assert client.post(address(review, "beat")).json() == {"left": 600}
    Review.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    lost: Any = client.post(address(review, "beat"))
    assert lost.status_code == 409
    assert lost.json()["text"]
