"""Figures of decisions: what a policy makes of honest and of faulty cards, each judged as it would be in the house."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from verification.bench import Share
from verification.comparing import Seen, known_among
from verification.decision_cards import JUDGED_ON, Scenario, Sent, Truth
from verification.decision_store import Read
from verification.evidence import Applicant, Evidence, Known
from verification.identity_numbers import without_separators
from verification.kind_words import NONE
from verification.kinds import kind_of
from verification.number_checks import NUMBERS
from verification.policy import COMPLETE, DECIDED, GATED
from verification.scoring import HIGHEST_SCORE, Policy, Thresholds, Verdict

ANY_SCORE = Thresholds(approve=0, reject=-1)  # under these only what is no score keeps a card from approval
NUMBER_DIGITS = 16  # an old NPWP of fifteen is the new one without its zero
OF_NO_CHECK = {COMPLETE.code, GATED.code} | {reason.code for reason in DECIDED.values()}
HARDEST = "hard"
EASY, PHONE = ("clean", "scan"), ("phone",)
Outcome = Literal["approved", "person", "rejected", "unreadable"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What one policy made of one card.

    "unreadable" is a rejection of an honest card at the hardest level of which nothing was read: that is right.
    approvable: under a threshold of 0 it would be approved. stopped: the checks that forbid the approval of an honest
    card, or where none does those that took points; gated: whether it is the former.
    """

    file: str
    level: str
    truth: Truth
    group: str
    fault: str
    outcome: Outcome
    score: int
    approvable: bool
    stopped: tuple[str, ...] = ()
    gated: bool = False


def judged(
    scenarios: Sequence[Scenario], reads: Mapping[str, Read], policy: Policy, thresholds: Thresholds
) -> list[Judged]:
    """All cards but those that are only there to be known. KeyError for a picture without its reading."""
    found = []
    for scenario in scenarios:
        seen: list[Seen] = []
        for sent in scenario:
            read = reads[sent.picture.file]
            one = _seen(sent, read)
            evidence = evidence_of(sent, read, known_among(one, seen[::-1]))
            verdict = policy.judge(evidence, thresholds)
            refused = bool(read.error) or verdict.decision == "auto_reject"
            if sent.truth != "before":
                found.append(_judged(sent, read, evidence, verdict, policy))
            if not read.error:  # what was refused at the door is no document
                seen.append(_seen(sent, read, refused=refused))
    return found


def evidence_of(sent: Sent, read: Read, known: Known) -> Evidence:
    """As verification.runs makes it out of a stored run."""
    return Evidence(
        document_type=sent.picture.type,
        values=read.fields,
        lines=read.lines,
        kind=kind_of(read.lines),
        today=JUDGED_ON,
        issues=read.issues,
        known=known,
        applicant=Applicant.from_json(sent.applicant),
    )


def _seen(sent: Sent, read: Read, *, refused: bool = False) -> Seen:
    return Seen(
        owner=sent.owner,
        type=sent.picture.type,
        number=_number(sent, read),
        sha256=read.sha256,
        fingerprint=read.fingerprint,
        fields=lambda: read.fields,
        refused=refused,
    )


def _number(sent: Sent, read: Read) -> str:
    """As Document.number_index, without the key."""
    values = (read.fields[name].value for name in NUMBERS[sent.picture.type] if name in read.fields)
    return next((without_separators(value).zfill(NUMBER_DIGITS) for value in values if value), "")


def _judged(sent: Sent, read: Read, evidence: Evidence, verdict: Verdict, policy: Policy) -> Judged:
    outcome = _outcome(sent, read, evidence, verdict)
    honest_and_stopped = sent.truth == "honest" and outcome != "approved"
    costly = tuple(reason.code for reason in verdict.reasons if reason.code not in OF_NO_CHECK)
    return Judged(
        file=sent.picture.file,
        level=sent.picture.level,
        truth=sent.truth,
        group=sent.group,
        fault=sent.fault,
        outcome=outcome,
        score=verdict.score,
        approvable=not read.error and policy.judge(evidence, ANY_SCORE).decision == "auto_approve",
        stopped=(tuple(verdict.gates) or costly) if honest_and_stopped else (),
        gated=bool(verdict.gates),
    )


def _outcome(sent: Sent, read: Read, evidence: Evidence, verdict: Verdict) -> Outcome:
    if read.error:
        return "rejected"
    if verdict.decision == "auto_approve":
        return "approved"
    if verdict.decision == "needs_review":
        return "person"
    nothing_read = evidence.kind.code == NONE and sent.picture.level == HARDEST
    return "unreadable" if sent.truth == "honest" and nothing_read else "rejected"


def of_truth(cards: Sequence[Judged], truth: Truth) -> list[Judged]:
    return [card for card in cards if card.truth == truth]


def share(cards: Sequence[Judged], outcome: Outcome) -> Share:
    return Share(sum(card.outcome == outcome for card in cards), len(cards))


def summary(cards: Sequence[Judged]) -> dict[str, Any]:
    """The figures that count, for programs."""
    honest, faulty, apart = (of_truth(cards, truth) for truth in ("honest", "faulty", "apart"))
    return {
        "honest": len(honest),
        "faulty": len(faulty),
        "wrong_approvals": share(faulty, "approved").hits,
        "wrong_rejections": share(honest, "rejected").hits,
        "unreadable": share(honest, "unreadable").hits,
        "auto_clean_scan": round(share(at_levels(honest, EASY), "approved").rate, 4),
        "auto_phone": round(share(at_levels(honest, PHONE), "approved").rate, 4),
        "apart": len(apart),
        "apart_approved": share(apart, "approved").hits,
    }


def at_levels(cards: Sequence[Judged], levels: Sequence[str]) -> list[Judged]:
    return [card for card in cards if card.level in levels]


@dataclass(frozen=True, slots=True)
class Traded:
    """What a threshold of approval would give: shares of the honest and of the faulty cards that are approved."""

    threshold: int
    honest: Share
    faulty: Share


def tradeoff(cards: Sequence[Judged]) -> list[Traded]:
    """For each threshold from 0 to 100; what a gate forbids stays forbidden."""
    return [
        Traded(at, _approved_from(at, of_truth(cards, "honest")), _approved_from(at, of_truth(cards, "faulty")))
        for at in range(HIGHEST_SCORE + 1)
    ]


def _approved_from(threshold: int, cards: Sequence[Judged]) -> Share:
    return Share(sum(card.approvable and card.score >= threshold for card in cards), len(cards))
