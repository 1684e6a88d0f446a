"""What the adapters of the peers share: pictures of a folder in, one line of JSON for each of them out.

Runs in a peer's own environment and so imports nothing but the standard library. What is said on
standard output, and when, stands in verification/bench_runs.py.
"""

import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Fields = dict[str, dict[str, Any]]
_DATE = re.compile(r"(\d{1,2})\s*[-/.]\s*(\d{1,2})\s*[-/.]\s*(\d{4})")


def hold_to(threads: int) -> None:
    """Let this process use so many processors: what the peers load takes all that it sees."""
    os.environ.update({name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")})
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def as_iso(text: str | None) -> str | None:
    """A date as FiLot writes it, where there is one; the text itself where there is none (SEUMUR HIDUP)."""
    found = _DATE.search(text or "")
    return f"{found[3]}-{int(found[2]):02}-{int(found[1]):02}" if found else text


def stated(value: str | None, percent: float | None) -> dict[str, Any]:
    return {"value": value or None, "confidence": (percent or 0.0) / 100}


def serve(load: Callable[[], tuple[str, Callable[[Path], Fields]]]) -> None:
    """Read the folder named first on the command line, with as many threads as named second."""
    answers, sys.stdout = sys.stdout, sys.stderr  # what a peer prints by the way must not stand between the answers
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    hold_to(threads)

    def say(answer: Mapping[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    name, read = load()
    say({"ready": name})
    sys.stdin.readline()
    for file in sorted(folder.glob("*.jpg")):
        started = time.perf_counter()
        try:
            answer: dict[str, Any] = {"fields": read(file)}
        except Exception as error:  # a peer that stumbles over one card has read nothing there, and goes on
            answer = {"error": type(error).__name__}
        say({"file": file.name, "seconds": time.perf_counter() - started, **answer})
    say({"done": True})
    sys.stdin.read()  # stay until our memory has been looked at
