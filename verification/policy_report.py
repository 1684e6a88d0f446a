"""How the policies have done: what each decided, what people decided after it, and what the one beside it would have.

Counted by the database; no field of a card is opened. Who decided is a person or the partner.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, F, Q, QuerySet
from django.db.models.fields.json import KT

from verification.bench import Share
from verification.models import VerificationRun
from verification.replay_figures import DECISIONS, PEOPLE, nested, share_as_json
from verification.replaying import counted_runs

ROW_ORDER = ("policy", "policy_version", "arm", "other", "other_version", "decision", "other_decision", "status")


class Key(NamedTuple):
    """A policy with its version, and the arm of the trial that it decided in; blank without a trial."""

    policy: str
    arm: str


@dataclass(slots=True)
class Live:
    """What one policy decided, and how what it left to people ended."""

    decisions: Counter[str] = field(default_factory=Counter)
    people: Counter[str] = field(default_factory=Counter)  # approved, rejected

    @property
    def documents(self) -> int:
        return self.decisions.total()

    @property
    def waiting(self) -> int:
        return self.decisions["needs_review"] - self.people.total()

    def share(self, decision: str) -> Share:
        return Share(self.decisions[decision], self.documents)

    def as_json(self) -> dict[str, Any]:
        decided = {decision: self.decisions[decision] for decision in DECISIONS}
        return {"documents": self.documents, **decided, **{each: self.people[each] for each in PEOPLE}} | {
            "waiting": self.waiting
        }


@dataclass(slots=True)
class Beside:
    """What a policy that judged beside the live one said of the same documents."""

    moves: Counter[tuple[str, str]] = field(default_factory=Counter)  # live, beside
    people: Counter[tuple[str, str]] = field(default_factory=Counter)  # beside, what a person decided
    failed: int = 0

    @property
    def agreement(self) -> Share:
        return Share(sum(self.moves[each, each] for each in DECISIONS), self.moves.total())

    @property
    def wrong_approvals(self) -> Share:
        """Overturns: of what it would have approved alone and a person decided, what the person rejected."""
        return self._overturned("auto_approve", "rejected")

    @property
    def wrong_rejections(self) -> Share:
        return self._overturned("auto_reject", "approved")

    def _overturned(self, would: str, person: str) -> Share:
        return Share(self.people[would, person], sum(self.people[would, each] for each in PEOPLE))

    def as_json(self) -> dict[str, Any]:
        return {
            "documents": self.moves.total(),
            "failed": self.failed,
            "agreement": share_as_json(self.agreement),
            "matrix": nested(self.moves, DECISIONS),
            "wrongApprovals": share_as_json(self.wrong_approvals),
            "wrongRejections": share_as_json(self.wrong_rejections),
        }


@dataclass(slots=True)
class PolicyReport:
    """`beside` is by the live policy with its arm, and the policy beside it; `stops` by policy and main reason."""

    live: dict[Key, Live] = field(default_factory=dict)
    beside: dict[tuple[Key, str], Beside] = field(default_factory=dict)
    stops: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)  # approved, rejected, waiting


def policy_report(*, since: datetime | None = None, until: datetime | None = None) -> PolicyReport:
    runs = counted_runs(since=since, until=until).order_by()
    report = PolicyReport()
    for row in _said(runs):
        _count(report, row)
    for row in _stopped(runs):
        key = (f"{row['policy']}@{row['policy_version']}", row["main_reason"] or "")
        ended = row["status"] if row["status"] in PEOPLE else "waiting"
        report.stops.setdefault(key, Counter())[ended] += row["count"]
    return report


def _said(runs: QuerySet[VerificationRun]) -> Iterable[Mapping[str, Any]]:
    said = runs.values(
        "policy",
        "policy_version",
        "arm",
        "decision",
        status=F("document__status"),
        other=KT("shadow__policy"),
        other_version=KT("shadow__version"),
        other_decision=KT("shadow__decision"),
    )
    return said.annotate(count=Count("pk")).order_by(*ROW_ORDER)


def _stopped(runs: QuerySet[VerificationRun]) -> Iterable[Mapping[str, Any]]:
    stopped = runs.filter(decision="needs_review").values(
        "policy", "policy_version", status=F("document__status"), main_reason=KT("reasons__0__code")
    )
    return stopped.annotate(count=Count("pk")).order_by("policy", "policy_version", "main_reason", "status")


def _count(report: PolicyReport, row: Mapping[str, Any]) -> None:
    count, key = row["count"], Key(f"{row['policy']}@{row['policy_version']}", row["arm"])
    live = report.live.setdefault(key, Live())
    live.decisions[row["decision"]] += count
    person = row["status"] if row["status"] in PEOPLE else ""
    if person:
        live.people[person] += count
    if not row["other"]:
        return
    name = f"{row['other']}@{row['other_version']}" if row["other_version"] else row["other"]
    beside = report.beside.setdefault((key, name), Beside())
    if not row["other_decision"]:
        beside.failed += count
        return
    beside.moves[row["decision"], row["other_decision"]] += count
    if person:
        beside.people[row["other_decision"], person] += count


def overturned(*, since: datetime | None = None, until: datetime | None = None) -> Iterator[dict[str, Any]]:
    """The documents that the policy beside would have decided alone and a person decided otherwise."""
    against = Q(shadow__decision="auto_approve", document__status="rejected") | Q(
        shadow__decision="auto_reject", document__status="approved"
    )
    runs = counted_runs(since=since, until=until, by_people=True).filter(against).select_related("document")
    columns = "document__type", "document__status", "shadow", "finished_at"
    for run in runs.only(*columns).iterator():
        yield {
            "ref": run.document.ref,
            "documentId": str(run.document_id),
            "type": run.document.type,
            "policy": f"{run.shadow['policy']}@{run.shadow['version']}",
            "would": run.shadow["decision"],
            "score": run.shadow["score"],
            "person": run.document.status,
        }


def stops_by_approval(stops: dict[tuple[str, str], Counter[str]]) -> Iterable[tuple[str, str, Counter[str], Share]]:
    """Policy, main reason, how its documents ended, and the share that people approved; the most documents first."""
    ordered = sorted(stops.items(), key=lambda item: (item[0][0], -item[1].total(), item[0][1]))
    for (policy, reason), ended in ordered:
        yield policy, reason, ended, Share(ended["approved"], ended["approved"] + ended["rejected"])
