"""What the review console shows, and to whom: the rules and view models behind `review.admin` and the dashboard."""

import re
import uuid
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from documents.audit import note
from documents.sealing import CannotOpen
from review.four_eyes import HIGH_RISK
from review.masking import last_four, without_numbers
from review.models import Review, ReviewDecision
from review.rights import allowed, is_own, rights_of
from review.taking import queue_state
from review.words import POLICY_SENTENCES
from verification.models import RunOutcome, VerificationRun
from verification.policy import CHECKS
from verification.reading import document_type as type_module
from verification.services import number_index

__all__ = ["HIGH_RISK", "allowed", "is_own", "rights_of"]

log = structlog.get_logger(__name__)

MEDIUM_RISK = 40
QUEUE_TITLE = _("Needs review")
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
    return [_reason_text(reason) for reason in run.reasons]


def _reason_text(reason: dict[str, Any]) -> str:
    """As its check or policy says it in the reader's language; as it was stored, where none of ours says so."""
    check = CHECKS.get(reason.get("code", ""))
    for text in (check.failed, check.unknown) if check else ():
        if text.en == reason["message"]:
            return text.in_language(get_language() or "")
    if reason["message"] in POLICY_SENTENCES:
        return gettext(reason["message"])
    return without_numbers(reason["message"])


def duration(span: timedelta) -> str:
    """`2 d 04 h`, `3 h 14 m` or `5 m`: two figures are enough to choose by."""
    minutes = int(abs(span).total_seconds() // 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return gettext("%(days)d d %(hours)s h") % {"days": days, "hours": f"{hours:02}"}
    if hours:
        return gettext("%(hours)d h %(minutes)s m") % {"hours": hours, "minutes": f"{minutes % 60:02}"}
    return gettext("%(minutes)d m") % {"minutes": minutes}


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


def today() -> datetime:
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def kept_decisions() -> int:
    """Accepted decisions that should have reached the workflow service by now and have not: they wait in their rows."""
    kept = ReviewDecision.objects.filter(accepted=True, delivered_at__isnull=True)
    return kept.filter(deliver_after__lt=timezone.now() - DELIVERED_WITHIN).count()


# Said to people ------------------------------------------------------------------------------------------------------

_NOT_TAKEN: dict[str, str | Promise] = {
    "own": _("You uploaded this document: somebody else has to decide it."),
    "held": _("Somebody else has this case now."),
    "assigned": _("This case is assigned to somebody else."),
    "decided": _("This case is decided already."),
    "restricted": _("Its sender asked for erasure: what the law keeps of it is used for nothing."),
    "senior_only": _("This case needs a senior reviewer."),
    "gave_first": _("You gave the first verdict: somebody else has to give the second."),
    "no_right": _("You may look at this case but not decide it."),
}
_NOT_DONE: dict[str, str | Promise] = {
    "nothing_chosen": _("Choose cases first."),
    "too_many": _("That are too many cases at once."),
    "unknown_person": _("Choose to whom they are assigned."),
    "unknown_reason": _("Choose why a new upload is asked for."),
}
_NOT_CORRECTED: dict[str, str | Promise] = {
    "unknown_field": _("This card has no such field."),
    "unknown_reason": _("Choose why it is corrected."),
    "bad_value": _("This can't be the value of this field. Dates are written like 1990-03-14."),
    "same": _("That is what stands there already."),
    "not_read": _("Nothing was read of this document: there is nothing to correct."),
}


def not_taken(code: str) -> str:
    return str(_NOT_TAKEN.get(code, _NOT_TAKEN["no_right"]))


def not_done(code: str) -> str:
    """Of an action on many cases."""
    return str(_NOT_DONE[code]) if code in _NOT_DONE else not_taken(code)


def not_corrected(code: str) -> str:
    return str(_NOT_CORRECTED.get(code, _NOT_CORRECTED["bad_value"]))


def nothing_to_take(user: Any) -> str:
    """Why nothing was taken, with when the first case frees."""
    state = queue_state(user)
    if not state.waiting:
        return str(_("No other case waits for you."))
    if state.frees_at is None:
        return str(_("You have skipped every case that is free."))
    told = _("%(waiting)d waiting, all held; the earliest frees in %(span)s.")
    return str(told) % {"waiting": state.waiting, "span": duration(state.frees_at - timezone.now())}


def note_number_search(user: Any) -> None:
    """Who looked for a number is kept, the number is not."""
    with transaction.atomic():
        note("number.searched", actor=str(user.pk))
