"""The pages for clients and operators: their calls and commands are run, what they claim has a test."""

import json
import re
import shlex
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import requests
from django.core.management import get_commands
from django.urls import URLPattern, get_resolver

from tests.stack import PASSWORD, PROJECT, TIMEOUTS, Stack, wait_for
from tests.test_the_walk import card

DOCS = PROJECT / "docs"
READINESS = sorted(path for path in (DOCS / "readiness").glob("*.md") if path.name != "README.md")
OPERATIONS = (DOCS / "operations.md").read_text()
CHECKLIST = re.findall(
    r"^\| (here|there) \| `([^`]+)`[^|]*\| (?:`(.*)`|([^|]*)) \|$",
    (DOCS / "production-checklist.md").read_text(),
    re.MULTILINE,
)


def test_the_nine_subjects_have_their_pages() -> None:
    assert len(READINESS) == 9
    index = (DOCS / "readiness" / "README.md").read_text()
    assert all(f"({path.name})" in index for path in READINESS)


@pytest.mark.parametrize("page", READINESS, ids=lambda page: page.stem)
def test_every_statement_of_the_readiness_pages_names_a_test_that_is_there(page: Path) -> None:
    rows = re.findall(r"^\| (.+) \| (.+) \|$", page.read_text(), re.MULTILINE)[1:]
    assert len(rows) >= 5
    for statement, named in rows:
        file, _, name = named.strip("`").partition("::")
        assert re.search(rf"^\s*(?:async )?def {name}\(", (PROJECT / file).read_text(), re.MULTILINE), statement


NUMBER = r"\d[\d,]*(?:\.\d+)?(?:e\d+)?"
SUMS = re.findall(rf"(?<![\w.,]){NUMBER}(?: [-x/+] {NUMBER})+ = \**{NUMBER}(?: / {NUMBER} days)?", OPERATIONS)


def test_the_arithmetic_of_the_plan_is_there_to_be_checked() -> None:
    assert len(SUMS) >= 25


@pytest.mark.parametrize("told", SUMS)
def test_the_arithmetic_of_the_plan_is_right(told: str) -> None:
    """To the places that it is told with; what follows ` / ` in days is for ten times as many."""
    sum_, _, result = told.partition(" = ")
    result, _, tenth = result.strip("*").partition(" / ")
    found = eval(sum_.replace(",", "").replace(" x ", " * "), {"__builtins__": {}})  # noqa: S307 - digits and signs alone
    places = len(result.partition(".")[2])
    assert abs(found - float(result.replace(",", ""))) <= 0.51 * 10**-places + 0.01 * found, told
    if tenth:
        assert abs(found / 10 - float(tenth.removesuffix(" days").replace(",", ""))) <= 1, told


def test_commands_of_the_pages_exist() -> None:
    for page in DOCS.rglob("*.md"):
        for name in re.findall(r"manage\.py ([a-z_0-9]+)", page.read_text()):
            assert name in get_commands(), f"{page.name}: {name}"


@pytest.mark.xdist_group("stack")
@pytest.mark.parametrize(("command", "says"), [(c, s) for where, c, s, _ in CHECKLIST if where == "here"])
def test_the_checklists_commands_say_what_it_says(stack: Stack, command: str, says: str) -> None:
    words = shlex.split(command)
    assert words[:2] == ["python", "manage.py"]
    done = subprocess.run(
        [sys.executable, *words[1:]], cwd=PROJECT, env=stack.env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert says in done.stdout + done.stderr


def test_the_checklist_has_lines_of_both_kinds() -> None:
    assert len([1 for where, *_ in CHECKLIST if where == "here"]) >= 8
    assert len([1 for where, *_ in CHECKLIST if where == "there"]) >= 5


@pytest.mark.xdist_group("stack")
def test_every_call_of_the_api_page_runs(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "card.jpg").write_bytes(card("ktp", 451))
    login = {"username": "client", "password": PASSWORD}
    pair = requests.post(f"{stack.url}/auth/token", json=login, timeout=TIMEOUTS).json()
    told = {"FILOT_URL": stack.url, "TOKEN": stack.token(), "KEY": uuid.uuid4().hex, "PATH": "/usr/bin:/bin", "ID": ""}
    told |= {name: stack.env[name] for name in ("BULI2_SIGNATURE_SECRET", "METRICS_TOKEN")}
    told |= {"REFRESH": pair["refresh"], "REVIEW": a_review(stack, told["TOKEN"])}
    answers = []
    for block in re.findall(r"```sh\n(.*?)```", (DOCS / "api.md").read_text(), re.DOTALL):
        for line in block.strip().splitlines():
            done = subprocess.run(
                ["/bin/sh", "-c", line], cwd=tmp_path, env=told, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{line}: {done.stderr}"
            answers.append((line, done.stdout))
            if "/auth/token/refresh" in line:
                told["REFRESH"] = json.loads(done.stdout)["refresh"]
            if "/documents/upload" in line:
                told["ID"] = json.loads(done.stdout)["documentId"]
                stack.settled(told["TOKEN"], told["ID"])
    codes = {line: said.strip() for line, said in answers if "%{http_code}" in line}
    assert set(codes.values()) <= {"200", "201", "202", "400", "409"}, codes
    assert next(json.loads(said) for line, said in answers if "/result" in line)["result"]["nik"]


def a_review(stack: Stack, token: str) -> str:
    """Of a card that a person has to look at."""
    document_id = stack.upload(token, card("ktp-doubtful", 452))
    stack.settled(token, document_id)

    def ask() -> str | None:
        answer = stack.call("POST", "/verification/evaluate", token, json={"documentId": document_id})
        found: str | None = answer.json().get("reviewId")
        return found

    return str(wait_for("the review", ask))


def test_every_route_but_pages_for_people_stands_on_the_page_of_the_api() -> None:
    page = (DOCS / "api.md").read_text()
    for_people = {"home", "original"}  # a redirect, and where a download link leads
    routes = {route.name: str(route.pattern) for route in get_resolver().url_patterns if isinstance(route, URLPattern)}
    assert len(routes) > 20
    for name, route in routes.items():
        shown = re.sub(r"<uuid:(\w+)_id>", lambda found: {"review": "$REVIEW"}.get(found[1], "$ID"), route)
        assert name in for_people or f"$FILOT_URL/{shown}" in page, route


@pytest.mark.xdist_group("stack")
def test_every_call_of_the_client_api_stands_on_its_page(stack: Stack) -> None:
    page = (DOCS / "api.md").read_text()
    schema = requests.get(f"{stack.url}/api/schema", headers={"Accept": "application/json"}, timeout=TIMEOUTS).text
    paths = set(re.findall(r'"(/(?:documents|verification)[^"]*)":', schema)) or set(
        re.findall(r"^  (/(?:documents|verification)\S*):", schema, re.MULTILINE)
    )
    assert len(paths) > 6
    for path in paths:
        shown = re.sub(r"\{\w+\}", "$ID", path)
        assert shown in page, path
