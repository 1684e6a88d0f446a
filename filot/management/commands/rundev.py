"""`make run`: all of FiLot on this machine, for development, with servers of its own."""

import contextlib
import os
import sys
import time
from argparse import ArgumentParser
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from filot import programs
from filot.embedded.environment import (
    AlreadyRunning,
    VarFolder,
    callers_environment,
    check_reachable,
    development_defaults,
    is_on_this_machine,
    write_env,
)
from filot.embedded.postgres import Postgres
from filot.embedded.program import Program, ProgramFailed, free_port, port_is_free
from filot.embedded.service import Service
from filot.embedded.temporal import Temporal
from filot.embedded.valkey import Valkey
from filot.supervisor import Stopped, Supervisor

WEB_PORT, SIMULATOR_PORT = 8080, 8090
CARDS_TIMEOUT = 600.0
SERVERS = ("DATABASE_URL", "REDIS_URL", "TEMPORAL_ADDRESS")
DEMO_ACCOUNTS = ("client", "reviewer", "senior", "compliance", "auditor", "ops")
DEMO_PASSWORD = "filot-demo"  # noqa: S105 - they can't exist outside the embedded run
NO = {"0", "no", "false", "off"}


class Command(BaseCommand):
    help = "Starts PostgreSQL, Valkey, Temporal and all of FiLot on 127.0.0.1; Ctrl-C stops them."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        var = os.environ.get("FILOT_VAR") or settings.BASE_DIR / "var"
        parser.add_argument(
            "--var", type=Path, default=Path(var), help="folder of all data (default: var, or FILOT_VAR)"
        )
        parser.add_argument("--no-demo", action="store_true", help="send no demonstration cards; also DEMO=0")
        parser.add_argument("--gpu", action="store_true", help="read with EasyOCR on the GPU queue too; also GPU=1")

    def handle(self, *args: Any, **options: Any) -> None:
        caller = callers_environment(settings.BASE_DIR / ".env")
        if caller.get("FILOT_ENV") == "production":
            raise CommandError(
                "FILOT_ENV is production, in the environment or in .env: this starts development servers."
            )
        gpu = options["gpu"] or caller.get("GPU", "0").lower() not in NO
        if gpu and not find_spec("torch"):
            raise CommandError("torch is not installed: `make setup GPU=1` installs what the GPU queue needs.")
        demo = not options["no_demo"] and caller.get("DEMO", "1").lower() not in NO
        run = DevelopmentRun(VarFolder(options["var"].absolute()), caller, gpu=gpu, demo=demo)
        sys.exit(run.until_stopped())


