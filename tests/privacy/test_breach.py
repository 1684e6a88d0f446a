"""Whom a breach touched, by the times and the accounts that were in it."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction

from documents import audit
from documents.models import AuditEntry, Document
from filot.models import User
from integrations.models import Buli2Exchange
from privacy.breach import touched
from review.models import ReviewDecision
from tests.privacy.people import NAME, document_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]
SINCE = datetime(2026, 3, 1, tzinfo=UTC)
UNTIL = SINCE + timedelta(days=2)
QUIET = datetime(2020, 1, 1, tzinfo=UTC)


def long_ago(document: Document) -> Document:
    """Nothing of it happened in the time that is asked about."""
    Document.objects.filter(pk=document.pk).update(created_at=QUIET)
    document.events.update(at=QUIET)
    document.runs.update(started_at=QUIET)
    ReviewDecision.objects.filter(review__document=document).update(created_at=QUIET)
    Buli2Exchange.objects.filter(subject=document.owner_id).update(created_at=QUIET)
    return document


def report(**facts: Any) -> dict[Any, Any]:
    return {each.owner_id: each for each in touched(SINCE, UNTIL, **facts)}


@pytest.mark.parametrize(
    ("moment", "named"), [(SINCE, True), (UNTIL - timedelta(seconds=1), True), (UNTIL, False), (QUIET, False)]
)
def test_owners_are_named_whose_documents_were_touched_in_that_time(
    owner: User, stranger: User, moment: datetime, named: bool
) -> None:
    document, other = long_ago(document_of(owner)), long_ago(document_of(stranger))
    Document.objects.filter(pk=document.pk).update(created_at=moment)
    found = report()
    assert (owner.pk in found) is named
    assert other.owner_id not in found
    if named:
        assert found[owner.pk][1:4] == (1, ["KTP"], ["stored"])


def test_each_way_of_touching_counts_once(owner: User) -> None:
    document = long_ago(document_of(owner))
    document.runs.update(started_at=SINCE)
    document.events.update(at=SINCE)
    found = report()[owner.pk]
    assert (found.documents, found.how, found.erased) == (1, ["read"], False)


def test_an_account_that_was_taken_over_is_followed_through_the_audit_trail(owner: User, stranger: User) -> None:
    document = document_of(owner)
    document_of(stranger)
    with transaction.atomic():
        entry = audit.note("number.revealed", actor="reviewer-7", document=document)
    span = (entry.at - timedelta(seconds=5), entry.at + timedelta(seconds=5))
    found = list(touched(*span, actor="reviewer-7"))
    assert [(each.owner_id, each.how) for each in found] == [(owner.pk, ["opened"])]
    assert list(touched(*span, actor="reviewer-8")) == []


def test_everybody_whose_data_lay_here_is_named_for_a_stolen_dump(owner: User, stranger: User) -> None:
    long_ago(document_of(owner))
    gone = long_ago(document_of(stranger))
    Document.objects.filter(pk=gone.pk).update(erased_at=QUIET + timedelta(days=1))
    assert list(report(stored=True)) == [owner.pk]
    assert report() == {}


def test_the_command_writes_ids_to_the_screen_and_names_into_a_closed_file_only(
    owner: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    User.objects.filter(pk=owner.pk).update(display_name=NAME, email="budi@example.org")
    Document.objects.filter(pk=document_of(owner).pk).update(created_at=SINCE)
    days = ("--since", "2026-03-01", "--until", "2026-03-01")
    call_command("breach_report", *days, stderr=io.StringIO())
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["owner"], row["documents"], row["types"]) for row in rows] == [(str(owner.pk), "1", "KTP")]
    assert NAME not in str(rows)
    with pytest.raises(CommandError, match="give --out"):
        call_command("breach_report", *days, "--contacts")
    out = tmp_path / "names.csv"
    call_command("breach_report", *days, "--contacts", "--out", str(out), "--by", "dpo-1", stderr=io.StringIO())
    assert out.stat().st_mode & 0o777 == 0o600
    assert "budi@example.org" in out.read_text()
    with pytest.raises(CommandError, match="is there already"):
        call_command("breach_report", *days, "--contacts", "--out", str(out))
    assert [entry.actor for entry in AuditEntry.objects.filter(action="breach.reported").order_by("sequence")] == [
        "operator",
        "dpo-1",
    ]
    with pytest.raises(CommandError, match="must be before"):
        call_command("breach_report", "--since", "2026-03-02", "--until", "2026-03-01")
