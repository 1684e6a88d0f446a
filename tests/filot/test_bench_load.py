"""What the load bench counts, where it says that a system bends, and that all of its calls are answered rightly."""

import json
from pathlib import Path
from unittest.mock import MagicMock

import psycopg
import pytest
import requests
from django.core.management import call_command

from filot.bench.load import Answers, of_sound_calls
from filot.bench.parts import TEMPLATE, Parts
from filot.bench.person import NotLoggedIn, Person
from filot.management.commands.bench_load import bend
from tests.stack import Stack


def answer(code: int) -> requests.Response:
    made = requests.Response()
    made.status_code = code
    return made


def test_an_error_is_whatever_a_healthy_system_does_not_answer_to_a_sound_call() -> None:
    answers = of_sound_calls()
    for code in (201, 201, 429, 500):
        answers.timed("upload", lambda code=code: answer(code))

    def nothing() -> requests.Response:
        raise requests.ConnectionError

    assert answers.timed("list", nothing) is None
    row = answers.row("upload", 10.0)
    assert (row["count"], row["a second"], row["errors %"]) == (4, 0.4, 50.0)
    assert row["codes"] == {201: 2, 429: 1, 500: 1}
    assert (answers.row("list", 10.0)["codes"], answers.row("list", 10.0)["errors %"]) == ({0: 1}, 100.0)


def test_percentiles_are_of_the_kind() -> None:
    answers = Answers()
    answers.seconds["list"] = [(n + 1) / 1000 for n in range(100)]
    answers.codes["list"][200] = 100
    row = answers.row("list", 10.0)
    assert (row["p50"], row["p95"], row["p99"]) == (51.0, 96.0, 100.0)


@pytest.mark.parametrize(
    ("rates", "says"),
    [
        ({1: 10.0, 2: 19.0, 4: 20.0}, "bends at 2 callers: 19.0"),
        ({1: 10.0, 2: 19.0, 4: 35.0}, "does not bend up to 4 callers: 35.0"),
    ],
)
def test_it_bends_where_more_callers_bring_no_more_calls(rates: dict[int, float], says: str) -> None:
    assert bend(rates).startswith(says)


@pytest.mark.xdist_group("stack")
def test_uploads_polls_reviews_and_callbacks_of_reviews_that_exist_are_answered(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--url", stack.url, "--callers", "3", "--seconds", "6", "--cards", "1", "--reviews", "4", "--json"]
    call_command("bench_load", *words, "--webhook-secret", stack.env["BULI2_SIGNATURE_SECRET"])
    waiting, *lines, last = capsys.readouterr().out.splitlines()
    rows = {row["call"]: row for row in map(json.loads, lines)}
    assert waiting == "reviews that wait: 4"
    assert {"upload", "status", "list", "callback", "queue", "take", "case", "decide"} <= set(rows)
    assert {kind: row["codes"] for kind, row in rows.items() if row["errors %"]} == {}
    assert "3 callers" in last
    decided = "SELECT count(*) FROM review_reviewdecision WHERE accepted AND source = %s"
    assert stack.rows(decided, "console")[0][0] >= 1
    assert stack.rows(decided, "buli2")[0][0] >= 1


@pytest.mark.xdist_group("stack")
def test_an_account_that_shows_no_code_is_named(stack: Stack) -> None:
    with pytest.raises(NotLoggedIn, match="reviewer: the password is wrong"):
        Person(stack.url, "reviewer", "not the password")


def test_a_fresh_database_has_the_keys_of_the_accounts_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without them nobody of the console came past the second step, and bench_load ended before its first call."""
    parts = Parts(tmp_path, processes=1, threads=1, s3=False)
    monkeypatch.setattr(psycopg, "connect", MagicMock())
    template = Path(parts.env(TEMPLATE)["KEY_STORE_ROOT"])
    (template / "somebody").mkdir(parents=True)
    (template / "somebody" / "1").write_bytes(b"key")
    name = parts.make_database("load1")
    assert (Path(parts.env(name)["KEY_STORE_ROOT"]) / "somebody" / "1").read_bytes() == b"key"
