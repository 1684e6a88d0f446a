"""One HTTP call whose time and memory are bounded, whatever the other side does."""

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

MAX_ANSWER_BYTES = 64 * 1024
READ_BYTES = 16 * 1024


class CallFailed(Exception):
    """No usable answer. `code`: unreachable (nothing was sent), timeout, network, bad_address or answer_too_large."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    retry_after: float | None  # seconds


class _Adapter(HTTPAdapter):
    """Keeps a second handle of each connection, so that it can be cut at any stage from outside."""

    def __init__(self) -> None:
        super().__init__(max_retries=0)
        self.handles: list[socket.socket] = []
        self.was_cut = False

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        make = pool.ConnectionCls

        def watched(*make_args: Any, **make_kwargs: Any) -> Any:
            connection = make(*make_args, **make_kwargs)
            dial = connection._new_conn

            def dial_and_keep() -> socket.socket:
                line: socket.socket = dial()
                self.handles.append(line.dup())
                return line

            connection._new_conn = dial_and_keep
            return connection

        pool.ConnectionCls = watched
        return pool

    def cut(self) -> None:
        # The read limit is for each packet: headers or a body that trickle in would hold the thread for hours.
        self.was_cut = True
        for handle in self.handles:
            with suppress(OSError):  # closed in between
                handle.shutdown(socket.SHUT_RDWR)

    def forget(self) -> None:
        for handle in self.handles:
            handle.close()


def call(
    method: str, url: str, *, headers: dict[str, str], body: bytes | None, timeouts: tuple[float, float]
) -> Answer:
    """Send and read the answer, in at most connect + read seconds altogether. Raises CallFailed.

    A redirect is an answer like any other: it is not followed, since the next host would get body and token.
    """
    adapter = _Adapter()
    watchdog = threading.Timer(sum(timeouts), adapter.cut)
    watchdog.daemon = True
    with requests.Session() as session:
        session.trust_env = False  # else a .netrc of the host replaces the Authorization header
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        watchdog.start()
        try:
            answer = _exchange(session, requests.Request(method, url, headers=headers, data=body), timeouts)
        except CallFailed:
            if not adapter.was_cut:
                raise
        finally:
            watchdog.cancel()
            adapter.forget()
    if adapter.was_cut:  # also after an answer: a body without a length ends at the cut and looks whole
        raise CallFailed("timeout")
    return answer


def _exchange(session: requests.Session, request: requests.Request, timeouts: tuple[float, float]) -> Answer:
    try:
        prepared = session.prepare_request(request)
        with session.send(prepared, timeout=timeouts, allow_redirects=False, stream=True) as response:
            raw = b""
            # Until nothing comes: only then is an answer noticed that is shorter than it said.
            while len(raw) <= MAX_ANSWER_BYTES and (more := response.raw.read(READ_BYTES, decode_content=False)):
                raw += more
    except requests.ConnectTimeout as error:
        raise CallFailed("unreachable") from error
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise CallFailed("timeout") from error
    except requests.ConnectionError as error:
        raise CallFailed("unreachable" if _never_connected(error) else "network") from error
    except ValueError as error:
        raise CallFailed("bad_address") from error
    except (OSError, urllib3.exceptions.HTTPError) as error:  # requests' own exceptions are OSErrors
        raise CallFailed("network") from error
    if len(raw) > MAX_ANSWER_BYTES:
        raise CallFailed("answer_too_large")
    return Answer(response.status_code, raw, _retry_after(response.headers.get("Retry-After", "")))


def _never_connected(error: requests.ConnectionError) -> bool:
    """Whether there was no connection at all: a name without an address, a port where nobody listens."""
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), urllib3.exceptions.NewConnectionError)


def _retry_after(text: str) -> float | None:
    """Seconds of a Retry-After header, which is a number of them or a date; None for anything else."""
    if text.isascii() and text.isdigit() and len(text) <= 6:
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    if until.tzinfo is None:
        return None
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
