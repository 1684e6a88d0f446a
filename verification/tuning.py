"""Which thresholds what people decided speaks for: pure counting.

A threshold's share of wrong decisions is judged by the upper end of its 95 % interval, not by what was seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from verification.bench import Share, wilson
from verification.bench_tables import Table
from verification.replay_figures import share_as_json
from verification.scoring import HIGHEST_SCORE, Thresholds

# At the outermost thresholds a policy says what it may decide at all: the score alone forbids nothing there.
MAY_APPROVE = Thresholds(approve=0, reject=-1)
MAY_REJECT = Thresholds(approve=HIGHEST_SCORE, reject=HIGHEST_SCORE - 1)


@dataclass(frozen=True, slots=True)
class Line:
    """With this threshold the machine would have decided `wrong.of` documents, `wrong.hits` of them as nobody did."""

    threshold: int
    wrong: Share

    @property
    def upper(self) -> float:
        return self.wrong.interval[1]

    def as_json(self) -> dict[str, Any]:
        return {"threshold": self.threshold, **share_as_json(self.wrong)}


def _no_scores() -> list[list[int]]:
    return [[0, 0] for _ in range(HIGHEST_SCORE + 1)]


@dataclass(slots=True)
class Decided:
    """How people decided, by the score that a policy gives: as many numbers for a million documents as for ten."""

    documents: int = 0
    approved: int = 0  # by people
    approvable: list[list[int]] = field(default_factory=_no_scores)  # by score: rejected by people, approved by them
    rejectable: list[list[int]] = field(default_factory=_no_scores)

    def add(self, score: int, *, may_approve: bool, may_reject: bool, approved: bool) -> None:
        """`may_*`: whether the policy would decide so at some threshold; `approved`: what a person decided."""
        self.documents += 1
        self.approved += approved
        self.approvable[score][approved] += may_approve
        self.rejectable[score][approved] += may_reject

    def approving(self) -> list[Line]:
        """For each threshold from 0: what would be approved, and how much of it people rejected."""
        return [Line(at, _share(self.approvable[at:], wrong=0)) for at in range(HIGHEST_SCORE + 1)]

    def rejecting(self) -> list[Line]:
        """For each threshold from 0: what would be rejected (a score under it), and how much people approved."""
        return [Line(at, _share(self.rejectable[:at], wrong=1)) for at in range(HIGHEST_SCORE)]


def proposed_approve(decided: Decided, ceiling: float) -> Line | None:
    """The lowest threshold with its upper end under the ceiling; of those with the same documents the highest."""
    return _most(decided.approving()[::-1], ceiling)


def proposed_reject(decided: Decided, ceiling: float) -> Line | None:
    """The highest threshold with its upper end under the ceiling; of those with the same documents the lowest."""
    return _most(decided.rejecting(), ceiling)


def _most(careful_first: Sequence[Line], ceiling: float) -> Line | None:
    good = [line for line in careful_first if line.upper < ceiling]
    return max(good, key=lambda line: line.wrong.of, default=None)  # the first of equal ones


def needed(wrong: int, ceiling: float) -> int:
    """How many decisions, so many of them wrong, bring the upper end under the ceiling, which is between 0 and 1."""
    if not 0 < ceiling < 1:
        raise ValueError(f"a ceiling of {ceiling} is not between 0 and 1")
    low, high = 0, 1
    while wilson(wrong, max(high, wrong))[1] >= ceiling:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if wilson(wrong, max(middle, wrong))[1] >= ceiling else (low, middle)
    return high


def table(title: str, lines: Sequence[Line]) -> Table:
    """Neighbours with the same counts are one row."""
    rows = [
        [span, str(wrong.of), str(wrong.hits), f"{100 * wrong.rate:.2f} %" if wrong.of else "-", _upper(wrong)]
        for span, wrong in _spans(lines)
    ]
    return title, ["threshold", "documents", "wrong", "seen", "at most (95 %)"], rows


def _spans(lines: Sequence[Line]) -> Iterator[tuple[str, Share]]:
    start = 0
    for place, line in enumerate(lines):
        if place + 1 == len(lines) or lines[place + 1].wrong != line.wrong:
            first = lines[start].threshold
            yield (f"{first}-{line.threshold}" if first != line.threshold else str(first)), line.wrong
            start = place + 1


def _upper(wrong: Share) -> str:
    return f"{100 * wrong.interval[1]:.2f} %" if wrong.of else "-"


def _share(counts: Sequence[Sequence[int]], *, wrong: int) -> Share:
    return Share(sum(each[wrong] for each in counts), sum(sum(each) for each in counts))
