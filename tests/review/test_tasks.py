"""Celery's doors to reviews."""

import io
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.core.cache import cache
from django.core.management import call_command

from documents.status import Status
from filot.models import User
from filot.service_figures import service_figures
from integrations import buli2, temporal
from review import delivery, partner, tasks
from review.management.commands import reconcile_workflows as command
from review.models import Review
from review.reconciling import Drift, Kind
from tests.review.cases import Temporal, case_of, document_in


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Temporal:
    return Temporal(monkeypatch)


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done for the partner's exchanges."""
    done: list[str] = []
    monkeypatch.setattr(partner, "send_waiting", lambda: done.append("send"))
    monkeypatch.setattr(partner, "tell_untold", lambda: done.append("tell"))
    return done


def test_the_sweep_is_on_the_schedule_under_its_name(settings: Any) -> None:
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert tasks.SWEEP in scheduled
    assert {tasks.SWEEP, tasks.DELIVER} <= set(current_app.tasks)


@pytest.mark.parametrize("task", [tasks.sweep, tasks.deliver])
def test_a_document_that_waits_is_opened_and_brought_to_temporal_by_one_run(
    owner: User, server: Temporal, task: Any
) -> None:
    document = document_in(owner, Status.needs_review)
    task()
    review = Review.objects.get(document=document)
    assert review.workflow_started_at is not None
    assert [arguments["review_id"] for arguments in server.started] == [str(review.pk)]


def test_temporal_down_does_not_keep_the_sweep_from_the_partner(
    owner: User, server: Temporal, rounds: list[str], settings: Any
) -> None:
    settings.BULI2_MODE = "sandbox"
    review = case_of(owner)
    server.answers = [temporal.TemporalUnavailable()]
    tasks.sweep()
    assert rounds == ["send", "tell"]
    assert Review.objects.unstarted().filter(pk=review.pk).exists()  # type: ignore[attr-defined]


def test_without_a_partner_there_are_no_exchanges_to_sweep(db: None, rounds: list[str]) -> None:
    assert not delivery.has_partner()
    tasks.sweep()
    assert rounds == []


def test_one_round_of_exchanges_runs_at_a_time(db: None, rounds: list[str], settings: Any) -> None:
    settings.BULI2_MODE = "sandbox"
    cache.add(tasks.EXCHANGES_LOCK, 1, 60)
    tasks.sweep()
    assert rounds == []
    cache.delete(tasks.EXCHANGES_LOCK)
    tasks.sweep()
    assert rounds == ["send", "tell"]
    assert cache.get(tasks.EXCHANGES_LOCK) is None


# What sweeps do not see -----------------------------------------------------------------------------------------------


def found(monkeypatch: pytest.MonkeyPatch, *differences: Drift, fails: bool = False) -> None:
    def drift(older_than: timedelta) -> Iterator[Drift]:
        yield from differences
        if fails:
            raise temporal.TemporalUnavailable("away")

    monkeypatch.setattr(tasks, "drift", drift)
    monkeypatch.setattr(command, "drift", drift)


def difference(mend: Any = lambda: None) -> Drift:
    return Drift(Kind.not_started, str(uuid.uuid4()), "no workflow was started", mend)


@pytest.mark.django_db
def test_rows_and_temporal_are_compared_hourly_and_what_is_found_is_a_gauge_until_it_is_mended(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    assert tasks.RECONCILE in {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert "drift" not in service_figures()
    mended: list[str] = []
    found(monkeypatch, difference(lambda: mended.append("a")), difference(lambda: mended.append("b")))
    tasks.reconcile()
    assert (service_figures()["drift"], mended) == (2, [])
    call_command("reconcile_workflows", "--fix", stdout=io.StringIO(), stderr=io.StringIO())
    assert (service_figures()["drift"], mended) == (0, ["a", "b"])


@pytest.mark.django_db
def test_while_temporal_is_away_nothing_is_said_to_have_been_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, difference())
    tasks.reconcile()
    before = service_figures()
    found(monkeypatch, fails=True)
    tasks.reconcile()
    after = service_figures()
    assert after["drift"] == before["drift"] == 1
    assert after["sweep_age"]["review.reconcile"] > before["sweep_age"]["review.reconcile"]


def test_old_polls_are_forgotten_until_none_is_left_or_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 10,000 an hour a busy partner leaves more than go: the table would have grown for ever."""
    left = [10_000, 10_000, 3]
    monkeypatch.setattr(buli2, "forget_old", lambda: left.pop(0) if left else 0)
    assert tasks.forget_exchanges() == 20_003
    monkeypatch.setattr(tasks, "FORGET_SECONDS", 0)
    left[:] = [10_000, 10_000]
    assert tasks.forget_exchanges() == 10_000
