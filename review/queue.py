"""The queue's list: filters, order and one page of rows, in as many queries for a row as for fifty.

A page goes on from the last row of the one before (keyset), so the thousandth costs what the first does.
"""

import base64
import binascii
import json
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from review import console
from review.console import HIGH_RISK, MEDIUM_RISK, today
from review.models import Decision, Review, ReviewDecision
from review.taking import is_held
from review.words import WORDS

ROWS = 50
# The most that are counted; of more it is said that there are more. What waits is counted in an index alone; for
# anything else rows have to be read, and nobody works by their exact number.
COUNTED_WAITING = 100_000
COUNTED_ELSE = 1_000
SOON = timedelta(hours=1)


class Choice(NamedTuple):
    value: str
    name: str | Promise
    condition: Q


class Filter(NamedTuple):
    """`choices[0]` holds without being named in the address."""

    name: str
    title: str | Promise
    choices: list[Choice]


class Order(NamedTuple):
    name: str | Promise
    column: str
    descending: bool


# By each there is an index of the open cases; the id decides between equals.
ORDERS: dict[str, Order] = {
    "due": Order(_("Due"), "due_at", False),
    "risk": Order(_("Risk"), "risk", True),
    "age": Order(_("Age"), "created_at", False),
}
DECIDED_ORDER = Order(_("Decided"), "decided_at", True)  # of what is decided the latest comes first


def filters(user: Any) -> list[Filter]:
    """They depend on the time and on who asks."""
    now = timezone.now()
    held = Q(lease_until__gt=now)
    kinds = [Choice(kind, kind, Q(document__type=kind)) for kind in settings.DOCUMENT_TYPES]
    anything = Choice("", _("All"), Q())
    return [
        Filter(
            "state",
            _("State"),
            [
                Choice("", _("Waiting"), Q(decision="")),
                Choice("today", _("Decided today"), Q(decided_at__gte=today())),
                Choice("decided", _("Decided"), Q(decided_at__isnull=False)),
                Choice("all", _("All"), Q()),
            ],
        ),
        Filter(
            "risk",
            _("Risk"),
            [
                anything,
                Choice("high", _("High (70+)"), Q(risk__gte=HIGH_RISK)),
                Choice("medium", _("Medium (40-69)"), Q(risk__gte=MEDIUM_RISK, risk__lt=HIGH_RISK)),
                Choice("low", _("Low (<40)"), Q(risk__lt=MEDIUM_RISK)),
            ],
        ),
        Filter(
            "due",
            _("Deadline"),
            [
                anything,
                Choice("overdue", _("Overdue"), Q(due_at__lt=now, decision="")),
                Choice("soon", _("Due within 1 hour"), Q(due_at__gte=now, due_at__lt=now + SOON, decision="")),
            ],
        ),
        Filter("kind", _("Kind"), [anything, *kinds]),
        Filter(
            "held",
            _("Held"),
            [
                anything,
                Choice("mine", _("By me"), held & Q(holder=user.pk)),
                Choice("others", _("By others"), held & ~Q(holder=user.pk)),
                Choice("no", _("By nobody"), ~held | Q(lease_until=None)),
            ],
        ),
        Filter("escalated", _("Escalated"), [anything, Choice("yes", _("Yes"), Q(escalated_at__isnull=False))]),
    ]


def makes_sense(asked: Mapping[str, str], user: Any) -> bool:
    """Whether each filter that the address names has the value that it gives."""
    return all(asked.get(each.name, "") in {c.value for c in each.choices} for each in filters(user))


class Page(NamedTuple):
    reviews: list[Review]
    after: str  # of the address of the next page; empty on the last
    total: int  # of all pages
    more: bool  # than were counted
    kept: int  # decisions that the workflow service has not heard of
    people: list[tuple[str, str]]  # whom a case may be assigned to, id and name; where that was asked for


def listed(asked: Mapping[str, str], user: Any, *, with_people: bool = False) -> Page:
    """What the address asks for. A value that no filter has filters nothing. Three queries."""
    cases: Any = Review.objects.all()
    for each in filters(user):
        wanted = asked.get(each.name, "")
        cases = cases.filter(next((c.condition for c in each.choices if c.value == wanted), each.choices[0].condition))
    query = asked.get("q", "")
    if query:
        cases = console.found(cases, query)
    order = order_of(asked)
    restricted = cases.filter(document__restricted_at__isnull=False)
    rows = console.with_latest_run(cases.in_use()).select_related("document", "holder", "assigned_to")
    direction = "-" if order.descending else ""
    rows = rows.order_by(f"{direction}{order.column}", f"{direction}id")
    if place := _place(asked.get("after", ""), order):
        rows = rows.filter(place)
    found = list(rows[: ROWS + 1])
    after = _after(found[ROWS - 1], order) if len(found) > ROWS else ""
    most = COUNTED_ELSE if asked.get("state") or asked.get("kind") or query else COUNTED_WAITING
    count, kept, people = _besides(cases, restricted, most, with_people=with_people)
    return Page(found[:ROWS], after, min(count, most), count > most, kept, people)


