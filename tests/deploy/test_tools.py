"""The programs of `make lint-deploy` are fetched again when what was fetched no longer runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.tools import DEPLOY, PROJECT


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """Of nothing: making the place needs no network."""
    path = tmp_path / "deploy.txt"
    path.write_text("# nothing\n")
    return path


def linters(folder: Path, lock: Path) -> Path:
    script = DEPLOY / "tools" / "linters.sh"
    done = subprocess.run([script, folder, sys.executable, lock], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def test_linters_whose_interpreter_is_gone_are_made_again_and_others_are_kept(tmp_path: Path, lock: Path) -> None:
    """A virtual environment stood on the interpreter of a folder that somebody removed: its lock was still the same."""
    python = linters(tmp_path / "deploy", lock) / "python"
    (tmp_path / "deploy" / "venv" / "kept").touch()
    linters(tmp_path / "deploy", lock)
    assert (tmp_path / "deploy" / "venv" / "kept").exists()

    python.unlink()
    python.symlink_to("/nowhere/.venv/bin/python")
    linters(tmp_path / "deploy", lock)
    assert not (tmp_path / "deploy" / "venv" / "kept").exists()
    assert subprocess.run([python, "-c", ""], check=False).returncode == 0


def test_linters_stand_on_no_interpreter_of_another_virtual_environment(tmp_path: Path, lock: Path) -> None:
    python = linters(tmp_path / "deploy", lock) / "python"
    assert python.is_symlink()
    assert not python.readlink().is_relative_to(sys.prefix)


def test_no_script_is_called_by_the_path_that_it_was_made_under() -> None:
    """The first line of a script holds that path; given to the interpreter it is not read."""
    calls = [line for line in (PROJECT / "Makefile").read_text().splitlines() if "$$linters/" in line]
    assert len(calls) == 3
    assert all("$$linters/hadolint" in line or line.startswith("\t$$linters/python ") for line in calls)


def test_a_promtool_that_does_not_run_is_fetched_again(tmp_path: Path) -> None:
    """Half an unpacked program was believed. Instead of apt-get, which needs a network, one that notes its calls."""
    (tmp_path / "usr" / "bin").mkdir(parents=True)
    broken = tmp_path / "usr" / "bin" / "promtool"
    broken.write_text("#!/nowhere/sh\n")
    broken.chmod(0o755)
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("mkdir", "rm", "dpkg-deb", "apt-get"):
        told = f'echo "$@" >> {tmp_path}/asked\n' if name == "apt-get" else ""
        unpacked = f"printf '#!/bin/sh\\n' > {broken}\n" if name == "dpkg-deb" else ""
        (programs / name).write_text(f"#!/bin/sh\n{told}{unpacked}")
        (programs / name).chmod(0o755)
    (tmp_path / "prometheus_3_any.deb").touch()
    script = DEPLOY / "tools" / "promtool.sh"
    for _ in range(2):
        done = subprocess.run(
            ["/bin/sh", script, tmp_path], env={"PATH": str(programs)}, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout.strip()) == (0, str(broken)), done.stderr
    assert (tmp_path / "asked").read_text().count("download prometheus") == 1
