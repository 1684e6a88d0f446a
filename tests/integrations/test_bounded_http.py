import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from integrations.bounded_http import MAX_ANSWER_BYTES, Answer, CallFailed, call

RawServer = Callable[[Callable[[socket.socket], None]], str]
HEAD = b"HTTP/1.1 200 OK\r\n"


def get(url: str, *, seconds: float = 2.0) -> Answer:
    return call("GET", url, headers={"X-Test": "1"}, body=None, timeouts=(seconds / 2, seconds / 2))


def code_of(url: str, *, seconds: float = 2.0) -> str:
    with pytest.raises(CallFailed) as failed:
        get(url, seconds=seconds)
    return failed.value.code


def trickle(first: bytes, drop: bytes) -> Callable[[socket.socket], None]:
    """Each packet well within the read limit, and never an end."""

    def talk(line: socket.socket) -> None:
        line.sendall(first)
        while not threading.Event().wait(0.05):
            line.sendall(drop)

    return talk


def test_an_answer_has_status_body_and_retry_after(raw_server: RawServer) -> None:
    head = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}"
    assert get(raw_server(lambda line: line.sendall(head))) == Answer(503, b"{}", 7.0)


@pytest.mark.parametrize(("ahead", "least", "most"), [(120, 100, 120), (-60, 0, 0)])
def test_a_retry_after_may_be_a_date(raw_server: RawServer, ahead: int, least: float, most: float) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)
    head = HEAD + b"Retry-After: " + date.encode() + b"\r\nContent-Length: 0\r\n\r\n"
    asked = get(raw_server(lambda line: line.sendall(head))).retry_after
    assert asked is not None and least <= asked <= most


@pytest.mark.parametrize(
    "text",
    [
        b"Wed, 99 Oct 2026 07:28:00 GMT",
        b"Wed, 21 Oct 2026 07:28:00 -0000",
        b"Wed, 21 Oct 99999999999 07:28:00 GMT",
        b"-1",
        b"1e9",
        b"99999999999",
        "²".encode(),
    ],
)
def test_an_unusable_retry_after_is_none(raw_server: RawServer, text: bytes) -> None:
    head = HEAD + b"Retry-After: " + text + b"\r\nContent-Length: 0\r\n\r\n"
    assert get(raw_server(lambda line: line.sendall(head))).retry_after is None


def test_headers_that_trickle_in_end_at_the_limit_of_the_whole_call(raw_server: RawServer) -> None:
    assert code_of(raw_server(trickle(HEAD, b"X-More: 1\r\n")), seconds=0.6) == "timeout"


def test_a_body_that_trickles_in_is_not_taken_for_a_whole_one_when_it_is_cut(raw_server: RawServer) -> None:
    assert code_of(raw_server(trickle(HEAD + b"\r\n{}", b" ")), seconds=0.6) == "timeout"


def test_a_server_that_never_answers_is_a_timeout(raw_server: RawServer) -> None:
    silent = threading.Event()
    assert code_of(raw_server(lambda line: silent.wait(3) and None), seconds=0.4) == "timeout"


def test_an_endless_body_is_read_to_its_limit_only(raw_server: RawServer) -> None:
    def talk(line: socket.socket) -> None:
        line.sendall(HEAD + b"\r\n")
        while True:
            line.sendall(b" " * 65536)

    assert code_of(raw_server(talk)) == "answer_too_large"


def test_a_body_of_exactly_the_limit_is_read(raw_server: RawServer) -> None:
    body = b"x" * MAX_ANSWER_BYTES
    head = HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode()
    assert get(raw_server(lambda line: line.sendall(head + body))).body == body


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"no HTTP at all\r\n\r\n",
        HEAD + b"Content-Length: 10\r\n\r\n{}",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    ],
)
def test_a_broken_answer_is_a_network_error(raw_server: RawServer, sent: bytes) -> None:
    assert code_of(raw_server(lambda line: line.sendall(sent))) == "network"


def test_nobody_listening_is_told_from_a_connection_that_broke(closed_port: int) -> None:
    assert code_of(f"http://127.0.0.1:{closed_port}/") == "unreachable"
    assert code_of("http://no-such-host.invalid/") == "unreachable"


@pytest.mark.parametrize("url", ["/internal/reviews", "ftp://127.0.0.1/", "http://", "http://[::1/"])
def test_an_address_that_cannot_be_used_is_told_apart(url: str) -> None:
    assert code_of(url) == "bad_address"


def test_a_redirect_is_returned_and_not_followed(raw_server: RawServer) -> None:
    seen: list[int] = []

    def talk(line: socket.socket) -> None:
        seen.append(1)
        line.sendall(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    assert get(raw_server(talk)).status == 302
    assert seen == [1]
