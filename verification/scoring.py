"""What a scoring policy is: a pure, versioned judgement of what was read, with every point and reason it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Literal, Protocol, cast

from ocr_gpu.engine import OcrLine
from verification.fields import FieldValue

Decision = Literal["auto_approve", "auto_reject", "needs_review"]
HIGHEST_SCORE = 100
POLICIES: dict[str, str] = {"baseline": "verification.baseline"}  # one line a policy


@dataclass(frozen=True, slots=True)
class Reason:
    """code is a stable word; message is a sentence for people and holds no value of the card."""

    code: str
    message: str


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
    """points add up to score."""

    score: int
    decision: Decision
    reasons: list[Reason]
    points: dict[str, int]
    policy: str
    policy_version: str
    thresholds: Thresholds = field(default_factory=Thresholds)


class Policy(Protocol):
    """The shape of a policy module."""

    NAME: str
    VERSION: str

    def judge(
        self,
        document_type: str,
        fields: Mapping[str, FieldValue],
        lines: Sequence[OcrLine],
        thresholds: Thresholds,
    ) -> Verdict: ...


def load_policy(name: str) -> Policy:
    """The policy of this name. ValueError, with the names there are, for any other."""
    if name not in POLICIES:
        raise ValueError(f"no policy called {name!r}; there are: {', '.join(sorted(POLICIES))}")
    return cast(Policy, import_module(POLICIES[name]))
