"""A whole FiLot for rows to hurt: real processes, a database, a Redis, a bucket and a folder for temporary files."""

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psycopg
import requests
from botocore.config import Config

from filot.embedded.postgres import Postgres
from filot.embedded.program import free_port
from filot.embedded.temporal import Temporal as TemporalServer
from filot.embedded.throwaway import ThrowawayServices
from tests.stack import PROJECT, TIMEOUTS, Stack, wait_for
from tests.torture.proxy import Proxy
from tests.torture.stand_in import NAME as STAND_IN

WEB, DEFAULT, TEMPORAL, SIMULATOR = "web", "default", "temporal", "simulator"
REAL = "rapidocr"
STUCK_SECONDS, SWEEP_SECONDS, HOLD_SECONDS = 4, 1, 60
METRICS_TOKEN = "torture"
STOP_LIMIT = 30  # seconds: what a supervisor gives
SETTLED = "('auto_approve', 'auto_reject', 'needs_review', 'approved', 'rejected')"


@dataclass(frozen=True)
class Needs:
    """What a row asks of the house. "NAME=value": `variables` are for all parts, `reading` for OCR workers alone;
    `clocks` "ocr-1=-600": that part's clock is ten minutes slow.
    """

    parts: tuple[str, ...] = (WEB, "ocr-1", "ocr-2", DEFAULT)
    engine: str = STAND_IN
    variables: tuple[str, ...] = ()
    reading: tuple[str, ...] = ()
    clocks: tuple[str, ...] = ()


# What most rows need, so that they follow each other without anything being started again.
USUAL = Needs(parts=(WEB, "ocr-1", "ocr-2", "ocr-3", DEFAULT), reading=("TORTURE_READ_SECONDS=0.1",))


