"""Programs that `make lint-deploy` installs: tests use them where they are."""

import shutil
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent.parent
DEPLOY = PROJECT / "deploy"


def promtool() -> str:
    """The path of promtool. CI has it: .ci/run calls `make lint-deploy` first."""
    unpacked = Path(sys.prefix) / "deploy" / "promtool" / "usr" / "bin" / "promtool"
    found = shutil.which("promtool") or (str(unpacked) if unpacked.exists() else None)
    if found is None:
        pytest.skip("no promtool here: `make lint-deploy` fetches it")
    return found
