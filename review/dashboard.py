"""The figures of the dashboard: three questions to the database, whatever the number of rows."""

import json
import uuid
from collections import Counter
from datetime import timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count, F
from django.db.models.fields.json import KT
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from review import charts
from review.agreement import agreements
from review.console import DELIVERED_WITHIN, HIGH_RISK, today
from verification.replaying import counted_runs

POLICY_DAYS = 7
AGREEMENT_DAYS = 90
AGES: list[tuple[str | Promise, timedelta]] = [
    (_("<1 h"), timedelta(hours=1)),
    (_("1-4 h"), timedelta(hours=4)),
    (_("4-8 h"), timedelta(hours=8)),
    (_("8-24 h"), timedelta(hours=24)),
    (_(">24 h"), timedelta(days=36500)),
]

SHOWN_PEOPLE = 20

# One row: what waits by age, what came and was decided today by hour, who decided, what is kept for Temporal.
# What is restricted is used for nothing: it waits for nobody.
FIGURES = """
SELECT
  (SELECT json_agg(b) FROM (
    SELECT width_bucket(extract(epoch FROM now() - created_at)::float8, %(limits)s::float8[]) AS age,
           count(*) AS number,
           count(*) FILTER (WHERE risk >= %(high)s) AS high,
           count(*) FILTER (WHERE due_at < now()) AS overdue
    FROM review_review r WHERE decision = '' AND NOT EXISTS (
      SELECT FROM documents_document d WHERE d.id = r.document_id AND d.restricted_at IS NOT NULL) GROUP BY 1) b),
  (SELECT json_agg(h) FROM (
    SELECT extract(hour FROM created_at AT TIME ZONE %(zone)s)::int AS hour, count(*) AS number
    FROM review_review WHERE created_at >= %(today)s GROUP BY 1) h),
  (SELECT json_agg(h) FROM (
    SELECT extract(hour FROM decided_at AT TIME ZONE %(zone)s)::int AS hour, count(*) AS number
    FROM review_review WHERE decided_at >= %(today)s GROUP BY 1) h),
  (SELECT json_agg(p) FROM (
    SELECT d.user_id, coalesce(nullif(u.display_name, ''), u.username) AS name, count(*) AS decided,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY d.seconds) AS median
    FROM review_reviewdecision d JOIN filot_user u ON u.id = d.user_id
    WHERE d.created_at >= %(today)s AND d.accepted GROUP BY 1, 2 ORDER BY 3 DESC, 2 LIMIT %(people)s) p),
  (SELECT count(*) FROM review_reviewdecision
    WHERE accepted AND delivered_at IS NULL AND deliver_after < %(late)s)
"""


class Person(NamedTuple):
    name: str
    decided: int
    median: int | None  # seconds from the take to the decision
    overturned: float | None  # percent of the cases that somebody else judged too
    kappa: float | None


class PolicyRow(NamedTuple):
    """Percent of what this version judged; `overturned` of what it would have decided alone beside the one in force."""

    policy: str
    documents: int
    automatic: float | None
    review: float | None
    overturned: float | None


class Figures(NamedTuple):
    waiting: int
    overdue: int
    high: int
    decided_today: int
    ages: list[charts.Bar]
    hours: charts.Lines
    people: list[Person]
    undelivered: int


def figures(*, only: uuid.UUID | None = None) -> Figures:
    """Of now and today; with `only`, the row of that person alone. Three queries."""
    now, since = timezone.now(), today()
    facts: dict[str, Any] = {
        "limits": [0, *(int(limit.total_seconds()) for _, limit in AGES[:-1])],
        "high": HIGH_RISK,
        "zone": timezone.get_current_timezone_name(),
        "today": since,
        "people": SHOWN_PEOPLE,
        "late": now - DELIVERED_WITHIN,
    }
    with connection.cursor() as cursor:
        cursor.execute(FIGURES, facts)
        ages, came, decided, people, undelivered = cursor.fetchone() or (None, None, None, None, 0)
    ages, came, decided, people = (_rows(part) for part in (ages, came, decided, people))
    by_age = {row["age"]: row for row in ages}
    drawn = [
        (str(label), by_age.get(at, {}).get("number", 0), by_age.get(at, {}).get("high", 0))
        for at, (label, _) in enumerate(AGES, start=1)
    ]
    return Figures(
        waiting=sum(row["number"] for row in ages),
        overdue=sum(row["overdue"] for row in ages),
        high=sum(row["high"] for row in ages),
        decided_today=sum(row["number"] for row in decided),
        ages=charts.bars(drawn),
        hours=_hours(came, decided),
        people=_people(people, only),
        undelivered=undelivered,
    )


def _rows(part: Any) -> list[dict[str, Any]]:
    rows = json.loads(part) if isinstance(part, str) else part
    return rows or []


def _hours(came: list[dict[str, Any]], decided: list[dict[str, Any]]) -> charts.Lines:
    """From the first hour in which something happened to this one."""
    now = timezone.localtime().hour
    first = min([row["hour"] for row in [*came, *decided]] + [max(0, now - 1)])
    counts = [{row["hour"]: row["number"] for row in rows} for rows in (came, decided)]
    arrived, done = ([by_hour.get(hour, 0) for hour in range(first, now + 1)] for by_hour in counts)
    return charts.lines(arrived, done, first=first)


def _people(rows: list[dict[str, Any]], only: uuid.UUID | None) -> list[Person]:
    agreed = agreements(timezone.now() - timedelta(days=AGREEMENT_DAYS)) if rows else {}
    shown = []
    for row in rows:
        user = uuid.UUID(row["user_id"])
        if only not in (None, user):
            continue
        mine = agreed.get(user)
        overturned = 100 * (1 - mine.agreed / mine.pairs) if mine and mine.pairs else None
        median = None if row["median"] is None else round(row["median"])
        shown.append(Person(row["name"], row["decided"], median, overturned, mine.kappa if mine else None))
    return shown


def policies() -> list[PolicyRow]:
    """What each version of a policy did in the last days, the busiest first. One query."""
    runs = counted_runs(since=timezone.now() - timedelta(days=POLICY_DAYS)).order_by()
    said = runs.values(
        "policy",
        "policy_version",
        "decision",
        status=F("document__status"),
        beside=KT("shadow__policy"),
        beside_version=KT("shadow__version"),
        beside_decision=KT("shadow__decision"),
    ).annotate(count=Count("pk"))
    decisions: dict[str, Counter[str]] = {}
    beside: dict[str, Counter[bool]] = {}  # overturned or not
    for row in said:
        decisions.setdefault(f"{row['policy']} {row['policy_version']}", Counter())[row["decision"]] += row["count"]
        would = row["beside_decision"]
        if row["beside"] and row["status"] in ("approved", "rejected") and would in ("auto_approve", "auto_reject"):
            name = f"{row['beside']} {row['beside_version'] or ''}".strip()
            contrary = (would == "auto_approve") != (row["status"] == "approved")
            beside.setdefault(name, Counter())[contrary] += row["count"]
    names = sorted({*decisions, *beside}, key=lambda name: (-decisions.get(name, Counter()).total(), name))
    return [_policy_row(name, decisions.get(name, Counter()), beside.get(name, Counter())) for name in names]


def _policy_row(name: str, decided: Counter[str], overturned: Counter[bool]) -> PolicyRow:
    total = decided.total()
    automatic = decided["auto_approve"] + decided["auto_reject"]
    return PolicyRow(
        name,
        total,
        100 * automatic / total if total else None,
        100 * decided["needs_review"] / total if total else None,
        100 * overturned[True] / overturned.total() if overturned else None,
    )
