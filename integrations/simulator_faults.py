"""What the BULI2 simulator is told to do wrong, and when."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass

FAULT_KINDS = ("slow", "cut", "garbage", "endless", "redirect")
DOORS = ("submit", "status", "cancel")
AFTER = "after-"  # the work is done, and the status answered all the same


@dataclass(slots=True)
class Fault:
    """What happens to the next `times` calls of a door: an HTTP status, or one of FAULT_KINDS."""

    kind: str
    times: int
    seconds: float = 0.0  # of slow, or the Retry-After of a status
    door: str = "submit"

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """`503:3`, `429=2:1` (Retry-After 2), `after-503:1` (the work is done), `slow=20:1`, `cut:1`, `garbage:1`,
        `endless:1`, `redirect:1`; `status.503:1`, `cancel.cut:1` for the other doors. Raises ValueError.
        """
        words, _, times = text.partition(":")
        first, _, rest = words.partition(".")
        door, words = (first, rest) if first in DOORS else (DOORS[0], words)
        kind, _, seconds = words.partition("=")
        status = kind.removeprefix(AFTER)
        if kind not in FAULT_KINDS and not (status.isdigit() and 200 <= int(status) <= 599):
            raise ValueError(f"unknown fault {kind!r}: an HTTP status or one of {', '.join(FAULT_KINDS)}")
        return cls(kind, int(times or 1), float(seconds or 0), door)

    @property
    def status(self) -> int:
        """The HTTP status to answer with, 0 for the other kinds."""
        digits = self.kind.removeprefix(AFTER)
        return int(digits) if digits.isdigit() else 0

    @property
    def is_before_the_work(self) -> bool:
        return self.kind.isdigit()


class Script:
    """The faults that are still to come. Thread-safe."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self.faults = list(faults)
        self._lock = threading.Lock()

    def add(self, *texts: str) -> None:
        """As `Fault.parse` reads them. Raises ValueError, and adds none of them then."""
        parsed = [Fault.parse(text) for text in texts]
        with self._lock:
            self.faults += parsed

    def clear(self) -> None:
        with self._lock:
            self.faults.clear()

    def next_of(self, door: str) -> Fault | None:
        with self._lock:
            fault = next((fault for fault in self.faults if fault.times > 0 and fault.door == door), None)
            if fault:
                fault.times -= 1
            return fault
