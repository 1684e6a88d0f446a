"""Which documents have been kept long enough, and until when the law holds one."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from documents.models import Document
from documents.status import Status
from privacy.models import ANY, CountsFrom, LegalHold, RetentionRule, Subject

Rules = Mapping[tuple[str, str], RetentionRule]


class Hold(NamedTuple):
    """`until`: the first day on which it holds no more; None when that is not known yet."""

    because: str
    until: date | None


def rules() -> Rules:
    return {(rule.type, rule.state): rule for rule in RetentionRule.objects.all()}


def rule_for(table: Rules, type: str, state: str) -> RetentionRule | None:
    """The most exact one; a state says more than a type. None: nobody has said how long, so it is kept."""
    names = ((type, state), (ANY, state), (type, ANY), (ANY, ANY))
    return next((table[name] for name in names if name in table), None)


def years_after(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return date(day.year + years, 3, 1)


def years_before(day: date, years: int) -> date:
    """The newest day of which `day` is at least so many years after."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 2, 28)


def kept_until(rule: RetentionRule, document: Document, relationship_ended_on: date | None) -> date | None:
    """The first day on which the document need not be kept; None when that is not known yet."""
    if rule.counts_from == CountsFrom.relationship:
        start = relationship_ended_on
    else:
        start = document.status_since.astimezone(UTC).date()
    return years_after(start, rule.years) if start else None


def in_force(day: date) -> Q:
    return Q(lifted_at__isnull=True) & (Q(until__isnull=True) | Q(until__gte=day))


def holds_on(owner_id: uuid.UUID, day: date) -> list[Hold]:
    """Holds on everything of an owner."""
    found = LegalHold.objects.filter(in_force(day), owner_id=owner_id)
    return [Hold(hold.reason_code, hold.until + timedelta(days=1) if hold.until else None) for hold in found]


def hold_of(table: Rules, document: Document, ended_on: date | None, day: date) -> Hold | None:
    """The rule that forbids to erase this document on `day`, if one does."""
    rule = rule_for(table, document.type, document.status)
    if rule is None or not rule.legal_hold:
        return None
    until = kept_until(rule, document, ended_on)
    if until is not None and until <= day:
        return None
    return Hold(f"{document.type}.{document.status}", until)


def expired(day: date | None = None) -> QuerySet[Document]:
    """Documents whose time is over and that nothing holds, the oldest first. One query, whatever their number."""
    day = day or timezone.now().date()
    table, over = rules(), Q(pk__in=[])
    for type in settings.DOCUMENT_TYPES:
        for state in Status:
            if rule := rule_for(table, type, state):
                over |= Q(type=type, status=state) & _start_before(rule, years_before(day, rule.years))
    held = Exists(LegalHold.objects.filter(in_force(day), owner_id=OuterRef("owner_id")))
    return Document.objects.filter(over, ~held, erased_at__isnull=True).order_by("status_since")


def _start_before(rule: RetentionRule, day: date) -> Q:
    if rule.counts_from == CountsFrom.relationship:
        return Q(owner_id__in=Subject.objects.filter(relationship_ended_on__lte=day).values("pk"))
    return Q(status_since__lt=datetime.combine(day, time.max, UTC))


def as_table(chosen: Iterable[RetentionRule]) -> list[dict[str, Any]]:
    return [
        {
            "type": rule.type,
            "state": rule.state,
            "years": rule.years,
            "counts_from": rule.counts_from,
            "legal_hold": rule.legal_hold,
        }
        for rule in chosen
    ]
