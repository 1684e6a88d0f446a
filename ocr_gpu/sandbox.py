"""Where decoders run: a process that is made for one file, held by limits, and thrown away.

One small server (`python -m ocr_gpu.sandbox_server`) belongs to each process that decodes. It is started at the
first file, has Pillow and PDFium loaded already, and forks a child for each file in a few milliseconds. What the
child does to itself (crash, memory, time) ends with the child. Linux only.

Nothing is copied through pipes: input and answer lie in memory files of which the processes pass the descriptors.
The server is no Python `multiprocessing` child (a Celery worker may have none), holds no secret in its environment,
and ends when its owner does, since the socket on its standard input then closes.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ocr_gpu.memory_files import read_whole, write_whole
from ocr_gpu.refusals import UnreadableFile

START_SECONDS = 30.0  # the first start on a cold disk
GRACE_SECONDS = 5.0  # past the child's own wall time, until the server itself counts as stuck
QUEUE_SECONDS = 30.0
ATTEMPTS = 2  # the server was lost (the kernel ran out of memory, somebody killed it): once more with a new one
SLOTS = 4  # children at a time, so that many threads together stay bounded too
MAX_OUTCOME = 64
SERVER_MODULE = "ocr_gpu.sandbox_server"
SHIELDED = (signal.SIGINT, signal.SIGTERM)  # a whole group may be told to end; the server ends with its owner
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH")
# A picture's memory in pages of 2 MB where the kernel has them: a child is new to all its memory, and would else take
# a fault for every 4 KB.
SERVER_VARIABLES = {"OPENBLAS_NUM_THREADS": "1", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost. `memory_bytes` is address space on top of what the loaded libraries take."""

    cpu_seconds: int = 10
    wall_seconds: float = 20.0
    memory_bytes: int = 640 * 1024 * 1024  # 40 megapixels in the largest mode take 500
    output_bytes: int = 256 * 1024 * 1024


class SandboxUnavailable(Exception):
    """The machine is at fault and not the file: trying again later may well work."""


class ServerLost(Exception):
    """The server went away before it answered; whether the file had a part in it is not known."""


class Server:
    """The server of this process, as its owner sees it. Safe to use from many threads."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Blocked from before it exists until it ignores them: one that came while it starts would end it.
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, SHIELDED)
        try:
            with theirs:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", SERVER_MODULE],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    cwd=Path(__file__).resolve().parent.parent,
                    env={name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ} | SERVER_VARIABLES,
                )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        self.socket = ours
        ours.settimeout(START_SECONDS)
        try:
            ready = ours.recv(1)
        except OSError:
            ready = b""
        if not ready:
            self.stop()
            raise SandboxUnavailable("the decoding server did not start")

    def ask(self, request: dict[str, Any], source: int, answer: int, patience: float) -> str:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                try:
                    socket.send_fds(self.socket, [json.dumps(request).encode()], [source, answer, theirs.fileno()])
                except OSError as error:
                    raise ServerLost from error
            ours.settimeout(patience)
            try:
                outcome = ours.recv(MAX_OUTCOME).decode()
            except OSError as error:
                raise ServerLost from error
        if not outcome:
            raise ServerLost
        return outcome

    def stop(self) -> None:
        self.socket.close()
        self.process.kill()
        self.process.wait()

    def forget(self) -> None:
        """In a forked child: the server is the parent's, and has to see the socket close when the parent ends."""
        self.socket.close()
        self.process.returncode = 0


class Owner:
    """What one process holds: at most one server, and the slots its threads share."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.slots = threading.BoundedSemaphore(SLOTS)
        self.server: Server | None = None

    def current(self) -> Server:
        with self.lock:
            if self.server is None:
                self.server = Server()
            return self.server

    def drop(self, lost: Server) -> None:
        with self.lock:
            if self.server is lost:
                self.server = None
                lost.stop()


_owner = Owner()


def _start_anew_after_fork() -> None:
    global _owner
    if _owner.server is not None:
        _owner.server.forget()
    _owner = Owner()


def stop() -> None:
    """End the server of this process, if there is one; the next file starts another."""
    server = _owner.server
    if server is not None:
        _owner.drop(server)


os.register_at_fork(after_in_child=_start_anew_after_fork)
atexit.register(stop)


def run(function: str, data: bytes, arguments: Mapping[str, object], limits: Limits | None = None) -> bytearray:
    """Call `function` ("module:name") on the bytes in a limited child and return the pieces it answers, joined.

    Raises UnreadableFile: the one the function raised, or decoder_crashed, decoder_out_of_memory, decoder_timed_out.
    Raises SandboxUnavailable when no server can be had or all slots stay taken. Safe to repeat and to thread.
    """
    limits = limits or Limits()
    owner = _owner
    if not owner.slots.acquire(timeout=QUEUE_SECONDS):
        raise SandboxUnavailable("too many files are being decoded")
    try:
        for _ in range(ATTEMPTS):
            server = owner.current()
            try:
                return _run_once(server, function, data, arguments, limits)
            except ServerLost:
                owner.drop(server)
        raise SandboxUnavailable("the decoding server was lost")
    finally:
        owner.slots.release()


def _run_once(server: Server, function: str, data: bytes, arguments: Mapping[str, object], limits: Limits) -> bytearray:
    request = {"function": function, "arguments": dict(arguments), "limits": asdict(limits)}
    source = os.memfd_create("source")
    answer = os.memfd_create("answer")
    try:
        write_whole(source, data)
        outcome = server.ask(request, source, answer, limits.wall_seconds + GRACE_SECONDS)
        if outcome == "unavailable":
            raise SandboxUnavailable("the decoding server cannot fork")
        body = read_whole(answer)
    finally:
        os.close(source)
        os.close(answer)
    if outcome == "refused":
        raise UnreadableFile(body.decode())
    if outcome != "done":
        raise UnreadableFile(outcome)
    return body
