"""The README is followed to the letter: its commands are run, its upload is uploaded."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from django.core.management import call_command

from filot.embedded.throwaway import new_folder
from tests.stack import PROJECT, TIMEOUTS, wait_for
from verification.specimens import encode, render

README = (PROJECT / "README.md").read_text()
SERVERS = ("DATABASE_URL", "REDIS_URL", "TEMPORAL_ADDRESS", "PORT", "MEDIA_ROOT", "BULI2_MODE", "FILOT_ENV")


def blocks() -> list[str]:
    return re.findall(r"```sh\n(.*?)```", README, re.DOTALL)


class MakeRun:
    """`make run`, as a newcomer types it, with its data in a folder that goes away."""

    def __init__(self, folder: Path) -> None:
        self.output = folder / "said"
        env = {name: value for name, value in os.environ.items() if name not in SERVERS}
        env |= {"FILOT_VAR": str(folder / "var"), "FILOT_ENV": "development"}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                ["make", "run", f"VENV={sys.prefix}"],
                cwd=PROJECT,
                env=env,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.said()
        return "Ctrl-C stops everything" in self.said()

    def interrupt(self) -> None:
        """Ctrl-C reaches every process of the terminal's group."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(20)


@pytest.fixture(scope="module")
def run() -> Iterator[MakeRun]:
    folder = new_folder()
    running = MakeRun(folder)
    try:
        wait_for("`make run`", running.is_up, 240, 0.5)
        yield running
    finally:
        if running.process.poll() is None:
            running.interrupt()


@pytest.mark.xdist_group("make-run")
class TestMakeRun:
    def test_the_demo_cards_end_as_they_should(self, run: MakeRun) -> None:
        outcomes = re.findall(r"  (an? .*?)  +(\w+) +score +(\S+)  ", run.said())
        assert len(outcomes) == 9, run.said()
        for what, outcome, _ in outcomes:
            good, smudged = " good " in what or " new " in what, "smudged" in what
            expected = "auto_approved" if good else "pending_manual_review" if smudged else "auto_rejected"
            assert outcome == expected, what

    def test_the_upload_of_the_readme_uploads(self, run: MakeRun, tmp_path: Path) -> None:
        web = re.search(r"API +(http://[\d.:]+)/", run.said())
        assert web is not None
        (tmp_path / "card.jpg").write_bytes(encode(render("ktp", "clean", 77)[0], "jpeg"))
        (upload,) = [block for block in blocks() if "/documents/upload" in block]
        script = upload.replace("http://127.0.0.1:8080", web[1])
        done = subprocess.run(["sh", "-ec", script], cwd=tmp_path, capture_output=True, text=True, check=True)
        answer = json.loads(done.stdout)
        assert answer["success"] is True
        assert answer["document"]["status"] == "uploaded"

    def test_the_reviewer_of_the_readme_logs_in(self, run: MakeRun) -> None:
        web = re.search(r"Review and admin +(http://\S+)", run.said())
        assert web is not None
        session = requests.Session()
        page = session.get(web[1] + "login/", timeout=TIMEOUTS)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        assert token is not None
        form = {"csrfmiddlewaretoken": token[1], "username": "reviewer", "password": "filot-demo", "next": "/admin/"}
        step = session.post(web[1] + "login/", data=form, headers={"Referer": web[1]}, timeout=TIMEOUTS)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', step.text)
        code = re.search(r"data-demo-code>(\d{6})<", step.text)
        assert token is not None
        assert code is not None
        form = {"csrfmiddlewaretoken": token[1], "code": code[1], "next": "/admin/"}
        answer = session.post(web[1] + "second-step/", data=form, headers={"Referer": web[1]}, timeout=TIMEOUTS)
        assert answer.url == web[1]

    def test_ctrl_c_stops_all_of_it_in_ten_seconds(self, run: MakeRun) -> None:
        began = time.monotonic()
        run.interrupt()
        assert time.monotonic() - began < 10
        assert "All stopped" in run.said()


def test_the_commands_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    shown = re.findall(r"^\| `([a-z_0-9]+)([^`]*)` \|", README.partition("## Commands")[2], re.MULTILINE)
    commands = {name: arguments.split() for name, arguments in shown}
    monkeypatch.chdir(tmp_path)
    call_command("make_specimen", *commands["make_specimen"])
    assert len(list((tmp_path / "specimens").glob("*.json"))) == 3
    next((tmp_path / "specimens").glob("*.jpeg")).rename(tmp_path / "card.jpg")
    call_command("verify", *commands["verify"])
    call_command("reap_stuck", *commands["reap_stuck"])
    call_command("setup_roles")
    call_command("check_env")
