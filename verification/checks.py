"""What a check is: one question to the evidence, with what is said when it passes, fails, or can't be answered.

A check gives no points and decides nothing: what its outcome is worth is the policy's (verification.policy).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from verification.evidence import Evidence


class Outcome(StrEnum):
    passed = "passed"
    failed = "failed"
    unknown = "unknown"  # what it asks about was not read, or not surely enough


class Text(NamedTuple):
    """For people, without any value of a card."""

    id: str
    en: str

    def in_language(self, language: str) -> str:
        return self.id if language == "id" else self.en


@dataclass(frozen=True, slots=True)
class Check:
    """`look` answers None where the question does not arise for this document.

    `fields` are the fields of the card that it looks at; without any it looks at the whole picture, or at what is known
    besides. `client` is the code in verification.client_reasons that the sender is told when it fails; empty where a
    sender is told nothing. `unsure` is told in its place where nobody knows, and must not claim what `client` claims;
    None for the same. `source` says what the rule rests on.
    """

    code: str
    look: Callable[[Evidence], Outcome | None]
    passed: Text
    failed: Text
    unknown: Text
    fields: tuple[str, ...] = ()
    client: str = ""
    source: str = ""
    unsure: str | None = None

    def told(self, outcome: Outcome) -> str:
        """The code for the sender; empty for nothing."""
        if outcome is Outcome.passed:
            return ""
        return self.unsure if self.unsure is not None and outcome is Outcome.unknown else self.client

    def text(self, outcome: Outcome) -> Text:
        return {Outcome.passed: self.passed, Outcome.failed: self.failed, Outcome.unknown: self.unknown}[outcome]


NOT_ASKED = Text("Tidak dapat diperiksa.", "This could not be checked.")


def one_of(*checks: Check) -> Mapping[str, Check]:
    """Checks by their codes. ValueError for a code that is there twice."""
    found = {check.code: check for check in checks}
    if len(found) != len(checks):
        raise ValueError("two checks have one code")
    return found


def as_outcome(holds: bool | None) -> Outcome:
    """True, false, or nobody knows."""
    if holds is None:
        return Outcome.unknown
    return Outcome.passed if holds else Outcome.failed
