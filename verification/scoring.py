"""What a scoring policy is: a pure, versioned judgement of evidence, with every point and reason it rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from verification.checks import Outcome
from verification.evidence import Evidence

Decision = Literal["auto_approve", "auto_reject", "needs_review"]
HIGHEST_SCORE = 100


@dataclass(frozen=True, slots=True)
class Reason:
    """code is a stable word; message is a sentence for the house's own people and holds no value of the card.

    client is the code in verification.client_reasons of what its sender is told; empty for nothing.
    """

    code: str
    message: str
    client: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and what the policy made of it. gate: this outcome forbids an approval by the machine."""

    code: str
    outcome: Outcome
    points: int
    gate: bool


@dataclass(frozen=True, slots=True)
class Thresholds:
    """ValueError unless reject < approve <= 100."""

    approve: int = 85
    reject: int = 35

    def __post_init__(self) -> None:
        if not self.reject < self.approve <= HIGHEST_SCORE:
            raise ValueError(f"thresholds: reject {self.reject} < approve {self.approve} <= {HIGHEST_SCORE} is not so")


@dataclass(frozen=True)
class Verdict:
    """points add up to the score, which is 0 where they are less and 100 where they are more."""

    score: int
    decision: Decision
    reasons: list[Reason]
    points: dict[str, int]
    policy: str
    policy_version: str
    thresholds: Thresholds = field(default_factory=Thresholds)
    findings: tuple[Finding, ...] = ()

    @property
    def gates(self) -> list[str]:
        """The checks that forbid an approval."""
        return [finding.code for finding in self.findings if finding.gate]


class Policy(Protocol):
    """Same evidence and thresholds, same verdict. ValueError for a document type it has no points for."""

    @property
    def NAME(self) -> str: ...
    @property
    def VERSION(self) -> str: ...
    def judge(self, evidence: Evidence, thresholds: Thresholds) -> Verdict: ...


def bounded(points: dict[str, int]) -> int:
    return max(0, min(HIGHEST_SCORE, sum(points.values())))
