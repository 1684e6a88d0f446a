"""The door: what people decided, judged again, and the thresholds that it speaks for."""

import io
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from filot.models import User
from tests.verification.build import lines_of
from tests.verification.stored import JUNK, STANDARD, card, in_force, judged
from verification.models import PolicyChange, VerificationRun

pytestmark = pytest.mark.django_db
CAREFUL = {**STANDARD, "approve": 100, "reject": 0}  # nearly everything goes to people
ALMOST = {"address": "", "religion": ""}  # scores under 100, nothing forbids its approval


def tune(*arguments: str) -> str:
    out = io.StringIO()
    call_command("tune_thresholds", "--policy", "standard", *arguments, stdout=out)
    return out.getvalue()


def row_of(text: str, title: str, threshold: str) -> list[str]:
    lines = text[text.index(title) :].splitlines()
    return next(line.split() for line in lines if line.startswith(threshold))


def test_what_people_decided_speaks_for_a_threshold_and_names_the_command(owner: User) -> None:
    in_force(CAREFUL)
    for _ in range(8):
        run = judged(owner, card(**ALMOST), person="approved")
    judged(owner, card(**ALMOST, gender="LAKI-LAKI"), person="rejected")  # a gate: in no line
    said = tune("--ceiling", "0.4")
    assert "standard@1: people approved 8 and rejected 1 documents" in said
    assert f"proposed: --approve {run.score}, wrong 0.0 % (0.0-32.4) of 8" in said
    assert f"manage.py use_policy --policy standard@1 --approve {run.score} --reject 0 --by NAME" in said
    assert row_of(said, "Approving", f"0-{run.score}")[1:3] == ["8", "0"]


def test_what_people_rejected_keeps_a_threshold_up(owner: User) -> None:
    in_force(CAREFUL)
    for person in ["approved"] * 6 + ["rejected"] * 6:
        judged(owner, card(**ALMOST), person=person)
    said = tune("--ceiling", "0.1")
    assert "no threshold to approve is under 10 %: with 6 wrong it takes" in said
    assert "Nothing is proposed." in said


def test_too_few_decisions_say_how_many_it_would_take(owner: User) -> None:
    judged(owner, card(name=""), person="rejected")
    said = tune()
    assert "no threshold to approve is under 0.5 %: with 0 wrong it takes 765 decisions" in said
    assert "no threshold to reject is under 0.5 %: with 0 wrong it takes 765 decisions" in said
    assert "Nothing is proposed." in said


def test_rejections_are_tuned_alike(owner: User) -> None:
    in_force(CAREFUL)
    for _ in range(8):
        run = judged(owner, lines_of(JUNK), person="rejected")
    assert run.decision == "needs_review"
    said = tune("--ceiling", "0.4")
    assert f"proposed: --reject {run.score + 1}, wrong 0.0 % (0.0-32.4) of 8" in said
    assert f"--approve 100 --reject {run.score + 1} --by NAME" in said


def test_only_what_people_decided_in_the_period_is_counted(owner: User) -> None:
    in_force(CAREFUL)
    for day in (1, 2, 3):
        judged(owner, card(**ALMOST), person="approved", finished_at=datetime(2031, 5, day, tzinfo=UTC))
    judged(owner, card(**ALMOST))  # still waiting
    judged(owner)  # the machine's own
    assert "approved 2 and rejected 0" in tune("--since", "2031-05-02", "--until", "2031-06-01")
    assert "approved 3 and rejected 0" in tune()
    assert "approved 0 and rejected 0" in tune("--type", "NPWP")


def test_it_says_what_it_cannot_know_and_changes_nothing(owner: User) -> None:
    run = judged(owner, card(name=""), person="approved")
    VerificationRun.objects.filter(pk=run.pk).update(fields=None, lines=None)
    said = tune()
    for part in ("only documents that went to people", "taken for the truth", "a later version"):
        assert part in said
    assert "1 could not be judged again and are not counted." in said
    assert not PolicyChange.objects.exists()


@pytest.mark.parametrize(
    "arguments", [["--ceiling", "0"], ["--ceiling", "1"], ["--policy", "nobodys"], ["--type", "SIM"]]
)
def test_what_makes_no_sense_is_refused(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        tune(*arguments)
