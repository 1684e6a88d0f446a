"""What the embedded servers have in common: ports, a start that waits until they answer, a stop."""

import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from filot.embedded.program import (
    Program,
    ProgramFailed,
    describe_exit,
    exit_code,
    says_port_is_taken,
    send,
    signal_group,
    spawn,
    tail_of,
)

START_TIMEOUT = 40.0
START_ATTEMPTS = 3  # a port that was free may be taken before the server opens it
POLL = 0.03


class Service(ABC):
    """One server on 127.0.0.1 with its data in `folder`.

    `make run` hands `program()` to the supervisor; a test calls `start()`, `stop()` or uses a `with`.
    `throwaway` trades safety of the data for speed.
    """

    name: str
    port: int = 0  # that `url` names; kept from one start to the next

    def __init__(self, folder: Path, *, throwaway: bool = False) -> None:
        self.folder = folder.absolute()
        self.throwaway = throwaway
        self._process: subprocess.Popen[bytes] | None = None
        self._program: Program | None = None

    @property
    @abstractmethod
    def url(self) -> str: ...

    @property
    @abstractmethod
    def address(self) -> str:
        """host:port, for people."""

    @abstractmethod
    def choose_ports(self) -> None: ...

    @abstractmethod
    def program(self) -> Program:
        """Makes the data folder if need be. After `choose_ports`."""

    @property
    def pid(self) -> int | None:
        """Of the process, once it was started."""
        return self._process.pid if self._process else None

    @property
    def log(self) -> Path:
        return self.folder.parent / f"{self.name}.log"

    def start(self) -> Self:
        """Return once it answers, or ProgramFailed. Not from a short-lived thread. The port is kept."""
        start_all([self])
        return self

    def stop(self) -> None:
        """Ask it to end, then make it. Safe to repeat."""
        if self._process is None or self._program is None:
            return
        self.ask_to_stop()
        until = time.monotonic() + self._program.grace
        while exit_code(self._process) is None and time.monotonic() < until:
            time.sleep(POLL)
        if exit_code(self._process) is None:
            signal_group(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def ask_to_stop(self) -> None:
        if self._process is not None and self._program is not None and exit_code(self._process) is None:
            send(self._process, self._program.stop_signal)

    def kill(self) -> None:
        """As a power cut would: for tests of what happens then."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def launch(self) -> None:
        """Start it and return at once."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._program = self.program()
        with self.log.open("wb") as output:
            self._process = spawn(self._program, output=output)

    def answers(self) -> bool:
        """Whether it is up; ProgramFailed if it has ended."""
        if self._process is None or self._program is None:
            raise ProgramFailed(self.name, "was not started")
        code = exit_code(self._process)
        if code is not None:
            self._process = None
            raise ProgramFailed(self.name, describe_exit(code), tail_of(self.log), self.log)
        return self._program.ready is None or self._program.ready()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_all(services: Sequence[Service]) -> None:
    """Start them side by side and wait for each; if one fails, stop them all and raise its ProgramFailed."""
    try:
        for service in services:
            if not service.port:
                service.choose_ports()
            service.launch()
        for service in services:
            _wait_for(service)
    except BaseException:
        stop_all(services)
        raise


def stop_all(services: Sequence[Service]) -> None:
    for service in services:
        service.ask_to_stop()
    for service in services:
        service.stop()


def _wait_for(service: Service) -> None:
    until = time.monotonic() + START_TIMEOUT
    attempts = 1
    while time.monotonic() < until:
        try:
            if service.answers():
                return
        except ProgramFailed as failure:
            if attempts == START_ATTEMPTS or not says_port_is_taken(failure.said):
                raise
            attempts += 1
            service.choose_ports()
            service.launch()
        time.sleep(POLL)
    raise ProgramFailed(service.name, f"did not answer within {START_TIMEOUT:.0f} s", tail_of(service.log), service.log)


def installed_binary(*names: str) -> Path:
    """The first of these programs beside our Python, in its scripts folder or on the PATH."""
    for name in names:
        for folder in (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent):
            if (folder / name).is_file():
                return folder / name
        if found := shutil.which(name):
            return Path(found)
    raise ProgramFailed(names[0], "is not installed: run `make setup` (or `make test` for what only tests need)")
