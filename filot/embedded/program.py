"""One program under our care: what to run, and a start after which it can't outlive us."""

import contextlib
import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

PR_SET_PDEATHSIG = 1
NEAR_PORTS = 10  # tried one after the other, so that a person finds 8081 when 8080 is taken
FIRST_PORT, PORT_SPAN = 18_000, 12_000  # under the range the kernel gives to outgoing connections
PORT_ATTEMPTS = 200
TAIL_LINES = 15
TAIL_BYTES = 16_384
LEFTOVER_GRACE = 5.0

_LIBC = ctypes.CDLL(None, use_errno=True)


class Owner(NamedTuple):
    """The user a program runs as when we are root and it must not be."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Program:
    """`ready` is asked again and again until it is true; with `ready_line` that text must have been said too.

    `before` runs ahead of each start, also of a restart. A `quiet` program speaks to its log file only.
    `name` names that file; people see `label` and, where it listens, `where`.
    """

    name: str
    argv: Sequence[str]
    ready: Callable[[], bool] | None = None
    ready_line: str = ""
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    owner: Owner | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    grace: float = 4.5
    before: Callable[[], None] | None = None
    quiet: bool = False
    label: str = ""
    where: str = ""

    @property
    def shown(self) -> str:
        """Its name for people."""
        return self.label or self.name


class ProgramFailed(Exception):
    """A program could not be started or kept running; the message holds the end of what it said."""

    def __init__(self, name: str, reason: str, said: str = "", log: Path | None = None) -> None:
        self.name, self.reason, self.said = name, reason, said
        lines = [f"{name}: {reason}"]
        if said:
            lines += ["its last lines:", *(f"    {line}" for line in said.splitlines())]
        if log:
            lines.append(f"the whole of it: {log}")
        super().__init__("\n".join(lines))


def spawn(program: Program, *, output: int | IO[bytes]) -> "subprocess.Popen[bytes]":
    """Start it as the leader of its own session, with standard output and error in `output`.

    It gets `death_signal` when the thread that called this ends: call it from a thread that lives long.
    """
    if program.before:
        program.before()
    owner = program.owner
    try:
        return subprocess.Popen(
            program.argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=program.env,
            cwd=program.cwd,
            start_new_session=True,
            user=owner.uid if owner else None,
            group=owner.gid if owner else None,
            extra_groups=[] if owner else None,
            preexec_fn=_die_with_parent(os.getpid(), program.death_signal),  # noqa: PLW1509 - takes no lock
        )
    except OSError as error:
        raise ProgramFailed(program.name, f"could not be started: {error}") from error


def _die_with_parent(parent: int, death_signal: signal.Signals) -> Callable[[], None]:
    def in_child() -> None:
        if sys.platform == "linux":
            _LIBC.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:  # it died before the call above: no signal would ever come
                os._exit(1)

    return in_child


def exit_code(process: "subprocess.Popen[bytes]") -> int | None:
    """None while it runs. What is left of its group is killed before its number can be given to another."""
    if process.returncode is not None:
        return process.returncode
    if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        return None
    signal_group(process.pid, signal.SIGKILL)
    return process.wait()


def send(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """To the process alone. `Popen.send_signal` may reap it: `exit_code` would not clear its group."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def describe_exit(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def tail_of(log: Path) -> str:
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-TAIL_LINES:])


def says_port_is_taken(said: str) -> bool:
    return "already in use" in said.lower() or "connection in use" in said.lower()


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port(preferred: int = 0, *, and_offset: int = 0) -> int:
    """A free port: the preferred, one of the next few, or any; port + `and_offset` is free too."""
    near = range(preferred, preferred + NEAR_PORTS) if preferred else range(0)
    anywhere = (FIRST_PORT + secrets.randbelow(PORT_SPAN) for _ in range(PORT_ATTEMPTS))
    for candidates in (near, anywhere):
        for port in candidates:
            if port_is_free(port) and (not and_offset or port_is_free(port + and_offset)):
                return port
    raise ProgramFailed("ports", f"none of {PORT_ATTEMPTS} ports tried on 127.0.0.1 is free")


def stop_leftovers(folder: Path, binary: str) -> None:
    """End what an earlier run left behind: processes of `binary` that work in `folder`."""
    for number in (signal.SIGINT, signal.SIGKILL):
        left = _processes_in(folder, binary)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        until = time.monotonic() + LEFTOVER_GRACE
        while left and time.monotonic() < until and _processes_in(folder, binary):
            time.sleep(0.05)


def _processes_in(folder: Path, binary: str) -> list[int]:
    found = []
    where = folder.resolve()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            ran = (entry / "exe").readlink().name.removesuffix(" (deleted)")
            if ran == binary and (entry / "cwd").readlink() == where:
                found.append(int(entry.name))
    return found
