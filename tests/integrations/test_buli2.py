import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from structlog.testing import capture_logs

from integrations import exchanges, tries
from integrations.breaker import shared_breaker
from integrations.buli2 import (
    Buli2Refused,
    Buli2Status,
    Buli2Unavailable,
    Ticket,
    cancel_exchange,
    cancel_review,
    forget_old,
    outstanding,
    resend,
    review_status,
    send_due,
    submit_review,
    withdraw,
)
from integrations.models import Buli2Attempt, Buli2Exchange
from integrations.simulator import BuliSimulator

pytestmark = pytest.mark.django_db
BY_OPS = {"actor": "system:test", "reason": "mended"}
SECOND = timedelta(seconds=1)
SOMEBODY = uuid.uuid4()  # whose reviews these are


def submit(review_id: uuid.UUID, **more: Any) -> Ticket:
    body = {"reviewId": str(review_id), "parsedData": {"name": "SITI SPECIMEN"}, "callbackUrl": "", **more}
    return submit_review(review_id=review_id, subject=SOMEBODY, body=body, correlation_id="c-1")


def submissions(simulator: BuliSimulator, review_id: uuid.UUID) -> int:
    return len(list(simulator.desk.effects_of(str(review_id), "submitted")))


def row_of(review_id: uuid.UUID, kind: str = "submit") -> Buli2Exchange:
    return Buli2Exchange.objects.get(review_id=review_id, kind=kind)


def make_due(review_id: uuid.UUID, **changes: Any) -> None:
    Buli2Exchange.objects.filter(review_id=review_id).update(next_attempt_at=timezone.now(), **changes)


def unavailable(review_id: uuid.UUID) -> Buli2Unavailable:
    with pytest.raises(Buli2Unavailable) as error:
        submit(review_id)
    return error.value


# Submitting -----------------------------------------------------------------------------------------------------------


def test_a_submission_carries_its_headers_and_is_one_row(simulator: BuliSimulator, review_id: uuid.UUID) -> None:
    ticket = submit(review_id)
    method, path, headers = simulator.requests[0]
    assert (method, path) == ("POST", "/internal/reviews")
    assert headers["authorization"] == "Bearer test-api-key"
    assert headers["idempotency-key"] == str(review_id)
    assert headers["x-correlation-id"] == "c-1"
    row = row_of(review_id)
    assert (row.state, row.http_status, row.attempt, row.error) == ("done", 201, 1, "")
    assert row.answer["taskId"] == ticket.id
    assert row.next_attempt_at is None


