"""What a row is: a fault, the house that it needs, one run of it, and what came of it."""

import os
import random
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.torture.checker import faults_of
from tests.torture.driver import Driver
from tests.torture.evidence import gathered
from tests.torture.house import STUCK_SECONDS, SWEEP_SECONDS, House, Needs
from tests.torture.partner_truth import PartnerEffect

SETTLE_SECONDS = 15  # beside a claim's limit and the sweep
EACH_WAITING = 0.4  # seconds of all workers together for a document that an outage left waiting


@dataclass(frozen=True)
class Row:
    name: str
    fault: str
    passes_when: str
    needs: Needs
    act: Callable[["Run"], None]
    no_short_form: str = ""  # why `make test` leaves it out


ROWS: dict[str, Row] = {}


def row(
    name: str, fault: str, passes_when: str, needs: Needs, *, no_short_form: str = ""
) -> Callable[[Callable[["Run"], None]], Row]:
    """Register the function as a row. See the package's docstring."""

    def register(act: Callable[["Run"], None]) -> Row:
        assert name not in ROWS, name
        ROWS[name] = Row(name, fault, passes_when, needs, act, no_short_form)
        return ROWS[name]

    return register


@dataclass
class Run:
    """One run of a row."""

    row: Row
    house: House
    driver: Driver
    seed: int
    scale: float
    timed: bool  # whether limits of time are judged
    chance: random.Random
    figures: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    partner: Sequence[PartnerEffect] | None = None

    @property
    def full(self) -> bool:
        """Whether this is the row at its full size."""
        return self.scale >= 1

    def size(self, full: int, least: int = 1) -> int:
        return max(least, round(full * self.scale))

    def seconds(self, full: float, least: float = 1) -> float:
        return max(least, full * self.scale)

    def expect(self, holds: object, otherwise: str) -> None:
        if not holds:
            self.faults.append(otherwise)

    def expect_in_time(self, seconds: float, limit: float, what: str) -> None:
        """Only told when the machine is busy with other things too."""
        self.figures[what] = f"{seconds:.2f} s"
        if self.timed:
            self.expect(seconds <= limit, f"{what}: {seconds:.2f} s, more than {limit} s")

    def settle(self, beside: float = 0) -> None:
        """Wait until everything that was accepted is settled: a claim's limit, the sweep and 15 s from now, what waits
        before it can be read, and what `beside` is known to take. Longer than that is a breach; on a busy machine it is
        one when nothing moves any more for so long.
        """
        waiting = len(self.house.unsettled(self.driver.owner_ids))
        limit = STUCK_SECONDS + SWEEP_SECONDS + SETTLE_SECONDS + waiting * EACH_WAITING + beside
        began = moved = time.monotonic()
        before: list[Any] = []
        while left := self.house.unsettled(self.driver.owner_ids):
            if not self.timed and left != before:
                before, moved = left, time.monotonic()
            if time.monotonic() - moved > limit:
                self.faults.append(f"{len(left)} not settled after {limit:.0f} s: {left[:5]}")
                break
            time.sleep(0.2)
        self.figures["waiting at the end"] = waiting
        self.figures["settled after"] = f"{time.monotonic() - began:.1f} s"


@dataclass(frozen=True)
class Result:
    name: str
    fault: str
    passes_when: str
    seed: int
    scale: float
    seconds: float
    figures: dict[str, Any]
    faults: list[str]

    @property
    def passed(self) -> bool:
        return not self.faults


def carry_out(row: Row, house: House, *, seed: int, scale: float, timed: bool) -> Result:
    """One run of the row in this house, and what the checker says of it."""
    began = time.monotonic()
    house.suit(row.needs)
    chance = random.Random(f"{seed} {row.name}")
    run = Run(row, house, Driver(house, row.name, chance), seed, scale, timed, chance)
    try:
        row.act(run)
        evidence = gathered(house, run.driver, run.partner)
        run.figures = {**evidence.counts(), **run.figures}
        run.faults += faults_of(evidence)
    except Exception:
        run.faults.append("the row itself failed: " + traceback.format_exc(limit=-4))
    finally:
        run.driver.close()
    run.figures["load of the machine"] = f"{os.getloadavg()[1]:.0f}"
    seconds = time.monotonic() - began
    return Result(row.name, row.fault, row.passes_when, seed, scale, seconds, run.figures, run.faults)
