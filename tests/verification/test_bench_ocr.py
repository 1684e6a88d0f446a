"""bench_ocr: what it measures, and what it recommends."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from verification.management.commands import bench_ocr
from verification.management.commands.bench_ocr import Measured, Way, recommended, ways

ASKED = {"engines": ["rapidocr"], "processes": None, "threads": None, "batches": None, "device": "cpu"}


def measured(cards: float, *, processes: int = 1, threads: int = 1, batch: int = 1, device: str = "cpu") -> Measured:
    return Measured(Way("rapidocr", processes, threads, batch), device, cards, 0.5, 0.5, 300.0, 1.0)


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_ocr, "available", lambda: 4)
    monkeypatch.setattr(bench_ocr, "threads_for", lambda processes: max(1, 4 // processes))


def test_by_default_one_process_with_one_and_all_cores_and_one_process_for_each(four_cores: None) -> None:
    found = [(way.processes, way.threads, way.batch) for way in ways(ASKED)]
    assert found == [(1, 1, 1), (1, 4, 1), (4, 1, 1)]


def test_on_a_gpu_the_size_of_the_batch_is_what_is_tried(four_cores: None) -> None:
    found = [way.batch for way in ways({**ASKED, "engines": ["easyocr"], "device": "cuda:0"})]
    assert found == bench_ocr.GPU_BATCHES


def test_what_is_asked_for_is_what_is_tried(four_cores: None) -> None:
    asked = {**ASKED, "processes": [2], "threads": [1, 3], "batches": [1, 2]}
    assert [(way.threads, way.batch) for way in ways(asked)] == [(1, 1), (3, 1), (1, 2), (3, 2)]


def test_the_fastest_is_recommended_and_of_nearly_equal_ones_the_smallest(four_cores: None) -> None:
    slow, fast, large = measured(100), measured(198, processes=2, threads=2), measured(200, processes=4)
    [line] = recommended([slow, fast, large])
    assert (
        line == "For the CPU here: OCR_CPU_ENGINE=rapidocr OCR_CPU_WORKERS=2 OCR_CPU_THREADS=0 (its share of the cores)"
    )


def test_nothing_is_said_of_a_gpu_that_is_not_there(four_cores: None) -> None:
    assert not any("GPU" in line for line in recommended([measured(100, batch=8), measured(100)]))
    [line] = recommended([measured(100, batch=batch, device="cuda:0") for batch in (1, 8)])
    assert line == "For cuda:0 here: OCR_GPU_BATCH_SIZE=1 OCR_GPU_CONCURRENCY=1"


def test_real_cards_are_read_one_by_one_and_together_to_the_same_table(tmp_path: Path) -> None:
    out, kept = StringIO(), tmp_path / "figures.json"
    words = ["--count", "2", "--processes", "1", "--threads", "1", "--batches", "1", "2", "--level", "clean"]
    call_command("bench_ocr", *words, "--json", str(kept), stdout=out, stderr=StringIO())
    lines = out.getvalue().splitlines()
    assert [line.split()[:5] for line in lines[2:4]] == [
        ["rapidocr", "cpu", "1", "1", "1"],
        ["rapidocr", "cpu", "1", "1", "2"],
    ]
    figures: list[dict[str, Any]] = json.loads(kept.read_text())
    assert all(each["cards_a_minute"] > 0 and each["seconds"] > 0 and each["rss_megabytes"] > 50 for each in figures)
    assert "OCR_CPU_WORKERS=1" in lines[-1]


def test_a_device_that_is_not_there_gives_no_figures() -> None:
    with pytest.raises(CommandError, match="easyocr"):
        call_command("bench_ocr", "--engines", "easyocr", "--device", "cuda:7", "--count", "1", stderr=StringIO())