def test_the_stored_body_is_sealed(simulator: BuliSimulator, review_id: uuid.UUID) -> None:
    submit(review_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT body, answer FROM integrations_buli2exchange")
        stored = b"".join(bytes(value) for value in cursor.fetchone())
    assert b"SPECIMEN" not in stored
    assert row_of(review_id).body["parsedData"] == {"name": "SITI SPECIMEN"}


def test_no_value_of_the_card_is_logged(simulator: BuliSimulator, review_id: uuid.UUID) -> None:
    simulator.fail("503:1", "garbage:1")
    with capture_logs() as logs:
        unavailable(review_id)
    assert [line["outcome"] for line in logs if line["event"] == "buli2_forward"] == ["pending"]
    assert "SPECIMEN" not in repr(logs)


def test_submitting_again_returns_the_first_ticket_without_a_call(
    simulator: BuliSimulator, review_id: uuid.UUID
) -> None:
    first = submit(review_id)
    assert submit(review_id, score=7) == first
    assert len(simulator.requests) == 1
    assert "score" not in row_of(review_id).body


@pytest.mark.parametrize("fault", ["500:2", "502:2", "503:2", "504:2", "429:2", "cut:2"])
def test_a_passing_failure_is_tried_again_and_has_one_effect(
    simulator: BuliSimulator, review_id: uuid.UUID, fault: str
) -> None:
    simulator.fail(fault)
    submit(review_id)
    assert (row_of(review_id).state, row_of(review_id).attempt) == ("done", 3)
    assert submissions(simulator, review_id) == 1


def test_a_slow_answer_is_a_timeout_and_the_work_is_not_done_twice(
    simulator: BuliSimulator, review_id: uuid.UUID, settings: Any
) -> None:
    settings.BULI2_TIMEOUTS = (0.2, 0.2)
    simulator.fail("slow=2:1")
    submit(review_id)
    assert row_of(review_id).attempt == 2
    assert submissions(simulator, review_id) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_another_4xx_is_refused_at_once_and_stays_so(
    simulator: BuliSimulator, review_id: uuid.UUID, status: int
) -> None:
    simulator.fail(f"{status}:1")
    for _ in range(2):
        with pytest.raises(Buli2Refused) as refused:
            submit(review_id)
        assert (refused.value.http_status, refused.value.code) == (status, f"http_{status}")
    assert len(simulator.requests) == 1
    assert row_of(review_id).state == "refused"
    assert "as scripted" in row_of(review_id).answer


@pytest.mark.parametrize(
    ("fault", "code"), [("garbage:1", "bad_answer"), ("endless:1", "answer_too_large"), ("redirect:1", "redirect")]
)
def test_an_answer_of_no_use_is_not_asked_for_again_at_once(
    simulator: BuliSimulator, review_id: uuid.UUID, fault: str, code: str
) -> None:
    simulator.fail(fault)
    assert unavailable(review_id).code == code
    row = row_of(review_id)
    assert (row.state, row.error, row.attempt) == ("pending", code, 1)
    assert [path for _, path, _ in simulator.requests] == ["/internal/reviews"]


# Waiting --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between tries, which are noted and not made."""
    noted: list[float] = []
    monkeypatch.setattr(tries, "TRY_WAITS", (1.0, 2.0, 4.0))
    monkeypatch.setattr("tenacity.nap.time.sleep", noted.append)
    return noted


def test_the_waits_between_tries_double(simulator: BuliSimulator, review_id: uuid.UUID, waits: list[float]) -> None:
    simulator.fail("503:3")
    assert unavailable(review_id).code == "http_503"
    assert len(waits) == 2
    assert 1 <= waits[0] <= 1.25
    assert 2 <= waits[1] <= 2.5


def test_a_short_retry_after_is_waited_for(simulator: BuliSimulator, review_id: uuid.UUID, waits: list[float]) -> None:
    simulator.fail("429=7:1")
    submit(review_id)
    assert len(waits) == 1
    assert waits[0] >= 7


def test_a_long_retry_after_is_waited_for_by_the_row(
    simulator: BuliSimulator, review_id: uuid.UUID, waits: list[float]
) -> None:
    simulator.fail("429=120:1")
    error = unavailable(review_id)
    assert waits == []
    assert error.retry_after is not None and error.retry_after >= 120
    due = row_of(review_id).next_attempt_at
    assert due is not None and due - timezone.now() > 119 * SECOND


def test_a_retry_after_of_a_day_is_capped(simulator: BuliSimulator, review_id: uuid.UUID) -> None:
    simulator.fail("503=86400:1")
    unavailable(review_id)
    due = row_of(review_id).next_attempt_at
    assert due is not None and due - timezone.now() <= exchanges.LONGEST_WAIT


def test_what_is_not_delivered_waits_and_is_not_sent_before_its_time(
    quick: None, settings: Any, closed_port: int, review_id: uuid.UUID
) -> None:
    settings.BULI2_API_URL = f"http://127.0.0.1:{closed_port}"
    first, second = unavailable(review_id), unavailable(review_id)
    assert (first.code, second.code) == ("unreachable", "unreachable")
    assert second.retry_after is not None and 0 < second.retry_after <= 7
    assert (row_of(review_id).state, row_of(review_id).attempt) == ("pending", 3)


@pytest.mark.parametrize(("waited", "least", "most"), [(0, 5, 6.25), (60, 60, 76), (3600, 900, 900)])
def test_a_row_waits_as_long_as_it_has_waited_so_far(waited: int, least: float, most: float) -> None:
    row = Buli2Exchange(waiting_since=timezone.now() - waited * SECOND)
    assert least <= exchanges._wait_between(row, None).total_seconds() <= most


def test_after_a_day_it_is_dead_and_a_resend_gives_it_another(simulator: BuliSimulator, review_id: uuid.UUID) -> None:
    simulator.fail("503:3")
    unavailable(review_id)
    make_due(review_id, waiting_since=timezone.now() - timedelta(hours=24))
    simulator.fail("503:1")
    assert send_due() == []
    assert row_of(review_id).state == "dead"
    assert unavailable(review_id).code == "dead"
    assert resend(row_of(review_id), **BY_OPS) is True
    assert [row.state for row in send_due()] == ["done"]
    assert submit(review_id).id == row_of(review_id).answer["taskId"]


def test_what_is_under_way_or_done_is_not_sent_again_by_a_resend(
    simulator: BuliSimulator, review_id: uuid.UUID
) -> None:
    submit(review_id)
    assert resend(row_of(review_id), **BY_OPS) is False
    review_status(review_id=review_id, subject=SOMEBODY, ticket_id=submit(review_id).id, correlation_id="c")
    assert resend(row_of(review_id, "status"), **BY_OPS) is False


# Every attempt -------------------------------------------------------------------------------------------------------


def test_every_try_is_a_row_with_what_became_of_it(simulator: BuliSimulator, review_id: uuid.UUID) -> None:
    simulator.fail("503:1", "cut:1")
    submit(review_id)
    attempts = list(Buli2Attempt.objects.filter(exchange=row_of(review_id)))
    told = [(attempt.number, attempt.http_status, attempt.error) for attempt in attempts]
    assert told == [(1, 503, "http_503"), (2, None, "network"), (3, 201, "")]
    assert all(attempt.duration_ms is not None for attempt in attempts)


def test_a_try_that_the_breaker_refused_is_none(simulator: BuliSimulator, review_id: uuid.UUID) -> None:
    simulator.fail("503:99")
    for one in (review_id, uuid.uuid4(), uuid.uuid4()):
        unavailable(one)
    assert Buli2Attempt.objects.count() == len(simulator.requests) == 5


def test_who_waits_for_it_is_shown_that_it_moves_before_each_try(
    simulator: BuliSimulator, review_id: uuid.UUID
) -> None:
    simulator.fail("503:2")
    beats: list[int] = []
    body = {"reviewId": str(review_id), "callbackUrl": ""}
    submit_review(
        review_id=review_id,
        subject=SOMEBODY,
        body=body,
        correlation_id="c",
        alive=lambda: beats.append(len(simulator.requests)),
    )
    assert beats == [0, 1, 2]


def test_our_own_database_away_is_not_held_against_buli2(
    simulator: BuliSimulator, review_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("server closed the connection")

    submit(review_id)
    monkeypatch.setattr(Buli2Attempt.objects, "create", away)
    for _ in range(6):
        with pytest.raises(OperationalError):
            review_status(review_id=review_id, subject=SOMEBODY, ticket_id="T-1", correlation_id="c")
    assert shared_breaker("buli2", tries._is_failure).state == "closed"
    assert len(simulator.requests) == 1


# Giving up ------------------------------------------------------------------------------------------------------------


def test_what_surely_never_arrived_is_withdrawn_and_never_sent(
    quick: None, settings: Any, closed_port: int, review_id: uuid.UUID, request: pytest.FixtureRequest
) -> None:
    settings.BULI2_API_URL = f"http://127.0.0.1:{closed_port}"
    unavailable(review_id)
    assert row_of(review_id).maybe_received is False
    assert withdraw([review_id]) == 1
    simulator: BuliSimulator = request.getfixturevalue("simulator")
    make_due(review_id)
    assert send_due() == []
    with pytest.raises(Buli2Refused) as refused:
        submit(review_id)
    assert refused.value.code == "withdrawn"
    assert simulator.requests == []


@pytest.mark.parametrize(
    ("fault", "arrived"), [("cut:3", True), ("503:3", True), ("garbage:1", True), ("429:3", False)]
)
def test_what_may_have_arrived_is_not_withdrawn(
    simulator: BuliSimulator, review_id: uuid.UUID, fault: str, arrived: bool
) -> None:
    simulator.fail(fault)
    unavailable(review_id)
    assert row_of(review_id).maybe_received is arrived
    assert withdraw([review_id]) == (0 if arrived else 1)


def test_a_sender_that_comes_after_the_withdrawal_sends_nothing(
    simulator: BuliSimulator, review_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = exchanges._claim

    def claim_then_lose(attempt: tries.Attempt) -> bool:
        held = claim(attempt)
        assert withdraw([review_id]) == 1
        return held

    monkeypatch.setattr(exchanges, "_claim", claim_then_lose)
    with pytest.raises(Buli2Refused):
        submit(review_id)
    assert simulator.requests == []
    assert row_of(review_id).state == "withdrawn"


def test_a_delivery_counts_although_it_was_given_up_meanwhile(
    simulator: BuliSimulator, review_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = tries.call

    def given_up_meanwhile(*args: Any, **kwargs: Any) -> Any:
        assert cancel_exchange(row_of(review_id), **BY_OPS)
        return really(*args, **kwargs)

    monkeypatch.setattr(tries, "call", given_up_meanwhile)
    ticket = submit(review_id)
    assert row_of(review_id).state == "done"
    assert row_of(review_id).answer["taskId"] == ticket.id


def test_old_polls_and_unknown_callbacks_are_forgotten_and_effects_are_kept(
    simulator: BuliSimulator, review_id: uuid.UUID
) -> None:
    ticket = submit(review_id)
    review_status(review_id=review_id, subject=SOMEBODY, ticket_id=ticket.id, correlation_id="c")
    for kept_for in (review_id, None):
        Buli2Exchange.objects.create(
            direction="inbound", kind="callback", method="POST", path="/", state="refused", review_id=kept_for
        )
    assert forget_old() == 0
    Buli2Exchange.objects.update(created_at=timezone.now() - timedelta(days=15))
    assert forget_old() == 2
    kept = Buli2Exchange.objects.values_list("kind", "review_id")
    assert sorted(kept) == [("callback", review_id), ("submit", review_id)]


# The sweep ------------------------------------------------------------------------------------------------------------


def test_the_sweep_sends_what_is_due_and_says_what_got_through(simulator: BuliSimulator, review_id: uuid.UUID) -> None:
    later = uuid.uuid4()
    for one in (review_id, later):
        simulator.fail("garbage:1")
        unavailable(one)
    make_due(review_id)
    sent = send_due()
    assert [row.review_id for row in sent] == [review_id]
    assert sent[0].answer["taskId"]
    assert row_of(later).state == "pending"


def test_the_sweep_makes_one_try_for_each_and_stops_at_an_open_breaker(simulator: BuliSimulator) -> None:
    reviews = [uuid.uuid4() for _ in range(8)]
    for one in reviews:
        simulator.fail("garbage:1")
        with pytest.raises(Buli2Unavailable):
            submit(one)
        make_due(one)
        exchanges_before = len(simulator.requests)
    simulator.fail("503:99")
    assert send_due() == []
    assert len(simulator.requests) - exchanges_before <= 5
    assert Buli2Exchange.objects.filter(state="pending").count() == 8


def test_five_failures_open_the_breaker_and_no_request_leaves(simulator: BuliSimulator, review_id: uuid.UUID) -> None:
    simulator.fail("503:99")
    unavailable(review_id)
    make_due(review_id)
    unavailable(review_id)
    assert len(simulator.requests) == 5
    make_due(review_id)
    error = unavailable(review_id)
    assert error.code == "breaker_open"
    assert error.retry_after is not None and error.retry_after > 1
    assert len(simulator.requests) == 5


# Status and cancellation ----------------------------------------------------------------------------------------------


def test_a_status_is_asked_under_a_row_of_its_own(simulator: BuliSimulator, review_id: uuid.UUID) -> None:
    ticket = submit(review_id)

    def ask() -> Buli2Status:
        return review_status(review_id=review_id, subject=SOMEBODY, ticket_id=ticket.id, correlation_id="c-2")

    assert ask() == Buli2Status("pending", None, None)
    simulator.desk.decide(ticket.id, "approved")
    assert ask() == Buli2Status("completed", "approved", "")
    assert [row.state for row in Buli2Exchange.objects.filter(kind="status")] == ["done", "done"]


def test_a_ticket_id_stays_inside_its_part_of_the_path(simulator: BuliSimulator, review_id: uuid.UUID) -> None:
    with pytest.raises(Buli2Refused):
        review_status(review_id=review_id, subject=SOMEBODY, ticket_id="../reviews?x=", correlation_id="c")
    assert simulator.requests[0][1] == "/internal/reviews/..%2Freviews%3Fx%3D/status"


def test_a_poll_without_an_answer_is_not_repeated_by_the_sweep(
    quick: None, settings: Any, closed_port: int, review_id: uuid.UUID
) -> None:
    settings.BULI2_API_URL = f"http://127.0.0.1:{closed_port}"
    with pytest.raises(Buli2Unavailable):
        review_status(review_id=review_id, subject=SOMEBODY, ticket_id="T-1", correlation_id="c")
    row = row_of(review_id, "status")
    assert (row.state, row.error, row.attempt, row.next_attempt_at) == ("failed", "unreachable", 3, None)
    assert send_due() == []


def test_a_review_is_taken_back_once(simulator: BuliSimulator, review_id: uuid.UUID) -> None:
    ticket = submit(review_id)
    for _ in range(2):
        cancel_review(
            review_id=review_id, subject=SOMEBODY, ticket_id=ticket.id, reason="decided here", correlation_id="c-3"
        )
    assert len(list(simulator.desk.effects_of(str(review_id), "cancelled"))) == 1
    assert len(simulator.requests) == 2
    assert simulator.requests[1][2]["idempotency-key"] == f"{review_id}:cancel"
    assert row_of(review_id, "cancel").body == {"reason": "decided here"}


def test_what_was_decided_there_cannot_be_taken_back(simulator: BuliSimulator, review_id: uuid.UUID) -> None:
    ticket = submit(review_id)
    simulator.desk.decide(ticket.id, "rejected")
    with pytest.raises(Buli2Refused) as refused:
        cancel_review(
            review_id=review_id, subject=SOMEBODY, ticket_id=ticket.id, reason="decided here", correlation_id="c"
        )
    assert refused.value.http_status == 409
    assert not outstanding().exists(), "nothing is left that a person could do"


def test_a_refusal_waits_for_a_person(simulator: BuliSimulator, review_id: uuid.UUID) -> None:
    simulator.desk.script.add("401:1")
    with pytest.raises(Buli2Refused):
        submit(review_id)
    assert [row.http_status for row in outstanding()] == [401]


# Two at once ----------------------------------------------------------------------------------------------------------


def in_its_own_connection(step: Callable[[], Any]) -> Any:
    try:
        return step()
    except Buli2Unavailable as error:
        return error.code
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_two_senders_at_once_are_one_message(simulator: BuliSimulator, review_id: uuid.UUID) -> None:
    simulator.fail("slow=0.5:1")
    start = threading.Barrier(4)

    def send() -> Any:
        start.wait(10)
        return in_its_own_connection(lambda: submit(review_id))

    with ThreadPoolExecutor(4) as threads:
        told = [future.result() for future in [threads.submit(send) for _ in range(4)]]
    assert len(simulator.requests) == 1
    assert sorted(str(answer) for answer in told if isinstance(answer, str)) == ["in_progress"] * 3


def test_a_slower_twin_does_not_undo_a_delivery(
    simulator: BuliSimulator, review_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def delivered_by_another_meanwhile(*args: Any, **kwargs: Any) -> Any:
        row = row_of(review_id)
        row.state, row.answer = "done", {"taskId": "T-9", "status": "pending"}
        row.save()
        raise tries.CallFailed("timeout")

    monkeypatch.setattr(tries, "call", delivered_by_another_meanwhile)
    assert submit(review_id) == Ticket("T-9", "pending")
    assert row_of(review_id).state == "done"


@pytest.mark.django_db(transaction=True)
def test_a_call_inside_a_transaction_is_refused_before_anything_is_sent(
    simulator: BuliSimulator, review_id: uuid.UUID
) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError):
        submit(review_id)
    assert simulator.requests == []
