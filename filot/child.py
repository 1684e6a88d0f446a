"""What the supervisor knows of one program: its process, what it said, how often it ended."""

import contextlib
import os
import subprocess
import time
from collections import deque
from pathlib import Path
from typing import IO

from filot.embedded.program import TAIL_LINES, Program, ProgramFailed, spawn

READ_SIZE = 65_536
MAX_LOG_BYTES = 20 * 1024 * 1024
MAX_DEATHS, DEATHS_WINDOW = 5, 60.0
FIRST_BACKOFF, MAX_BACKOFF = 0.5, 8.0


class Log:
    """The file with what one program says; the last start, or the first 20 MB, stays beside it as `.1`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._partial = b""
        self._file = self._fresh()

    def _fresh(self) -> IO[bytes]:
        if self.path.exists():
            self.path.replace(self.path.with_name(self.path.name + ".1"))
        self._written = 0
        return self.path.open("wb", buffering=0)

    def add(self, data: bytes) -> list[str]:
        """Keep it; return the lines it completes."""
        if self._written > MAX_LOG_BYTES:
            self._file.close()
            self._file = self._fresh()
        self._written += len(data)
        with contextlib.suppress(OSError):  # a full disk must not end everything else
            self._file.write(data)
        *lines, self._partial = (self._partial + data).split(b"\n")
        said = [line.decode(errors="replace").rstrip("\r") for line in lines]
        self.tail.extend(said)
        return said

    def end(self) -> str:
        return "\n".join([*self.tail, *([self._partial.decode(errors="replace")] if self._partial else [])])


class Child:
    """One program and, over its restarts, its process.

    `up`: it has answered since it was last started. `was_up`: it has answered at all.
    """

    def __init__(self, program: Program, log: Log) -> None:
        self.program = program
        self.log = log
        self.was_up = False
        self.deaths: deque[float] = deque(maxlen=MAX_DEATHS)
        self.start()

    def start(self) -> None:
        self.since = time.monotonic()
        self.up = self._said_ready = False
        self.restart_at: float | None = None
        self.process: subprocess.Popen[bytes] = spawn(self.program, output=subprocess.PIPE)
        self._pipe = self.process.stdout
        os.set_blocking(self.pipe_number, False)

    @property
    def pipe_number(self) -> int:
        """The descriptor its output comes from, or -1 once that has ended."""
        return self._pipe.fileno() if self._pipe else -1

    def read(self) -> list[str] | None:
        """The lines that came, or None at the end of its output."""
        try:
            data = os.read(self.pipe_number, READ_SIZE)
        except BlockingIOError:
            return []
        if not data:
            self.close_pipe()
            return None
        lines = self.log.add(data)
        if self.program.ready_line:
            self._said_ready = self._said_ready or any(self.program.ready_line in line for line in lines)
        return lines

    def close_pipe(self) -> None:
        if self._pipe:
            self._pipe.close()
            self._pipe = None

    def answers(self) -> bool:
        if self.program.ready_line and not self._said_ready:
            return False
        return self.program.ready is None or self.program.ready()

    def has_died(self, reason: str) -> None:
        """Note it and when to start it again; ProgramFailed when it has died too often."""
        now = time.monotonic()
        self.deaths.append(now)
        if len(self.deaths) == MAX_DEATHS and now - self.deaths[0] < DEATHS_WINDOW:
            raise self.failure(f"{reason}, {MAX_DEATHS} times within {DEATHS_WINDOW:.0f} s")
        recent = sum(now - death < DEATHS_WINDOW for death in self.deaths)
        self.restart_at = now + min(FIRST_BACKOFF * 2 ** (recent - 1), MAX_BACKOFF)

    def seconds(self) -> str:
        return f"{time.monotonic() - self.since:.1f} s"

    def failure(self, reason: str) -> ProgramFailed:
        return ProgramFailed(self.program.shown, reason, self.log.end(), self.log.path)
