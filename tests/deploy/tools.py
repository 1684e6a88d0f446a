"""Programs that `make lint-deploy` installs: tests use them where they are, and fetch the one they need themselves."""

import fcntl
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
DEPLOY = PROJECT / "deploy"


def promtool() -> str:
    """The path of promtool, fetched by one process of those that run tests side by side where it is not there yet."""
    folder = Path(sys.prefix) / "deploy"
    folder.mkdir(exist_ok=True)
    script = [str(DEPLOY / "tools" / "promtool.sh"), str(folder / "promtool")]
    with (folder / "promtool.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(script, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
