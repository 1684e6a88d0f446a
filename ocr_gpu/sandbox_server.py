"""`python -m ocr_gpu.sandbox_server`: the process that forks one limited child for each file (see sandbox.py).

A request is one message on standard input (a socket): JSON with "function", "arguments" and "limits", and three
descriptors: the file's bytes, an empty memory file for the answer, and the socket that gets the outcome as one word:
"done", "refused" (the answer is the code), "unavailable" (no fork), or a code of refusals.REFUSALS.
"""

import ctypes
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ocr_gpu.memory_files import read_whole, write_whole
from ocr_gpu.refusals import UnreadableFile

OWNER_CHECK_SECONDS = 5.0
MAX_REQUEST = 16 * 1024
MAX_OPEN_FILES = 64
PRELOADED = ("ocr_gpu.decoding",)
REHEARSAL = "rehearse"  # of a preloaded module: does once, here, what every child would else do for the first time

MEMORY_SIZES = Path("/proc/self/statm")
OUT_OF_MEMORY_SCORE = Path("/proc/self/oom_score_adj")

EXIT_REFUSED = 3
EXIT_MEMORY = 4
PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38

libc = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Job:
    pid: int
    reply: socket.socket


def serve(control: socket.socket) -> None:
    """Until the owner closes its end, or is gone."""
    owner = os.getppid()
    jobs: dict[int, Job] = {}  # by the descriptor of a pipe that closes when the child ends
    control.send(b"\x01")
    while os.getppid() == owner:
        ready, _, _ = select.select([control.fileno(), *jobs], [], [], OWNER_CHECK_SECONDS)
        for descriptor in ready:
            if descriptor in jobs:
                _settle(jobs.pop(descriptor))
                os.close(descriptor)
                continue
            message, descriptors, _, _ = socket.recv_fds(control, MAX_REQUEST, 3)
            if not message:
                return
            _start(json.loads(message), descriptors, jobs)


def _start(request: dict[str, Any], descriptors: list[int], jobs: dict[int, Job]) -> None:
    source, answer, outcome = descriptors
    reply = socket.socket(fileno=outcome)
    ends, lives = os.pipe()
    loaded = int(MEMORY_SIZES.read_text().split()[0]) * resource.getpagesize()
    try:
        pid = os.fork()
    except OSError:
        reply.send(b"unavailable")
        reply.close()
        os.close(ends)
    else:
        if pid == 0:
            _work(request, source, answer, lives, loaded)
        jobs[ends] = Job(pid, reply)
    for descriptor in (source, answer, lives):
        os.close(descriptor)


def _settle(job: Job) -> None:
    _, status = os.waitpid(job.pid, 0)
    with suppress(OSError), job.reply:  # nobody may be listening any more
        job.reply.send(_outcome(os.waitstatus_to_exitcode(status)).encode())


def _outcome(code: int) -> str:
    if code in (-signal.SIGXCPU, -signal.SIGALRM):
        return "decoder_timed_out"
    return {0: "done", EXIT_REFUSED: "refused", EXIT_MEMORY: "decoder_out_of_memory"}.get(code, "decoder_crashed")


def _work(request: dict[str, Any], source: int, answer: int, lives: int, loaded: int) -> NoReturn:
    """In the child. It never returns into the server's loop, whatever happens."""
    code = 1
    try:
        _let_go_of_the_server(keep=[source, answer, lives])
        _confine(loaded, **request["limits"])
        module, _, name = request["function"].partition(":")
        function = getattr(importlib.import_module(module), name)
        write_whole(answer, *function(bytes(read_whole(source)), **request["arguments"]))
        code = 0
    except UnreadableFile as refused:
        os.ftruncate(answer, 0)
        os.pwrite(answer, refused.code.encode(), 0)
        code = EXIT_REFUSED
    except MemoryError:
        code = EXIT_MEMORY
    finally:
        os._exit(code)


def _let_go_of_the_server(keep: list[int]) -> None:
    """A child that kept the sockets would hide from the owner that the server died."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    first = 3
    for kept in sorted(keep):
        os.closerange(first, kept)
        first = kept + 1
    os.closerange(first, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _confine(loaded: int, cpu_seconds: int, wall_seconds: float, memory_bytes: int, output_bytes: int) -> None:
    signal.setitimer(signal.ITIMER_REAL, wall_seconds)  # SIGALRM is not handled, so it kills
    for limit, soft, hard in (
        (resource.RLIMIT_AS, loaded + memory_bytes, loaded + memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 1),
        (resource.RLIMIT_FSIZE, output_bytes, output_bytes),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES, MAX_OPEN_FILES),
        (resource.RLIMIT_CORE, 0, 0),  # a core would be a card's picture on the disk
    ):
        resource.setrlimit(limit, (soft, hard))


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)  # the owner may be finishing its last task; its end ends us
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))  # the owner had blocked them until now
    # The children inherit both. When the machine runs out of memory, one of them goes, and not its neighbours.
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    with suppress(OSError):
        OUT_OF_MEMORY_SCORE.write_text("1000")
    for module in PRELOADED:
        getattr(importlib.import_module(module), REHEARSAL)()
    gc.collect()
    gc.disable()  # a child lives for one file; looking for rubbish would only copy pages that it shares with us
    gc.freeze()
    control = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    sys.stdin.close()
    serve(control)


if __name__ == "__main__":
    main()
