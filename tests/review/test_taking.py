"""Taking a case: one holder, a lease that runs out, and nobody told wrongly that the queue is empty."""

import os
import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Max
from django.utils import timezone

from documents.audit import check_chain
from documents.models import AuditEntry
from filot.models import User
from review import taking
from review.models import Review, Skip
from review.taking import NotTaken, queue_state, take, take_next
from tests.review.admin_cases import open_case
from tests.review.people import person

pytestmark = pytest.mark.django_db


def run_out(review: Review) -> None:
    Review.objects.filter(pk=review.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def acts(review: Review) -> list[str]:
    return list(AuditEntry.objects.filter(subject=str(review.pk)).order_by("sequence").values_list("action", flat=True))


def test_the_case_that_is_due_first_is_held_for_ten_minutes_and_the_act_is_kept(owner: User) -> None:
    later = open_case(owner, due_at=timezone.now() + timedelta(hours=5))
    sooner, user = open_case(owner, due_at=timezone.now() + timedelta(hours=1)), person("reviewer")

    taken = take_next(user)

    assert taken == sooner
    sooner.refresh_from_db()
    assert sooner.holder == user
    assert timedelta(minutes=9) < sooner.lease_until - timezone.now() <= timedelta(minutes=10)
    assert acts(sooner) == ["case.taken"]
    assert acts(later) == []


def test_what_another_holds_is_not_offered_until_its_lease_runs_out(owner: User) -> None:
    review, first, second = open_case(owner), person("reviewer"), person("reviewer")
    take_next(first)

    assert take_next(second) is None
    with pytest.raises(NotTaken, match="held"):
        take(review.pk, second)
    state = queue_state(second)
    assert (state.waiting, state.free, state.held) == (1, 0, 1)
    assert state.frees_at is not None
    assert timedelta(minutes=9) < state.frees_at - timezone.now() <= timedelta(minutes=10)

    run_out(review)
    assert take_next(second) == review


def test_a_heartbeat_renews_a_lease_and_never_one_that_was_lost(owner: User) -> None:
    review, user, other = open_case(owner), person("reviewer"), person("reviewer")
    take_next(user)
    Review.objects.update(lease_until=timezone.now() + timedelta(seconds=5))

    assert taking.beat(review.pk, user) == 600
    assert taking.beat(review.pk, other) is None
    run_out(review)
    assert taking.beat(review.pk, user) is None
    take_next(other)
    assert taking.beat(review.pk, user) is None
    assert acts(review) == ["case.taken", "case.taken"]


def test_what_was_skipped_is_not_offered_to_the_same_person_again_for_hours(owner: User) -> None:
    review, user = open_case(owner), person("reviewer")
    take_next(user)

    assert taking.release(review.pk, user)
    assert not taking.release(review.pk, user)

    review.refresh_from_db()
    assert (review.holder, review.lease_until) == (None, None)
    assert take_next(user) is None
    assert take_next(person("reviewer")) == review
    run_out(review)
    Skip.objects.update(at=timezone.now() - timedelta(hours=9))
    assert take_next(user) == review


def test_nobody_is_given_their_own_upload() -> None:
    user = person("reviewer")
    review = open_case(user)

    assert take_next(user) is None
    assert queue_state(user).waiting == 0
    with pytest.raises(NotTaken, match="own"):
        take(review.pk, user)


@pytest.mark.parametrize("role", ["compliance", "auditor", "ops"])
def test_other_roles_take_nothing(owner: User, role: str) -> None:
    review, user = open_case(owner), person(role)

    assert take_next(user) is None
    with pytest.raises(NotTaken, match="no_right"):
        take(review.pk, user)


def test_a_superuser_takes_nothing_by_being_one(owner: User) -> None:
    open_case(owner)
    assert take_next(User.objects.create_superuser("root")) is None


def test_what_was_escalated_is_for_seniors(owner: User) -> None:
    review = open_case(owner, escalated_at=timezone.now())

    assert take_next(person("reviewer")) is None
    assert take_next(person("senior")) == review


def test_what_is_assigned_is_the_persons_alone_and_comes_first(owner: User) -> None:
    soon = open_case(owner, due_at=timezone.now() + timedelta(minutes=1))
    late, user, senior = open_case(owner), person("reviewer"), person("senior")
    take(late.pk, senior)

    assert taking.assign([late.pk], senior, to=user) == 1

    assert take_next(person("reviewer")) == soon
    assert take_next(user) == late
    assert acts(late) == ["case.taken", "case.assigned", "case.taken"]


def test_nothing_is_assigned_to_whoever_may_not_decide_it(owner: User) -> None:
    user, senior = person("reviewer"), person("senior")
    fit, own = open_case(owner), open_case(user)

    with pytest.raises(NotTaken, match="own"):
        taking.assign([fit.pk, own.pk], senior, to=user)

    assert not Review.objects.filter(assigned_to__isnull=False).exists()
    assert not AuditEntry.objects.filter(action="case.assigned").exists()


def test_operations_free_only_what_ran_out(owner: User) -> None:
    held, silent, user, ops = open_case(owner), open_case(owner), person("reviewer"), person("ops")
    take(held.pk, user)
    take(silent.pk, user)
    run_out(silent)

    assert taking.free_from_others([held.pk, silent.pk], ops, expired_only=True) == 1

    held.refresh_from_db()
    silent.refresh_from_db()
    assert (held.holder, silent.holder) == (user, None)
    assert acts(silent)[-1] == "case.freed"


def test_taking_needs_the_same_number_of_queries_whatever_waits(
    owner: User, django_assert_max_num_queries: Any
) -> None:
    user = person("reviewer")
    for _ in range(30):
        open_case(owner)
    with django_assert_max_num_queries(12):
        assert take_next(user)
    with django_assert_max_num_queries(2):
        assert queue_state(user).waiting == 30


@pytest.mark.django_db(transaction=True)
def test_eight_takers_get_every_case_once_and_are_told_of_no_empty_queue(owner: User) -> None:
    cases, takers = int(os.environ.get("FILOT_TEST_TAKEN", "120")), [person("reviewer") for _ in range(8)]
    for _ in range(cases):
        open_case(owner)
    begin, taken, failed = threading.Barrier(len(takers)), [], []

    def work(user: Any) -> None:
        try:
            begin.wait()
            while (review := take_next(user)) is not None:
                taken.append((review.pk, user.pk))
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(user,)) for user in takers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert len(taken) == len({pk for pk, _ in taken}) == cases
    held: dict[uuid.UUID, Any] = dict(Review.objects.values_list("pk", "holder"))
    assert held == dict(taken)
    assert AuditEntry.objects.filter(action="case.taken").count() == cases
    assert AuditEntry.objects.aggregate(last=Max("sequence"))["last"] == AuditEntry.objects.count()
    assert check_chain() == []
