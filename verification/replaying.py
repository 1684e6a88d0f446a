"""Judging stored runs again: from what is stored, without reading anything again and without writing anything."""

from argparse import ArgumentTypeError
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from django.db.models import Exists, OuterRef, QuerySet

from documents.sealing import CannotOpen
from documents.status import Status
from verification.evidence import Evidence, Known
from verification.judging import Choice
from verification.models import RunOutcome, VerificationRun
from verification.runs import evidence_of
from verification.scoring import Verdict

log = structlog.get_logger(__name__)

CHUNK = 500  # rows at a time: their lines and fields are most of the memory that is needed
READ = (RunOutcome.read, RunOutcome.judged)
BY_PEOPLE = (Status.approved, Status.rejected)
SEALED = "can't be opened"
ERASED = "erased"


@dataclass(frozen=True, slots=True)
class JudgedAgain:
    """A stored run with what each choice makes of it; no verdicts, and the trouble, where it can't be judged."""

    run: VerificationRun
    verdicts: tuple[Verdict, ...]
    trouble: str = ""


def moment(text: str) -> datetime:
    """A day or a time as an argument of a command; UTC where it has no zone. A day is its beginning."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        wanted = "a day like 2026-01-31 or a time like 2026-01-31T08:00+07:00"
        raise ArgumentTypeError(f"{text!r} is not {wanted}") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def counted_runs(
    *, since: datetime | None = None, until: datetime | None = None, document_type: str = "", by_people: bool = False
) -> QuerySet[VerificationRun]:
    """The run that counts of each document that was judged since then and before `until`, the latest first.

    `by_people`: only of documents that a person, or the partner, approved or rejected. Restricted documents are left
    out: nothing of theirs is opened any more.
    """
    later = VerificationRun.objects.filter(
        document=OuterRef("document"), outcome__in=READ, attempt__gt=OuterRef("attempt")
    )
    runs = VerificationRun.objects.filter(~Exists(later), outcome=RunOutcome.judged)
    runs = runs.filter(document__restricted_at__isnull=True)
    if since:
        runs = runs.filter(finished_at__gte=since)
    if until:
        runs = runs.filter(finished_at__lt=until)
    if document_type:
        runs = runs.filter(document__type=document_type)
    if by_people:
        runs = runs.filter(document__status__in=BY_PEOPLE)
    return runs.order_by("-finished_at", "-pk")


def judge_again(runs: QuerySet[VerificationRun], *choices: Choice) -> Iterator[JudgedAgain]:
    """Each run with the verdicts of these choices in their order. Holds a few hundred runs at a time."""
    for run in runs.select_related("document").iterator(chunk_size=CHUNK):
        yield _judged_again(run, choices)


def _judged_again(run: VerificationRun, choices: tuple[Choice, ...]) -> JudgedAgain:
    try:
        if run.fields is None or run.lines is None:
            return JudgedAgain(run, (), ERASED)
        evidence = stored_evidence(run)
        return JudgedAgain(run, tuple(choice.judge(evidence) for choice in choices))
    except CannotOpen:
        return JudgedAgain(run, (), SEALED)
    except Exception as error:  # of a shape that this version no longer knows: the others are judged all the same
        log.warning("run_not_judged_again", run_id=str(run.pk), error=type(error).__name__)
        return JudgedAgain(run, (), type(error).__name__)


def stored_evidence(run: VerificationRun) -> Evidence:
    """What the policy saw. Raises CannotOpen."""
    return evidence_of(run.document, run, Known.from_json(run.known))
