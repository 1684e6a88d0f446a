"""What a running server says while each part it needs is away in turn: refused, or open and silent."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import requests

from filot.embedded.program import free_port
from tests.proxy import OPEN, SHUT, SILENT, Proxy
from tests.stack import PROJECT, wait_for

pytestmark = pytest.mark.xdist_group("outages")

TOKEN = {"Authorization": "Bearer test-metrics-token"}
LONGEST = 5.0  # seconds for any page: the parts are asked at the same time, for 2 s


class Server:
    """A web server of two processes, each part of it behind a door."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database = f"outages_{os.getpid()}"
        self.server = os.environ["DATABASE_URL"]
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{self.database}"')
        own = self.server.rsplit("/", 1)[0] + f"/{self.database}"
        addresses = {
            "database": own,
            "redis": os.environ["REDIS_URL"],
            "storage": os.environ["FILOT_TEST_S3_ENDPOINT"],
            "temporal": "//" + os.environ["TEMPORAL_ADDRESS"],
        }
        self.doors = {}
        through = {}
        for part, address in addresses.items():
            parts = urlsplit(address)
            self.doors[part] = Proxy(parts.hostname or "", parts.port or 0)
            through[part] = address.replace(f":{parts.port}", f":{self.doors[part].port}")
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        env |= {
            "DATABASE_URL": own,
            "CF_R2_ENDPOINT": through["storage"],
            "CF_R2_ACCESS_KEY_ID": os.environ["FILOT_TEST_S3_ACCESS_KEY"],
            "CF_R2_SECRET_ACCESS_KEY": os.environ["FILOT_TEST_S3_SECRET_KEY"],
            "CF_R2_BUCKET_NAME": os.environ["FILOT_TEST_S3_BUCKET"],
        }
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=PROJECT, env=env, check=True)
        env |= {
            "DATABASE_URL": through["database"],
            "REDIS_URL": through["redis"],
            "TEMPORAL_ADDRESS": through["temporal"].removeprefix("//"),
            "PROMETHEUS_MULTIPROC_DIR": str(folder / "prometheus"),
        }
        argv = [sys.executable, "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "filot.wsgi:application"]
        self.log = folder / "web.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*argv, "--bind", f"127.0.0.1:{self.port}", "--no-control-socket"],
                cwd=PROJECT,
                env=env,
                stdout=log,
                stderr=log,
            )

    def ask(self, path: str, **kwargs: Any) -> tuple[requests.Response, float]:
        began = time.monotonic()
        return requests.get(self.url + path, timeout=30, **kwargs), time.monotonic() - began

    def is_ready(self) -> bool:
        """Several times in a row: there are two processes, and the other one may still wait for what hung."""
        try:
            return all(self.ask("/health/ready")[0].status_code == 200 for _ in range(3))
        except requests.RequestException:
            return False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        for door in self.doors.values():
            door.close()
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("outages"))
    try:
        wait_for("the web server", running.is_ready)
        yield running
    finally:
        running.stop()


@pytest.mark.parametrize("how", [SHUT, SILENT])
@pytest.mark.parametrize("part", ["database", "redis", "storage", "temporal"])
def test_while_a_part_is_away_the_pages_say_which_and_none_hangs(server: Server, part: str, how: str) -> None:
    wait_for("all parts", server.is_ready)
    server.doors[part].turn(how)
    try:
        ready, seconds = server.ask("/health/ready")
        down = {name for name, state in ready.json()["components"].items() if state["status"] == "down"}
        told = {"database": {"database", "migrations", "ocr"}}.get(part, {part})
        assert (ready.status_code, part in down, down <= told) == (503, True, True), ready.text
        assert int(ready.headers["Retry-After"]) > 0
        assert seconds < LONGEST

        live, seconds = server.ask("/health/live")
        assert (live.status_code, live.json()["ok"]) == (200, True)
        assert seconds < 1

        summary, seconds = server.ask("/health")
        assert (summary.status_code, summary.json()["ok"], summary.json()["status"]) == (200, False, "degraded")
        assert summary.json()["components"][part]["status"] == "down"
        assert seconds < LONGEST

        metrics, seconds = server.ask("/metrics", headers=TOKEN)
        assert metrics.status_code == 200
        assert f"filot_rows_read {0.0 if part == 'database' else 1.0}" in metrics.text
        assert ("filot_queue_length{" in metrics.text) == (part != "database")
        assert seconds < LONGEST
    finally:
        server.doors[part].turn(OPEN)
    wait_for(f"ready after {part} came back", server.is_ready, 60)


def test_with_all_parts_away_at_once_the_server_lives_and_says_so(server: Server) -> None:
    for door in server.doors.values():
        door.turn(SHUT)
    try:
        ready, seconds = server.ask("/health/ready")
        assert ready.status_code == 503
        assert seconds < LONGEST
        assert server.ask("/health/live")[0].status_code == 200
    finally:
        for door in server.doors.values():
            door.turn(OPEN)
    wait_for("ready again", server.is_ready, 60)


def test_counts_of_both_processes_are_one_sum_and_a_killed_one_takes_none_along(server: Server) -> None:
    def count() -> float:
        text = server.ask("/metrics", headers=TOKEN)[0].text
        name = 'filot_http_requests_total{code="200",method="GET",route="live"}'
        (line,) = [line for line in text.splitlines() if line.startswith(name)]
        return float(line.split()[-1])

    before = count()
    for _ in range(20):
        server.ask("/health/live")
    assert count() == before + 20
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    assert len(children) >= 2
    os.kill(int(children[0]), 9)
    wait_for("another process", server.is_ready)
    assert count() >= before + 20
