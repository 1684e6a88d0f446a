"""Counts of several processes: added up, kept when a process ends, shown by workers on a port of their own."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from filot import counters
from filot.embedded.program import free_port
from filot.traffic import outcome_of

COUNT = """
from prometheus_client import Counter, Histogram
Counter("filot_probe", "a count", ["what"]).labels("card").inc(3)
Histogram("filot_probe_seconds", "a time", buckets=(1, 2)).observe(1.5)
"""


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.PROMETHEUS_MULTIPROC_DIR = tmp_path
    return tmp_path


def a_process_that_counted(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", COUNT], env={"PROMETHEUS_MULTIPROC_DIR": str(folder)}, check=True, timeout=60)


def sums() -> dict[str, float]:
    samples = [sample for family in counters.Counted().collect() for sample in family.samples]
    return {sample.name + "".join(sample.labels.values()): sample.value for sample in samples}


def test_what_the_dead_counted_is_folded_into_one_file_and_no_sum_changes(folder: Path) -> None:
    for _ in range(3):
        a_process_that_counted(folder)
    before = sums()
    assert before["filot_probe_totalcard"] == 9
    assert counters.fold(folder) == 6
    assert sums() == before
    a_process_that_counted(folder)
    assert counters.fold(folder) == 2
    assert sorted(path.name for path in folder.glob("*.db")) == ["counter_0.db", "histogram_0.db"]
    assert sums()["filot_probe_totalcard"] == 12
    assert sums()["filot_probe_seconds_bucket2.0"] == 4
    assert counters.fold(folder) == 0


def test_the_file_of_a_living_process_stays_its_own(folder: Path) -> None:
    program = COUNT + "import sys; print('counted', flush=True); sys.stdin.read()"
    living = subprocess.Popen(
        [sys.executable, "-c", program],
        env={"PROMETHEUS_MULTIPROC_DIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert living.stdout is not None
    living.stdout.readline()
    assert counters.fold(folder) == 0
    living.communicate()
    assert counters.fold(folder) == 2


def test_a_scrape_and_a_fold_do_not_see_counts_twice(folder: Path) -> None:
    for _ in range(8):
        a_process_that_counted(folder)
    seen: list[float] = []
    stop = threading.Event()

    def scrape() -> None:
        while not stop.is_set():
            seen.append(sums()["filot_probe_totalcard"])

    scraper = threading.Thread(target=scrape)
    scraper.start()
    counters.fold(folder)
    stop.set()
    scraper.join()
    assert set(seen) == {24.0}


@pytest.mark.parametrize(
    ("token", "given", "status"), [("", "", 200), ("t" * 32, "", 403), ("t" * 32, "Bearer " + "t" * 32, 200)]
)
def test_a_worker_shows_its_counts_to_whoever_may_read_them(
    folder: Path, settings: Any, token: str, given: str, status: int
) -> None:
    a_process_that_counted(folder)
    settings.METRICS_TOKEN = token
    server = counters.serve(free_port())
    assert server is not None
    address = f"http://127.0.0.1:{server.server_port}/metrics"
    try:
        answer = requests.get(address, headers={"Authorization": given}, timeout=5)
        assert answer.status_code == status
        found = [family.name for family in text_string_to_metric_families(answer.text)] if status == 200 else []
        assert ("filot_probe" in found) == (status == 200)
    finally:
        server.shutdown()
        server.server_close()


def test_a_port_that_is_taken_keeps_no_worker_from_working() -> None:
    first = counters.serve(free_port())
    assert first is not None
    try:
        assert counters.serve(first.server_port) is None
    finally:
        first.shutdown()
        first.server_close()


@pytest.mark.parametrize(("address", "may"), [("10.0.0.1", True), ("8.8.8.8", False), ("", False)])
def test_without_a_token_counts_are_for_private_networks(settings: Any, address: str, may: bool) -> None:
    settings.METRICS_TOKEN = ""
    assert counters.may_read("", address) is may


@pytest.mark.parametrize(
    ("status", "outcome"), [(201, "accepted"), (400, "refused"), (429, "refused"), (500, "failed"), (503, "failed")]
)
def test_only_what_is_not_the_clients_doing_counts_against_the_promise(status: int, outcome: str) -> None:
    assert outcome_of(status) == outcome
