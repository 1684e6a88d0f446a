"""The reviews that the BULI2 simulator holds, what happens to them, and a journal of it from which it remembers."""

import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from integrations.simulator_callbacks import CONTRARY, Callbacks, later
from integrations.simulator_faults import Fault, Script

ID_NAMES = ("reviewId", "documentId", "userId")
BY_SCORE = "score:"
HABITS = ("repeat", "hold", "contrary", "mixed", "send_timestamp", "secret", "other_secret")
RULES = ("decide_as", "decide_after", "early")

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


@dataclass
class Desk:
    """Thread-safe. `decide_as` decides every review by rule, `decide_after` seconds late; else a person does.

    approved, rejected, or `score:70`: approved from that score on. `early`: it decides and calls back before it
    answers the submission. With a `log_file` it remembers what it held before it was restarted.
    """

    secret: str
    service_key: str = ""
    send_timestamp: bool = True
    decide_as: str = ""
    decide_after: float = 0.0
    early: bool = False
    faults: list[Fault] = field(default_factory=list)
    log_file: Path | None = None

    def __post_init__(self) -> None:
        self.reviews: dict[str, SimulatedReview] = {}
        self.effects: list[dict[str, str]] = []
        self.script = Script(self.faults)
        self.callbacks = Callbacks(self.secret, service_key=self.service_key, send_timestamp=self.send_timestamp)
        self.stopping = self.callbacks.stopping
        self._by_key: dict[str, str] = {}
        self._lock = threading.RLock()
        if self.log_file and self.log_file.exists():
            self._remember(self.log_file)

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
            self._keep(review, key)
            self._effect(
                "submitted",
                review,
                key=key,
                documentType=review.document_type,
                score=review.score,
                callbackUrl=review.callback_url,
            )
        if self.decide_as and self.early:
            self._decide_by_rule(review, at_once=True)
        elif self.decide_as:
            later(self._decide_by_rule, review)
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

    def decide(self, ticket: str, decision: str, *, notes: str = "", at_once: bool = False) -> SimulatedReview:
        """Decide and send the callback, in the background unless `at_once`.

        Raises UnknownTicket, AlreadyClosed, ValueError.
        """
        if decision not in CONTRARY:
            raise ValueError(decision)
        with self._lock:
            review = self.get(ticket)
            if review.status == "cancelled" or review.decision:
                raise AlreadyClosed(ticket)
            review.status, review.decision = "completed", decision
            self._effect("decided", review, decision=decision)
        if at_once:
            self.send_callback(review, notes)
        else:
            self.callbacks.hand_over(lambda: self.send_callback(review, notes))
        return review

    def send_callback(self, review: SimulatedReview, notes: str = "") -> bool:
        """Whether FiLot took it, in as many copies as it is used to send."""
        said = [review.decision or ""]
        if self.callbacks.contrary:
            said.append(CONTRARY[said[0]])
        taken = [
            self.callbacks.send_copies(
                review.callback_url,
                self.callbacks.body(decision, {"taskId": review.ticket, **review.ids}, notes),
                lambda answer: self._answered(review, answer),
            )
            for decision in said
        ]
        return taken[0]

    def change(self, habits: Mapping[str, Any]) -> None:
        """New habits while it runs, for instance `{"repeat": 3, "decide_as": "approved", "faults": ["503:2"]}`.

        Raises ValueError.
        """
        if unknown := set(habits) - {*HABITS, *RULES, "faults", "clear"}:
            raise ValueError(f"no such habit: {', '.join(sorted(unknown))}")
        if habits.get("clear"):
            self.script.clear()
        self.script.add(*habits.get("faults", ()))
        for name in HABITS:
            if name in habits:
                setattr(self.callbacks, name, habits[name])
        for name in RULES:
            if name in habits:
                setattr(self, name, habits[name])

    def effects_of(self, review_id: str, effect: str) -> Iterator[dict[str, str]]:
        with self._lock:
            found = list(self.effects)
        return (line for line in found if line.get("reviewId") == review_id and line["effect"] == effect)

    def _decide_by_rule(self, review: SimulatedReview, at_once: bool = False) -> None:
        if self.stopping.wait(self.decide_after):
            return
        decision = self.decide_as
        if decision.startswith(BY_SCORE):
            passes = float(review.score or 0) >= float(decision.removeprefix(BY_SCORE))
            decision = "approved" if passes else "rejected"
        try:
            self.decide(review.ticket, decision, notes="decided by the rule of the simulator", at_once=at_once)
        except AlreadyClosed:
            log.info("simulator_rule_came_too_late", ticket=review.ticket)

    def _answered(self, review: SimulatedReview, answer: str) -> None:
        review.callback = answer
        self._effect("callback", review, answer=answer)

    # The journal --------------------------------------------------------------------------------------------

    def _keep(self, review: SimulatedReview, key: str) -> None:
        self.reviews[review.ticket] = review
        self._by_key[key] = review.ticket

    def _effect(self, effect: str, review: SimulatedReview, **more: str) -> None:
        """A line of what was really done, for whoever counts effects afterwards; written before it is answered."""
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

    def _remember(self, journal: Path) -> None:
        """A line that was cut off when it was killed is the last one, and was never answered for."""
        for text in journal.read_text().splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            self.effects.append(line)
            self._replay(line)
        for review in self.reviews.values():
            if review.decision and review.callback not in ("200", "404", "409"):
                self.callbacks.hand_over(lambda review=review: self.send_callback(review))  # type: ignore[misc]

    def _replay(self, line: dict[str, str]) -> None:
        ticket, effect = line["ticket"], line["effect"]
        if effect == "submitted":
            ids = {name: line[name] for name in ID_NAMES if name in line}
            review = SimulatedReview(
                ticket, line["reviewId"], line["documentType"], line["score"], line["callbackUrl"], ids
            )
            self._keep(review, line["key"])
        elif effect == "decided":
            self.reviews[ticket].status, self.reviews[ticket].decision = "completed", line["decision"]
        elif effect == "cancelled":
            self.reviews[ticket].status = "cancelled"
        elif effect == "callback":
            self.reviews[ticket].callback = line["answer"]
