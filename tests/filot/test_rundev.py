"""The whole of `make run`, as a person starts it, with everything it keeps in a folder of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import psycopg
import pytest
from django.conf import settings
from dotenv import dotenv_values

from filot import programs
from filot.embedded.throwaway import new_folder

START_TIMEOUT = 180.0
STOP_LIMIT = 10.0
OURS = ("DATABASE_URL", "REDIS_URL", "TEMPORAL_ADDRESS", "BULI2_API_URL", "BULI2_MODE", "FILOT_ENV", "PORT", "DEMO")


@pytest.fixture
def var() -> Iterator[Path]:
    folder = new_folder()
    yield folder
    shutil.rmtree(folder)


class Run:
    """One `manage.py rundev`, with what it has said."""

    def __init__(self, var: Path, **environment: str) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in OURS}
        self.output = var / f"said-{time.monotonic_ns()}"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "rundev", "--no-demo", "--var", str(var / "data")],
                cwd=settings.BASE_DIR,
                env={**kept, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> str:
        return self.output.read_text()

    def wait_until_up(self) -> None:
        until = time.monotonic() + START_TIMEOUT
        while "FiLot is up after" not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < until, self.said()
            time.sleep(0.1)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """The seconds it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(START_TIMEOUT)
        return time.monotonic() - began


@pytest.fixture
def run(var: Path) -> Iterator[Run]:
    started = Run(var)
    yield started
    if started.process.poll() is None:
        started.stop()


def processes_of(var: Path) -> list[str]:
    """The command lines of all that was started for this folder: their environment or their arguments name it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            facts = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            ended = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            continue
        if str(var / "data").encode() in facts and not ended:
            found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def nobody_of(var: Path, within: float) -> list[str]:
    until = time.monotonic() + within
    while processes_of(var) and time.monotonic() < until:
        time.sleep(0.1)
    return processes_of(var)


def test_it_starts_says_where_things_are_and_stops_without_an_orphan_twice(var: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        run = Run(var)
        run.wait_until_up()
        kept = dotenv_values(var / "data" / "embedded.env", interpolate=False)
        with urlopen(f"http://127.0.0.1:{kept['PORT']}/health/live") as answer:
            assert answer.status == 200
        assert f"http://127.0.0.1:{kept['PORT']}/{settings.ADMIN_PATH}" in run.said()
        assert "client, reviewer, senior, compliance, auditor, ops; password filot-demo" in run.said()
        for program in ("PostgreSQL", "Valkey", "Temporal", "Web server", "OCR worker", "Default worker", "BULI2"):
            assert f"\n{program}" in f"\n{run.said()}"

        assert run.stop(number) < STOP_LIMIT

        assert run.process.returncode == 0, run.said()
        assert "All stopped in" in run.said()
        assert processes_of(var) == []
        assert not (var / "data" / "embedded.env").exists()


def test_after_kill_9_nothing_is_left_and_the_next_start_finds_the_data(run: Run, var: Path) -> None:
    run.wait_until_up()
    kept = dotenv_values(var / "data" / "embedded.env", interpolate=False)
    with psycopg.connect(str(kept["DATABASE_URL"]), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")

    run.stop(signal.SIGKILL)
    assert nobody_of(var, within=STOP_LIMIT) == []

    again = Run(var)
    try:
        again.wait_until_up()
        kept = dotenv_values(var / "data" / "embedded.env", interpolate=False)
        with psycopg.connect(str(kept["DATABASE_URL"])) as connection:
            row = connection.execute("SELECT answer FROM kept").fetchone()
        assert row == (42,)
    finally:
        again.stop()


def test_a_second_run_says_who_is_there_and_ends_and_taken_ports_are_replaced(run: Run, var: Path) -> None:
    run.wait_until_up()

    second = Run(var)
    assert second.process.wait(START_TIMEOUT) == 1
    assert f"FiLot already runs on {var / 'data'} (process {run.process.pid})" in second.said()

    other_folder = new_folder()
    other = Run(other_folder)
    try:
        other.wait_until_up()
        first_ports, other_ports = (
            {name: value for name, value in dotenv_values(folder / "data" / "embedded.env").items() if name in OURS}
            for folder in (var, other_folder)
        )
        for name in ("DATABASE_URL", "REDIS_URL", "TEMPORAL_ADDRESS", "BULI2_API_URL", "PORT"):
            assert first_ports[name] != other_ports[name]
    finally:
        other.stop()
        shutil.rmtree(other_folder)


def test_it_refuses_to_start_as_production(var: Path) -> None:
    refused = Run(var, FILOT_ENV="production")

    assert refused.process.wait(START_TIMEOUT) == 1
    assert "FILOT_ENV is production" in refused.said()
    assert not (var / "data").exists()


def test_a_named_server_that_does_not_answer_is_said_and_ends_the_start(var: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        refused = Run(var, REDIS_URL=f"redis://127.0.0.1:{nobody.getsockname()[1]}/0")
        assert refused.process.wait(START_TIMEOUT) == 1

    assert "REDIS_URL: names 127.0.0.1" in refused.said()
    assert processes_of(var) == []


def test_every_queue_has_a_worker_here_and_in_the_procfile() -> None:
    started = [programs.ocr_worker({}, queue) for queue in (settings.OCR_GPU_QUEUE, settings.OCR_CPU_QUEUE)]
    started.append(programs.default_worker({}, Path("schedule")))
    procfile = (settings.BASE_DIR / "deploy" / "Procfile").read_text().split()

    for words in (procfile, [word for program in started for word in program.argv]):
        served = {queue for flag, queue in zip(words, words[1:], strict=False) if flag == "-Q"}
        assert served == set(settings.QUEUES)
