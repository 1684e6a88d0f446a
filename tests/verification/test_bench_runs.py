"""Readers as programs of their own: these are small ones that speak as a reader must."""

import os
import sys
import textwrap
from pathlib import Path

import pytest

from verification.bench_runs import Reader, ReaderFailed, cpu_seconds, peak_megabytes, run

SPEAKS = """
    import json, os, pathlib, sys
    folder, threads = pathlib.Path(sys.argv[1]), sys.argv[2]
    def say(words): print(json.dumps(words), flush=True)
    say({"ready": "small 1 " + os.environ["OMP_NUM_THREADS"] + os.environ.get("EXTRA", "")})
    if sys.stdin.readline() != "go\\n": sys.exit(3)
    for file in sorted(folder.glob("*.jpg")):
        say({"file": file.name, "seconds": 0.5, "fields": {"name": {"value": "x" * 9000, "confidence": 1.0}}})
    say({"done": True})
    sys.stdin.read()
    (folder / "ended").touch()
"""


def reader(folder: Path, program: str) -> Reader:
    script = folder / "reader.py"
    script.write_text(textwrap.dedent(program))
    return Reader("small", (sys.executable, str(script)), ("KTP",), {"EXTRA": " more"})


def pictures(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    return folder


def test_a_reader_is_told_to_go_and_all_that_it_says_is_kept(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "a", "1.jpg", "2.jpg")
    held = run(reader(tmp_path, SPEAKS), [folder], threads=1)
    assert held.version == "small 1 1 more"
    assert sorted(held.said) == ["1.jpg", "2.jpg"]
    assert held.cold_start_seconds > 0
    assert held.cpu_seconds is None or held.cpu_seconds >= 0
    assert held.rss_megabytes is None or 1 < held.rss_megabytes < 500
    assert (folder / "ended").exists()


def test_several_processes_read_a_folder_each_though_all_say_more_than_a_pipe_holds(tmp_path: Path) -> None:
    folders = [pictures(tmp_path / name, *(f"{name}{at}.jpg" for at in range(30))) for name in ("a", "b")]
    held = run(reader(tmp_path, SPEAKS), folders, threads=1)
    assert len(held.said) == 60
    assert all((folder / "ended").exists() for folder in folders)


@pytest.mark.parametrize(
    "program",
    [
        'import sys; sys.exit("no such model")',
        'import sys; print(\'{"ready": "1"}\', flush=True); sys.stdin.readline(); sys.exit("no such model")',
    ],
    ids=["as it starts", "as it reads"],
)
def test_a_reader_that_ends_early_is_told_with_what_it_complained_of(tmp_path: Path, program: str) -> None:
    with pytest.raises(ReaderFailed, match="ended with 1: no such model"):
        run(reader(tmp_path, program), [pictures(tmp_path / "a", "1.jpg")], threads=1)


def test_no_process_is_left_behind_when_one_of_two_fails(tmp_path: Path) -> None:
    program = SPEAKS.replace("    if sys.stdin", '    if folder.name == "b": sys.exit("gone")\n    if sys.stdin')
    folders = [pictures(tmp_path / name, "1.jpg") for name in ("a", "b")]
    with pytest.raises(ReaderFailed, match="gone"):
        run(reader(tmp_path, program), folders, threads=1)
    assert (folders[0] / "ended").exists()


def test_the_memory_of_a_process_is_its_own() -> None:
    held = peak_megabytes(os.getpid())
    assert held is None or held > 10
    assert peak_megabytes(2**30) is None


def test_what_a_process_has_computed_grows_as_it_computes() -> None:
    before = cpu_seconds(os.getpid())
    for _ in range(40):
        sum(range(1_000_000))
    after = cpu_seconds(os.getpid())
    assert (before is None and after is None) or 0 < before < after
    assert cpu_seconds(2**30) is None
