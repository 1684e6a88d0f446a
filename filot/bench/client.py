"""A client of the API that costs the machine as little as one can: it shares its cores with what it measures."""

import http.client
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from filot.bench.cards import Card

TIMEOUT = 60.0
CREATED = 201
OK = 200


class Refused(Exception):
    """An answer that was not the one that a run needs."""


class Client:
    """Speaks to one server. A connection is kept for one thread, until `close`."""

    def __init__(self, port: int, token: str = "") -> None:
        self.port, self.token = port, token
        self._local = threading.local()

    def log_in(self, username: str, password: str) -> None:
        body = json.dumps({"username": username, "password": password}).encode()
        self.token = str(self._call("POST", "/auth/token", body, "application/json", OK)["access"])

    def upload(self, card: Card, data: bytes) -> str:
        """The id of the document."""
        kind, body = multipart(card.type, card.file.name, data)
        return str(self._call("POST", "/documents/upload", body, kind, CREATED)["documentId"])

    def close(self) -> None:
        """Let go of this thread's connection: the server closes one that says nothing for seconds."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
        self._local.connection = None

    def _call(self, method: str, path: str, body: bytes, kind: str, wanted: int) -> dict[str, Any]:
        if getattr(self._local, "connection", None) is None:
            self._local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        headers = {"Content-Type": kind, "Authorization": f"Bearer {self.token}"}
        self._local.connection.request(method, path, body, headers)
        answer = self._local.connection.getresponse()
        said = answer.read()
        if answer.status != wanted:
            raise Refused(f"{method} {path} answered {answer.status}: {said[:300]!r}")
        found: dict[str, Any] = json.loads(said)
        return found


def multipart(type: str, name: str, data: bytes) -> tuple[str, bytes]:
    """The content type and the body of an upload."""
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="type"\r\n\r\n{type}\r\n--{boundary}\r\n'
    head += f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: image/jpeg\r\n\r\n'
    return f"multipart/form-data; boundary={boundary}", head.encode() + data + f"\r\n--{boundary}--\r\n".encode()


def upload_all(client: Client, cards: Iterable[Card], at_a_time: int) -> list[str]:
    """The ids of the documents, in the order of the cards."""

    def sent(card: Card) -> str:
        return client.upload(card, card.data)

    with ThreadPoolExecutor(at_a_time, initializer=client.close) as senders:
        return list(senders.map(sent, cards))


def calls_a_second(client: Client, cards: list[Card], at_a_time: int, seconds: float) -> float:
    """How many uploads are answered a second while so many callers send one after the other."""
    files = [(card, card.data) for card in cards]
    until = time.perf_counter() + seconds

    def send(first: int) -> int:
        count = 0
        client.close()
        while time.perf_counter() < until:
            client.upload(*files[(first + count) % len(files)])
            count += 1
        client.close()
        return count

    began = time.perf_counter()
    with ThreadPoolExecutor(at_a_time) as senders:
        answered = sum(senders.map(send, range(at_a_time)))
    return answered / (time.perf_counter() - began)


def wait_until(done: Callable[[], bool], seconds: float, pause: float) -> int:
    """Ask until it is done; returns how often it was asked. Raises Refused after so many seconds."""
    until = time.monotonic() + seconds
    for asked in _counted():
        if done():
            return asked
        if time.monotonic() > until:
            break
        time.sleep(pause)
    raise Refused(f"not settled within {seconds:.0f} s: see the logs of the parts")


def _counted() -> Iterator[int]:
    asked = 0
    while True:
        asked += 1
        yield asked
