"""Runs beside `make run`: when the supervisor is gone, however it went, nothing that it started stays.

Started as a script by its path, so that it costs no imports. Standard input is a pipe from the supervisor:
`+GROUP SIGNAL` for a process group that was started, `-GROUP` for one that has ended; the end of the pipe is
the end of the supervisor. A child's own death signal can be lost, and its children have none: hence this.
It also keeps the lock of the data folder, so that the next start waits until all is over.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

GRACE = 4.0
POLL = 0.05


def guard() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # what ends the supervisor must not end us first
    groups: dict[int, int] = {}
    for line in sys.stdin:
        words = line.split()
        if line.startswith("+"):
            groups[int(words[0])] = int(words[1])
        else:
            groups.pop(-int(words[0]), None)
    for group, first in groups.items():
        send(group, first)
    gentle = [group for group, first in groups.items() if first != signal.SIGKILL]
    until = time.monotonic() + GRACE
    while time.monotonic() < until and any(is_alive(group) for group in gentle):
        time.sleep(POLL)
    for group in groups:
        send(group, signal.SIGKILL)


def send(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def is_alive(leader: int) -> bool:
    """Not one that has ended and waits to be buried, which in a container may never happen."""
    try:
        return Path(f"/proc/{leader}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    guard()
