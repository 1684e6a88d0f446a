"""The client: real HTTP, each upload a connection of its own, every answer kept."""

import hashlib
import http.client
import json
import random
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filot.bench.cards import Cards
from ocr_gpu.metadata import without_metadata
from ocr_gpu.refusals import UnreadableFile
from tests.torture.checker import CREATED, Answer
from tests.torture.pictures import small_card

if TYPE_CHECKING:
    from tests.torture.house import House

TIMEOUT = 60.0  # seconds: longer than any answer may take, so that a hang is seen as one
AT_ONCE = 48  # uploads that may be under way
TOKEN_SECONDS = 600.0  # of the fifteen minutes that a token lives
OWNERS = 8


@dataclass(frozen=True, slots=True)
class File:
    data: bytes
    content_type: str = "image/jpeg"
    type: str = "KTP"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


class Sending:
    """Uploads under way, each at its time whether those before it were answered or not."""

    def __init__(self, futures: list["Future[Answer]"]) -> None:
        self._futures = futures

    @property
    def goes_on(self) -> bool:
        return not all(future.done() for future in self._futures)

    def answers(self) -> list[Answer]:
        """All of them, once they are there."""
        return [future.result() for future in self._futures]


class Driver:
    """Owners that only this run has, and the log of what they were answered."""

    def __init__(self, house: "House", name: str, chance: random.Random, owners: int = OWNERS) -> None:
        self.house, self.chance = house, chance
        self.log: list[Answer] = []
        self.kept: dict[str, str] = {}
        self.names = [f"torture-{name}-{chance.getrandbits(40):x}-{number}" for number in range(owners)]
        self.owner_ids = house.make_owners(self.names)
        self._tokens: dict[str, tuple[str, float]] = {}
        self._senders = ThreadPoolExecutor(AT_ONCE)
        self._files = self._turn = 0
        for owner in self.names:
            self.token(owner)

    def close(self) -> None:
        self._senders.shutdown(cancel_futures=True)

    def token(self, name: str) -> str:
        token, until = self._tokens.get(name, ("", 0.0))
        if time.monotonic() > until:
            token = self.house.token(name)
            self._tokens[name] = token, time.monotonic() + TOKEN_SECONDS
        return token

    def new_file(self) -> File:
        """A small card that nobody has sent before."""
        self._files += 1
        return File(small_card(f"{self.names[0][-12:]} {self._files:06d}", self.chance))

    def specimens(self, folder: Path, count: int, seed: int) -> Callable[[int], File]:
        """Whole cards as a phone takes them, for rows in which they are really read."""
        folder.mkdir(exist_ok=True)
        drawn = Cards(folder, seed).take(count)
        return lambda number: File(drawn[number].data, type=drawn[number].type)

    def start(self, count: int, rate: float, files: Callable[[int], File] | None = None) -> Sending:
        """Send `count` files, `rate` a second, from the owners in turn; `files` makes the n-th, a small card if not
        said. Returns at once.
        """
        made = [self.new_file() if files is None else files(number) for number in range(count)]
        began, first = time.monotonic(), self._turn
        self._turn += count
        return Sending(
            [
                self._senders.submit(
                    self._at, began + number / rate, self.names[(first + number) % len(self.names)], file
                )
                for number, file in enumerate(made)
            ]
        )

    def _at(self, due: float, owner: str, file: File) -> Answer:
        time.sleep(max(0.0, due - time.monotonic()))
        return self.upload(file, owner)

    def upload(self, file: File, owner: str = "", key: str = "") -> Answer:
        """One upload, sent once. Its answer is in the log."""
        owner = owner or self.names[0]
        headers = {"Idempotency-Key": key} if key else {}
        kind, body = _multipart(file)
        sent_at = time.monotonic()
        status, got, said, error = self.call(
            "POST", "/documents/upload", owner, body, {**headers, "Content-Type": kind}
        )
        digest = file.sha256
        answer = Answer(
            owner_id=self.owner_ids[self.names.index(owner)],
            status=status,
            seconds=time.monotonic() - sent_at,
            at=sent_at,
            sha256=digest,
            document_id=str(said.get("documentId", "")) if status == CREATED else "",
            retry_after=got.get("Retry-After", ""),
            key=key,
            error=error or ("" if status == CREATED else json.dumps(said)[:300]),
        )
        if status == CREATED or not status or status >= 500:
            self.kept[digest] = hashlib.sha256(_kept(file.data)).hexdigest()
        self.log.append(answer)
        return answer

    def insist(self, file: File, seconds: float = 60) -> Answer:
        """As a careful client does: with one Idempotency-Key, again and again until there is an answer that counts."""
        key, owner = str(uuid.uuid4()), self.chance.choice(self.names)
        until = time.monotonic() + seconds
        while True:
            answer = self.upload(file, owner, key)
            if answer.status == CREATED or time.monotonic() > until:
                return answer
            time.sleep(0.3)

    def call(
        self, method: str, path: str, owner: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], dict[str, Any], str]:
        """(status, headers, JSON, error); status 0 and the error when no answer came."""
        connection = http.client.HTTPConnection("127.0.0.1", self.house.port, timeout=TIMEOUT)
        try:
            token = {"Authorization": f"Bearer {self.token(owner)}"}
            connection.request(method, path, body, {**token, **(headers or {})})
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            return 0, {}, {}, type(error).__name__
        finally:
            connection.close()
        try:
            parsed = json.loads(said)
        except ValueError:
            parsed = {"no JSON": said[:200].decode(errors="replace")}
        return answer.status, dict(answer.getheaders()), parsed, ""


def _kept(data: bytes) -> bytes:
    try:
        return without_metadata(data)
    except UnreadableFile:
        return data


def _multipart(file: File) -> tuple[str, bytes]:
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="type"\r\n\r\n{file.type}\r\n--{boundary}\r\n'
    head += 'Content-Disposition: form-data; name="file"; filename="card"\r\n'
    head += f"Content-Type: {file.content_type}\r\n\r\n"
    return f"multipart/form-data; boundary={boundary}", head.encode() + file.data + f"\r\n--{boundary}--\r\n".encode()


class Watcher:
    """Asks something light again and again while a fault lasts, and keeps how long each answer took."""

    def __init__(self, driver: Driver, path: str = "/documents", pause: float = 0.1) -> None:
        self.driver, self.path, self.pause = driver, path, pause
        self.seconds: list[float] = []
        self.statuses: list[int] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._stop.wait(self.pause):
            began = time.monotonic()
            status, _, _, _ = self.driver.call("GET", self.path, self.driver.names[0])
            self.seconds.append(time.monotonic() - began)
            self.statuses.append(status)
