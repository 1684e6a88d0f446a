"""Readers in processes of their own: what they say about pictures, how long it takes, what they hold in memory.

A reader is a program that is given a folder of pictures and a number of threads, and speaks lines of JSON: {"ready":
its version} once everything is loaded; after a line on standard input, for each picture {"file", "seconds", "fields":
{name: {"value", "confidence"}}} or {"file", "seconds", "error"}; {"done": true}. It ends with its standard input.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

END_SECONDS = 30.0  # for a reader to end once its input is closed
TOLD = 2000  # characters of what a reader that failed wrote on standard error
DONE = {"done": True}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


class ReaderFailed(Exception):
    """A reader ended before it had read everything; the text says what it complained of."""


@dataclass(frozen=True, slots=True)
class Reader:
    """`command` is followed by the folder and the threads. `document_types` are those that it can read."""

    name: str
    command: tuple[str, ...]
    document_types: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Run:
    """`said` by the names of files. `wall_seconds` from the first picture to the last, of all processes together.

    `cpu_seconds` in the same time, of the readers without what they started: a busy machine hardly changes those.
    Memory and these are None where the system doesn't tell.
    """

    version: str
    said: Mapping[str, Mapping[str, Any]]
    cold_start_seconds: float
    rss_megabytes: float | None
    wall_seconds: float
    cpu_seconds: float | None


@dataclass(slots=True)
class _Process:
    child: subprocess.Popen[str]
    complaints: IO[str]
    version: str = ""
    started_in: float = 0.0

    def next(self) -> dict[str, Any]:
        line = self.child.stdout.readline() if self.child.stdout else ""
        if not line:
            self.child.wait(END_SECONDS)
            self.complaints.seek(0)
            raise ReaderFailed(f"ended with {self.child.returncode}: {self.complaints.read()[-TOLD:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def all(self) -> list[dict[str, Any]]:
        """Its answers, once it is told to go."""
        if self.child.stdin:
            with suppress(BrokenPipeError):  # it is gone, and the next line that is missing says so
                self.child.stdin.write("go\n")
                self.child.stdin.flush()
        return list(iter(self.next, DONE))


def run(reader: Reader, folders: Sequence[Path], threads: int) -> Run:
    """One process a folder, all reading at once. Raises ReaderFailed; leaves no process behind."""
    with ExitStack() as held:
        processes = []
        for folder in folders:  # one after the other: cold starts side by side would slow each other down
            processes.append(_start(reader, folder, threads, held))
        with ThreadPoolExecutor(len(processes)) as listeners:  # a pipe that nobody empties would stop its reader
            began = time.perf_counter()
            before = _cpu(processes)
            answers = list(listeners.map(_Process.all, processes))
            wall, after = time.perf_counter() - began, _cpu(processes)
        peaks = [peak for process in processes if (peak := peak_megabytes(process.child.pid)) is not None]
        return Run(
            version=processes[0].version,
            said={answer["file"]: answer for answered in answers for answer in answered},
            cold_start_seconds=processes[0].started_in,
            rss_megabytes=max(peaks, default=None),
            wall_seconds=wall,
            cpu_seconds=None if before is None or after is None else after - before,
        )


def _start(reader: Reader, folder: Path, threads: int, held: ExitStack) -> _Process:
    place = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="filot-bench-")))
    complaints = held.enter_context((place / "stderr").open("w+", encoding="utf-8"))
    began = time.perf_counter()
    child = subprocess.Popen(
        [*reader.command, str(folder), str(threads)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=complaints,
        env={**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads)), **reader.environment},
        text=True,
    )
    held.callback(_end, child)
    process = _Process(child, complaints)
    process.version = process.next()["ready"]
    process.started_in = time.perf_counter() - began
    return process


def _end(child: subprocess.Popen[str]) -> None:
    if child.stdin:
        with suppress(BrokenPipeError):
            child.stdin.close()
    try:
        child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdout:
        child.stdout.close()


def _cpu(processes: Sequence[_Process]) -> float | None:
    spent = [cpu_seconds(process.child.pid) for process in processes]
    return None if None in spent else sum(each for each in spent if each is not None)


def cpu_seconds(pid: int) -> float | None:
    """What a living process has computed so far, all its threads together; None where the system doesn't tell."""
    file = Path(f"/proc/{pid}/stat")
    if not file.exists():
        return None
    fields = file.read_text().rpartition(")")[2].split()  # the name before may hold blanks
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_megabytes(pid: int) -> float | None:
    """The most memory that a living process has held, without what it started; None where the system doesn't tell.

    Not what getrusage says: that begins with the size of the process that started it.
    """
    status = Path(f"/proc/{pid}/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(found[1]) / 1024 if found else None
