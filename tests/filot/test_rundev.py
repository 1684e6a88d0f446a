"""The whole of `make run`, as a person starts it, with everything it keeps in a folder of its own."""

import contextlib
import itertools
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
        while "Ctrl-C stops everything" not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < until, self.said()
            time.sleep(0.1)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """The seconds it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(START_TIMEOUT)
        return time.monotonic() - began


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


def kept_by(var: Path) -> dict[str, str]:
    """What a command in another terminal reads."""
    values = dotenv_values(var / "data" / "embedded.env", interpolate=False)
    return {name: value or "" for name, value in values.items()}


def hold(port: int) -> socket.socket | None:
    """Take the port, unless somebody else has it already."""
    with contextlib.suppress(OSError):
        return socket.create_server(("127.0.0.1", port))
    return None


def test_it_starts_beside_others_survives_kill_9_and_stops_in_time_without_an_orphan(var: Path) -> None:
    usual = {"DATABASE_URL": 5432, "REDIS_URL": 6379, "TEMPORAL_ADDRESS": 7233, "PORT": 8080, "BULI2_API_URL": 8090}
    held = [hold(port) for port in usual.values()]
    run = Run(var)
    try:
        run.wait_until_up()
        kept = kept_by(var)
        for name, port in usual.items():
            assert str(port) not in kept[name]
        for program in ("PostgreSQL", "Valkey", "Temporal", "Web server", "OCR worker", "Default worker", "BULI2"):
            assert f"\n{program}" in f"\n{run.said()}"
        assert f"http://127.0.0.1:{kept['PORT']}/{settings.ADMIN_PATH}" in run.said()
        assert "client, reviewer, senior, compliance, auditor, ops; password filot-demo" in run.said()
        with urlopen(f"http://127.0.0.1:{kept['PORT']}/health/live") as answer:
            assert answer.status == 200
        with psycopg.connect(kept["DATABASE_URL"], autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")

        second = Run(var)
        assert second.process.wait(START_TIMEOUT) == 1
        assert f"FiLot already runs on {var / 'data'} (process {run.process.pid})" in second.said()
    finally:
        run.stop(signal.SIGKILL)
        for port in held:
            if port:
                port.close()
    assert nobody_of(var, within=STOP_LIMIT) == []

    again = Run(var)
    try:
        again.wait_until_up()
        with psycopg.connect(kept_by(var)["DATABASE_URL"]) as connection:
            row = connection.execute("SELECT answer FROM kept").fetchone()
        assert row == (42,)
    finally:
        seconds = again.stop(signal.SIGTERM)

    assert seconds < STOP_LIMIT
    assert again.process.returncode == 0, again.said()
    assert "All stopped in" in again.said()
    assert processes_of(var) == []
    assert not (var / "data" / "embedded.env").exists()


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
        pairs = list(itertools.pairwise(words))
        served = {queue for flag, queue in pairs if flag == "-Q"}
        served |= {f"ocr.{kind}" for command, kind in pairs if command == "ocr_worker"}
        assert served == set(settings.QUEUES)
