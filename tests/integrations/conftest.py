"""A simulator on a real socket for each test that asks, and waits short enough for tests."""

import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from integrations import breaker, tries
from integrations.simulator import BuliSimulator
from integrations.simulator_desk import Desk

API_KEY = "test-api-key"
SECRET = "test-signature-secret"


@pytest.fixture(autouse=True)
def _fresh_breaker() -> None:
    breaker._built.cache_clear()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(tries, "TRY_WAITS", (0.01, 0.01, 0.01))
    settings.BULI2_TIMEOUTS = (1.0, 1.0)


@pytest.fixture
def simulator(quick: None, settings: Any) -> Iterator[BuliSimulator]:
    settings.BULI2_API_KEY = API_KEY
    with BuliSimulator(api_key=API_KEY, desk=Desk(secret=SECRET)) as running:
        settings.BULI2_API_URL = running.url
        yield running


@pytest.fixture
def review_id() -> uuid.UUID:
    return uuid.uuid4()


@pytest.fixture
def closed_port() -> int:
    """A port where nothing listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def raw_server() -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    """`raw_server(talk)`: the URL of a server whose every connection is given to `talk` and then closed."""
    servers: list[socket.socket] = []

    def start(talk: Callable[[socket.socket], None]) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    line, _ = server.accept()
                    with line, suppress(OSError):
                        line.recv(65536)
                        talk(line)

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield start
    for server in servers:
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