def order_of(asked: Mapping[str, str]) -> Order:
    if asked.get("state") in ("today", "decided"):
        return DECIDED_ORDER
    return ORDERS.get(asked.get("order", ""), ORDERS["due"])


def _besides(
    cases: QuerySet[Review], restricted: QuerySet[Review], most: int, *, with_people: bool
) -> tuple[int, int, list[tuple[str, str]]]:
    """How many match, up to one more than `most`; the kept decisions; who decides: in one query.

    The restricted ones, which are few, are counted by themselves and taken off: what waits is then counted in an index.
    """
    late = timezone.now() - console.DELIVERED_WITHIN
    kept = ReviewDecision.objects.filter(accepted=True, delivered_at__isnull=True, deliver_after__lt=late)
    people = get_user_model().objects.filter(
        is_active=True, is_staff=True, groups__permissions__codename="decide_review", pk__isnull=not with_people
    )
    parts = [
        _part("count(*)", cases.order_by().values("pk")[: most + 1]),
        _part("count(*)", restricted.order_by().values("pk")[: most + 1]),
        _part("count(*)", kept.order_by().values("pk")),
        _part("json_agg(p ORDER BY username)", people.values("id", "username", "display_name").distinct()),
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT " + ", ".join(sql for sql, _ in parts), [value for _, values in parts for value in values]
        )
        count, unused, kept_count, found = cursor.fetchone() or (0, 0, 0, None)
    rows = (json.loads(found) if isinstance(found, str) else found) or []
    in_use = int(count) if count > most else max(0, int(count) - int(unused))
    return in_use, int(kept_count), [(row["id"], row["display_name"] or row["username"]) for row in rows]


def _part(what: str, rows: QuerySet[Any, Any]) -> tuple[str, tuple[Any, ...]]:
    try:
        sql, values = rows.query.sql_with_params()
    except EmptyResultSet:  # Django knows without asking that there are none
        sql, values = "SELECT '' AS username WHERE false", ()
    return f"(SELECT {what} FROM ({sql}) p)", tuple(values)  # noqa: S608 - SQL that Django wrote


def _after(review: Review, order: Order) -> str:
    value = getattr(review, order.column)
    words = [value.isoformat() if isinstance(value, datetime) else value, str(review.pk)]
    return base64.urlsafe_b64encode(json.dumps(words).encode()).decode().rstrip("=")


def _place(text: str, order: Order) -> Q | None:
    """The rows that come after the one that `text` names; None for what we did not write ourselves."""
    try:
        value, key = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        last = int(value) if order.column == "risk" else datetime.fromisoformat(value)
        pk = uuid.UUID(key)
    except (ValueError, TypeError, binascii.Error):
        return None
    side = "lt" if order.descending else "gt"
    bound = Q(**{f"{order.column}__{side}e": last})  # by itself: the index starts here
    return bound & (Q(**{f"{order.column}__{side}": last}) | Q(**{order.column: last, f"id__{side}": pk}))


class Row(NamedTuple):
    review: Review
    ref: str
    kind: str
    risk: console.Risk
    why: str
    more: int
    age: str
    due: str
    due_tone: str
    number: str
    held_by: str
    frees: str
    assigned: str


def row_of(review: Review) -> Row:
    now, reasons = timezone.now(), console.reasons_of(console.run_of(review))
    due, tone = _due(review, now)
    held = is_held(review) and review.holder is not None
    return Row(
        review=review,
        ref=review.document.ref,
        kind=review.document.type,
        risk=console.risk_of(review.document.ai_score),
        why=reasons[0] if reasons else "-",
        more=max(0, len(reasons) - 1),
        age=console.duration(now - review.created_at),
        due=due,
        due_tone=tone,
        number=console.shown_number(review) or "-",
        held_by=name_of(review.holder) if held else "",
        frees=console.duration(review.lease_until - now) if held and review.lease_until else "",
        assigned=name_of(review.assigned_to) if review.assigned_to else "",
    )


def _due(review: Review, now: datetime) -> tuple[str, str]:
    if review.decision:
        return str(WORDS[review.decision]), "low" if review.decision == Decision.approved else "high"
    span = console.duration(review.due_at - now)
    if review.is_overdue:
        return str(_("overdue %(span)s")) % {"span": span}, "high"
    return str(_("in %(span)s")) % {"span": span}, ""


def name_of(user: Any) -> str:
    return str(user.display_name or user.get_username())
