"""A client of the API that costs the machine as little as one can: it shares its cores with what it measures."""

import http.client
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from filot.bench.cards import Card

TIMEOUT = 60.0
CREATED = 201
UPLOAD_PATH = "/documents/upload"


class Refused(Exception):
    """An answer that was not the one that a run needs."""


@dataclass(frozen=True, slots=True)
class Sending:
    """A card as one owner sends it: the whole request is made before anything is measured."""

    headers: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, card: Card, token: str) -> "Sending":
        kind, body = multipart(card.type, card.file.name, card.data)
        return cls({"Content-Type": kind, "Authorization": f"Bearer {token}"}, body)


class Client:
    """Speaks to one server. A connection is kept for one thread, until `close`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._local = threading.local()

    def upload(self, sending: Sending) -> str:
        """The id of the document. Raises Refused."""
        if getattr(self._local, "connection", None) is None:
            self._local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        self._local.connection.request("POST", UPLOAD_PATH, sending.body, sending.headers)
        answer = self._local.connection.getresponse()
        said = answer.read()
        if answer.status != CREATED:
            raise Refused(f"{UPLOAD_PATH} answered {answer.status}: {said[:300]!r}")
        return str(json.loads(said)["documentId"])

    def close(self) -> None:
        """Let go of this thread's connection: the server closes one that says nothing for seconds."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
        self._local.connection = None


def multipart(type: str, name: str, data: bytes) -> tuple[str, bytes]:
    """The content type and the body of an upload."""
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="type"\r\n\r\n{type}\r\n--{boundary}\r\n'
    head += f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: image/jpeg\r\n\r\n'
    return f"multipart/form-data; boundary={boundary}", head.encode() + data + f"\r\n--{boundary}--\r\n".encode()


def upload_all(client: Client, sendings: Sequence[Sending], at_a_time: int) -> list[str]:
    """The ids of the documents, in the order of the sendings."""
    with ThreadPoolExecutor(at_a_time, initializer=client.close) as senders:
        return list(senders.map(client.upload, sendings))


def call_for(client: Client, sendings: Sequence[Sending], at_a_time: int, seconds: float) -> tuple[int, float]:
    """How many uploads are answered in how many seconds while so many callers send one after the other."""
    until = time.perf_counter() + seconds

    def send(first: int) -> int:
        count = 0
        client.close()
        while time.perf_counter() < until:
            client.upload(sendings[(first + count * at_a_time) % len(sendings)])
            count += 1
        client.close()
        return count

    began = time.perf_counter()
    with ThreadPoolExecutor(at_a_time) as senders:
        answered = sum(senders.map(send, range(at_a_time)))
    return answered, time.perf_counter() - began


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
