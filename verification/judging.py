"""Which policy is in force, and its judgement of a document; beside it that of a shadow, which decides nothing.

The database is asked at each judgement: a change is in force at once, in every process.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings

from documents.models import Document
from verification.evidence import Evidence
from verification.models import LIVE, TRIAL, PolicyChange, VerificationRun
from verification.policy import load_policy
from verification.scoring import Thresholds, Verdict

log = structlog.get_logger(__name__)

STEPS = 10_000  # of the shares that owners are dealt into
# What `judge` notes in a run: the sealed reading beside it is long, and not written once more.
JUDGED_FIELDS = (
    "arm",
    "policy",
    "policy_version",
    "thresholds",
    "score",
    "decision",
    "points",
    "reasons",
    "findings",
    "known",
    "shadow",
)


@dataclass(frozen=True, slots=True)
class Choice:
    """A policy by its name ("standard" or "standard@1") with its thresholds."""

    policy: str
    thresholds: Thresholds

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Choice":
        """KeyError, ValueError for what is no choice."""
        load_policy(data["policy"])
        return cls(data["policy"], Thresholds(approve=data["approve"], reject=data["reject"]))

    def as_json(self) -> dict[str, Any]:
        return {"policy": self.policy, "approve": self.thresholds.approve, "reject": self.thresholds.reject}

    def judge(self, evidence: Evidence) -> Verdict:
        return load_policy(self.policy).judge(evidence, self.thresholds)

    def __str__(self) -> str:
        return f"{self.policy} approve {self.thresholds.approve} reject {self.thresholds.reject}"


def choice_of_settings() -> Choice:
    thresholds = Thresholds(
        approve=settings.AI_SCORE_THRESHOLD_AUTO_APPROVE, reject=settings.AI_SCORE_THRESHOLD_AUTO_REJECT
    )
    return Choice(settings.SCORING_POLICY, thresholds)


def change_in_force() -> PolicyChange | None:
    return PolicyChange.objects.order_by("-at", "-pk").first()


def live_choice(change: PolicyChange | None) -> Choice:
    return Choice.from_json(change.live) if change else choice_of_settings()


def arm_of(owner_id: Any, trial: Mapping[str, Any]) -> str:
    """Which arm of a trial an owner belongs to; always the same one for one policy, and a growing share only adds."""
    if not trial:
        return ""
    digest = hashlib.sha256(f"{trial['policy']}/{owner_id}".encode()).digest()
    # Rounded: as a float 0.0051 of 10,000 steps is a hair above 51, and one step more would be dealt.
    return TRIAL if int.from_bytes(digest[:8]) % STEPS < round(trial["share"] * STEPS) else LIVE


def judge(document: Document, evidence: Evidence, run: VerificationRun) -> Verdict:
    """The verdict that counts, with all it rests on noted in the run. Nothing is saved."""
    change = change_in_force()
    run.arm = arm_of(document.owner_id, change.trial if change else {})
    choice = Choice.from_json(change.trial) if change and run.arm == TRIAL else live_choice(change)
    verdict = choice.judge(evidence)
    run.policy, run.policy_version = verdict.policy, verdict.policy_version
    run.thresholds = thresholds_as_json(verdict)
    run.score, run.decision, run.points = verdict.score, verdict.decision, verdict.points
    run.reasons = [
        {"code": reason.code, "message": reason.message, "client": reason.client} for reason in verdict.reasons
    ]
    run.findings = findings_as_json(verdict)
    run.known = evidence.known.as_json()
    run.shadow = _shadow(_beside(change, run.arm), evidence) if change else {}
    return verdict


def _beside(change: PolicyChange, arm: str) -> Mapping[str, Any]:
    """The policy that judges without deciding: the shadow; in a trial without one, that of the other arm.

    So each document of a trial has the verdicts of both, and they can be compared on the same documents.
    """
    beside: Mapping[str, Any] = change.shadow
    if arm and not beside:
        beside = change.live if arm == TRIAL else change.trial
    return beside


def _shadow(choice: Mapping[str, Any], evidence: Evidence) -> dict[str, Any]:
    """What that policy would have said; {"policy", "error"} where it failed: no document waits for it."""
    if not choice:
        return {}
    try:
        return shadow_as_json(Choice.from_json(choice).judge(evidence))
    except Exception as error:
        log.warning("shadow_policy_failed", policy=choice.get("policy"), error=type(error).__name__)
        return {"policy": choice.get("policy"), "error": type(error).__name__}


def thresholds_as_json(verdict: Verdict) -> dict[str, int]:
    return {"approve": verdict.thresholds.approve, "reject": verdict.thresholds.reject}


def findings_as_json(verdict: Verdict) -> list[dict[str, Any]]:
    return [
        {"code": finding.code, "outcome": finding.outcome.value, "points": finding.points, "gate": finding.gate}
        for finding in verdict.findings
    ]


def shadow_as_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "policy": verdict.policy,
        "version": verdict.policy_version,
        "thresholds": thresholds_as_json(verdict),
        "score": verdict.score,
        "decision": verdict.decision,
        "points": verdict.points,
        "gates": verdict.gates,
    }
