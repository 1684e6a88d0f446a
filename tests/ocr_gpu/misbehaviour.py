"""What a decoder under attack might do. Called by name, inside the sandbox only."""

import gc
import json
import os
import signal
import sys
import time
from pathlib import Path

from ocr_gpu.refusals import UnreadableFile


def echo(data: bytes, prefix: str = "") -> list[bytes]:
    return [prefix.encode(), data]


def refuse(data: bytes) -> list[bytes]:
    raise UnreadableFile("too_many_pages")


def die(data: bytes, by: int = signal.SIGKILL) -> list[bytes]:
    os.kill(os.getpid(), by)
    return []


def leave(data: bytes) -> list[bytes]:
    raise SystemExit(0)


def raise_a_bug(data: bytes) -> list[bytes]:
    raise RuntimeError("a bug")


def eat_memory(data: bytes) -> list[bytes]:
    return [bytes(4 * 1024**3)]


def burn(data: bytes) -> list[bytes]:
    while True:
        pass


def sleep(data: bytes) -> list[bytes]:
    time.sleep(60)
    return []


def wait_for(data: bytes) -> list[bytes]:
    """`data` is the path of a file that somebody will make."""
    while not Path(data.decode()).exists():
        time.sleep(0.01)
    return [b"opened"]


def answer_too_much(data: bytes) -> list[bytes]:
    return [bytes(1024)] * 4096


def kill_the_server(data: bytes) -> list[bytes]:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)
    return []


def kill_the_server_once(data: bytes) -> list[bytes]:
    """`data` is the path of a file that remembers the first time."""
    mark = Path(data.decode())
    if mark.exists():
        return [b"second time"]
    mark.touch()
    return kill_the_server(data)


def confinement(data: bytes) -> list[bytes]:
    """As it was before the first line of ours ran."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    found = {
        "modules": sorted(sys.modules),
        "collects": gc.isenabled(),
        "goes_first": Path("/proc/self/oom_score_adj").read_text().strip(),
        "gains_nothing": status["NoNewPrivs"].strip(),
    }
    return [json.dumps(found).encode()]


def surroundings(data: bytes) -> list[bytes]:
    open_files = [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.exists()]
    return [json.dumps({"environment": dict(os.environ), "open_files": open_files}).encode()]
