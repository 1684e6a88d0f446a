"""What was read is kept and used again, and never when it was read otherwise."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ocr_gpu.engine import Box, OcrLine
from tests.verification.decisions import read_well
from verification.decision_cards import Picture, picture
from verification.decision_store import Read, Readings
from verification.fields import FieldValue

KEY = {"engine": "by hand", "version": "1", "parsers": {"KTP": "3"}}
PICTURES = [picture("ktp", "clean", seed) for seed in range(3)]


class Reader:
    """Reads without a mistake, and remembers what it was asked to; it can break off."""

    def __init__(self, most: int = 100) -> None:
        self.asked: list[str] = []
        self.most = most

    def __call__(self, pictures: Sequence[Picture]) -> Iterable[Read]:
        for one in pictures:
            if len(self.asked) == self.most:
                raise RuntimeError("the power went off")
            self.asked.append(one.file)
            yield read_well(one)


def told(at: int) -> None:
    """Nobody listens."""


def read(file: Path, pictures: Sequence[Picture] = PICTURES, **key: str) -> tuple[Reader, list[Read], int, bool]:
    reader, held = Reader(), Readings(file, KEY | key)
    reads, reused = held.all(pictures, reader, told)
    return reader, reads, reused, held.stale


def test_what_was_read_once_is_not_read_again(tmp_path: Path) -> None:
    first, reads, reused, stale = read(tmp_path / "new" / "kept.jsonl")
    assert (len(first.asked), reused, stale) == (3, 0, False)
    second, again, reused, stale = read(tmp_path / "new" / "kept.jsonl")
    assert (second.asked, reused, stale) == ([], 3, False)
    assert again == reads == [read_well(one) for one in PICTURES]


def test_more_cards_read_only_those_that_are_new(tmp_path: Path) -> None:
    read(tmp_path / "kept.jsonl")
    more = picture("npwp", "scan", 9)
    reader, reads, reused, _ = read(tmp_path / "kept.jsonl", [more, *PICTURES])
    assert (reader.asked, reused) == ([more.file], 3)
    assert [one.file for one in reads] == [more.file, *(one.file for one in PICTURES)]


@pytest.mark.parametrize("key", [{"version": "2"}, {"engine": "another"}, {"sources": "other strokes"}])
def test_readings_of_another_engine_or_drawing_are_refused_and_replaced(tmp_path: Path, key: dict[str, str]) -> None:
    read(tmp_path / "kept.jsonl")
    reader, _, reused, stale = read(tmp_path / "kept.jsonl", **key)
    assert (len(reader.asked), reused, stale) == (3, 0, True)
    assert read(tmp_path / "kept.jsonl", **key)[2:] == (3, False)
    assert read(tmp_path / "kept.jsonl")[3]


def test_a_picture_of_the_same_name_with_other_values_is_read_again(tmp_path: Path) -> None:
    read(tmp_path / "kept.jsonl")
    changed = replace(PICTURES[0], values={**PICTURES[0].values, "name": "SOMEBODY ELSE"})
    reader, _, reused, _ = read(tmp_path / "kept.jsonl", [changed, *PICTURES[1:]])
    assert (reader.asked, reused) == ([changed.file], 2)


def test_what_was_read_before_the_power_went_off_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "kept.jsonl"
    with pytest.raises(RuntimeError):
        Readings(file, KEY).all(PICTURES, Reader(most=2), told)
    file.write_text(file.read_text() + '{"mark": "cut o')
    reader, _, reused, stale = read(file)
    assert (reader.asked, reused, stale) == ([PICTURES[2].file], 2, False)


def test_a_kept_line_says_what_was_drawn_and_what_was_read(tmp_path: Path) -> None:
    read(tmp_path / "kept.jsonl", PICTURES[:2])
    read(tmp_path / "kept.jsonl")  # the first two are kept as they were
    key, first, *_ = map(json.loads, (tmp_path / "kept.jsonl").read_text().splitlines())
    assert key == KEY
    assert first["picture"]["values"] == PICTURES[0].values
    assert first["read"]["fields"]["nik"]["value"] == PICTURES[0].values["nik"]


def test_a_reading_comes_back_as_it_went_also_one_that_was_refused() -> None:
    whole = Read(
        file="a.jpg",
        sha256="0" * 64,
        fields={"name": FieldValue(None, "N", 0.4, Box(0.1, 0.2, 0.3, 0.4), "M"), "nik": FieldValue(None, "", 0, None)},
        lines=[OcrLine("Nama : N", 0.98, Box(0.1, 0.2, 0.3, 0.4))],
        issues=("glare", "cut_off"),
        fingerprint=bytes(range(32)),
    )
    refused = Read("b.jpg", "1" * 64, {}, [], error="TOO_SMALL")
    for one in (whole, refused):
        assert Read.from_json(json.loads(json.dumps(one.as_json()))) == one


def test_those_who_wait_are_told_how_many_were_read(tmp_path: Path) -> None:
    heard: list[int] = []
    Readings(tmp_path / "kept.jsonl", KEY).all(PICTURES, Reader(), heard.append)
    assert heard == [1, 2, 3]