class House(Stack):
    """A Stack of the parts that a row needs. A supervisor it has not: who kills a part starts it again."""

    COMMANDS = {
        **Stack.COMMANDS,
        "simulator": "manage.py buli2_simulator --port {simulator_port} --log {folder}/partner.jsonl",
        "web": "-m tests.torture.launch gunicorn -c deploy/gunicorn.conf.py filot.wsgi:application"
        " --bind 127.0.0.1:{port} --workers 2 --no-control-socket",
        "ocr": "-m tests.torture.launch celery -A filot worker --pool=solo -Q {ocr_queue} -n ocr-{name}@test"
        " --loglevel=info --without-mingle --without-gossip --without-heartbeat",
        "default": "-m tests.torture.launch celery -A filot worker -Q default -B -n d-{name}@test --pool=threads -c 4"
        " -s {folder}/beat-{name} -l info --without-mingle --without-gossip --without-heartbeat",
    }

    def __init__(self, folder: Path, services: Mapping[str, str]) -> None:
        self.needs, self.parts = Needs(parts=()), ()
        self.postgres = Postgres(folder / "postgres", password=secrets.token_urlsafe(16), throwaway=True).start()
        self.bucket = f"torture-{time.time_ns()}"
        self.store = _store(services)
        self.store.create_bucket(Bucket=self.bucket)
        self.temporary, metrics = folder / "tmp", folder / "metrics"
        for made in (self.temporary, metrics):
            made.mkdir()
        own = {
            "TMPDIR": str(self.temporary),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
            "CF_R2_ENDPOINT": services["FILOT_TEST_S3_ENDPOINT"],
            "CF_R2_ACCESS_KEY_ID": services["FILOT_TEST_S3_ACCESS_KEY"],
            "CF_R2_SECRET_ACCESS_KEY": services["FILOT_TEST_S3_SECRET_KEY"],
            "CF_R2_BUCKET_NAME": self.bucket,
            "METRICS_TOKEN": METRICS_TOKEN,
            "SCORING_POLICY": "baseline",  # which approves what the stand-in claims to have read
            "OCR_REUSE_READINGS": "false",  # a run that sends one file many times would measure copies
            "OCR_GPU_STUCK_TIMEOUT": str(STUCK_SECONDS),
            "OCR_GPU_REAPER_INTERVAL": str(SWEEP_SECONDS),
            "OCR_GPU_LOCK_TTL": str(HOLD_SECONDS),
            "OWNER_MAX_WAITING": "0",
            "QUEUE_MAX_DEPTH": "0",
        }
        urls = {"DATABASE_URL": self.postgres.url, "TEMPORAL_ADDRESS": services["TEMPORAL_ADDRESS"]}
        super().__init__(folder, urls, **own)
        self._watching: psycopg.Connection[Any] | None = None
        self._started_with: dict[str, dict[str, str]] = {}
        self.temporal_server: TemporalServer | None = None

    def __enter__(self) -> "House":
        self.valkey.start()
        self.proxy = Proxy(self.valkey.port)
        super().__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        if self.temporal_server is not None:
            self.temporal_server.stop()
        self.proxy.close()
        self.postgres.stop()

    def suit(self, needs: Needs) -> None:
        """Make it the house that a row needs: every part runs, none too many, each with the settings asked for."""
        self.needs, self.parts = needs, needs.parts
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                self.kill(name)
            elif name not in needs.parts or self._started_with[name] != self.env_of(name):
                self.end(name)
        for name in needs.parts:
            if name not in self.processes:
                self.start(name)
        for name in needs.parts:
            self.wait_until_ready(name)

    def own_temporal(self) -> TemporalServer:
        """A Temporal that keeps what it has on a disk and may be killed; from then on all parts use this one."""
        if self.temporal_server is None:
            self.temporal_server = TemporalServer(self.folder / "temporal-server")
            self.temporal_server.choose_ports()
            self.temporal_server.port = free_port()  # the usual one is anybody's while this server is dead
            self.temporal_server.start()
            self.env["TEMPORAL_ADDRESS"] = self.temporal_server.address
            self.suit(self.needs)
        return self.temporal_server

    def start(self, name: str) -> None:
        self._started_with[name] = self.env_of(name)
        super().start(name)

    def token(self, user: str = "client") -> str:
        """Logins pause while Redis does not answer, which on a busy machine it may not for a moment."""

        def ask() -> str:
            try:
                return super(House, self).token(user)
            except AssertionError as refused:
                if "logins_paused" not in str(refused):
                    raise
                return ""

        return str(wait_for("a login", ask, 60, 1))

    def env_of(self, name: str) -> dict[str, str]:
        needs = self.needs
        env = {**self.env, "REDIS_URL": self.proxy.url, "TORTURE_ARM": str(self.arm(name))}
        env["BULI2_MODE"] = "sandbox" if SIMULATOR in needs.parts else "local"
        env |= dict(variable.split("=", 1) for variable in needs.variables)
        if ahead := dict(clock.split("=") for clock in needs.clocks).get(name):
            env["TORTURE_CLOCK"] = ahead
        if name.startswith("ocr"):
            env["OCR_CPU_ENGINE"] = needs.engine
            env |= dict(variable.split("=", 1) for variable in needs.reading)
        return env

    def arm(self, name: str) -> Path:
        """The file by which the deaths of a part are armed: tests.torture.exits."""
        return self.folder / f"arm-{name}"

    @property
    def ocr_workers(self) -> list[str]:
        return [name for name in self.processes if name.startswith("ocr")]

    def start_again(self, name: str) -> None:
        """As a supervisor does when a process has ended."""
        if name in self.processes:
            self.kill(name)
        self.start(name)

    def kill(self, name: str) -> None:
        with suppress(ProcessLookupError):
            self.signal(name, signal.SIGKILL)
        self.processes.pop(name).wait()

    def end(self, name: str) -> float | None:
        """SIGTERM, as a supervisor sends it; the seconds that it took, None if it had to be killed after 30."""
        process, began = self.processes.pop(name), time.monotonic()
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(STOP_LIMIT)
        except Exception:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None
        return time.monotonic() - began

    def manage_beside(self, command: str) -> None:
        """A command with the settings that the row asked for, as an operator types it."""
        words = [sys.executable, "manage.py", *command.split()]
        subprocess.run(words, cwd=PROJECT, env=self.env_of(DEFAULT), capture_output=True, check=False, timeout=60)

    def manage_at_once(self, command: str, count: int) -> None:
        """The same command from so many processes."""
        words = [sys.executable, "manage.py", *command.split()]
        running = [
            subprocess.Popen(words, cwd=PROJECT, env=self.env_of(DEFAULT), stdout=subprocess.DEVNULL)
            for _ in range(count)
        ]
        assert [process.wait(180) for process in running] == [0] * count

    def make_owners(self, names: list[str]) -> list[str]:
        """Accounts like the demo client's, and their ids."""
        with psycopg.connect(self.env["DATABASE_URL"]) as connection:
            query = "SELECT column_name FROM information_schema.columns WHERE table_name = 'filot_user'"
            columns = [name for (name,) in connection.execute(query)]
            own = {"id": "gen_random_uuid()", "username": "%s"}
            values = ", ".join(own.get(name, f'"{name}"') for name in columns)
            listed = ", ".join(f'"{name}"' for name in columns)
            made = (
                f"INSERT INTO filot_user ({listed}) SELECT {values} FROM filot_user WHERE username = 'client'"  # noqa: S608
                " RETURNING id"
            )
            return [str(connection.execute(made, [name]).fetchone()[0]) for name in names]  # type: ignore[index]

    def unsettled(self, owner_ids: list[str]) -> list[tuple[Any, ...]]:
        query = (
            f"SELECT id, status FROM documents_document WHERE owner_id = ANY(%s::uuid[]) AND status NOT IN {SETTLED}"  # noqa: S608
        )
        return self.rows(query, owner_ids)

    def objects_of(self, owner_ids: list[str]) -> int:
        """How many objects lie in the store for these owners."""
        pages = self.store.get_paginator("list_objects_v2")
        return sum(
            page["KeyCount"]
            for owner_id in owner_ids
            for page in pages.paginate(Bucket=self.bucket, Prefix=f"{owner_id}/")
        )

    def reaped(self, owner_ids: list[str]) -> list[tuple[Any, ...]]:
        """The documents that were taken from silent workers."""
        query = (
            "SELECT e.document_id FROM documents_documentevent e JOIN documents_document d ON d.id = e.document_id"
            " WHERE e.actor = 'reaper' AND d.owner_id = ANY(%s::uuid[])"
        )
        return self.rows(query, owner_ids)

    def holding(self, owner_ids: list[str]) -> list[tuple[Any, ...]]:
        """(document, worker) of what is being read."""
        query = (
            "SELECT id, claimed_by FROM documents_document WHERE status = 'processing' AND owner_id = ANY(%s::uuid[])"
        )
        return self.rows(query, owner_ids)

    def open_transactions(self) -> int:
        """How many sessions have written something, or locked it, and neither committed nor gone on."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = %s"
        [(count,)] = self.rows(query, self.database)
        return int(count)

    def holder(self) -> tuple[str, str] | None:
        """(worker, document) of a document that is held by one of ours; over a connection that stays open."""
        if self._watching is None or self._watching.broken:
            self._watching = psycopg.connect(self.env["DATABASE_URL"], autocommit=True)
        query = "SELECT claimed_by, id FROM documents_document WHERE status = 'processing'"
        pids = {str(self.processes[name].pid): name for name in self.ocr_workers}
        try:
            held = self._watching.execute(query).fetchall()
        except psycopg.OperationalError:  # PostgreSQL was started again
            self._watching, held = None, []
        named = ((pids.get(claimed_by.rpartition(" ")[2]), str(document_id)) for claimed_by, document_id in held)
        return next(((name, document_id) for name, document_id in named if name), None)

    def held_by(self, name: str) -> str:
        """A document that this worker holds; nothing when it holds none."""
        query = "SELECT id FROM documents_document WHERE status = 'processing' AND claimed_by LIKE %s"
        found = self.rows(query, f"% {self.processes[name].pid}")
        return str(found[0][0]) if found else ""

    def metric(self, name: str) -> float:
        """The sum of a counter over all processes of this house, those that were killed too."""
        headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
        text = requests.get(f"{self.url}/metrics", headers=headers, timeout=TIMEOUTS).text
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))

    def said(self, event: str, names: Iterable[str] = ("ocr", "web", "default")) -> int:
        """How often the logs of all parts, dead ones too, hold this event."""
        logs = [log for name in names for log in self.folder.glob(f"{name}*.log")]
        return sum(log.read_text(errors="replace").count(f'"{event}"') for log in logs)

    def web_processes(self) -> list[int]:
        """The pids of the web server's workers."""
        children = Path(f"/proc/{self.processes[WEB].pid}/task/{self.processes[WEB].pid}/children")
        return sorted(int(pid) for pid in children.read_text().split())

    def restart_postgres(self) -> None:
        """At once, as if its machine had lost its power: sessions end in the middle of whatever they do."""
        self.postgres.stop()  # SIGQUIT: a throw-away server is stopped so
        self.postgres.launch()
        wait_for("PostgreSQL", self.postgres.answers)


def _store(services: Mapping[str, str]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=services["FILOT_TEST_S3_ENDPOINT"],
        region_name="auto",
        aws_access_key_id=services["FILOT_TEST_S3_ACCESS_KEY"],
        aws_secret_access_key=services["FILOT_TEST_S3_SECRET_KEY"],
        config=Config(connect_timeout=5, read_timeout=20, s3={"addressing_style": "path"}),
    )


def s3_environment(services: ThrowawayServices) -> dict[str, str]:
    """The addresses of the store as tests.services names them."""
    store = services.seaweedfs
    return {
        "FILOT_TEST_S3_ENDPOINT": store.url,
        "FILOT_TEST_S3_ACCESS_KEY": store.access_key,
        "FILOT_TEST_S3_SECRET_KEY": store.secret_key,
    }
