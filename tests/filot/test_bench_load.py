"""What the load bench counts, and where it says that a system bends."""

import json

import pytest
from django.core.management import call_command

from filot.bench.load import Answers
from filot.management.commands.bench_load import bend
from tests.stack import Stack


def test_percentiles_are_of_the_kind_and_only_faults_are_errors() -> None:
    answers = Answers()
    for n in range(100):
        answers.note("upload", (n + 1) / 1000, 500 if n == 0 else 429 if n == 1 else 201)
    answers.note("list", 9.0, 0)
    row = answers.row("upload", 10.0)
    assert (row["p50"], row["p95"], row["p99"]) == (51.0, 96.0, 100.0)
    assert (row["a second"], row["errors %"], row["codes"]) == (10.0, 1.0, {500: 1, 429: 1, 201: 98})
    assert answers.row("list", 10.0)["errors %"] == 100.0


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
def test_every_kind_of_call_is_made_and_answered(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--url", stack.url, "--callers", "4", "--seconds", "4", "--cards", "2", "--json"]
    call_command("bench_load", *words, "--webhook-secret", stack.env["BULI2_SIGNATURE_SECRET"])
    *lines, last = capsys.readouterr().out.splitlines()
    rows = {row["call"]: row for row in map(json.loads, lines)}
    assert set(rows) == {"upload", "status", "list", "callback"}
    assert set(rows["upload"]["codes"]) == {"201"}
    assert set(rows["callback"]["codes"]) == {"404"}
    assert "4 callers" in last
