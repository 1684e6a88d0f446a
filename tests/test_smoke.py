"""`manage.py smoke` against a running system, and against one with a fault."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from filot.management.commands import smoke
from tests.stack import Stack

pytestmark = pytest.mark.xdist_group("stack")


def test_a_running_system_passes_every_step(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("smoke", "--url", stack.url, "--metrics-token", "test-metrics-token", "--seed", "77")
    said = capsys.readouterr().out
    assert "all 14 steps passed" in said
    assert said.count("ok   ") == 14


def test_a_wrong_password_fails_the_step_and_says_which(stack: Stack) -> None:
    with pytest.raises(CommandError, match="FAILED the client's account gets a token: POST /auth/token answered 401"):
        call_command("smoke", "--url", stack.url, "--password", "wrong")


def test_nobody_there_fails_the_first_step() -> None:
    with pytest.raises(CommandError, match="FAILED the web server answers"):
        call_command("smoke", "--url", "http://127.0.0.1:9")


@pytest.mark.parametrize("step", ["upload", "settled", "result"])
def test_an_answer_that_is_wrong_is_noticed(stack: Stack, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """The fault is planted in what smoke holds for the truth: no server of ours answers so."""
    original = smoke.Walk.__init__

    def planted(walk: Any, *args: Any) -> None:
        original(walk, *args)
        if step == "upload":
            walk._upload = lambda doing: walk._ask(doing, "GET", "/health/live", 201)
        elif step == "settled":
            walk.seconds = 0.0
        else:
            walk.truth = {"nik": "0000000000000000"}

    monkeypatch.setattr(smoke.Walk, "__init__", planted)
    with pytest.raises(CommandError, match="FAILED"):
        call_command("smoke", "--url", stack.url, "--seed", "78")
