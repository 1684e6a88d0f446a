"""FiLot out of its real parts in a throw-away folder: servers, databases of its own for each measurement, programs."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import psycopg
from django.conf import settings

from filot import programs
from filot.bench.asked import Asked
from filot.bench.counts import MARK, Servers, cpu_of_tree
from filot.embedded.postgres import Postgres
from filot.embedded.program import (
    Program,
    ProgramFailed,
    exit_code,
    free_port,
    send,
    signal_group,
    spawn,
    tail_of,
)
from filot.embedded.seaweedfs import SeaweedFs
from filot.embedded.service import Service, start_all, stop_all
from filot.embedded.valkey import Valkey

READY_SECONDS = 90.0
POLL = 0.05
NO_LIMIT = "10000000"
TEMPLATE = "filot"  # the database that is prepared once; the others are copies
GIVEN = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "HOME", "TMPDIR", "TEMP")


class CountingPostgres(Postgres):
    """Safe as in production, not fast as in tests: a commit waits for the disk. Counts its statements and notes the
    time of each commit.
    """

    def choose_ports(self) -> None:
        self.port = free_port()

    def program(self) -> Program:
        plain = super().program()
        extra = ["shared_preload_libraries=pg_stat_statements", "track_commit_timestamp=on", "max_connections=200"]
        return replace(plain, argv=[*plain.argv, *(word for option in extra for word in ("-c", option))])


class SafeValkey(Valkey):
    """Keeps what it is told, as in production, on a port of its own."""

    def choose_ports(self) -> None:
        self.port = free_port()


@dataclass(frozen=True)
class Started:
    """A program that runs; its output goes into `log`."""

    program: Program
    process: "subprocess.Popen[bytes]"
    log: Path

    def is_ready(self) -> bool:
        if exit_code(self.process) is not None:
            raise ProgramFailed(self.program.name, "ended before it was ready", tail_of(self.log), self.log)
        said = not self.program.ready_line or self.program.ready_line in self.log.read_text(errors="replace")
        return said and (self.program.ready is None or self.program.ready())


class Parts:
    """Use it in a `with`. `folder` must be one that PostgreSQL's user may enter (`throwaway.new_folder`)."""

    def __init__(self, folder: Path, *, processes: int, threads: int, s3: bool) -> None:
        self.folder = folder
        self.postgres = CountingPostgres(folder / "postgres", password=secrets.token_urlsafe(16))
        self.valkey = SafeValkey(folder / "valkey")
        self.store = SeaweedFs(folder / "seaweedfs", secret_key=secrets.token_urlsafe(16)) if s3 else None
        self._own = {"OCR_CPU_WORKERS": str(processes), "OCR_CPU_THREADS": str(threads)}
        self._running: list[Started] = []
        self._connections: dict[str, psycopg.Connection[tuple[Any, ...]]] = {}
        self._databases = [TEMPLATE]  # the place of each is its number in Valkey: no hint reaches another's workers

    def __enter__(self) -> "Parts":
        start_all(self._services())
        try:
            self.run(programs.prepare(self.env(TEMPLATE), "migrate --noinput", "setup_roles", "demo_accounts"))
            self.servers.prepare()
        except BaseException:
            stop_all(self._services())
            raise
        return self

    def __exit__(self, *error: object) -> None:
        for connection in self._connections.values():
            connection.close()
        stop_all(self._services())

    def _services(self) -> list[Service]:
        return [self.postgres, self.valkey, *([self.store] if self.store else [])]

    @property
    def servers(self) -> Servers:
        return Servers(self.postgres.url.rsplit("/", 1)[0] + "/postgres", self.valkey.url)

    def env(self, database: str, **more: str) -> dict[str, str]:
        """What a program is given, and nothing that the caller's environment or .env says of FiLot.

        No limit of the door is near: what is measured is the way of those that are let in.
        """
        given = {name: os.environ[name] for name in GIVEN if name in os.environ}
        # An empty value in the environment wins over one in .env, and is none.
        return given | {
            "DJANGO_SETTINGS_MODULE": "filot.settings",
            "FILOT_ENV": "development",
            "FILOT_EMBEDDED": "true",
            "LOG_FORMAT": "json",
            "ALLOWED_HOSTS": "127.0.0.1",
            "DATABASE_URL": self.database_url(database),
            "REDIS_URL": f"{self.valkey.url.rpartition('/')[0]}/{self._databases.index(database)}",
            "MEDIA_ROOT": str(self.folder / f"media-{database}"),
            "KEY_STORE_ROOT": str(self._keys(database)),
            "PROMETHEUS_MULTIPROC_DIR": self._made("prometheus"),
            "BULI2_MODE": "local",
            "OCR_GPU_ENABLED": "false",
            "QUEUE_MAX_DEPTH": NO_LIMIT,
            "QUEUE_MAX_AGE": NO_LIMIT,
            "RATE_LIMIT_PER_MINUTE": NO_LIMIT,
            "RATE_LIMIT_ACTION_PER_MINUTE": NO_LIMIT,
            **self._own,
            **self._store_env(),
            **more,
        }

    def _made(self, name: str) -> str:
        (self.folder / name).mkdir(exist_ok=True, mode=0o700)
        return str(self.folder / name)

    def _store_env(self) -> dict[str, str]:
        if self.store is None:
            return {}
        return {
            "CF_R2_ENDPOINT": self.store.url,
            "CF_R2_ACCESS_KEY_ID": self.store.access_key,
            "CF_R2_SECRET_ACCESS_KEY": self.store.secret_key,
            "CF_R2_BUCKET_NAME": self.store.bucket,
        }

    def database_url(self, database: str) -> str:
        return self.postgres.url.rsplit("/", 1)[0] + f"/{database}"

    def make_database(self, name: str) -> str:
        """A fresh one, as the migrations and demo accounts leave it."""
        with psycopg.connect(self.servers.postgres, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
        keys = self._keys(TEMPLATE)
        if keys.exists():  # the secrets of the demo accounts are sealed under them
            shutil.copytree(keys, self._keys(name))
        self._databases.append(name)
        return name

    def _keys(self, database: str) -> Path:
        return self.folder / f"keys-{database}"

    def rows(self, database: str, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Asked without being counted among the statements; it is one commit.

        A connection is kept: to log in costs both sides more than many an answer, and nothing of it is FiLot's.
        """
        if database not in self._connections:
            self._connections[database] = psycopg.connect(self.database_url(database), autocommit=True)
        return self._connections[database].execute(f"{MARK} {query}", arguments).fetchall()

    # Programs

    def run(self, program: Program) -> None:
        """To its end. ProgramFailed when it fails."""
        started = self._spawn(program)
        code = started.process.wait(READY_SECONDS)
        if code:
            raise ProgramFailed(program.name, f"ended with exit code {code}", tail_of(started.log), started.log)

    @contextmanager
    def started(self, *wanted: Program) -> Iterator[None]:
        """Side by side, until the end of the block."""
        found = [self._spawn(program) for program in wanted]
        self._running += found
        try:
            until = time.monotonic() + READY_SECONDS
            for started in found:
                while not started.is_ready():
                    if time.monotonic() > until:
                        raise ProgramFailed(started.program.name, "was not ready in time", tail_of(started.log))
                    time.sleep(POLL)
            yield
        finally:
            for started in reversed(found):
                self._stop(started)

    def _stop(self, started: Started) -> None:
        self._running.remove(started)
        send(started.process, started.program.stop_signal)
        try:
            started.process.wait(started.program.grace * 3)
        except subprocess.TimeoutExpired:
            signal_group(started.process.pid, signal.SIGKILL)
            started.process.wait()
        exit_code(started.process)

    def _spawn(self, program: Program) -> Started:
        log = self.folder / f"{program.name.replace(' ', '-')}-{time.monotonic_ns()}.log"
        output: IO[bytes]
        with log.open("wb") as output:
            return Started(program, spawn(replace(program, cwd=settings.BASE_DIR), output=output), log)

    @contextmanager
    def asked(self, part: str, env: Mapping[str, str]) -> Iterator[Asked]:
        """A process of `bench_pipeline_part`."""
        argv = [sys.executable, str(settings.BASE_DIR / "manage.py"), "bench_pipeline_part", part]
        log = self.folder / f"{part}-{time.monotonic_ns()}.log"
        with Asked(argv, env, settings.BASE_DIR, log) as process:
            yield process

    def cpu_seconds(self) -> dict[str, float]:
        """What each part has computed so far, with all it started, and what this process has."""
        pids = {started.program.name: started.process.pid for started in self._running}
        pids |= {service.name: pid for service in self._services() if (pid := service.pid)}
        spent = {name: cpu_of_tree(pid) / os.sysconf("SC_CLK_TCK") for name, pid in pids.items()}
        return spent | {"client": time.process_time()}
