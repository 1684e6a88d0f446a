"""What the review console shows, and to whom: the rules and view models behind `review.admin` and the dashboard."""

import re
import uuid
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.db.models import Count, Prefetch, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from documents.sealing import CannotOpen
from review.four_eyes import HIGH_RISK
from review.masking import last_four, without_numbers
from review.models import Review, ReviewDecision
from review.rights import allowed, is_own
from verification.models import RunOutcome, VerificationRun
from verification.reading import document_type as type_module
from verification.services import number_index

__all__ = ["HIGH_RISK", "allowed", "is_own"]

log = structlog.get_logger(__name__)

MEDIUM_RISK = 40
DELIVERED_WITHIN = timedelta(seconds=10)  # a click rings for its delivery, and the sweep comes every 5 s

ESCALATION_REASONS: dict[str, str | Promise] = {
    "second_opinion": _("A second opinion is needed"),
    "suspected_fraud": _("Suspected fraud"),
    "unclear_rule": _("The rules do not say"),
}
REVEAL_REASONS: dict[str, str | Promise] = {
    "compare": _("Compare the reading with the picture"),
    "applicant": _("Question of the applicant"),
    "investigation": _("Investigation"),
}

_REF = re.compile(r"(?i)DOC-([0-9a-f]{8})")
_NUMBER = re.compile(r"[0-9]{15,16}")
_SEARCHED_NUMBER = re.compile(r"number:([0-9a-f]{64}(?:,[0-9a-f]{64})*)")


# The queue -----------------------------------------------------------------------------------------------------------


class Risk(NamedTuple):
    number: int | None
    word: str | Promise
    tone: str


def risk_of(score: int | None) -> Risk:
    """The score turned round, so that a high figure asks for attention; a document nobody could judge is high."""
    if score is None:
        return Risk(None, _("not judged"), "high")
    risk = 100 - score
    if risk >= HIGH_RISK:
        return Risk(risk, _("high"), "high")
    return Risk(risk, _("medium"), "medium") if risk >= MEDIUM_RISK else Risk(risk, _("low"), "low")


def with_latest_run(reviews: QuerySet[Review]) -> QuerySet[Review]:
    """Each with its document and, in `document.latest_runs`, the last attempt to read it; two queries in all."""
    return reviews.select_related("document").prefetch_related(
        Prefetch("document__runs", queryset=latest_runs(), to_attr="latest_runs")
    )


def latest_runs() -> QuerySet[VerificationRun]:
    runs: QuerySet[VerificationRun] = VerificationRun.objects.order_by("document_id", "-attempt")
    return runs.distinct("document_id").defer("lines")


def run_of(review: Review) -> VerificationRun | None:
    """The latest run of a review that came out of `with_latest_run`."""
    runs: list[VerificationRun] = getattr(review.document, "latest_runs", [])
    return runs[0] if runs else None


def opened(run: VerificationRun | None, column: str) -> Any:
    """A sealed column of the run, or None when there is none or no key of ours opens it."""
    try:
        return getattr(run, column) if run else None
    except CannotOpen:
        log.error("sealed_value_cannot_be_opened", run_id=str(run.pk) if run else "", column=column)
        return None


def number_fields(document_type: str) -> tuple[str, ...]:
    """The field that holds the card's number, then the ones that newer cards have instead."""
    names: tuple[str, ...] = type_module(document_type).NUMBER_FIELDS
    return names


def shown_number(review: Review) -> str:
    """The last four digits of the card's number as it was read, or an empty text."""
    fields = opened(run_of(review), "fields") or {}
    read = [fields.get(name) or {} for name in number_fields(review.document.type)]
    return next((last_four(field.get("value") or field.get("raw")) for field in read if field.get("raw")), "")


def reasons_of(run: VerificationRun | None) -> list[str]:
    """Why a person has to look, the main reason first."""
    if run is None:
        return []
    if run.outcome in (RunOutcome.failed, RunOutcome.lost):
        return [str(_("It could not be read: %(code)s") % {"code": run.reason or run.outcome})]
    return [without_numbers(reason["message"]) for reason in run.reasons]


def duration(span: timedelta) -> str:
    """`2 d 04 h`, `3 h 14 m` or `5 m`: two figures are enough to choose by."""
    minutes = int(abs(span).total_seconds() // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours:02} h"
    return f"{hours} h {minutes % 60:02} m" if hours else f"{minutes} m"


def query_for(term: str) -> str | None:
    """What the queue's address may carry for a search term, or None when nothing can be found by it.

    A number never goes into an address, where logs and histories keep it: its blind index does.
    """
    term = term.strip()
    digits = re.sub(r"[\s.-]", "", term)
    if _NUMBER.fullmatch(digits):
        return "number:" + ",".join(number_index(kind, digits) for kind in settings.DOCUMENT_TYPES)
    if _REF.fullmatch(term):
        return term.upper()
    try:
        return str(uuid.UUID(term))
    except ValueError:
        return None


def found(reviews: QuerySet[Review], query: str) -> QuerySet[Review]:
    """The reviews that `query_for` asked for; none for anything else."""
    if number := _SEARCHED_NUMBER.fullmatch(query):
        return reviews.filter(document__number_index__in=number[1].split(","))
    if ref := _REF.fullmatch(query):
        first, last = uuid.UUID(ref[1] + "0" * 24), uuid.UUID(ref[1] + "f" * 24)
        return reviews.filter(document__id__range=(first, last))
    try:
        key = uuid.UUID(query)
    except ValueError:
        return reviews.none()
    return reviews.filter(Q(pk=key) | Q(document_id=key))


def next_case(user: Any, *, after: Review) -> Review | None:
    """The open case that is due first, without this one and the user's own documents."""
    waiting: QuerySet[Review] = Review.objects.filter(decision="").order_by("due_at")
    return waiting.exclude(pk=after.pk).exclude(document__owner=user.pk).first()


def today() -> datetime:
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def counts() -> dict[str, int]:
    """Of the dashboard: waiting, overdue, escalated and decided today."""
    waiting = Review.objects.filter(decision="").aggregate(
        waiting=Count("pk"),
        overdue=Count("pk", filter=Q(due_at__lt=timezone.now())),
        escalated=Count("pk", filter=Q(escalated_at__isnull=False)),
    )
    return {**waiting, "decided_today": Review.objects.filter(decided_at__gte=today()).count()}


def kept_decisions() -> int:
    """Accepted decisions that should have reached the workflow service by now and have not: they wait in their rows."""
    kept = ReviewDecision.objects.filter(accepted=True, delivered_at__isnull=True)
    return kept.filter(deliver_after__lt=timezone.now() - DELIVERED_WITHIN).count()
