"""The door: what is shown, what is changed, what is refused."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.verification.stored import BASELINE, STANDARD, in_force
from verification.judging import change_in_force
from verification.models import PolicyChange

pytestmark = pytest.mark.django_db
WHO = ("--by", "dewi", "--reason", "figures of May")


def use_policy(*arguments: str) -> str:
    out = io.StringIO()
    call_command("use_policy", *arguments, stdout=out)
    return out.getvalue()


def test_without_a_change_it_says_that_the_settings_rule() -> None:
    said = use_policy()
    assert "by the settings" in said
    assert "live    standard approve 85 reject 35" in said
    assert not PolicyChange.objects.exists()


def test_it_shows_what_is_in_force_and_the_latest_changes_first() -> None:
    for approve in range(80, 90):
        in_force({**STANDARD, "approve": approve}, trial={**BASELINE, "share": 0.25})
    said = use_policy()
    assert "by the last change" in said
    assert "trial   baseline@1 approve 85 reject 35 share 0.25" in said
    shown = [line for line in said.splitlines() if " dewi: " in line]
    assert [line.partition("standard@1 approve ")[2][:2] for line in shown] == ["89", "88", "87", "86", "85"]


def test_it_changes_every_role_and_says_what_was_and_what_is() -> None:
    in_force(STANDARD)
    asked = "--policy baseline --approve 80 --reject 30 --shadow standard --shadow-approve 90 --trial standard@1"
    said = use_policy(*asked.split(), "--trial-reject", "5", "--share", "0.1", *WHO)
    assert said.splitlines() == [
        "live    standard@1 approve 85 reject 35 -> baseline@1 approve 80 reject 30",
        "shadow  none -> standard@1 approve 90 reject 30",
        "trial   none -> standard@1 approve 80 reject 5 share 0.1",
    ]
    found: Any = change_in_force()
    assert found.live == {**BASELINE, "approve": 80, "reject": 30}
    assert (found.by, found.reason) == ("dewi", "figures of May")


def test_it_ends_a_shadow_and_a_trial() -> None:
    in_force(STANDARD, shadow=BASELINE, trial={**BASELINE, "share": 0.25})
    said = use_policy("--no-shadow", "--no-trial", *WHO)
    assert "shadow  baseline@1 approve 85 reject 35 -> none" in said
    found: Any = change_in_force()
    assert (found.live, found.shadow, found.trial) == (STANDARD, {}, {})


@pytest.mark.parametrize(
    "arguments",
    [
        ["--policy", "baseline"],
        ["--policy", "baseline", "--by", "dewi"],
        ["--policy", "nobodys", *WHO],
        ["--approve", "101", *WHO],
        ["--trial", "baseline", *WHO],
        ["--policy", "standard", *WHO],
        [*WHO],
        ["--shadow", "baseline", "--no-shadow", *WHO],
        ["--share", "many", *WHO],
    ],
)
def test_what_is_refused_ends_the_command_and_changes_nothing(arguments: list[str]) -> None:
    in_force(STANDARD)
    with pytest.raises(CommandError):
        use_policy(*arguments)
    assert PolicyChange.objects.count() == 1
