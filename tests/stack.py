"""A whole FiLot out of real processes, for tests that speak to it over HTTP and kill its parts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
import requests

from filot.embedded.program import free_port
from filot.embedded.valkey import Valkey
from filot.programs import PREPARE

PROJECT = Path(__file__).resolve().parent.parent
TIMEOUTS = (3, 30)
PASSWORD = "filot-demo"


def wait_for(what: str, ask: Callable[[], Any], seconds: float = 60, pause: float = 0.05) -> Any:
    """The first truthy answer of `ask`; an AssertionError that names `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(pause)
    raise AssertionError(f"{what}: not within {seconds} s")


class Stack:
    """Web server, OCR worker, default worker with beat, Temporal worker, BULI2 simulator; a database of their own."""

    parts: tuple[str, ...] = ("simulator", "web", "ocr", "default", "temporal")

    def __init__(self, folder: Path, services: Mapping[str, str], **variables: str) -> None:
        self.folder = folder
        self.valkey = Valkey(folder / "valkey", throwaway=True)
        self.database = f"stack_{os.getpid()}_{time.time_ns()}"
        self.server = services["DATABASE_URL"]
        self.port, self.simulator_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.logs: dict[str, Path] = {}
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
            **services,
            "DATABASE_URL": self.server.rsplit("/", 1)[0] + f"/{self.database}",
            "FILOT_ENV": "development",
            "FILOT_EMBEDDED": "true",
            "PORT": str(self.port),
            "MEDIA_ROOT": str(folder / "media"),
            "KEY_STORE_ROOT": str(folder / "keys"),
            "TEMPORAL_TASK_QUEUE": self.database,
            "BULI2_MODE": "sandbox",
            "BULI2_API_URL": f"http://127.0.0.1:{self.simulator_port}",
            "BULI2_API_KEY": "stack-key",
            "BULI2_SIGNATURE_SECRET": "stack-signature-secret",
            "BULI2_CALLBACK_BASE_URL": self.url,
            "OCR_GPU_STUCK_TIMEOUT": "4",
            "OCR_GPU_REAPER_INTERVAL": "1",
            "RATE_LIMIT_PER_MINUTE": "100000",
            "RATE_LIMIT_ACTION_PER_MINUTE": "100000",
            "OCR_CPU_THREADS": "1",
            **variables,
        }

    COMMANDS = {
        "web": "-m gunicorn -c deploy/gunicorn.conf.py filot.wsgi:application --bind 127.0.0.1:{port} --workers 1",
        "ocr": "-m celery -A filot worker --pool=solo -Q {ocr_queue} -n ocr-{name}@test --loglevel=info",
        "default": "-m celery -A filot worker -Q default -B -n d@test --pool=threads -c 4 -s {folder}/beat -l info",
        "temporal": "manage.py temporal_worker",
        "simulator": "manage.py buli2_simulator --port {simulator_port}",
    }

    def __enter__(self) -> "Stack":
        self.valkey.start()
        self.env["REDIS_URL"] = self.valkey.url
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{self.database}"')
        self._run("-c", PREPARE, "migrate --noinput", "setup_roles", "demo_accounts")
        for name in self.parts:
            self.start(name)
        for name in self.parts:
            self.wait_until_ready(name)
        return self

    def wait_until_ready(self, name: str) -> None:
        kind = name.partition("-")[0]
        if kind == "web":
            wait_for("the web server", self.answers)
        elif kind in ("ocr", "default"):
            wait_for(f"the worker {name}", lambda: "ready." in self.log(name))

    def __exit__(self, *error: object) -> None:
        for name in reversed(list(self.processes)):
            self.stop(name)
        self.valkey.stop()
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')

    def manage(self, command: str) -> str:
        return self._run("manage.py", *command.split())

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=PROJECT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-3000:]}"
        return done.stdout

    def env_of(self, name: str) -> dict[str, str]:
        """The environment of a part."""
        return self.env

    def start(self, name: str) -> None:
        """Start a part; `ocr-2` is another `ocr`."""
        facts = {
            "port": self.port,
            "simulator_port": self.simulator_port,
            "folder": self.folder,
            "name": f"{time.time_ns()}",
            "ocr_queue": "ocr.cpu",
        }
        words = self.COMMANDS[name.partition("-")[0]].format(**facts).split()
        self.logs[name] = self.folder / f"{name}-{len(list(self.folder.glob('*.log')))}.log"
        with self.logs[name].open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *words],
                cwd=PROJECT,
                env=self.env_of(name),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_valkey_again(self) -> None:
        """On the port that everybody knows."""
        self.valkey.launch()
        wait_for("valkey", self.valkey.answers)

    def stop(self, name: str) -> None:
        process = self.processes.pop(name)
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def signal(self, name: str, number: signal.Signals) -> None:
        os.killpg(self.processes[name].pid, number)

    def kill(self, name: str) -> None:
        self.signal(name, signal.SIGKILL)
        self.processes.pop(name).wait()

    def log(self, name: str) -> str:
        """What the process of this name that was started last has said."""
        return self.logs[name].read_text(errors="replace")

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/health/live", timeout=TIMEOUTS).ok
        except requests.RequestException:
            return False

    def rows(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.env["DATABASE_URL"]) as connection:
            return connection.execute(query, arguments).fetchall()

    def token(self, user: str = "client") -> str:
        answer = requests.post(
            f"{self.url}/auth/token", json={"username": user, "password": PASSWORD}, timeout=TIMEOUTS
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access"])

    def call(self, method: str, path: str, token: str, **kwargs: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}", **kwargs.pop("headers", {})}
        return requests.request(method, self.url + path, headers=headers, timeout=TIMEOUTS, **kwargs)

    def upload(self, token: str, data: bytes, type: str = "KTP", content_type: str = "image/jpeg") -> str:
        file = ("card", data, content_type)
        answer = self.call("POST", "/documents/upload", token, files={"file": file}, data={"type": type})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["documentId"])

    def status(self, token: str, document_id: str) -> dict[str, Any]:
        answer = self.call("GET", f"/verification/status/{document_id}", token)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def settled(self, token: str, document_id: str, seconds: float = 60) -> dict[str, Any]:
        """The status once an automatic outcome is there."""

        def ask() -> dict[str, Any] | None:
            answer = self.status(token, document_id)
            return answer if answer["aiDecision"] else None

        answer: dict[str, Any] = wait_for(f"document {document_id}", ask, seconds)
        return answer

    def chain(self, document_id: str) -> list[str]:
        """The states that the document went through, as its event rows tell."""
        query = "SELECT after FROM documents_documentevent WHERE document_id = %s ORDER BY id"
        return [after for (after,) in self.rows(query, document_id)]
