"""bench_reading and fit_calibration with the real engine, on very few cards."""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from verification import calibration
from verification.calibration import curves
from verification.management.commands.bench_reading import peer

FEW = ("--levels", "clean", "--threads", "1")


def test_cards_are_read_in_a_process_of_its_own_and_printed_and_kept(tmp_path: Path, capsys: Any) -> None:
    kept = tmp_path / "figures.json"
    call_command("bench_reading", *FEW, "--count", "2", "--kinds", "ktp", "npwp", "--markdown", "--json", str(kept))
    printed = capsys.readouterr().out
    assert "### KTP and NPWP, by level" in printed
    assert "| clean | rapidocr | 2 | 100.0 % " in printed
    assert "| clean | (shown by the pictures) | 2 | 100.0 % " in printed
    assert "### NPWP, by field: " in printed
    figures = json.loads(kept.read_text())
    assert figures["asked"]["count"] == 2
    assert figures["figures"]["KTP"]["rapidocr"]["clean"]["number"] == {"hits": 1, "of": 1}
    assert figures["figures"]["KTP and NPWP"]["rapidocr"]["clean"]["cards"] == 2
    assert figures["readers"]["rapidocr"]["version"].endswith("on cpu")
    assert figures["readers"]["rapidocr"]["rss_megabytes"] > 50
    fields = figures["figures"]["KTP and NPWP"]["rapidocr"]["clean"]["fields"]
    assert len(figures["missed"]) == fields["of"] - fields["hits"]
    assert fields["hits"] >= 20


def test_two_processes_share_the_cards(capsys: Any) -> None:
    call_command("bench_reading", *FEW, "--count", "2", "--kinds", "ktp", "--processes", "2")
    printed = capsys.readouterr().out
    assert "Readers: 2 x 1 threads, seed 70001" in printed
    assert "KTP, by level" in printed
    assert "NPWP" not in printed


def test_a_peer_that_is_not_installed_is_told_by_its_name() -> None:
    with pytest.raises(CommandError, match=r"(?s)fktd: ended with 1.*No module named 'fktd'"):
        call_command(
            "bench_reading", *FEW, "--count", "1", "--engines", "--kinds", "ktp", "--peer", f"fktd={sys.executable}"
        )


@pytest.mark.parametrize("text", ["fktd", "fktd=", "tesseract=/usr/bin/python3"])
def test_a_peer_is_a_known_name_and_an_interpreter(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="NAME=PYTHON"):
        peer(text)


@pytest.mark.parametrize(
    "options", [("--count", "0"), ("--engines", "--count", "1"), ("--count", "1", "--processes", "2")]
)
def test_a_run_of_nothing_is_refused(options: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match=r"nothing to do|more processes than cards"):
        call_command("bench_reading", *FEW, *options)


def test_curves_are_fitted_stored_checked_on_other_cards_and_drawn(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, drawn = tmp_path / "curves" / "rapidocr.json", tmp_path / "plot.svg"
    few = (*FEW, "--kinds", "ktp", "--count", "6", "--check", "1")
    call_command("fit_calibration", *few, "--curves", str(file), "--plot", str(drawn))
    stored = json.loads(file.read_text())
    assert stored["engine"] == "rapidocr"
    assert stored["groups"]["text"]["values"] >= 40
    assert 0 < stored["groups"]["text"]["right"] <= stored["groups"]["text"]["values"]
    assert "number" not in stored["groups"]
    assert "--count 6 --seed 40001" in stored["command"]
    printed = capsys.readouterr().out
    (held_out,) = re.findall(r"text: (\d+) values; error ", printed)
    assert f"text: {held_out} values, error " in drawn.read_text()

    monkeypatch.setattr(calibration, "FOLDER", file.parent)
    curves.cache_clear()
    call_command("fit_calibration", *few, "--check-only", "--plot", str(tmp_path / "again.svg"))
    assert json.loads(file.read_text()) == stored
    assert (tmp_path / "again.svg").read_text() == drawn.read_text()
    curves.cache_clear()
