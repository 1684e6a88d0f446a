"""A mixed load from outside: uploads, polls, lists, reviews in the console and callbacks together; how they fared."""

import hashlib
import hmac
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import requests

from filot.bench.person import Person

TIMEOUTS = (5, 30)  # seconds to connect, to answer
SHARES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
# What a healthy system answers to calls that nothing is wrong with; 200 to the others.
EXPECTED = {"upload": {201}, "take": {302}, "decide": {302, 409}}  # 409: a callback was faster
NO_ANSWER, SERVER_ERROR = 0, 500


@dataclass(slots=True)
class Answers:
    """Seconds and codes by kind of call. An error is no answer and a 5xx, or whatever is not among `expected`."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    codes: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    lock: threading.Lock = field(default_factory=threading.Lock)
    expected: Mapping[str, set[int]] | None = None

    def timed(self, kind: str, call: Callable[[], requests.Response]) -> requests.Response | None:
        """The answer; None when there was none."""
        began = time.monotonic()
        try:
            answer = call()
        except requests.RequestException:
            answer = None
        self.note(kind, time.monotonic() - began, NO_ANSWER if answer is None else answer.status_code)
        return answer

    def note(self, kind: str, seconds: float, code: int) -> None:
        with self.lock:
            self.seconds[kind].append(seconds)
            self.codes[kind][code] += 1

    def row(self, kind: str, over: float) -> dict[str, Any]:
        """Rates a second over `over` seconds; times in milliseconds."""
        seconds, codes = sorted(self.seconds[kind]), self.codes[kind]
        errors = sum(count for code, count in codes.items() if self._is_error(kind, code))
        at = {
            name: round(1000 * seconds[min(len(seconds) - 1, int(share * len(seconds)))], 1) for name, share in SHARES
        }
        return {
            "call": kind,
            "count": len(seconds),
            "a second": round(len(seconds) / over, 2),
            **at,
            "errors %": round(100 * errors / len(seconds), 2),
            "codes": dict(codes),
        }

    def _is_error(self, kind: str, code: int) -> bool:
        if self.expected is None:
            return code == NO_ANSWER or code >= SERVER_ERROR
        return code not in self.expected.get(kind, {200})


def of_sound_calls() -> Answers:
    return Answers(expected=EXPECTED)


@dataclass(frozen=True, slots=True)
class Owner:
    """A client of the API and the cards that are theirs: a number that two owners send needs two people."""

    token: str
    cards: Sequence[bytes]


@dataclass(slots=True)
class Mix:
    """Who calls what. `secret` signs callbacks of BULI2; without it, or without people, that part is left out."""

    url: str
    owners: Sequence[Owner]
    secret: str = ""
    people: Sequence[Person] = ()
    answers: Answers = field(default_factory=of_sound_calls)
    sent: list[tuple[str, Owner]] = field(default_factory=list)
    reviews: list[str] = field(default_factory=list)  # that wait for a decision, as far as the API said so
    decided: list[str] = field(default_factory=list)  # by our callbacks
    known: set[str] = field(default_factory=set)

    def run(self, callers: int, seconds: float) -> float:
        """Each caller makes one call after the other, of every kind in turn. Returns how long it took."""
        began, until = time.monotonic(), time.monotonic() + seconds
        with ThreadPoolExecutor(callers) as threads:
            for done in [threads.submit(self._caller, number, until) for number in range(callers)]:
                done.result()
        return time.monotonic() - began

    def prepare(self, count: int, patience: float) -> int:
        """Send so many uploads and wait until their reviews are known: how many are, after `patience` at most."""
        session, until = requests.Session(), time.monotonic() + patience
        for turn in range(count):
            self.upload(session, turn)
        while len(self.known) < count and time.monotonic() < until:
            for document, owner in self.sent:
                if document not in self.known:
                    self._ask(session, document, owner)
            time.sleep(0.5)
        return len(self.reviews)

    def _caller(self, number: int, until: float) -> None:
        session = requests.Session()
        calls: list[Callable[[requests.Session, int], None]] = [self.upload, self.poll, self.poll, self.list]
        calls += [self.callback] if self.secret else []
        calls += [self.review] if self.people else []
        turn = number
        while time.monotonic() < until:
            calls[turn % len(calls)](session, turn)
            turn += 1

    def upload(self, session: requests.Session, turn: int) -> None:
        owner = self.owners[turn % len(self.owners)]
        card = owner.cards[turn // len(self.owners) % len(owner.cards)]
        file = {"file": ("card.jpg", card, "image/jpeg")}
        answer = self._api("upload", session, owner, "POST", "/documents/upload", files=file, data={"type": "KTP"})
        if answer is not None and answer.status_code == 201:
            self.sent.append((answer.json()["documentId"], owner))

    def poll(self, session: requests.Session, turn: int) -> None:
        if self.sent:
            self._ask(session, *self.sent[turn % len(self.sent)])

    def _ask(self, session: requests.Session, document: str, owner: Owner) -> None:
        """As an app does: how far is it; and once it waits for a person, which review that is."""
        answer = self._api("status", session, owner, "GET", f"/verification/status/{document}")
        if answer is None or answer.status_code != 200 or document in self.known:
            return
        if answer.json()["verificationStatus"] != "pending_manual_review":
            return
        said = self._api("evaluate", session, owner, "POST", "/verification/evaluate", json={"documentId": document})
        if said is not None and said.status_code == 200 and "reviewId" in said.json():
            with self.answers.lock:
                if document not in self.known:
                    self.known.add(document)
                    self.reviews.append(said.json()["reviewId"])

    def list(self, session: requests.Session, turn: int) -> None:
        self._api("list", session, self.owners[turn % len(self.owners)], "GET", "/documents")

    def callback(self, session: requests.Session, turn: int) -> None:
        """The newest open review is rejected; when there is none, one that was rejected is rejected once more."""
        with self.answers.lock:
            fresh = bool(self.reviews)
            review = self.reviews.pop() if fresh else self.decided[turn % len(self.decided)] if self.decided else ""
        if not review:
            return
        body = json.dumps({"decision": "rejected", "reviewId": review}).encode()
        signature = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"x-buli2-signature": signature, "Content-Type": "application/json"}
        path = f"{self.url}/internal/reviews/{review}/callback"
        kind = "callback" if fresh else "callback again"
        self.answers.timed(kind, lambda: session.post(path, data=body, headers=headers, timeout=TIMEOUTS))
        if fresh:
            self.decided.append(review)

    def review(self, session: requests.Session, turn: int) -> None:
        self.people[turn % len(self.people)].decide_one(self.answers.timed)

    def _api(
        self, kind: str, session: requests.Session, owner: Owner, method: str, path: str, **more: Any
    ) -> requests.Response | None:
        headers = {"Authorization": f"Bearer {owner.token}"}
        return self.answers.timed(
            kind, lambda: session.request(method, self.url + path, headers=headers, timeout=TIMEOUTS, **more)
        )
