"""The door: who would change, and how that looks beside what people decided."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from documents.models import Document
from filot.models import User
from tests.verification.stored import BASELINE, STANDARD, card, in_force, judged
from verification.models import VerificationRun

pytestmark = pytest.mark.django_db
WRONG_SEX = {"gender": "LAKI-LAKI"}


def replay(*arguments: str) -> str:
    out = io.StringIO()
    call_command("replay_policy", *arguments, stdout=out)
    return out.getvalue()


def changes(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith("DOC-")]


def rows() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (VerificationRun, Document)]


def test_the_policy_in_force_changes_nobody(owner: User) -> None:
    for lines in (card(), card(**WRONG_SEX), []):
        judged(owner, lines)
    said = replay("--policy", "standard", "--since", "2020-01-01")
    assert changes(said) == []
    assert "3 judged again, 0 would change" in said


def test_it_says_who_would_change_and_by_which_checks(owner: User) -> None:
    in_force(BASELINE)
    judged(owner)
    run = judged(owner, card(**WRONG_SEX))
    said = replay("--policy", "standard", "--since", "2020-01-01")
    (line,) = changes(said)
    assert line.startswith(f"{run.document.ref} KTP auto_approve -> needs_review, score 100 -> ")
    assert line.endswith(": sex")
    assert "2 judged again, 1 would change" in said


def test_with_other_thresholds_alone_the_thresholds_make_the_difference(owner: User) -> None:
    score = judged(owner, card(address="")).score
    said = replay("--policy", "standard@1", "--since", "2020-01-01", "--approve", "100", "--reject", "0")
    assert changes(said)[0].endswith(f"auto_approve -> needs_review, score {score} -> {score}: the thresholds")


def test_beside_what_people_decided_its_wrong_approvals_are_counted(owner: User) -> None:
    judged(owner, card(**WRONG_SEX), person="rejected")
    judged(owner, card(**WRONG_SEX), person="approved")
    judged(owner, card(name=""), person="rejected")
    said = replay("--policy", "baseline", "--since", "2020-01-01")
    assert "would approve, but a person rejected: 1 of 2, 50.0 %" in said
    assert "would reject, but a person approved: 0 of 0, -" in said
    assert sum("a person rejected it" in line for line in changes(said)) == 1


def test_all_of_it_is_kept_for_programs_without_a_value_of_a_card(owner: User, tmp_path: Path) -> None:
    in_force(BASELINE)
    runs = [judged(owner, card(**WRONG_SEX)) for _ in range(3)]
    judged(owner)
    said = replay("--policy", "standard", "--since", "2020-01-01", "--json", str(tmp_path / "replay.json"))
    text = (tmp_path / "replay.json").read_text()
    kept = json.loads(text)
    assert kept["judgedBy"] == STANDARD
    assert {row["documentId"] for row in kept["changes"]} == {str(run.document_id) for run in runs}
    assert kept["changes"][0]["checks"] == ["sex"]
    assert (kept["figures"]["judged"], kept["figures"]["changed"]) == (4, 3)
    for value in ("3276064107909001", "PUSPARINI", "KENANGA"):
        assert value not in text + said


def test_no_change_at_all_is_json_too(owner: User, tmp_path: Path) -> None:
    judged(owner)
    replay("--policy", "standard", "--since", "2020-01-01", "--json", str(tmp_path / "replay.json"))
    assert json.loads((tmp_path / "replay.json").read_text())["changes"] == []


def test_it_writes_nothing(owner: User) -> None:
    for person in ("", "approved"):
        judged(owner, card(**WRONG_SEX), person=person)
    before = rows()
    replay("--policy", "baseline", "--since", "2020-01-01")
    assert rows() == before


def test_the_period_and_the_limit_say_which_runs(owner: User) -> None:
    in_force(BASELINE)
    days = [datetime(2031, 5, day, tzinfo=UTC) for day in (1, 2, 3, 4)]
    runs = [judged(owner, card(**WRONG_SEX), finished_at=day) for day in days]
    period = ["--since", "2031-05-02", "--until", "2031-05-04"]
    found = changes(replay("--policy", "standard", *period))
    assert [line.split()[0] for line in found] == [run.document.ref for run in (runs[2], runs[1])]
    assert len(changes(replay("--policy", "standard", *period, "--limit", "1"))) == 1
    assert changes(replay("--policy", "standard", *period, "--type", "NPWP")) == []


def test_runs_that_cannot_be_opened_are_counted_and_said(owner: User) -> None:
    erased = judged(owner)
    VerificationRun.objects.filter(pk=erased.pk).update(fields=None, lines=None)
    judged(owner)
    said = replay("--policy", "standard", "--since", "2020-01-01")
    assert "1 judged again, 0 would change\n1 could not be judged again: erased" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["--policy", "nobodys", "--since", "2031-05-01"],
        ["--policy", "standard", "--since", "yesterday"],
        ["--policy", "standard"],
        ["--policy", "standard", "--since", "2031-05-01", "--approve", "20"],
        ["--policy", "standard", "--since", "2031-05-01", "--limit", "0"],
        ["--policy", "standard", "--since", "2031-05-01", "--type", "SIM"],
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        replay(*arguments)
