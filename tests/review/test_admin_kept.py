"""While the workflow service is away, the console says that decisions are kept."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from filot.models import User
from integrations.temporal import TemporalUnavailable
from review.delivery import deliver
from review.models import Review, ReviewDecision
from tests.review.admin_cases import act, logged_in, open_case, staff
from tests.review.cases import Temporal

pytestmark = pytest.mark.django_db
AWAY = "The workflow service does not answer."
LIMITS = {"/admin/": 8, "/admin/review/review/": 8, "case": 14}


def decided(client: Client, owner: User, *, seconds_ago: int) -> Review:
    """A case that was approved at the console."""
    review = open_case(owner, workflow_started_at=timezone.now())
    assert act(client, review, "approve").status_code == 302
    then = timezone.now() - timedelta(seconds=seconds_ago)
    ReviewDecision.objects.filter(review=review).update(created_at=then, deliver_after=then)
    return review


def texts(client: Client, review: Review) -> dict[str, str]:
    """The dashboard, the queue and the page of this case, each within its number of queries."""
    found = {}
    for page, limit in LIMITS.items():
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(f"/admin/review/review/{review.pk}/change/" if page == "case" else page)
        assert len(queries) <= limit, page
        assert answer.status_code == 200
        found[page] = answer.content.decode()
    return found


def test_while_temporal_is_away_each_page_counts_what_is_kept_until_it_is_back(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, client = Temporal(monkeypatch), logged_in(staff("senior"))
    server.answers = [TemporalUnavailable("frozen")]
    reviews = [decided(client, owner, seconds_ago=11) for _ in range(2)]
    assert deliver() == (0, 0)

    for page, text in texts(client, reviews[0]).items():
        assert f"{AWAY} 2 decisions are kept and will be delivered when it is back." in text, page

    assert deliver() == (0, 2)
    for page, text in texts(client, reviews[0]).items():
        assert AWAY not in text, page


def test_one_kept_decision_is_told_to_ops_too(owner: User) -> None:
    decided(logged_in(staff("reviewer")), owner, seconds_ago=60)

    text = logged_in(staff("ops")).get("/admin/").content.decode()

    assert f"{AWAY} 1 decision is kept and will be delivered when it is back." in text


def test_a_decision_on_its_way_and_a_refused_one_are_no_reason_for_alarm(owner: User) -> None:
    client = logged_in(staff("senior"))
    review = decided(client, owner, seconds_ago=5)
    then = timezone.now() - timedelta(hours=1)
    facts: dict[str, Any] = {"decision": "rejected", "source": "buli2", "decided_by": "buli2", "created_at": then}
    ReviewDecision.objects.create(review=review, accepted=False, **facts)

    for page, text in texts(client, review).items():
        assert AWAY not in text, page


def test_the_page_that_gives_a_mistake_back_says_it_too(owner: User) -> None:
    client = logged_in(staff("senior"))
    decided(client, owner, seconds_ago=11)
    following = open_case(owner)

    answer = act(client, following, "reject", reason_code="")

    assert answer.status_code == 400
    assert AWAY in answer.content.decode()


def test_whoever_is_not_logged_in_learns_nothing_of_it(owner: User, client: Client) -> None:
    decided(logged_in(staff("senior")), owner, seconds_ago=11)

    assert AWAY not in client.get("/admin/", follow=True).content.decode()
