"""A mixed load from outside: uploads, polls, callbacks and lists together, and what was answered in which time."""

import hashlib
import hmac
import json
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import requests

TIMEOUTS = (5, 30)  # seconds to connect, to answer


@dataclass(slots=True)
class Answers:
    """Seconds and codes by kind of call. A code of 0: no answer came."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    codes: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, seconds: float, code: int) -> None:
        with self.lock:
            self.seconds[kind].append(seconds)
            self.codes[kind][code] += 1

    def row(self, kind: str, over: float) -> dict[str, Any]:
        """Rates a second over `over` seconds; times in milliseconds. An error is a 5xx or no answer."""
        seconds, codes = sorted(self.seconds[kind]), self.codes[kind]
        errors = sum(count for code, count in codes.items() if code == 0 or code >= 500)
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


SHARES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


@dataclass(slots=True)
class Mix:
    """Who calls what. `cards` are files that differ from each other; `secret` signs callbacks of BULI2, or none go."""

    url: str
    tokens: list[str]
    cards: list[bytes]
    secret: str = ""
    answers: Answers = field(default_factory=Answers)
    sent: list[str] = field(default_factory=list)

    def run(self, callers: int, seconds: float) -> float:
        """Each caller makes one call after the other, of every kind in turn. Returns how long it took."""
        began, until = time.monotonic(), time.monotonic() + seconds
        with ThreadPoolExecutor(callers) as threads:
            for done in [threads.submit(self._caller, number, until) for number in range(callers)]:
                done.result()
        return time.monotonic() - began

    def _caller(self, number: int, until: float) -> None:
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {self.tokens[number % len(self.tokens)]}"
        kinds: list[Callable[[requests.Session, int], None]] = [self.upload, self.poll, self.list, self.callback]
        turn = number
        while time.monotonic() < until:
            kinds[turn % len(kinds)](session, turn)
            turn += 1

    def upload(self, session: requests.Session, turn: int) -> None:
        card = self.cards[hash((turn, threading.get_ident())) % len(self.cards)]
        answer = self._timed(
            "upload",
            lambda: session.post(
                f"{self.url}/documents/upload",
                files={"file": ("card.jpg", card, "image/jpeg")},
                data={"type": "KTP"},
                timeout=TIMEOUTS,
            ),
        )
        if answer is not None and answer.status_code == 201:
            self.sent.append(answer.json()["documentId"])

    def poll(self, session: requests.Session, turn: int) -> None:
        if self.sent:
            document = self.sent[turn % len(self.sent)]
            self._timed("status", lambda: session.get(f"{self.url}/verification/status/{document}", timeout=TIMEOUTS))

    def list(self, session: requests.Session, turn: int) -> None:
        self._timed("list", lambda: session.get(f"{self.url}/documents", timeout=TIMEOUTS))

    def callback(self, session: requests.Session, turn: int) -> None:
        """Signed, and about a review of nobody: 404 after everything but the decision itself was done."""
        if not self.secret:
            return
        body = json.dumps({"decision": "approved"}).encode()
        signature = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"x-buli2-signature": signature, "Content-Type": "application/json"}
        path = f"{self.url}/internal/reviews/{uuid.uuid4()}/callback"
        self._timed("callback", lambda: session.post(path, data=body, headers=headers, timeout=TIMEOUTS))

    def _timed(self, kind: str, call: Callable[[], requests.Response]) -> requests.Response | None:
        began = time.monotonic()
        try:
            answer = call()
        except requests.RequestException:
            self.answers.note(kind, time.monotonic() - began, 0)
            return None
        self.answers.note(kind, time.monotonic() - began, answer.status_code)
        return answer
