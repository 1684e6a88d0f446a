"""Policies by name: the published one, and those that are data (policies/NAME-VERSION.json).

A file says what each outcome of a check is worth, which outcomes forbid an approval (gate), and which checks may reject
when they fail. A released file is never changed, for runs are judged by it again: another version is another file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from verification import baseline, card_checks, known_checks, number_checks, picture_checks
from verification.checks import Check, Outcome
from verification.evidence import Evidence
from verification.scoring import HIGHEST_SCORE, Decision, Finding, Policy, Reason, Thresholds, Verdict, bounded

FOLDER = Path(__file__).parent / "policies"
CHECKS: Mapping[str, Check] = (
    number_checks.CHECKS | card_checks.CHECKS | picture_checks.CHECKS | known_checks.CHECKS  # type: ignore[operator]
)
POLICIES: Mapping[str, str] = {"baseline": baseline.VERSION, "standard": "1"}  # name: its present version
COMPLETE = Reason("complete", "Everything that counts was read from the card, and nothing speaks against it.")
DECIDED: Mapping[Decision, Reason] = baseline.DECIDED | {
    "auto_reject": Reason("score_rejects", "It is surely no acceptable card, and the score is below the threshold."),
}
GATED = Reason("gate", "At least one check forbids a decision without a person.")


@dataclass(frozen=True, slots=True)
class Worth:
    """What the outcomes of one check mean."""

    points: Mapping[Outcome, int]
    gate: frozenset[Outcome]
    rejects: bool


@dataclass(frozen=True, slots=True)
class DataPolicy:
    """A policy out of a file. See scoring.Policy."""

    NAME: str
    VERSION: str
    worths: Mapping[str, Mapping[str, Worth]]  # by document type, then by check

    def judge(self, evidence: Evidence, thresholds: Thresholds) -> Verdict:
        if evidence.document_type not in self.worths:
            raise ValueError(f"the policy {self.NAME} {self.VERSION} knows no document type {evidence.document_type!r}")
        worths = self.worths[evidence.document_type]
        findings = tuple(_findings(worths, evidence))
        points = {finding.code: finding.points for finding in findings if finding.points}
        score = bounded(points)
        decision = _decide(findings, score, worths, thresholds)
        return Verdict(
            score=score,
            decision=decision,
            reasons=_reasons(findings, worths, decision),
            points=points,
            policy=self.NAME,
            policy_version=self.VERSION,
            thresholds=thresholds,
            findings=findings,
        )


def _findings(worths: Mapping[str, Worth], evidence: Evidence) -> Iterator[Finding]:
    for code, worth in worths.items():
        outcome = CHECKS[code].look(evidence)
        if outcome is not None:
            yield Finding(code, outcome, worth.points.get(outcome, 0), outcome in worth.gate)


def _decide(findings: Sequence[Finding], score: int, worths: Mapping[str, Worth], thresholds: Thresholds) -> Decision:
    if score >= thresholds.approve and not any(finding.gate for finding in findings):
        return "auto_approve"
    surely_no_card = any(finding.outcome is Outcome.failed and worths[finding.code].rejects for finding in findings)
    return "auto_reject" if surely_no_card and score < thresholds.reject else "needs_review"


def _reasons(findings: Sequence[Finding], worths: Mapping[str, Worth], decision: Decision) -> list[Reason]:
    """Of every check that did not pass and counts: what forbids an approval first, then what costs most."""
    spoken = [finding for finding in findings if finding.outcome is not Outcome.passed and _counts(finding, worths)]
    spoken.sort(
        key=lambda finding: (
            not worths[finding.code].rejects,
            not finding.gate,
            finding.points - _most(finding, worths),
        )
    )
    reasons = [_reason(CHECKS[finding.code], finding.outcome) for finding in spoken]
    gated = [GATED] if any(finding.gate for finding in findings) and decision == "needs_review" else []
    return [*(reasons or [COMPLETE]), *(gated or [DECIDED[decision]])]


def _reason(check: Check, outcome: Outcome) -> Reason:
    return Reason(check.code, check.text(outcome).en, check.told(outcome))


def _counts(finding: Finding, worths: Mapping[str, Worth]) -> bool:
    return finding.gate or finding.points < _most(finding, worths) or finding.outcome is Outcome.failed


def _most(finding: Finding, worths: Mapping[str, Worth]) -> int:
    return worths[finding.code].points.get(Outcome.passed, 0)


@cache
def load_policy(name: str) -> Policy:
    """The policy of this name in its present version, or "name@version" in that one. ValueError for any other."""
    plain, _, version = name.partition("@")
    if plain not in POLICIES:
        raise ValueError(f"no policy called {name!r}; there are: {', '.join(sorted(POLICIES))}")
    version = version or POLICIES[plain]
    if plain == baseline.NAME:
        if version != baseline.VERSION:
            raise ValueError(f"the baseline policy has no version {version!r}")
        return cast(Policy, baseline)
    file = FOLDER / f"{plain}-{version}.json"
    if not version.isalnum() or not file.is_file():  # a version is typed in, and no way to other files
        raise ValueError(f"the policy {plain!r} has no version {version!r}")
    return policy_of(json.loads(file.read_text(encoding="utf-8")))


def policy_of(data: Mapping[str, Any]) -> DataPolicy:
    """A policy out of its data. ValueError where it names a check or an outcome that there is not, where points are no
    whole numbers, where the best outcomes would be worth more than 100, and where a check may reject without a gate.
    """
    worths = {
        kind: {code: _worth(code, told) for code, told in checks.items()} for kind, checks in data["checks"].items()
    }
    for kind, checks in worths.items():
        best = sum(max(0, *worth.points.values()) for worth in checks.values() if worth.points)
        if best > HIGHEST_SCORE:
            raise ValueError(f"{data['name']}: a perfect {kind} would have {best} points, more than {HIGHEST_SCORE}")
    return DataPolicy(data["name"], data["version"], worths)


def _worth(code: str, told: Mapping[str, Any]) -> Worth:
    if code not in CHECKS:
        raise ValueError(f"no check called {code!r}")
    unknown = set(told) - set(Outcome) - {"gate", "rejects"}
    if unknown:
        raise ValueError(f"{code}: no outcome called {', '.join(sorted(unknown))}")
    points = {outcome: told[outcome] for outcome in Outcome if outcome in told}
    if not all(type(worth) is int for worth in points.values()):
        raise ValueError(f"{code}: points are whole numbers")
    gate, rejects = frozenset(Outcome(each) for each in told.get("gate", [])), told.get("rejects", False)
    if rejects not in (True, False):
        raise ValueError(f"{code}: rejects is true or false")
    if rejects and Outcome.failed not in gate:
        raise ValueError(f"{code}: what may reject must forbid an approval")
    return Worth(points, gate, rejects)
