"""Limits per user and address, with and without Redis."""

import itertools
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.core.cache import cache, caches
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from filot import cache as filot_cache
from filot import throttling
from filot.auth_api import TokenView
from filot.cache import Circuit, LimitedRedisCache
from filot.models import User
from filot.throttling import ProcessCounts, client_address, refused_login
from tests.conftest import client_of

LIMITS = {"all": 6, "action": 3, "webhook": 9}


class Reading(APIView):
    def get(self, request: Request) -> Response:
        return Response("read")

    def post(self, request: Request) -> Response:
        return Response("written")


class Acting(Reading):
    throttle_scope = "action"


class OtherActing(Reading):
    throttle_scope = "action"


class Callback(Reading):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_scope = "webhook"


class Health(Callback):
    throttle_scope = "none"


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("a page")


urlpatterns = [
    path("page", page),
    path("admin/page", page),
    path("read", Reading.as_view()),
    path("act", Acting.as_view()),
    path("other", OtherActing.as_view()),
    path("callback", Callback.as_view()),
    path("health", Health.as_view()),
    path("auth/token", TokenView.as_view()),
]

handler404 = "filot.errors.not_found"

pytestmark = pytest.mark.urls("tests.filot.test_throttling")


@pytest.fixture(autouse=True)
def _limits(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RATE_LIMITS = LIMITS
    # One minute for the whole test: a window that ends in the middle would count from zero.
    end = int(time.time()) + 30
    monkeypatch.setattr("django_ratelimit.core._get_window", lambda value, period: end)
    monkeypatch.setattr(throttling, "process_counts", ProcessCounts())


@pytest.fixture(autouse=True)
def _circuit(monkeypatch: pytest.MonkeyPatch) -> Circuit:
    circuit = Circuit()
    monkeypatch.setattr(filot_cache, "circuit", circuit)
    return circuit


def point_redis_at(settings: Any, port: int) -> None:
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": f"redis://127.0.0.1:{port}/0"}}


@pytest.fixture
def redis_down(settings: Any) -> None:
    """Nobody listens on the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    point_redis_at(settings, port)


@pytest.fixture
def redis_hanging(settings: Any) -> Iterator[socket.socket]:
    """Accepts connections and never answers."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        point_redis_at(settings, silent.getsockname()[1])
        yield silent


def statuses(client: APIClient, method: str, address: str, times: int, **extra: Any) -> list[int]:
    return [getattr(client, method)(address, **extra).status_code for _ in range(times)]


def test_a_user_has_so_many_calls_a_minute_from_wherever(owner: User) -> None:
    client = client_of(owner)
    addresses = (f"198.51.100.{number}" for number in itertools.count(1))
    answers = [client.get("/read", REMOTE_ADDR=next(addresses)).status_code for _ in range(8)]
    assert answers == [200] * 6 + [429] * 2


def test_an_address_has_so_many_calls_a_minute_whoever_it_is(owner: User, stranger: User) -> None:
    assert statuses(client_of(owner), "get", "/read", 5) == [200] * 5
    assert statuses(client_of(stranger), "get", "/read", 2) == [200, 429]
    assert client_of(stranger).get("/read", REMOTE_ADDR="198.51.100.7").status_code == 200


def test_the_answer_says_how_many_and_when_again(owner: User) -> None:
    client = client_of(owner)
    statuses(client, "get", "/read", 6)
    response = client.get("/read")
    assert response.status_code == 429
    assert response["RateLimit-Limit"] == "6"
    assert response["RateLimit-Remaining"] == "0"
    assert 1 <= int(response["Retry-After"]) <= 60
    assert response["RateLimit-Reset"] == response["Retry-After"]
    assert response.json()["error"]["code"] == "rate_limited"


def test_every_counted_answer_says_what_is_left_of_the_narrowest_budget(owner: User, settings: Any) -> None:
    settings.RATE_LIMITS = {**LIMITS, "all": 5}
    client = client_of(owner)
    told = [client.post("/act"), client.post("/act"), client.get("/read"), client.get("/read"), client.get("/page")]
    assert [(answer["RateLimit-Limit"], answer["RateLimit-Remaining"]) for answer in told] == [
        ("3", "2"),
        ("3", "1"),
        ("5", "2"),
        ("5", "1"),
        ("5", "0"),
    ]
    assert all(1 <= int(answer["RateLimit-Reset"]) <= 60 for answer in told)
    assert "Retry-After" not in told[0]
    assert "RateLimit-Limit" not in client.get("/health")


def test_an_address_that_a_caller_made_up_buys_no_new_budget(owner: User, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    answers = []
    for number in range(8):
        forwarded = f"203.0.113.{number}, 198.51.100.7"  # ours appended the last one
        answers.append(APIClient().get("/page", HTTP_X_FORWARDED_FOR=forwarded).status_code)
    assert answers == [200] * 6 + [429] * 2
    settings.TRUSTED_PROXIES = 0
    spoofed = [APIClient().get("/page", HTTP_X_FORWARDED_FOR=f"203.0.113.{number}").status_code for number in range(8)]
    assert spoofed == [200] * 6 + [429] * 2


def test_each_action_has_a_budget_of_its_own(owner: User, settings: Any) -> None:
    settings.RATE_LIMITS = {**LIMITS, "all": 100}
    client = client_of(owner)
    assert statuses(client, "post", "/act", 4) == [200, 200, 200, 429]
    assert statuses(client, "post", "/other", 4) == [200, 200, 200, 429]
    assert statuses(client, "get", "/act", 4) == [200] * 4


def test_actions_count_for_the_budget_of_all_calls_too(owner: User) -> None:
    client = client_of(owner)
    statuses(client, "post", "/act", 3)
    statuses(client, "post", "/other", 3)
    assert client.get("/read").status_code == 429


def test_callbacks_have_a_budget_of_their_own(owner: User) -> None:
    assert statuses(APIClient(), "post", "/callback", 10) == [200] * 9 + [429]
    assert client_of(owner).get("/read").status_code == 200


def test_health_is_not_limited() -> None:
    assert statuses(APIClient(), "get", "/health", 20) == [200] * 20


def test_callers_without_a_token_are_limited_by_address(db: None) -> None:
    assert statuses(APIClient(), "get", "/read", 8) == [401] * 6 + [429] * 2


@pytest.mark.parametrize(("address", "status"), [("/page", 200), ("/admin/page", 200), ("/nowhere", 404)])
def test_pages_and_unknown_addresses_count_like_calls(address: str, status: int, db: None) -> None:
    assert statuses(APIClient(), "get", address, 8) == [status] * 6 + [429] * 2
    assert APIClient().get("/read").status_code == 429


def test_a_page_counts_for_who_is_logged_in_from_wherever(owner: User) -> None:
    client = Client()
    client.force_login(owner)
    answers = [client.get("/page", REMOTE_ADDR=f"198.51.100.{number}").status_code for number in range(1, 9)]
    assert answers == [200] * 6 + [429] * 2
    assert client_of(owner).get("/read", REMOTE_ADDR="198.51.100.99").status_code == 429


def test_a_page_that_is_one_too_many_is_answered_in_its_readers_language() -> None:
    statuses(APIClient(), "get", "/page", 6)
    response = APIClient().get("/page")
    assert response.json()["error"]["code"] == "rate_limited"
    assert response["RateLimit-Limit"] == "6"
    people = APIClient().get("/admin/page")
    assert (people.status_code, people["Content-Type"]) == (429, "text/plain")
    assert 1 <= int(people["Retry-After"]) <= 60


@pytest.mark.urls("filot.urls")
def test_files_and_the_login_page_are_limited_and_a_foreign_form_is_not_free(db: None) -> None:
    assert statuses(APIClient(), "get", "/files/no-token", 3) == [404] * 3
    assert statuses(Client(enforce_csrf_checks=True), "post", "/", 2) == [403] * 2
    assert statuses(APIClient(), "get", "/admin/login/", 3) == [200, 429, 429]
    assert statuses(APIClient(), "get", "/files/no-token", 1) == [429]


@pytest.mark.urls("filot.urls")
@pytest.mark.parametrize("address", ["/health/live", "/metrics", "/static/nothing.css"])
def test_health_metrics_and_static_files_are_not_limited(address: str, db: None) -> None:
    assert 429 not in statuses(APIClient(), "get", address, 10)
    assert APIClient().get("/nowhere").status_code == 404


def test_whoever_waits_exactly_as_told_gets_through(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the real windows
    with time_machine.travel(1_800_000_000.9, tick=False) as clock:
        client = client_of(owner)
        responses = [client.get("/read") for _ in range(7)]
        assert responses[-1].status_code == 429
        clock.shift(int(responses[-1]["Retry-After"]))
        assert client.get("/read").status_code == 200


def test_guesses_at_a_password_are_limited_by_address_and_by_account(owner: User, settings: Any) -> None:
    settings.RATE_LIMITS = {**LIMITS, "all": 100}
    client, wrong = APIClient(), {"username": "owner", "password": "wrong"}
    assert statuses(client, "post", "/auth/token", 4, data=wrong, format="json") == [401, 401, 401, 429]
    elsewhere = {"REMOTE_ADDR": "198.51.100.7"}
    assert client.post("/auth/token", {**wrong, "username": "OWNER"}, format="json", **elsewhere).status_code == 429
    other = client.post("/auth/token", {**wrong, "username": "else"}, format="json", **elsewhere)
    assert other.status_code == 401


def test_reads_and_writes_go_on_without_redis_up_to_a_cap_of_the_process(
    redis_down: None, owner: User, capsys: pytest.CaptureFixture[str]
) -> None:
    assert statuses(client_of(owner), "get", "/read", 7) == [200] * 6 + [429]
    printed = capsys.readouterr().err
    assert printed.count("rate_limit_counted_in_process") == 1
    assert printed.count("redis_unavailable") == 1


def test_logins_are_refused_without_redis(redis_down: None, owner: User) -> None:
    body = {"username": "owner", "password": "a long password"}
    response = APIClient().post("/auth/token", body, format="json")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "logins_paused")
    assert int(response["Retry-After"]) >= 1


def test_the_login_page_of_the_console_is_limited_alike(settings: Any) -> None:
    request = RequestFactory().post("/admin/login/")
    assert [refused_login(request, "staff") for _ in range(3)] == [None] * 3
    refusal = refused_login(request, "staff")
    assert refusal is not None
    assert (refusal.status_code, refusal["Content-Type"]) == (429, "text/plain")
    assert 1 <= int(refusal["Retry-After"]) <= 60


def test_the_login_page_is_closed_without_redis(redis_down: None) -> None:
    refusal = refused_login(RequestFactory().post("/admin/login/"), "staff")
    assert refusal is not None
    assert (refusal.status_code, refusal["Retry-After"]) == (503, "5")


def test_a_redis_that_hangs_is_asked_once_for_many_calls(redis_hanging: socket.socket, owner: User) -> None:
    assert statuses(client_of(owner), "get", "/read", 5) == [200] * 5
    redis_hanging.setblocking(False)
    connections = []
    with pytest.raises(BlockingIOError):
        while True:
            connections.append(redis_hanging.accept()[0])
    assert len(connections) == 1
    for connection in connections:
        connection.close()


def test_redis_is_asked_again_after_a_pause_by_one_caller_and_believed_when_it_answers(
    _circuit: Circuit, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    _circuit.failed(ConnectionError())
    assert _circuit.allows() is False
    now += filot_cache.PAUSE
    assert [_circuit.allows() for _ in range(3)] == [True, False, False]
    _circuit.answered()
    assert _circuit.allows() is True


def test_without_redis_every_call_of_the_cache_is_a_miss(redis_down: None) -> None:
    store = caches["default"]
    assert isinstance(store, LimitedRedisCache)
    assert store.add("a", 1) is False
    assert store.get("a", "nothing") == "nothing"
    assert store.get_many(["a"]) == {}
    assert store.set_many({"a": 1}) == ["a"]
    assert (store.has_key("a"), store.touch("a"), store.delete("a")) == (False, False, False)
    assert store.get_or_set("a", lambda: 7) == 7
    store.set("a", 1)
    store.delete_many(["a"])
    store.clear()
    with pytest.raises(ValueError, match="did not count"):
        store.incr("a")


def test_with_redis_the_cache_caches() -> None:
    assert cache.add("a", 1) is True
    assert cache.add("a", 2) is False
    assert cache.incr("a") == 2
    cache.set("b", {"x": 1})
    assert cache.get_many(["a", "b"]) == {"a": 2, "b": {"x": 1}}
    with pytest.raises(ValueError, match="not found"):
        cache.incr("absent")
    assert cache.get("a") == 2


def test_a_redis_that_refuses_is_a_miss_and_no_outage(_circuit: Circuit) -> None:
    cache.set("text", "not a number")
    with pytest.raises(ValueError, match="did not count"):
        cache.incr("text")
    assert cache.get("text") == "not a number"


def test_the_clients_of_the_cache_do_not_retry() -> None:
    client = caches["default"]._cache.get_client()  # type: ignore[attr-defined]
    assert client.connection_pool.make_connection().retry.get_retries() == 0


def test_what_a_process_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "KEPT_COUNTS", 10)
    counts = ProcessCounts()
    for number in range(100):
        counts.count(f"address {number}")
    assert len(counts._counts) <= 10


@pytest.mark.parametrize(
    ("proxies", "remote", "forwarded", "address"),
    [
        (0, "198.51.100.7", "", "198.51.100.7"),
        (0, "198.51.100.7", "203.0.113.9", "198.51.100.7"),
        (1, "10.0.0.1", "203.0.113.9", "203.0.113.9"),
        (1, "10.0.0.1", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        (2, "10.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "10.0.0.1", "203.0.113.9", "10.0.0.1"),
        (1, "10.0.0.1", "nonsense", "10.0.0.1"),
        (1, "10.0.0.1", "", "10.0.0.1"),
        (1, "10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        (1, "10.0.0.1", "[2001:db8:1:2:3::4]:4711", "2001:db8:1:2::"),
        (0, "2001:db8:1:2:ffff::1", "", "2001:db8:1:2::"),
        (0, "::ffff:198.51.100.7", "", "198.51.100.7"),
        (0, "", "", "unknown"),
    ],
)
def test_the_address_is_the_one_that_our_proxies_vouch_for(
    settings: Any, proxies: int, remote: str, forwarded: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    extra = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    assert client_address(RequestFactory().get("/", REMOTE_ADDR=remote, **extra)) == address


def test_reviewers_behind_one_address_have_a_budget_each(owner: User, reviewer: User) -> None:
    first, second = Client(), Client()
    second_reviewer = User.objects.create_user("second-reviewer", password="one more long password", is_staff=True)
    first.force_login(reviewer)
    second.force_login(second_reviewer)
    assert [first.get("/page").status_code for _ in range(7)] == [200] * 6 + [429]
    assert [second.get("/page").status_code for _ in range(6)] == [200] * 6
