"""`manage.py bench_console` at its smallest: rows by COPY, every page answered, figures beside their limits."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.stack import PROJECT


def test_it_fills_measures_and_keeps_its_rows(tmp_path: Path) -> None:
    words = ["--documents", "200", "--requests", "10", "--data", str(tmp_path / "rows")]
    tmp_path.chmod(0o755)

    first = told(*words)
    other = told("--documents", "300", *words[2:])

    assert "10 waiting" in first
    measured = re.findall(r"^(\w[\w ,]*?) +[\d.]+ +[\d.]+ +", first, re.MULTILINE)
    assert {"dashboard", "queue", "case", "take next", "audit", "search by number"} <= set(measured)
    assert "holds 200 documents" in other


def told(*words: str) -> str:
    """What it says, whether every limit holds on a busy machine or not."""
    command = [sys.executable, "-W", "ignore", "manage.py", "bench_console", *words]
    env = {**os.environ, "FILOT_ENV": "test"}
    done = subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False, timeout=300)
    return done.stdout + done.stderr
