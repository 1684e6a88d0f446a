"""What another policy would have decided, counted: then beside now, and beside what people decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from verification.bench import Share
from verification.bench_tables import Table, percent
from verification.policy import COMPLETE, DECIDED, GATED

DECISIONS = ("auto_approve", "needs_review", "auto_reject")
PEOPLE = ("approved", "rejected")
CLOSING = {COMPLETE.code, GATED.code, *(reason.code for reason in DECIDED.values())}  # reasons that name no check
THRESHOLDS = "the thresholds"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a policy said: `findings` as a run stores them, empty for the baseline, which has only reasons."""

    decision: str
    score: int
    findings: Sequence[Mapping[str, Any]]
    reasons: Sequence[str]


@dataclass(slots=True)
class ReplayFigures:
    """Grows by one document at a time, and not with their number."""

    moves: Counter[tuple[str, str]] = field(default_factory=Counter)  # then, now
    by_people: Counter[tuple[str, str]] = field(default_factory=Counter)  # what a person decided, now
    troubles: Counter[str] = field(default_factory=Counter)

    def add(self, then: str, now: str, person: str = "") -> None:
        """`person` is approved or rejected, anything else where nobody decided."""
        self.moves[then, now] += 1
        if person in PEOPLE:
            self.by_people[person, now] += 1

    @property
    def judged(self) -> int:
        return self.moves.total()

    @property
    def changed(self) -> int:
        return sum(count for (then, now), count in self.moves.items() if then != now)

    @property
    def wrong_approvals(self) -> Share:
        """Of the documents that the policy would approve and that people decided: those that they rejected."""
        return self._wrong("auto_approve", "rejected")

    @property
    def wrong_rejections(self) -> Share:
        return self._wrong("auto_reject", "approved")

    def _wrong(self, now: str, person: str) -> Share:
        return Share(self.by_people[person, now], sum(self.by_people[each, now] for each in PEOPLE))

    def as_json(self) -> dict[str, Any]:
        return {
            "judged": self.judged,
            "changed": self.changed,
            "matrix": nested(self.moves, DECISIONS),
            "byPeople": nested(self.by_people, PEOPLE),
            "wrongApprovals": share_as_json(self.wrong_approvals),
            "wrongRejections": share_as_json(self.wrong_rejections),
            "notJudged": dict(sorted(self.troubles.items())),
        }


def difference(then: Judgement, now: Judgement) -> list[str]:
    """The codes of the checks that came out otherwise or weigh otherwise; empty where only the thresholds differ.

    Against the baseline, which has no checks: what speaks against the card in one of the two judgements only.
    """
    if then.findings and now.findings:
        was, is_now = by_code(then.findings), by_code(now.findings)
        return sorted(code for code in was.keys() | is_now.keys() if was.get(code) != is_now.get(code))
    return sorted(_against(then) ^ _against(now))


def _against(judgement: Judgement) -> set[str]:
    if not judgement.findings:
        return set(judgement.reasons) - CLOSING
    return {each["code"] for each in judgement.findings if each["gate"] or each["outcome"] == "failed"}


def by_code(findings: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {each["code"]: each for each in findings}


def nested(counts: Mapping[tuple[str, str], int], rows: Sequence[str]) -> dict[str, dict[str, int]]:
    return {row: {column: counts.get((row, column), 0) for column in DECISIONS} for row in rows}


def matrix(title: str, corner: str, counts: Mapping[tuple[str, str], int], rows: Sequence[str]) -> Table:
    """Counts with their shares of all; columns are decisions."""
    total = sum(counts.values())
    cells = [[row, *(_cell(counts.get((row, column), 0), total) for column in DECISIONS)] for row in rows]
    return title, [corner, *DECISIONS], cells


def wrong_words(figures: ReplayFigures) -> list[str]:
    """Two sentences: how often people decided against what the policy would have decided alone."""
    approvals, rejections = figures.wrong_approvals, figures.wrong_rejections
    return [
        f"would approve, but a person rejected: {approvals.hits} of {approvals.of}, {percent(approvals)}",
        f"would reject, but a person approved: {rejections.hits} of {rejections.of}, {percent(rejections)}",
    ]


def share_as_json(share: Share) -> dict[str, Any]:
    low, high = share.interval
    return {"hits": share.hits, "of": share.of, "low": round(low, 5), "high": round(high, 5)}


def _cell(count: int, total: int) -> str:
    return f"{count} ({100 * count / total:.1f} %)" if count else "-"
