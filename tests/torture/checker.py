"""The one checker: compares what the driver was told, the database, the store and the partner's log. Pure."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from documents.status import FINAL, LEGAL_MOVES, Status
from tests.torture.partner_truth import PartnerEffect, ReviewRow, partner_faults

SETTLED = {*FINAL, Status.needs_review}
DECISIONS = (Status.auto_approve, Status.auto_reject, Status.needs_review)
BY_PEOPLE = (Status.approved, Status.rejected)
SHOWN = 5  # of each kind of fault
WITH_RETRY = (429, 503)
CREATED = 201
SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """What the driver got for one call; status 0 when no answer came."""

    owner_id: str
    status: int
    seconds: float
    at: float  # time.monotonic() when it was sent
    sha256: str = ""  # of the file that was sent
    document_id: str = ""
    retry_after: str = ""
    key: str = ""  # its Idempotency-Key: calls with the same one are one upload
    error: str = ""


@dataclass(slots=True)
class Row:
    """A document as the database has it."""

    id: str
    owner_id: str
    status: str
    sha256: str
    storage_key: str
    events: list[tuple[str, str]]  # before, after
    reviews: int = 0
    accepted_decisions: int = 0
    runs: Counter[str] = field(default_factory=Counter)  # by outcome


@dataclass
class Evidence:
    answers: list[Answer]
    rows: dict[str, Row]
    opened: dict[str, str]  # document -> SHA-256 of the original as it opens, or what went wrong
    objects: set[str]  # keys in the store, of these owners
    kept: dict[str, str] = field(default_factory=dict)  # SHA-256 sent -> SHA-256 kept, where EXIF was taken out
    overdue: list[str] = field(default_factory=list)  # documents that are held for longer than the limits allow
    temporary: list[str] = field(default_factory=list)  # files in the folder for temporary files
    partner: Sequence[PartnerEffect] | None = None  # its journal, where the row has looked into it
    reviews: dict[str, ReviewRow] = field(default_factory=dict)

    def counts(self) -> dict[str, Any]:
        """For the table."""
        statuses = Counter(str(answer.status) if answer.status else "none" for answer in self.answers)
        found: dict[str, Any] = {"answers": dict(sorted(statuses.items())), "rows": len(self.rows)}
        attempts = sum(run for row in self.rows.values() for run in row.runs.values())
        found["outcomes"] = dict(sorted(Counter(row.status for row in self.rows.values()).items()))
        return {**found, "attempts": attempts}


def faults_of(evidence: Evidence) -> list[str]:
    """Every breach as a sentence; empty when all of it is as it must be."""
    checks = (_lost, _uninvited, _unsettled, _chains, _decided_twice, _bytes, _store, _answers, _left_over, _partner)
    found: list[str] = []
    for check in checks:
        breaches = list(check(evidence))
        found += breaches[:SHOWN]
        if len(breaches) > SHOWN:
            found.append(f"... and {len(breaches) - SHOWN} more of these")
    return found


def _accepted(evidence: Evidence) -> dict[str, Answer]:
    return {answer.document_id: answer for answer in evidence.answers if answer.status == CREATED}


def _in_doubt(answer: Answer) -> bool:
    return not answer.status or answer.status >= SERVER_ERROR


def _lost(evidence: Evidence) -> Iterator[str]:
    for document_id, answer in _accepted(evidence).items():
        row = evidence.rows.get(document_id)
        if row is None:
            yield f"lost: {document_id} was accepted and has no row"
        elif row.owner_id != answer.owner_id:
            yield f"{document_id} belongs to somebody else"
    by_key: dict[str, set[str]] = {}
    for answer in evidence.answers:
        if answer.key and answer.status == CREATED:
            by_key.setdefault(answer.key, set()).add(answer.document_id)
    yield from (f"one upload became {len(ids)} documents: {sorted(ids)}" for ids in by_key.values() if len(ids) > 1)


def _uninvited(evidence: Evidence) -> Iterator[str]:
    """A row needs a 201; or an upload whose answer never came, or whose commit was in doubt when it was answered."""
    accepted = _accepted(evidence)
    unheard = Counter(answer.sha256 for answer in evidence.answers if _in_doubt(answer))
    for row in evidence.rows.values():
        if row.id in accepted:
            continue
        sent = next((sha for sha in unheard if row.sha256 in (sha, evidence.kept.get(sha))), None)
        if sent is None or not unheard[sent]:
            yield f"{row.id} has a row, but no answer said that it was accepted"
        else:
            unheard[sent] -= 1


def _unsettled(evidence: Evidence) -> Iterator[str]:
    yield from (f"{row.id} is still {row.status}" for row in evidence.rows.values() if row.status not in SETTLED)
    yield from (f"{document_id} is held past its limit" for document_id in evidence.overdue)


def _chains(evidence: Evidence) -> Iterator[str]:
    for row in evidence.rows.values():
        chain = [after for _, after in row.events]
        if not row.events or row.events[0] != ("", Status.uploaded):
            yield f"{row.id} does not begin with an upload: {chain}"
            continue
        if any(before != earlier for (_, earlier), (before, _) in itertools.pairwise(row.events)):
            yield f"{row.id} has a gap: {row.events}"
        if any(after not in LEGAL_MOVES[Status(before)] for before, after in row.events[1:]):
            yield f"{row.id} made an illegal move: {chain}"
        if chain[-1] != row.status:
            yield f"{row.id} is {row.status}, its last event says {chain[-1]}"


def _decided_twice(evidence: Evidence) -> Iterator[str]:
    for row in evidence.rows.values():
        chain = Counter(after for _, after in row.events)
        decided, by_people = sum(chain[each] for each in DECISIONS), sum(chain[each] for each in BY_PEOPLE)
        if decided > 1 or by_people > 1 or chain[Status.ai_evaluated] > 1:
            yield f"{row.id} was decided more than once: {[after for _, after in row.events]}"
        if row.runs["judged"] > 1:
            yield f"{row.id} has {row.runs['judged']} judged runs"
        if row.runs["judged"] != chain[Status.ai_evaluated]:
            yield f"{row.id} was judged {chain[Status.ai_evaluated]} times, and has {row.runs['judged']} judged runs"
        if row.accepted_decisions > 1 or row.reviews > 1:
            yield f"{row.id} has {row.reviews} reviews and {row.accepted_decisions} accepted decisions"


def _bytes(evidence: Evidence) -> Iterator[str]:
    sent = {document_id: answer.sha256 for document_id, answer in _accepted(evidence).items()}
    for row in evidence.rows.values():
        opened = evidence.opened.get(row.id, "nothing")
        if opened != row.sha256:
            yield f"{row.id}: its original opens as {opened}, its row says {row.sha256}"
        expected = sent.get(row.id, row.sha256)
        if row.sha256 not in (expected, evidence.kept.get(expected)):
            yield f"{row.id}: {row.sha256} is kept, {expected} was sent"


def _store(evidence: Evidence) -> Iterator[str]:
    """An object without a row is swept after an hour: it may be there only where an upload was cut off or failed."""
    named = {row.storage_key for row in evidence.rows.values()}
    stems = {key.rpartition(".")[0] for key in named}
    yield from (f"lost: {key} is not in the store" for key in sorted(named - evidence.objects))
    extra = sorted(key for key in evidence.objects - named if not key.endswith(".page.jpg"))
    cut_off = sum(_in_doubt(answer) for answer in evidence.answers)
    if len(extra) > cut_off:
        yield f"{len(extra)} objects without a row, {cut_off} uploads that could explain them: {extra[:SHOWN]}"
    pages = (key for key in evidence.objects - named if key.endswith(".page.jpg"))
    yield from (f"{key} is a page of no document" for key in pages if key.removesuffix(".page.jpg") not in stems)


def _answers(evidence: Evidence) -> Iterator[str]:
    for answer in evidence.answers:
        if answer.status >= SERVER_ERROR and answer.status not in WITH_RETRY:
            yield f"answered {answer.status}: {answer.error}"
        if answer.status in WITH_RETRY and not (answer.retry_after.isdigit() and int(answer.retry_after) > 0):
            yield f"answered {answer.status} without a Retry-After"


def _left_over(evidence: Evidence) -> Iterator[str]:
    yield from (f"a temporary file was left: {name}" for name in evidence.temporary)
    settled = (row for row in evidence.rows.values() if row.status in SETTLED)
    yield from (f"{row.id} is settled and has a run that is not ended" for row in settled if row.runs["running"])


def _partner(evidence: Evidence) -> Iterator[str]:
    if evidence.partner is not None:
        yield from partner_faults(evidence.partner, evidence.reviews)
