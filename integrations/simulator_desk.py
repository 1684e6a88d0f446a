"""The reviews that the BULI2 simulator holds, what happens to them, and the signed callbacks it sends."""

import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
import structlog

from integrations.signatures import sign

CALLBACK_TIMEOUTS = (3.0, 10.0)
CALLBACK_WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds after each failed try; then it gives up
ID_NAMES = ("reviewId", "documentId", "userId")
FAULT_KINDS = ("slow", "cut", "garbage", "endless", "redirect")

log = structlog.get_logger(__name__)


class UnknownTicket(Exception):
    pass


class AlreadyClosed(Exception):
    pass


@dataclass(slots=True)
class SimulatedReview:
    """Ids and words only: nothing from a card is kept."""

    ticket: str
    review_id: str
    document_type: str
    score: str
    callback_url: str
    ids: dict[str, str]
    status: str = "pending"
    decision: str | None = None
    callback: str = ""


@dataclass(slots=True)
class Fault:
    """What happens to the next `times` submissions: an HTTP status, or one of FAULT_KINDS."""

    kind: str
    times: int
    seconds: float = 0.0  # of slow, or the Retry-After of a status

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """`503:3`, `429=2:1` (Retry-After 2), `slow=20:1`, `cut:1`, `garbage:1`, `endless:1`, `redirect:1`.

        Raises ValueError.
        """
        words, _, times = text.partition(":")
        kind, _, seconds = words.partition("=")
        if kind not in FAULT_KINDS and not (kind.isdigit() and 400 <= int(kind) <= 599):
            raise ValueError(f"unknown fault {kind!r}: an HTTP status or one of {', '.join(FAULT_KINDS)}")
        return cls(kind, int(times or 1), float(seconds or 0))


@dataclass
class Desk:
    """Thread-safe. `decide_as` decides every review by rule, `decide_after` seconds late; else a person does."""

    secret: str
    service_key: str = ""
    send_timestamp: bool = True
    decide_as: str = ""
    decide_after: float = 0.0
    faults: list[Fault] = field(default_factory=list)
    log_file: Path | None = None

    def __post_init__(self) -> None:
        self.reviews: dict[str, SimulatedReview] = {}
        self.effects: list[dict[str, str]] = []
        self.stopping = threading.Event()
        self._by_key: dict[str, str] = {}
        self._lock = threading.RLock()

    def next_fault(self) -> Fault | None:
        with self._lock:
            fault = next((fault for fault in self.faults if fault.times > 0), None)
            if fault:
                fault.times -= 1
            return fault

    def submit(self, key: str, body: Mapping[str, Any]) -> SimulatedReview:
        """One review for each idempotency key, however often it is sent."""
        with self._lock:
            if key in self._by_key:
                return self.reviews[self._by_key[key]]
            review = SimulatedReview(
                ticket=f"SIM-{uuid.uuid4()}",
                review_id=str(body["reviewId"]),
                document_type=str(body.get("documentType", "")),
                score=str(body.get("score", "")),
                callback_url=str(body.get("callbackUrl", "")),
                ids={name: str(body[name]) for name in ID_NAMES if body.get(name)},
            )
            self.reviews[review.ticket] = review
            self._by_key[key] = review.ticket
            self._effect("submitted", review)
        if self.decide_as:
            self._later(self._decide_by_rule, review.ticket)
        return review

    def get(self, ticket: str) -> SimulatedReview:
        with self._lock:
            if ticket not in self.reviews:
                raise UnknownTicket(ticket)
            return self.reviews[ticket]

    def cancel(self, ticket: str) -> SimulatedReview:
        """Twice is one cancellation. Raises UnknownTicket, AlreadyClosed."""
        with self._lock:
            review = self.get(ticket)
            if review.decision:
                raise AlreadyClosed(ticket)
            if review.status != "cancelled":
                review.status = "cancelled"
                self._effect("cancelled", review)
            return review

    def decide(self, ticket: str, decision: str, *, notes: str = "") -> SimulatedReview:
        """Decide and send the callback in the background. Raises UnknownTicket, AlreadyClosed, ValueError."""
        if decision not in ("approved", "rejected"):
            raise ValueError(decision)
        with self._lock:
            review = self.get(ticket)
            if review.status == "cancelled" or review.decision:
                raise AlreadyClosed(ticket)
            review.status, review.decision = "completed", decision
            self._effect("decided", review, decision=decision)
        self._later(self.send_callback, review, notes)
        return review

    def send_callback(self, review: SimulatedReview, notes: str = "") -> bool:
        """Whether FiLot took it; tried again after network errors, 429 and 5xx."""
        body = self.callback_body(review, notes)
        for wait in (*CALLBACK_WAITS, None):
            review.callback = self._post(review.callback_url, body)
            self._effect("callback", review, answer=review.callback)
            if review.callback.isdigit() and int(review.callback) < 500 and review.callback != "429":
                return review.callback == "200"
            if wait is None or self.stopping.wait(wait):
                break
        return False

    def callback_body(self, review: SimulatedReview, notes: str = "") -> bytes:
        said = {
            "decision": review.decision,
            "taskId": review.ticket,
            "timestamp": datetime.now(UTC).isoformat(),
        }
        if notes:
            said["notes"] = notes
        return json.dumps({**said, **review.ids}).encode()

    def callback_headers(self, body: bytes) -> dict[str, str]:
        timestamp = str(int(time.time())) if self.send_timestamp else None
        headers = {
            "Content-Type": "application/json",
            "x-buli2-signature": "sha256=" + sign(body, self.secret, timestamp),
        }
        if timestamp:
            headers["x-buli2-timestamp"] = timestamp
        if self.service_key:
            headers["x-service-key"] = self.service_key
        return headers

    def _post(self, url: str, body: bytes) -> str:
        if not url.startswith(("http://", "https://")):
            return "no callbackUrl"
        try:
            with requests.Session() as session:
                session.trust_env = False
                headers = self.callback_headers(body)
                return str(session.post(url, data=body, headers=headers, timeout=CALLBACK_TIMEOUTS).status_code)
        except requests.RequestException as error:
            return type(error).__name__

    def _decide_by_rule(self, ticket: str) -> None:
        if self.stopping.wait(self.decide_after):
            return
        try:
            self.decide(ticket, self.decide_as, notes="decided by the rule of the simulator")
        except AlreadyClosed:
            log.info("simulator_rule_came_too_late", ticket=ticket)

    def _later(self, step: Any, *arguments: Any) -> None:
        threading.Thread(target=step, args=arguments, daemon=True).start()

    def _effect(self, effect: str, review: SimulatedReview, **more: str) -> None:
        """A line of what was really done, for whoever counts effects afterwards."""
        line = {
            "at": datetime.now(UTC).isoformat(),
            "effect": effect,
            "ticket": review.ticket,
            **review.ids,
            **more,
        }
        with self._lock:
            self.effects.append(line)
            if self.log_file:
                with self.log_file.open("a") as lines:
                    lines.write(json.dumps(line) + "\n")

    def effects_of(self, review_id: str, effect: str) -> Iterator[dict[str, str]]:
        with self._lock:
            found = list(self.effects)
        return (line for line in found if line.get("reviewId") == review_id and line["effect"] == effect)
