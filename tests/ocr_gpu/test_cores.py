import os
from pathlib import Path

import pytest

from ocr_gpu import cores


@pytest.fixture
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process may run on eight cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))


@pytest.mark.parametrize(("said", "count"), [("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("odd", 8)])
def test_a_containers_quota_counts(said: str, count: int, eight: None, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(f"{said}\n")
    assert cores.available(tmp_path) == count


@pytest.mark.parametrize(("quota", "count"), [("-1", 8), ("400000", 4)])
def test_so_does_the_older_kind_of_quota(quota: str, count: int, eight: None, tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert cores.available(tmp_path) == count


def test_without_a_quota_the_cores_it_may_run_on_count(eight: None, tmp_path: Path) -> None:
    assert cores.available(tmp_path) == 8


def test_the_real_answer_is_at_least_one() -> None:
    assert 1 <= cores.available() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(("processes", "threads"), [(1, 8), (2, 4), (3, 2), (8, 1), (20, 1)])
def test_processes_share_the_cores(processes: int, threads: int) -> None:
    assert cores.threads_for(processes, 8) == threads
