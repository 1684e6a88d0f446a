"""How long what is kept, said by rows."""

import io
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from documents.models import AuditEntry, Document
from documents.status import Status
from filot.models import User
from privacy.models import LegalHold, RetentionRule, Subject
from privacy.retention import expired, hold_of, rule_for, rules, years_after, years_before
from tests.review.cases import document_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]
TODAY = date(2026, 11, 28)


def aged(owner: User, status: Status, day: date, **facts: Any) -> Document:
    moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return document_in(owner, status, status_since=moment, **facts)


def test_the_most_exact_rule_counts_and_a_state_says_more_than_a_type() -> None:
    RetentionRule.objects.all().delete()
    assert rule_for(rules(), "KTP", "rejected") is None
    made = [("*", "*", 1), ("KTP", "*", 2), ("*", "rejected", 3), ("KTP", "rejected", 4)]
    for type, state, years in made:
        RetentionRule.objects.create(type=type, state=state, years=years)
        rule = rule_for(rules(), "KTP", "rejected")
        assert rule and rule.years == years
    rule = rule_for(rules(), "NPWP", "approved")
    assert rule and rule.years == 1


def test_the_first_rules_keep_customers_by_law_and_everybody_else_by_choice() -> None:
    table = {(rule.type, rule.state): (rule.years, rule.counts_from, rule.legal_hold) for rule in rules().values()}
    assert table[("*", "approved")] == table[("*", "auto_approve")] == (5, "relationship", True)
    assert table[("*", "rejected")] == table[("*", "auto_reject")] == (5, "decision", False)
    assert table[("*", "*")] == (1, "decision", False)


@pytest.mark.parametrize(
    ("day", "years", "after"), [(date(2024, 2, 29), 1, date(2025, 3, 1)), (date(2021, 5, 4), 5, date(2026, 5, 4))]
)
def test_years_are_counted_over_leap_days(day: date, years: int, after: date) -> None:
    assert years_after(day, years) == after
    assert years_after(years_before(after, years), years) <= after


def test_a_document_expires_on_its_day_and_not_before(owner: User) -> None:
    old = aged(owner, Status.rejected, date(2021, 11, 28))
    aged(owner, Status.rejected, date(2021, 11, 29))
    assert list(expired(TODAY)) == [old]


def test_a_customers_document_expires_after_the_relationship_and_never_while_it_lasts(owner: User) -> None:
    document = aged(owner, Status.approved, date(2010, 1, 1))
    assert list(expired(TODAY)) == []
    Subject.objects.create(owner=owner, relationship_ended_on=date(2021, 11, 29))
    assert list(expired(TODAY)) == []
    Subject.objects.update(relationship_ended_on=date(2021, 11, 28))
    assert list(expired(TODAY)) == [document]


def test_without_a_rule_a_document_is_kept(owner: User) -> None:
    RetentionRule.objects.all().delete()
    aged(owner, Status.rejected, date(2001, 1, 1))
    assert list(expired(TODAY)) == []


@pytest.mark.parametrize(
    ("facts", "held"),
    [
        ({}, True),
        ({"until": TODAY}, True),
        ({"until": TODAY - timedelta(days=1)}, False),
        ({"lifted_at": timezone.now(), "lifted_by": "x"}, False),
    ],
)
def test_a_hold_that_was_placed_keeps_everything_until_its_last_day(
    owner: User, facts: dict[str, Any], held: bool
) -> None:
    aged(owner, Status.rejected, date(2001, 1, 1))
    LegalHold.objects.create(owner=owner, reason_code="court", placed_by="x", **facts)
    assert expired(TODAY).exists() is not held


def test_a_rule_holds_until_its_years_are_over(owner: User) -> None:
    document = aged(owner, Status.approved, date(2020, 1, 1))
    hold = hold_of(rules(), document, None, TODAY)
    assert hold and hold.until is None
    hold = hold_of(rules(), document, date(2022, 3, 1), TODAY)
    assert hold == ("KTP.approved", date(2027, 3, 1))
    assert hold_of(rules(), document, date(2021, 11, 28), TODAY) is None
    assert hold_of(rules(), aged(owner, Status.rejected, TODAY), None, TODAY) is None


def test_rules_are_shown_and_changed_with_who_and_why() -> None:
    out, which = io.StringIO(), ("--type", "KTP", "--state", "rejected")
    call_command("retention", *which, "--years", "2", "--by", "u-1", "--reason", "policy-7", stdout=out)
    made = {"type": "KTP", "state": "rejected", "years": 2, "counts_from": "decision", "legal_hold": False}
    assert made in json.loads(out.getvalue())
    entry = AuditEntry.objects.get(action="retention.changed")
    assert (entry.actor, entry.facts["years"], entry.facts["reason"]) == ("u-1", 2, "policy-7")
    with pytest.raises(CommandError, match="--by and --reason"):
        call_command("retention", "--years", "2", stdout=out)
    call_command("retention", *which, "--delete", "--by", "u", "--reason", "r", stdout=out)
    assert not RetentionRule.objects.filter(type="KTP").exists()


def test_holds_are_placed_and_lifted_by_a_command(owner: User) -> None:
    out = io.StringIO()
    call_command("legal_hold", str(owner.pk), "--place", "court", "--by", "u-1", stdout=out)
    assert "1 holds in force" in out.getvalue()
    call_command("legal_hold", str(owner.pk), "--lift", "--by", "u-2", "--relationship-ended", "2026-01-31", stdout=out)
    assert out.getvalue().endswith("0 holds in force\n")
    assert Subject.objects.get().relationship_ended_on == date(2026, 1, 31)
    assert list(AuditEntry.objects.order_by("sequence").values_list("action", flat=True)) == [
        "hold.placed",
        "hold.lifted",
        "relationship.ended",
    ]
