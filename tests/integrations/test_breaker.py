"""Two breaker objects on one name stand for two processes: they share nothing but Redis."""

import socket
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from django.conf import settings

from integrations import breaker
from integrations.breaker import FAILURES, BreakerOpen, SharedBreaker


class PartnerDown(Exception):
    pass


class OurMistake(Exception):
    pass


@pytest.fixture
def name() -> str:
    return uuid.uuid4().hex


def a_process(name: str, url: str | None = None) -> SharedBreaker:
    return SharedBreaker(name, url=url or settings.REDIS_URL, counts=lambda error: isinstance(error, PartnerDown))


def fail(one: SharedBreaker, times: int = 1, error: type[Exception] = PartnerDown) -> None:
    def broken() -> None:
        raise error

    for _ in range(times):
        with pytest.raises(error):
            one.call(broken)


def let_the_pause_pass(name: str) -> None:
    redis.Redis.from_url(settings.REDIS_URL).hset(f"filot:breaker:{name}", "opened_at", time.time() - 31)


def test_five_failures_in_any_process_open_it_for_all(name: str) -> None:
    here, there = a_process(name), a_process(name)
    fail(here, FAILURES - 2)
    fail(there, 2)
    for one in (here, there):
        with pytest.raises(BreakerOpen) as refused:
            one.call(lambda: pytest.fail("was called"))
        assert 0 < refused.value.retry_after <= breaker.OPEN_SECONDS


def test_a_success_starts_the_count_again(name: str) -> None:
    one = a_process(name)
    fail(one, FAILURES - 1)
    assert one.call(lambda: "fine") == "fine"
    fail(one, FAILURES - 1)
    assert one.state == "closed"


def test_an_error_that_is_not_the_partners_does_not_count(name: str) -> None:
    one = a_process(name)
    fail(one, FAILURES + 1, OurMistake)
    assert one.state == "closed"


def test_what_fails_before_the_call_is_nobodys_failure_and_no_success_either(name: str) -> None:
    one = a_process(name)

    def our_database_is_away() -> None:
        raise OurMistake

    def prepare(times: int) -> None:
        for _ in range(times):
            with pytest.raises(OurMistake):
                one.call(lambda: pytest.fail("was called"), before=our_database_is_away)

    prepare(FAILURES + 1)
    assert one.state == "closed"
    fail(one, FAILURES)
    let_the_pause_pass(name)
    prepare(1)
    assert one.state == "half-open", "neither closed by it nor opened for another pause"
    assert one.call(lambda: "back") == "back"


def test_half_open_lets_one_probe_through_over_all_threads_and_processes(name: str) -> None:
    processes = [a_process(name) for _ in range(4)]
    fail(processes[0], FAILURES)
    let_the_pause_pass(name)
    calls: list[int] = []
    everybody_asked = threading.Barrier(8 + 1)

    def probe() -> str:
        calls.append(1)
        everybody_asked.wait(10)  # the probe lasts until all of the others were refused
        return "back"

    def ask(one: SharedBreaker) -> str:
        try:
            return one.call(probe)
        except BreakerOpen:
            everybody_asked.wait(10)
            return "refused"

    with ThreadPoolExecutor(8) as threads:
        answers = [threads.submit(ask, one) for one in processes * 2]
        everybody_asked.wait(10)
        told = sorted(answer.result() for answer in answers)
    assert told == ["back"] + ["refused"] * 7
    assert len(calls) == 1
    assert [one.state for one in processes] == ["closed"] * 4


def test_a_probe_that_fails_opens_it_again_for_all(name: str) -> None:
    here, there = a_process(name), a_process(name)
    fail(here, FAILURES)
    let_the_pause_pass(name)
    fail(there)
    for one in (here, there):
        with pytest.raises(BreakerOpen):
            one.call(lambda: pytest.fail("was called"))


def test_a_process_that_comes_late_does_not_probe_right_after_a_failed_probe(name: str) -> None:
    one = a_process(name)
    fail(one, FAILURES)
    # It saw that the pause was over, and writes its half-open only after the failed probe has opened the circuit again.
    redis.Redis.from_url(settings.REDIS_URL).hset(f"filot:breaker:{name}", "state", "half-open")
    with pytest.raises(BreakerOpen):
        one.call(lambda: pytest.fail("was called"))
    assert one.state == "open"


def test_a_probe_of_a_process_that_died_blocks_only_until_its_lease_ends(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, alive = a_process(name), a_process(name)
    fail(dead, FAILURES)
    let_the_pause_pass(name)
    assert dead._shared.take_probe()
    with pytest.raises(BreakerOpen):
        alive.call(lambda: pytest.fail("was called"))
    redis.Redis.from_url(settings.REDIS_URL).pexpire(f"filot:breaker:{name}:probe", 1)
    time.sleep(0.02)
    assert alive.call(lambda: "back") == "back"


def test_threads_call_at_the_same_time(name: str) -> None:
    one, both_are_in = a_process(name), threading.Barrier(2)
    with ThreadPoolExecutor(2) as threads:
        calls = [threads.submit(one.call, lambda: both_are_in.wait(10)) for _ in range(2)]
        assert sorted(call.result() for call in calls) == [0, 1]


def away(one: SharedBreaker, url: str) -> None:
    one._shared._redis = redis.Redis.from_url(url, socket_connect_timeout=0.2, socket_timeout=0.2)
    one._shared._redis.set_retry(breaker.Retry(breaker.NoBackoff(), 0))


@pytest.mark.parametrize("opened", [True, False])
def test_the_last_known_state_counts_while_redis_is_away(name: str, closed_port: int, opened: bool) -> None:
    one = a_process(name)
    fail(one, FAILURES if opened else 1)
    away(one, f"redis://127.0.0.1:{closed_port}/0")
    if opened:
        with pytest.raises(BreakerOpen):
            one.call(lambda: pytest.fail("was called"))
    else:
        assert one.call(lambda: "fine") == "fine"


def test_it_is_built_and_opens_on_its_own_without_redis(name: str, closed_port: int) -> None:
    one = a_process(name, f"redis://127.0.0.1:{closed_port}/0")
    fail(one, FAILURES)
    with pytest.raises(BreakerOpen):
        one.call(lambda: pytest.fail("was called"))


def test_a_redis_that_never_answers_is_asked_once_and_then_left_alone(
    name: str, raw_server: Callable[[Callable[[socket.socket], None]], str]
) -> None:
    asked: list[int] = []

    def silent(line: socket.socket) -> None:
        asked.append(1)
        line.settimeout(3)
        while line.recv(1024):
            pass

    one = a_process(name)
    away(one, raw_server(silent).replace("http://", "redis://"))
    for _ in range(3):
        assert one.call(lambda: "fine") == "fine"
    assert len(asked) == 1
