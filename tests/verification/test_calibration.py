"""Curves of confidence: how they are fitted, stored and followed."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_gpu.engine import Box
from verification import calibration
from verification.bench import SURE
from verification.calibration import (
    FEWEST,
    GROUPS,
    HIGHEST_UNSURE,
    calibrated,
    curves,
    fit,
    follow,
    group_of,
    raw_confidences,
    with_calibration,
)
from verification.fields import FieldValue
from verification.reliability import expected_error, sure_share

CURVE = [[0.0, 0.0], [0.5, 0.2], [0.9, 0.6], [1.0, 0.98]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the curves of an engine called "tried" lie."""
    monkeypatch.setattr(calibration, "FOLDER", tmp_path)
    curves.cache_clear()
    yield tmp_path
    curves.cache_clear()


def store(folder: Path, points: list[list[float]] = CURVE) -> None:
    groups = {group: {"points": points} for group in GROUPS}
    (folder / "tried.json").write_text(json.dumps({"groups": groups}))


def value(text: str | None, confidence: float) -> FieldValue:
    return FieldValue(text, text or "", confidence, Box(0, 0, 1, 1))


def test_a_confidence_follows_the_curve_of_its_group(folder: Path) -> None:
    store(folder)
    assert calibrated("tried", "text", 0.9) == 0.6
    assert calibrated("tried", "text", 0.7) == 0.4
    assert calibrated("tried", "text", 1.0) == 0.98
    assert calibrated("tried", "text", 0.0) == 0.0


def test_an_engine_without_curves_keeps_its_confidences(folder: Path) -> None:
    assert calibrated("tried", "text", 0.77) == 0.77


@given(st.floats(0, 1))
def test_a_curve_neither_makes_a_number_sure_nor_takes_its_sureness(raw: float) -> None:
    high = {"number": [(0.0, 0.95), (1.0, 1.0)]}
    low = {"number": [(0.0, 0.0), (1.0, 0.1)]}
    assert (calibration.meant(high, "number", raw) >= SURE) == (raw >= SURE)
    assert (calibration.meant(low, "number", raw) >= SURE) == (raw >= SURE)
    assert calibration.meant(high, "number", raw) == (raw if raw >= SURE else HIGHEST_UNSURE)


def test_fields_get_what_their_confidences_are_worth_and_nothing_else_changes(folder: Path) -> None:
    store(folder)
    fields = {"name": value("SITI", 0.9), "nik": value("3201024508900001", 0.95), "address": value(None, 0.9)}
    meant = with_calibration("tried", fields)
    assert meant["name"] == FieldValue("SITI", "SITI", 0.6, Box(0, 0, 1, 1))
    assert meant["nik"] == fields["nik"]
    assert meant["address"] == fields["address"]


def test_raw_confidences_can_be_asked_for_and_end_with_the_block(folder: Path) -> None:
    store(folder)
    with raw_confidences():
        assert calibrated("tried", "text", 0.9) == 0.9
    assert calibrated("tried", "text", 0.9) == 0.6


@pytest.mark.parametrize(
    "points",
    [[], [[0.5, 0.4], [0.5, 0.6]], [[0.1, 0.6], [0.5, 0.4]], [[0.0, 0.0], [1.0, 1.2]]],
    ids=["none", "not across", "downwards", "above one"],
)
def test_a_file_that_holds_no_curve_is_refused(folder: Path, points: list[list[float]]) -> None:
    store(folder, points)
    with pytest.raises(ValueError, match=r"tried\.json: the curve of number"):
        curves("tried")


def test_fields_belong_to_the_group_of_what_they_hold() -> None:
    assert [group_of(name) for name in ("npwp16", "issuedDate", "rtRw", "validUntil", "taxOffice", "address")] == [
        "number",
        "date",
        "closed",
        "closed",
        "text",
        "address",
    ]


def test_the_curves_of_the_tree_can_be_followed() -> None:
    stored = sorted(calibration.FOLDER.glob("*.json"))
    for file in stored:
        assert set(curves(file.stem)) <= set(GROUPS)
    assert all(json.loads(file.read_text())["engine"] == file.stem for file in stored)


def seen(random: Random, count: int, power: int) -> list[tuple[float, bool]]:
    """Values that are right more seldom than stated."""
    stated = [random.random() ** 0.3 for _ in range(count)]
    return [(raw, random.random() < raw**power) for raw in stated]


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=300))
def test_a_fitted_curve_rises_within_0_and_1_or_there_is_none(pairs: list[tuple[float, bool]]) -> None:
    points = fit(pairs)
    assert bool(points) == (len(pairs) >= FEWEST)
    assert all(left[0] < right[0] and left[1] <= right[1] for left, right in pairwise(points))
    assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in points)


@pytest.mark.parametrize("power", [1, 4, 9])
def test_fitting_brings_what_is_stated_near_what_is_right_on_values_not_fitted_on(power: int) -> None:
    random = Random(power)
    points = fit(seen(random, 1500, power))
    held_out = seen(random, 1500, power)
    meant = [(follow(points, raw), right) for raw, right in held_out]
    assert expected_error(meant) < 0.06
    if power > 1:
        assert expected_error(meant) < expected_error(held_out) / 2
        sure = sure_share(meant)
        assert sure_share(held_out).rate < 0.87
        assert sure.hits >= 0.87 * sure.of
        assert (sure.of > 0) == (power < 9)  # right to the power of nine at most: nothing can be called sure


def test_few_values_do_not_make_a_curve_say_sure() -> None:
    points = fit([(0.99, True)] * FEWEST + [(0.5, True)] * FEWEST)
    assert follow(points, 0.99) < 1
    assert follow(fit([(0.99, True)] * 2000), 0.99) > 0.995


def test_below_what_was_seen_a_confidence_falls_to_nothing() -> None:
    points = fit([(0.9 + at / 10_000, True) for at in range(1000)])
    assert follow(points, 0.95) > 0.99
    assert follow(points, 0.45) < 0.5
    assert follow(points, 0.0) == 0.0
