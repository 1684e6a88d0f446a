"""How the BULI2 simulator calls back: signed with either secret, repeated, reordered or contradicted."""

import itertools
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests

from integrations.signatures import PREFIX, sign

CALLBACK_TIMEOUTS = (3.0, 10.0)
CALLBACK_WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds after each failed try; then it gives up
CONTRARY = {"approved": "rejected", "rejected": "approved"}


@dataclass
class Callbacks:
    """Habits may be changed while it runs. Thread-safe."""

    secret: str
    other_secret: str = ""  # of a rotation: signs every other callback
    service_key: str = ""
    send_timestamp: bool = True
    repeat: int = 1  # copies that are sent at the same time
    hold: float = 0.0  # seconds for which they are gathered; then the last one goes first
    contrary: bool = False  # the contrary is sent afterwards, as a partner that changes its mind
    mixed: bool = False  # compact and spaced JSON, with and without `sha256=`, in turn
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._turn = itertools.count()
        self._held: list[Callable[[], object]] = []
        self._lock = threading.Lock()

    def body(self, decision: str, facts: Mapping[str, str], notes: str = "") -> bytes:
        said = {"decision": decision, "timestamp": datetime.now(UTC).isoformat(), **facts}
        if notes:
            said["notes"] = notes
        compact = self.mixed and next(self._turn) % 2
        return json.dumps(said, separators=(",", ":") if compact else None).encode()

    def headers(self, body: bytes) -> dict[str, str]:
        turn = next(self._turn)
        secret = self.other_secret if self.other_secret and turn % 2 else self.secret
        prefix = "" if self.mixed and turn % 3 == 0 else PREFIX
        timestamp = str(int(time.time())) if self.send_timestamp else None
        headers = {"Content-Type": "application/json", "x-buli2-signature": prefix + sign(body, secret, timestamp)}
        if timestamp:
            headers["x-buli2-timestamp"] = timestamp
        if self.service_key:
            headers["x-service-key"] = self.service_key
        return headers

    def send(self, url: str, body: bytes, note: Callable[[str], None]) -> bool:
        """Whether FiLot took it; tried again after network errors, 429 and 5xx. Each answer is noted."""
        for wait in (*CALLBACK_WAITS, None):
            answer = self._post(url, body)
            note(answer)
            if answer.isdigit() and int(answer) < 500 and answer != "429":
                return answer == "200"
            if wait is None or self.stopping.wait(wait):
                break
        return False

    def send_copies(self, url: str, body: bytes, note: Callable[[str], None]) -> bool:
        """All `repeat` copies at once; whether one of them was taken."""
        taken: list[bool] = []
        start = threading.Barrier(self.repeat)

        def one() -> None:
            start.wait()
            taken.append(self.send(url, body, note))

        copies = [threading.Thread(target=one, daemon=True) for _ in range(self.repeat)]
        for copy in copies:
            copy.start()
        for copy in copies:
            copy.join()
        return any(taken)

    def hand_over(self, step: Callable[[], object]) -> None:
        """Do it now, or with those of the next `hold` seconds, the last one first. Returns at once."""
        if not self.hold:
            later(step)
            return
        with self._lock:
            self._held.append(step)
            if len(self._held) == 1:
                later(self._release)

    def _release(self) -> None:
        self.stopping.wait(self.hold)
        with self._lock:
            held, self._held = self._held, []
        for step in reversed(held):
            step()

    def _post(self, url: str, body: bytes) -> str:
        if not url.startswith(("http://", "https://")):
            return "no callbackUrl"
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.post(url, data=body, headers=self.headers(body), timeout=CALLBACK_TIMEOUTS)
                return str(answer.status_code)
        except requests.RequestException as error:
            return type(error).__name__


def later(step: Callable[..., Any], *arguments: Any) -> None:
    threading.Thread(target=step, args=arguments, daemon=True).start()