@dataclass
class DevelopmentRun:
    """One run from its first program to its last. `caller`: the variables that the caller set, which win."""

    var: VarFolder
    caller: dict[str, str]
    gpu: bool
    demo: bool
    env: dict[str, str] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def until_stopped(self) -> int:
        """The exit code: 0 after Ctrl-C or SIGTERM, 1 when something could not be started or kept running."""
        env_file = self.var.path / "embedded.env"
        try:
            lock = self.var.lock()
        except AlreadyRunning as running:
            say(f"{running}: stop that one first, or use another folder with FILOT_VAR.")
            return 1
        try:
            self.var.prepare()
            env_file.unlink(missing_ok=True)  # what a killed run left names servers that are gone
            with Supervisor(self.var.path / "logs", say, lock=lock) as supervisor:
                return self._run(supervisor)
        except ProgramFailed as failure:
            say(f"\n{failure}\n\nFiLot could not be started.")
            return 1
        finally:
            env_file.unlink(missing_ok=True)
            os.close(lock)

    def _run(self, supervisor: Supervisor) -> int:
        code = 0
        try:
            self._start(supervisor)
            supervisor.watch()
        except Stopped:
            pass
        except ProgramFailed as failure:
            say(f"\n{failure}\n")
            code = 1
        began = time.monotonic()
        say(f"Stopping ({supervisor.stop_reason or 'a program failed'}) ...")
        supervisor.talking = False
        supervisor.stop()
        say(f"All stopped in {time.monotonic() - began:.1f} s.")
        return code

    def _start(self, supervisor: Supervisor) -> None:
        supervisor.talking = False
        port, simulator_port = self._web_port(), free_port(SIMULATOR_PORT)
        ours = self._start_servers(supervisor, port, simulator_port)
        write_env(self.var.path / "embedded.env", ours)
        self.env = {**os.environ, **ours, "PYTHONUNBUFFERED": "1"}
        if self.gpu:
            supervisor.run(programs.device_report(self.env), aloud=True)
        accounts = ours["FILOT_EMBEDDED"] == "true"
        self._prepare_database(supervisor, accounts=accounts)
        say("Starting the web server and the workers ...")
        supervisor.start(self._programs(port, simulator_port))
        say(f"FiLot is up after {time.monotonic() - self.began:.1f} s.")
        if self.demo and accounts:
            self._send_cards(supervisor, port)
        self._say_where_things_are(port, accounts=accounts)
        supervisor.talking = True

    def _web_port(self) -> int:
        if "PORT" not in self.caller:
            port = free_port(WEB_PORT)
            if port != WEB_PORT:
                say(f"Port {WEB_PORT} is taken: the web server uses {port}. Mind it in the README's commands.")
            return port
        port = int(self.caller["PORT"])
        if not port_is_free(port):
            raise ProgramFailed("Web server", f"PORT names {port}, which is taken: name another, or none")
        return port

    def _start_servers(self, supervisor: Supervisor, port: int, simulator_port: int) -> dict[str, str]:
        """Those that the caller has not named; returns every variable that this run decides."""
        kept = self.var.secrets()
        servers: dict[str, Service] = {
            "DATABASE_URL": Postgres(self.var.path / "postgres", password=kept.pop("POSTGRES_PASSWORD"), say=say),
            "REDIS_URL": Valkey(self.var.path / "valkey"),
            "TEMPORAL_ADDRESS": Temporal(self.var.path / "temporal"),
        }
        for name in [*servers, "BULI2_API_URL"]:
            if name in self.caller:
                say(f"{name}: using {check_reachable(name, self.caller[name])}, as it says")
                servers.pop(name, None)
        supervisor.start_services(list(servers.values()))
        ours = development_defaults(self.var.path, port=port, simulator_port=simulator_port, gpu=self.gpu)
        ours |= kept | {name: server.url for name, server in servers.items()}
        ours |= {name: self.caller[name] for name in {*ours, *SERVERS} if name in self.caller}
        ours |= {"FILOT_ENV": "development", "PORT": str(port), "FILOT_EMBEDDED": "true"}
        if not is_on_this_machine(ours["DATABASE_URL"]):
            ours["FILOT_EMBEDDED"] = self.caller.get("FILOT_EMBEDDED", "false")
        return ours

    def _prepare_database(self, supervisor: Supervisor, *, accounts: bool) -> None:
        steps = ["migrate --noinput", "setup_roles"]
        if accounts:
            steps.append("demo_accounts")
        else:
            say("Demo accounts: none, DATABASE_URL is on another machine (FILOT_EMBEDDED=true makes them)")
        say("Database: migrating and setting up roles ...")
        began = time.monotonic()
        supervisor.run(programs.prepare(self.env, *steps))
        say(f"Database: ready in {time.monotonic() - began:.1f} s")

    def _programs(self, port: int, simulator_port: int) -> list[Program]:
        started = [programs.web(self.env, port), programs.ocr_worker(self.env, settings.OCR_CPU_QUEUE)]
        if self.gpu:
            started.append(programs.ocr_worker(self.env, settings.OCR_GPU_QUEUE))
        started.append(programs.default_worker(self.env, self.var.path / "celerybeat-schedule"))
        started.append(programs.temporal_worker(self.env))
        if "BULI2_API_URL" not in self.caller and self.env["BULI2_MODE"] == "sandbox":
            started.append(programs.simulator(self.env, simulator_port, self.var.path / "buli2-simulator.jsonl"))
        return started

    def _send_cards(self, supervisor: Supervisor, port: int) -> None:
        say("Sending a handful of SPECIMEN cards ...")
        try:
            words = ["demo_cards", "--url", f"http://127.0.0.1:{port}"]
            supervisor.run(
                programs.manage("cards", self.env, *words, label="Demo cards"),
                timeout=CARDS_TIMEOUT,
                aloud=True,
            )
        except ProgramFailed as failure:
            say(f"Demo cards: {failure.reason}; FiLot runs on without them.")

    def _say_where_things_are(self, port: int, *, accounts: bool) -> None:
        web = f"http://127.0.0.1:{port}"
        lines = [
            "",
            f"    API                 {web}/",
            f"    Review and admin    {web}/{settings.ADMIN_PATH}",
            f"    Logs                {self.var.path / 'logs'}",
        ]
        if accounts:
            lines.append(f"    Logins              {', '.join(DEMO_ACCOUNTS)}; password {DEMO_PASSWORD}")
        lines += ["Ctrl-C stops everything.", ""]
        say("\n".join(lines))


def say(line: str) -> None:
    """To the terminal, at once. A terminal that has gone away must not end the run before its programs."""
    with contextlib.suppress(OSError):
        print(line, flush=True)
