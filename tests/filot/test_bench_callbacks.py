"""What `bench_callbacks` sends, and that it looks at every answer and effect."""

import json
import os
import random
import subprocess
import sys
from collections import Counter

from filot.bench.callbacks import CONTRARY, COPY, DECISION, FORGED, Callback, Open, drawn
from filot.management.commands.bench_callbacks import _wrong_effects
from tests.stack import PROJECT

CASES = [Open(f"review-{number}", f"document-{number}") for number in range(400)]


def test_every_case_gets_one_decision_and_some_more_is_said_of_a_few() -> None:
    callbacks = drawn(CASES, random.Random(1))
    kinds = Counter(callback.kind for callback in callbacks)
    assert kinds[DECISION] == len(CASES)
    assert all(kinds[kind] > 5 for kind in (COPY, CONTRARY, FORGED))
    said = {callback.case: callback.decision for callback in callbacks if callback.kind == DECISION}
    for callback in callbacks:
        assert (callback.decision == said[callback.case]) == (callback.kind != CONTRARY)


def test_a_case_that_was_decided_twice_or_not_at_all_is_told() -> None:
    sent = [Callback(DECISION, case, "approved") for case in CASES[:2]]
    sent.append(Callback(CONTRARY, CASES[1], "rejected"))
    assert _wrong_effects(sent, [("review-0", 1, 0), ("review-1", 1, 1)]) == []
    for kept in (
        [("review-0", 1, 0)],
        [("review-0", 2, 0), ("review-1", 1, 1)],
        [("review-0", 1, 0), ("review-1", 1, 0)],
    ):
        assert _wrong_effects(sent, kept)


def test_it_measures_a_real_server_in_a_database_of_its_own() -> None:
    words = ["--cases", "15", "--callers", "2", "--limit", "60000", "--json"]  # no limit of time in a test
    done = subprocess.run(
        [sys.executable, "manage.py", "bench_callbacks", *words],
        cwd=PROJECT,
        env={**os.environ, "FILOT_ENV": "test"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = {row["call"]: row for row in map(json.loads, done.stdout.splitlines()) if "call" in row}
    assert rows[DECISION]["count"] == 15
    assert rows["all"]["p50"] > 0
