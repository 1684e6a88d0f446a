"""The list of review workflows: for operators, without anything of a case, and whatever Temporal does."""

import time
from typing import Any

import pytest
from django.utils import timezone

from filot.embedded.program import free_port
from filot.models import User
from integrations import temporal
from review import services
from review.models import Review, ReviewDecision
from tests.review.admin_cases import logged_in, staff
from tests.review.cases import NIK, case_of

pytestmark = pytest.mark.django_db
QUERY_WORKFLOW = temporal.query_workflow
LIST = "/admin/review/reviewworkflow/"


def shown(path: str, role: str = "ops", **query: str) -> str:
    user = User.objects.filter(groups__name=role).first() or staff(role)
    answer = logged_in(user).get(path, query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def page(review: Review) -> str:
    return f"{LIST}{review.pk}/change/"


@pytest.fixture(autouse=True)
def answer(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Temporal's query answers, in place of a server."""
    state: dict[str, Any] = {"status": "sent_to_reviewer", "retryCount": 2, "lastError": "http_503"}
    monkeypatch.setattr(temporal, "query_workflow", lambda *args, **kwargs: state)
    return state


def test_the_list_says_how_far_each_has_come_and_finds_them_by_it(owner: User) -> None:
    unstarted, waiting, undelivered, unrecorded, closed = (case_of(owner) for _ in range(5))
    Review.objects.exclude(pk=unstarted.pk).update(workflow_started_at=timezone.now())
    for review in (undelivered, unrecorded, closed):
        decision = services.decide(review_id=review.pk, decision="approved", source="console", decided_by="staff-1")
        if review != undelivered:
            ReviewDecision.objects.filter(pk=decision.pk).update(delivered_at=timezone.now())
        if review == closed:
            services.record_decision(decision.pk)
    everything = shown(LIST)
    for progress, review in {
        "unstarted": unstarted,
        "waiting": waiting,
        "undelivered": undelivered,
        "closed": closed,
    }.items():
        found = shown(LIST, progress=progress)
        assert page(review) in everything
        assert [one.pk for one in Review.objects.all() if page(one) in found] == [review.pk]
    assert page(unrecorded) in shown(LIST, progress="unrecorded")
    assert "decided, Temporal not told" in everything


def test_its_page_asks_temporal_and_shows_nothing_of_the_case(owner: User) -> None:
    text = shown(page(case_of(owner)))
    assert "status sent_to_reviewer, retryCount 2, lastError http_503" in text
    assert NIK not in text
    assert "BUDI" not in text


@pytest.mark.parametrize("role", ["compliance", "auditor", "ops"])
def test_who_looks_after_operations_may_look(owner: User, role: str) -> None:
    assert page(case_of(owner)) in shown(LIST, role)


@pytest.mark.parametrize("role", ["reviewer", "senior"])
def test_who_decides_may_not_and_nobody_changes_or_deletes(owner: User, role: str) -> None:
    review = case_of(owner)
    assert logged_in(staff(role)).get(LIST).status_code == 403
    ops = logged_in(staff("ops"))
    assert ops.post(page(review), {"escalation_reason": "x"}).status_code == 403
    assert ops.post(f"{LIST}{review.pk}/delete/").status_code == 403
    assert ops.get(f"{LIST}add/").status_code == 403


def test_a_server_that_is_away_costs_the_page_two_seconds_and_is_named(
    owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporal, "query_workflow", QUERY_WORKFLOW)
    settings.TEMPORAL_ADDRESS = f"127.0.0.1:{free_port()}"
    review = case_of(owner)
    client = logged_in(staff("ops"))
    began = time.monotonic()
    text = client.get(page(review)).content.decode()
    assert time.monotonic() - began < 4
    assert "does not answer" in text
