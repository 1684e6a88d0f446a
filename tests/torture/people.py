"""Reviewers of rows: accounts of their own with both steps of the log-in, cases that they take, and clicks."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg

from tests.stack import wait_for
from tests.test_the_walk import Browser, Form
from tests.torture.house import House
from tests.torture.reviews import Case
from tests.torture.rows import Run

VERBS = {"approved": "approve", "rejected": "reject"}
AT_ONCE = 4  # log-ins: a password is slow to check on purpose


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    role: str
    browser: Browser


@dataclass(frozen=True, slots=True)
class Click:
    """One decision that was sent. `status` 302: they were told that it counts. `page`: what they saw next took so
    long."""

    person: Person
    decision: str
    status: int
    seconds: float
    page: float


def people(run: Run, roles: list[str]) -> list[Person]:
    """An account for each role, as the demo one is and enrolled by its own first log-in; all logged in over HTTP."""
    named = {f"torture-{role}-{run.chance.getrandbits(40):x}": role for role in roles}
    with psycopg.connect(run.house.env["DATABASE_URL"]) as connection:
        ids = [_account(connection, name, role) for name, role in named.items()]

    def enter(name: str) -> Browser:
        browser: Browser = wait_for("a login", lambda: _logged_in(run.house, name), 60, 1)
        return browser

    with ThreadPoolExecutor(AT_ONCE) as threads:
        browsers = list(threads.map(enter, named))
    for browser in browsers:
        browser.session.headers["Connection"] = "close"  # one that was kept may be closed in the moment of a click
    return [Person(*each) for each in zip(ids, named.values(), browsers, strict=True)]


def _account(connection: "psycopg.Connection[tuple[object, ...]]", name: str, role: str) -> str:
    query = "SELECT column_name FROM information_schema.columns WHERE table_name = 'filot_user'"
    columns = [str(column) for (column,) in connection.execute(query)]
    own = {"id": "gen_random_uuid()", "username": "%s", "second_factor_at": "NULL"}
    values = ", ".join(own.get(column, f'"{column}"') for column in columns)
    listed = ", ".join(f'"{column}"' for column in columns)
    made = f"INSERT INTO filot_user ({listed}) SELECT {values} FROM filot_user WHERE username = %s RETURNING id"  # noqa: S608
    ((user_id,),) = connection.execute(made, [name, role]).fetchall()
    groups = (
        "INSERT INTO filot_user_groups (user_id, group_id) SELECT %s, g.group_id FROM filot_user_groups g"
        " JOIN filot_user u ON u.id = g.user_id WHERE u.username = %s"
    )
    connection.execute(groups, [user_id, role])
    return str(user_id)


def _logged_in(house: House, name: str) -> Browser | None:
    """None while logins are paused, as they are for a moment when Redis is slow to answer."""
    try:
        return Browser(house, name)
    except (AssertionError, ValueError):
        return None


def click(person: Person, case: Case, decision: str, page: str, version: int) -> Click:
    """Only the click, from a page that is open. Whose page has no form sends what somebody would who made one up."""
    form = {} if "version" in Form(page).values else {"version": str(version)}
    if decision == "rejected":
        form["reason_code"] = "unreadable"
    answer = person.browser.post(f"/admin/review/review/{case.id}/{VERBS[decision]}/", page, **form)
    first = answer.history[0] if answer.history else answer
    next_page = answer.elapsed.total_seconds() if answer.history else 0.0
    return Click(person, decision, first.status_code, first.elapsed.total_seconds(), next_page)
