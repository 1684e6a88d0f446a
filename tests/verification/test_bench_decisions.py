"""bench_decisions with the real engine, on very few cards."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ocr_gpu.engine import load_engine
from verification.decision_cards import picture
from verification.decision_readings import key_of, read_picture
from verification.management.commands import bench_decisions

FEW = ("--levels", "clean", "--count", "1")


def test_cards_are_read_judged_printed_kept_and_drawn_and_stored_readings_are_used_again(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, plot = tmp_path / "figures.json", tmp_path / "plot.svg"
    call_command("bench_decisions", *FEW, "--readings", str(tmp_path), "--json", str(kept), "--plot", str(plot))
    first = capsys.readouterr().out
    assert "of these 0 stored readings were used again" in first
    assert "Honest cards, by level" in first
    last = json.loads(first.splitlines()[-1])
    assert list(last) == ["standard", "baseline"]
    assert (last["standard"]["honest"], last["standard"]["faulty"], last["standard"]["apart"]) == (1, 1, 1)
    figures = json.loads(kept.read_text())
    assert figures["summary"] == last
    assert {card["truth"] for card in figures["cards"]["standard"]} == {"honest", "faulty", "apart"}
    assert "standard, from 85: " in plot.read_text()

    monkeypatch.setattr(bench_decisions, "pool_reader", lambda *_: pytest.fail)
    call_command("bench_decisions", *FEW, "--readings", str(tmp_path), "--policy", "baseline", "--markdown")
    again = capsys.readouterr().out
    assert "3 pictures read by rapidocr" in again
    assert "of these 3 stored readings were used again" in again
    assert "### Honest cards, by level" in again
    assert json.loads(again.splitlines()[-1]) == {"baseline": last["baseline"]}


def test_readings_of_another_parser_are_told_to_be_stale(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "decisions-rapidocr.jsonl").write_text('{"engine": "rapidocr", "version": "of long ago"}\n')
    call_command("bench_decisions", *FEW, "--readings", str(tmp_path), "--policy", "baseline")
    told = capsys.readouterr()
    assert "all is read again" in told.err
    assert "of these 0 stored readings were used again" in told.out


def test_a_picture_is_read_as_a_document_of_its_type_and_one_that_shows_nothing_too() -> None:
    engine = load_engine("rapidocr", device="cpu", threads=1)
    card = read_picture(engine, picture("npwp", "clean", 3))
    assert card.fields["npwpNumber"].value == picture("npwp", "clean", 3).values["npwpNumber"]
    assert card.fingerprint is not None and len(card.fingerprint) == 32
    blank = read_picture(engine, picture("blank", "clean", 3))
    assert not any(field.value for field in blank.fields.values())
    assert set(key_of(engine)) == {"engine", "version", "parsers", "sources"}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--policy", "lenient"), "no policy called 'lenient'"),
        (("--policy", "standard@99"), "no version '99'"),
        (("--approve", "30"), "thresholds"),
        (("--approve", "101"), "thresholds"),
        (("--count", "0"), "nothing to do"),
        (("--processes", "0"), "nothing to do"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_read(options: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        call_command("bench_decisions", *FEW, *options)
