"""The page of the audit trail: as much as a role may see, checked, exported with an entry of its own, never changed."""

import csv
import io
from typing import Any

import pytest
from django.db import transaction

from documents.audit import check_chain, note
from documents.models import AuditEntry
from filot.models import User
from tests.review.admin_cases import logged_in
from tests.review.people import person

pytestmark = pytest.mark.django_db
PAGE = "/admin/documents/auditentry/"


def acted(user: Any, action: str = "case.approved") -> AuditEntry:
    with transaction.atomic():
        return note(action, actor=str(user.pk), subject="=a")


def seen_by(user: User) -> set[str]:
    entries = logged_in(user).get(PAGE).context["cl"].result_list
    return {entry.action for entry in entries}


def test_everybody_sees_as_much_of_the_trail_as_their_role_may() -> None:
    people = {role: person(role) for role in ("reviewer", "senior", "compliance", "ops", "auditor")}
    for role, user in people.items():
        acted(user, f"by.{role}")
    acted(people["reviewer"], "reaper.run")
    of_setup = {"role.set_up"}

    assert seen_by(people["reviewer"]) == {"by.reviewer", "reaper.run"}
    assert seen_by(people["senior"]) == {"by.reviewer", "by.senior", "reaper.run"}
    assert seen_by(people["ops"]) == {"by.ops", "reaper.run"}
    everything = {f"by.{role}" for role in people} | {"reaper.run"}
    assert seen_by(people["auditor"]) >= everything
    assert seen_by(people["compliance"]) - everything <= of_setup


def test_the_page_names_who_acted_and_costs_the_same_for_many_entries(django_assert_max_num_queries: Any) -> None:
    user, auditor = person("reviewer", "anna"), person("auditor")
    for _ in range(60):
        acted(user)
    client = logged_in(auditor)
    with django_assert_max_num_queries(8):
        page = client.get(PAGE)
    assert page.status_code == 200
    assert "anna" in page.content.decode()


def test_an_export_is_an_entry_and_holds_every_hash_and_no_formula() -> None:
    entry, auditor = acted(person("reviewer")), person("auditor")

    answer = logged_in(auditor).post(f"{PAGE}export/")

    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert rows[-1]["action"] == "audit.exported"
    assert rows[-1]["actor"] == str(auditor.pk)
    (line,) = [row for row in rows if row["sequence"] == str(entry.sequence)]
    assert (line["hash"], line["subject"]) == (entry.hash, "'=a")
    assert check_chain() == []


@pytest.mark.parametrize("role", ["reviewer", "senior", "ops"])
def test_only_some_roles_export_and_never_by_a_get(role: str) -> None:
    client = logged_in(person(role))
    assert client.post(f"{PAGE}export/").status_code == 403
    assert client.get(f"{PAGE}export/").status_code == 405
    assert not AuditEntry.objects.filter(action="audit.exported").exists()


@pytest.mark.parametrize(("role", "exports"), [("auditor", True), ("compliance", True), ("senior", False)])
def test_the_page_has_the_button_of_the_check_and_of_the_export_for_whoever_may(role: str, exports: bool) -> None:
    text = logged_in(person(role)).get(PAGE).content.decode()

    assert f'action="{PAGE}check/"' in text
    assert (f'action="{PAGE}export/"' in text) is exports


def test_the_button_says_that_the_chain_holds() -> None:
    acted(person("reviewer"))
    page = logged_in(person("auditor")).post(f"{PAGE}check/", follow=True)
    assert "The chain holds" in page.content.decode()


@pytest.mark.parametrize("door", ["add/", "1/delete/", "1/change/"])
def test_nobody_adds_changes_or_deletes_a_superuser_neither(door: str) -> None:
    acted(User.objects.create_user("somebody"))
    client = logged_in(User.objects.create_superuser("root"))
    answer = client.post(f"{PAGE}{door}", {"post": "yes", "action": "other"})
    assert answer.status_code in (403, 405)
    assert AuditEntry.objects.count() == 1
