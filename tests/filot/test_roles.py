"""Roles, and the demo accounts that exist on embedded services only."""

import io
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.test import Client

from documents.models import AuditEntry
from filot.backends import DEMO_ISSUER
from filot.management.commands.setup_roles import ROLES
from filot.models import User

pytestmark = pytest.mark.django_db
PASSWORD = "filot-demo"
GOOD = "a-long-Word-of-7"
STAFF = {"reviewer", "senior", "compliance", "auditor", "ops"}


def rights(role: str) -> set[str]:
    found = Group.objects.get(name=role).permissions.values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in found}


def test_roles_are_made_once_and_set_right_again() -> None:
    call_command("setup_roles")
    Group.objects.get(name="auditor").permissions.set(Group.objects.get(name="senior").permissions.all())

    call_command("setup_roles")

    assert set(Group.objects.values_list("name", flat=True)) == STAFF
    assert {role: rights(role) for role in ROLES} == {role: set(names) for role, names in ROLES.items()}


@pytest.mark.parametrize("right", ["review.decide_review", "review.escalate_review"])
def test_only_reviewers_and_seniors_decide(right: str) -> None:
    call_command("setup_roles")

    assert {role for role in STAFF if right in rights(role)} == {"reviewer", "senior"}


def test_no_role_writes_rows_around_the_services() -> None:
    call_command("setup_roles")

    written = {name for role in STAFF for name in rights(role) if name.split(".")[1].startswith(("add_", "delete_"))}
    assert written == set()
    assert "review.view_review" not in rights("ops")


def test_demo_accounts_are_refused_where_nothing_is_embedded(settings: Any) -> None:
    settings.FILOT_EMBEDDED = False

    with pytest.raises(CommandError):
        call_command("demo_accounts")

    assert not User.objects.exists()


def test_demo_accounts_log_in_and_are_safe_to_repeat(settings: Any) -> None:
    settings.FILOT_EMBEDDED = True
    call_command("demo_accounts")
    User.objects.filter(username="ops").update(is_active=False)

    call_command("demo_accounts")

    assert set(User.objects.values_list("username", flat=True)) == STAFF | {"client"}
    assert {user.username for user in User.objects.filter(is_staff=True)} == STAFF
    assert all(authenticate(username=name, password=PASSWORD) for name in STAFF | {"client"})
    assert not User.objects.filter(is_superuser=True).exists()


def test_a_demo_account_brought_elsewhere_can_not_log_in_and_its_session_ends(settings: Any) -> None:
    settings.FILOT_EMBEDDED = True
    call_command("demo_accounts")
    client = Client()
    client.force_login(User.objects.get(username="reviewer"))
    assert client.get("/admin/").status_code == 200

    settings.FILOT_EMBEDDED = False

    assert authenticate(username="reviewer", password=PASSWORD) is None
    assert client.get("/admin/").status_code == 302


def test_a_real_account_is_never_taken_over_by_a_demo_account(settings: Any) -> None:
    settings.FILOT_EMBEDDED = True
    real = User.objects.create_user("senior", password="a long password")

    with pytest.raises(CommandError):
        call_command("demo_accounts")

    real.refresh_from_db()
    assert real.check_password("a long password")
    assert not User.objects.filter(issuer=DEMO_ISSUER).exists()


# Accounts that an operator makes ------------------------------------------------------------------------------------


def make(monkeypatch: pytest.MonkeyPatch, *words: str, password: str = GOOD) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    call_command("make_account", *words)


@pytest.mark.parametrize("role", ["client", "reviewer", "ops", "superuser"])
def test_an_account_is_made_with_its_role_and_stands_in_the_audit_trail(
    monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    call_command("setup_roles")
    make(monkeypatch, "somebody", "--role", role)
    user = User.objects.get(username="somebody")
    assert user.check_password(GOOD)
    assert (user.is_staff, user.is_superuser) == (role != "client", role == "superuser")
    assert list(user.groups.values_list("name", flat=True)) == ([role] if role in STAFF else [])
    entry = AuditEntry.objects.get(action="account.made")
    assert (entry.actor, entry.subject) == ("system:make_account", str(user.pk))


def test_a_client_that_was_made_gets_a_token(monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    make(monkeypatch, "shop")
    body = {"username": "shop", "password": GOOD}
    assert client.post("/auth/token", body, content_type="application/json").status_code == 200


@pytest.mark.parametrize("password", ["", "short", "password123", "somebody-01"])
def test_an_account_with_a_weak_password_is_not_made(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    with pytest.raises(CommandError):
        make(monkeypatch, "somebody", password=password)
    assert not User.objects.filter(username="somebody").exists()


def test_no_account_is_made_twice_or_in_a_role_that_is_not_there_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    make(monkeypatch, "somebody")
    with pytest.raises(CommandError, match="exists"):
        make(monkeypatch, "somebody", password="another-Word-of-8")
    assert User.objects.get().check_password(GOOD)
    with pytest.raises(CommandError, match="setup_roles"):
        make(monkeypatch, "other", "--role", "reviewer")
