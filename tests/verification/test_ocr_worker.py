"""What a worker is started with: its device, its pool, its share of the cores."""

import os
import sys
from typing import Any

import pytest
from django.core.management import CommandError, call_command

Started = tuple[list[str], dict[str, str]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Started]:
    """What this process would have become."""
    became: list[Started] = []
    monkeypatch.setattr(os, "execve", lambda program, words, environment: became.append((words, environment)))
    monkeypatch.setattr(os, "chdir", lambda folder: None)
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "OCR_GPU_DEVICE", "OCR_CPU_THREADS", "OCR_CPU_WORKERS"):
        monkeypatch.delenv(name, raising=False)
    return became


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


def test_a_gpu_worker_sees_its_own_device_only_and_has_a_name_of_its_own(started: list[Started]) -> None:
    call_command("ocr_worker", "gpu", "--device", "cuda:1")
    [(words, environment)] = started
    assert words[:6] == [sys.executable, "-m", "celery", "-A", "filot", "worker"]
    assert (option(words, "-Q"), option(words, "-n")) == ("ocr.gpu", "ocr-gpu-1@%h")
    assert {"--pool=prefork", "--concurrency=1"} <= set(words)
    assert (environment["CUDA_VISIBLE_DEVICES"], environment["OCR_GPU_DEVICE"]) == ("1", "cuda:0")
    assert environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_the_device_of_the_settings_is_pinned_too(started: list[Started], settings: Any) -> None:
    settings.OCR_GPU_DEVICE = "cuda:2"
    call_command("ocr_worker", "gpu")
    assert started[0][1]["CUDA_VISIBLE_DEVICES"] == "2"


def test_among_devices_that_were_made_visible_the_index_counts_those(
    started: list[Started], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,GPU-7")
    call_command("ocr_worker", "gpu", "--device", "cuda:1")
    assert started[0][1]["CUDA_VISIBLE_DEVICES"] == "GPU-7"
    with pytest.raises(CommandError, match="names 2 only"):
        call_command("ocr_worker", "gpu", "--device", "cuda:2")


def test_without_a_number_nothing_is_hidden(started: list[Started]) -> None:
    call_command("ocr_worker", "gpu", "--device", "auto")
    assert "CUDA_VISIBLE_DEVICES" not in started[0][1]
    assert started[0][1]["OCR_GPU_DEVICE"] == "auto"


def test_one_process_for_the_cpu_needs_no_pool_and_sees_no_gpu(started: list[Started]) -> None:
    call_command("ocr_worker", "cpu")
    [(words, environment)] = started
    assert ("--pool=solo" in words, option(words, "-Q"), option(words, "-n")) == (True, "ocr.cpu", "ocr-cpu@%h")
    assert environment["CUDA_VISIBLE_DEVICES"] == ""


def test_several_share_the_cores_and_what_follows_is_celerys(started: list[Started]) -> None:
    call_command("ocr_worker", "cpu", "--processes", "3", "--threads", "2", "--celery=--loglevel=debug -E")
    [(words, environment)] = started
    assert {"--pool=prefork", "--concurrency=3"} <= set(words)
    assert words[-2:] == ["--loglevel=debug", "-E"]
    assert (environment["OCR_CPU_WORKERS"], environment["OCR_CPU_THREADS"]) == ("3", "2")


@pytest.mark.parametrize(
    "words", [("cpu", "--device", "cuda:0"), ("gpu", "--device", "cuda:x"), ("gpu", "--threads", "0")]
)
def test_what_makes_no_sense_is_refused(started: list[Started], words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        call_command("ocr_worker", *words)
    assert started == []
