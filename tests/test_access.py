"""Who may open what: the whole URL conf against a table that people read, and what no table may ever say."""

import os
from typing import Any

import pytest
from rest_framework.permissions import IsAuthenticated

from filot.authentication import BearerAuthentication
from filot.management.commands.setup_roles import ROLES
from tests.access import COLUMNS, CONSOLE, METHODS, Row, column, is_api, read_table, routes, write_column

# What answers without a login, each with what stands in for one.
OPEN = {
    "auth/token": "the password in the body",
    "auth/token/refresh": "the token in the body",
    "auth/logout": "the token in the body",
    "auth/verify": "the token in the body",
    "files/<str:token>": "the link itself, signed and short-lived",
    "internal/reviews/<uuid:review_id>/callback": "the signature over the body",
    "internal/buli2/callback": "the signature over the body",
    "api/schema": "nothing in it is about anybody",
    "api/docs": "nothing in it is about anybody",
    "health": "names of parts and whether they answer",
    "health/live": "whether the process answers",
    "health/ready": "names of parts and whether they answer",
    "^$": "a redirect to the console",
    f"{CONSOLE}login/": "the login page",
    f"{CONSOLE}logout/": "ends one's own session, if there is one",
    f"{CONSOLE}language/": "the language of the login page",
}
OWN_GUARD = {"metrics": "a token, or a private network"}
REFUSALS = {"401", "403", "404", "405", "login"}
CASE_PAGES = f"{CONSOLE}review/review/<uuid:review_id>/"
STAFF = {*ROLES, "superuser"}


@pytest.mark.django_db
@pytest.mark.usefixtures("originals_in")
@pytest.mark.parametrize("role", COLUMNS)
def test_the_column_of_a_role_is_the_checked_in_one(role: str, settings: Any) -> None:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 10**9)
    found = column(role)
    assert not {row: cell for row, cell in found.items() if cell.startswith("5")}
    if os.environ.get("FILOT_TEST_WRITE_ACCESS_TABLE"):
        write_column(role, found)
    told = {row: cells[role] for row, cells in read_table().items()}
    changed = {row: (told.get(row), found.get(row)) for row in told | found if told.get(row) != found.get(row)}
    assert changed == {}, "look at what changed; if it is meant, run `make access-table`"


def table() -> dict[Row, dict[str, str]]:
    return read_table()


def test_the_table_has_every_address_with_every_method_for_every_role() -> None:
    assert set(table()) == {Row(route, method) for route, _ in routes() for method in METHODS}
    assert all(set(cells) == set(COLUMNS) for cells in table().values())


def test_without_a_login_nothing_answers_but_what_is_open_by_name() -> None:
    answered = {row.route for row, cells in table().items() if cells["nobody"] not in REFUSALS}
    assert answered <= set(OPEN)


def test_every_view_asks_for_a_login_unless_it_is_open_by_name() -> None:
    """Deny by default, read off the views themselves."""
    for route, view in routes():
        if route in OPEN or route in OWN_GUARD:
            continue
        if is_api(view):
            assert IsAuthenticated in view.cls.permission_classes, route
            assert view.cls.authentication_classes == [BearerAuthentication], route
        else:
            assert route.startswith(CONSOLE), f"{route} is a plain view outside the console: who may open it?"


def test_what_is_open_is_there() -> None:
    assert (set(OPEN) | set(OWN_GUARD)) - {route for route, _ in routes()} <= {f"{CONSOLE}language/"}


def test_metrics_are_for_nobody_without_their_token() -> None:
    for method in METHODS:
        assert set(table()[Row("metrics", method)].values()) <= {"401", "403", "405"}


def test_a_document_of_the_api_is_404_for_everybody_but_its_owner() -> None:
    for row, cells in table().items():
        if "<uuid:document_id>" in row.route and not row.route.startswith(CONSOLE):
            others = {cells[role] for role in COLUMNS if role not in ("owner", "nobody")}
            assert others == ({"405"} if cells["owner"] == "405" else {"404"}), row


def test_clients_never_see_a_page_of_the_console() -> None:
    for row, cells in table().items():
        if row.route.startswith(CONSOLE) and row.route not in OPEN:
            assert {cells["owner"], cells["stranger"]} <= {"login", "404", "405"}, row


def test_ops_see_no_case_and_decide_nothing() -> None:
    for row, cells in table().items():
        if row.route.startswith(f"{CONSOLE}review/review/"):
            assert cells["ops"] in REFUSALS | {"302"}, row
            if row.route.startswith(CASE_PAGES):
                assert cells["ops"] in REFUSALS, row


@pytest.mark.parametrize("role", ["compliance", "auditor", "ops"])
@pytest.mark.parametrize("act", ["approve", "reject", "escalate"])
def test_whoever_does_not_decide_cannot_decide(role: str, act: str) -> None:
    cells = table()[Row(f"{CASE_PAGES}{act}/", "POST")]
    assert cells[role] in ("403", "404")
    assert cells["reviewer"] not in ("403", "404", "login")


@pytest.mark.parametrize("role", sorted(ROLES))
def test_no_role_edits_accounts_groups_or_kept_records(role: str) -> None:
    """They are a superuser's, and the records nobody's: not even a superuser adds or deletes one."""
    for row, cells in table().items():
        parts = row.route.removeprefix(CONSOLE).split("/")
        model, act = "/".join(parts[:2]), parts[-2] if len(parts) > 2 else ""
        if not row.route.startswith(CONSOLE) or row.method != "POST":
            continue
        if model in ("auth/group", "filot/user"):
            assert cells[role] in REFUSALS | {"302"}, row
        if (role, model, act) == ("compliance", "review/proposal", "add"):
            continue  # what they propose is in force only when another of them agrees
        if act in ("add", "delete") and model not in ("auth/group", "filot/user"):
            assert cells[role] in REFUSALS, row
            assert model.startswith("review/rejectreason") or cells["superuser"] in REFUSALS, row


def test_other_methods_than_reading_and_posting_are_405_on_every_page() -> None:
    for row, cells in table().items():
        if row.route.startswith(CONSOLE) and row.method in ("PUT", "PATCH", "DELETE"):
            assert set(cells.values()) == {"405"}, row
