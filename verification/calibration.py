"""What a confidence is worth: raw confidences of the parsers as the share of such values that is right.

Each engine has one file of curves, made by `manage.py fit_calibration`; an engine without one keeps its raw figures.
A curve is a list of points, raw and meant confidence, both rising; between them it is straight, outside it is flat.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from verification.bench import SURE, wilson
from verification.fields import FieldValue

FOLDER = Path(__file__).with_name("calibration_curves")
NUMBER, DATE, CLOSED, TEXT, ADDRESS = "number", "date", "closed", "text", "address"
GROUPS = (NUMBER, DATE, CLOSED, TEXT, ADDRESS)
GROUP_OF = {
    **dict.fromkeys(("nik", "npwpNumber", "npwp16"), NUMBER),
    **dict.fromkeys(("birthDate", "issuedDate", "registeredDate"), DATE),
    **dict.fromkeys(
        ("gender", "religion", "maritalStatus", "nationality", "bloodType", "rtRw", "validUntil"),
        CLOSED,
    ),
    "address": ADDRESS,  # several lines: one letter in a hundred spoils it, which a mean over letters hardly shows
}  # every other field is text
HIGHEST_UNSURE = 0.89  # what a number that was not confirmed can reach
FEWEST = 40  # values behind a point of a curve
MOST_POINTS = 15
CAUTION = 1.0  # deviations below the share found: with few values behind a point it says less

Point = tuple[float, float]
Said = tuple[float, bool]  # a confidence, and whether its value was right
Curves = Mapping[str, Sequence[Point]]  # by group
_off: ContextVar[bool] = ContextVar("calibration_off", default=False)


def calibrated(engine: str, group: str, raw: float) -> float:
    """What a raw confidence of this group is worth. A number is never made sure by a curve, nor unsure."""
    return raw if _off.get() else meant(curves(engine), group, raw)


def meant(by_group: Curves, group: str, raw: float) -> float:
    """What these curves make of a raw confidence."""
    points = by_group.get(group)
    if not points or (group == NUMBER and raw >= SURE):
        return raw
    found = follow(points, raw)
    return round(min(found, HIGHEST_UNSURE) if group == NUMBER else found, 4)


def with_calibration(engine: str, fields: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
    """The fields with what their confidences are worth. Not safe to repeat: it takes raw ones."""
    return {
        name: field
        if field.value is None
        else replace(field, confidence=calibrated(engine, group_of(name), field.confidence))
        for name, field in fields.items()
    }


def group_of(name: str) -> str:
    return GROUP_OF.get(name, TEXT)


@contextmanager
def raw_confidences() -> Iterator[None]:
    """Confidences as the parsers give them, in this thread: a curve is fitted on those."""
    before = _off.set(True)
    try:
        yield
    finally:
        _off.reset(before)


@cache
def curves(engine: str) -> Curves:
    """The curves of an engine by group; none where none were fitted. ValueError for a file that holds no curves."""
    file = curve_file(engine)
    if not file.exists():
        return {}
    kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    found = {group: [(float(x), float(y)) for x, y in kept["groups"][group]["points"]] for group in kept["groups"]}
    for group, points in found.items():
        rising = all(left[0] < right[0] and left[1] <= right[1] for left, right in pairwise(points))
        if not points or not rising or not all(0 <= x <= 1 and 0 <= y <= 1 for x, y in points):
            raise ValueError(f"{file.name}: the curve of {group} does not rise from 0..1 to 0..1")
    return found


def curve_file(engine: str) -> Path:
    return FOLDER / f"{engine}.json"


def follow(points: Sequence[Point], raw: float) -> float:
    if raw <= points[0][0]:
        return points[0][1]
    for (left, low), (right, high) in pairwise(points):
        if raw <= right:
            return low + (high - low) * (raw - left) / (right - left)
    return points[-1][1]


def fit(seen: Sequence[Said]) -> list[Point]:
    """A curve from raw confidences and whether their values were right; [] from fewer than FEWEST.

    Shares that rise with the confidence (pool adjacent violators), each lowered by what chance may have added to it.
    """
    if len(seen) < FEWEST:
        return []
    size = max(FEWEST, -(-len(seen) // MOST_POINTS))
    blocks: list[list[Said]] = []
    for pair in sorted(seen):
        # Equal confidences stay together: no curve can tell them apart.
        if blocks and (len(blocks[-1]) < size or blocks[-1][-1][0] == pair[0]):
            blocks[-1].append(pair)
        else:
            blocks.append([pair])
    if len(blocks) > 1 and len(blocks[-1]) < FEWEST:
        blocks[-2:] = [blocks[-2] + blocks[-1]]
    pooled: list[list[Said]] = []
    for block in blocks:
        pooled.append(block)
        while len(pooled) > 1 and _rate(pooled[-2]) >= _rate(pooled[-1]):
            pooled[-2:] = [pooled[-2] + pooled[-1]]
    points = _rising([_point(block) for block in pooled])
    seldom = round(pooled[0][len(pooled[0]) // 10][0], 5)
    # Below what was seen nothing is known: down to nothing, and not on as before.
    return sorted({0.0: 0.0, seldom: points[0][1], **dict(points)}.items())


def _rate(block: Sequence[Said]) -> float:
    return sum(right for _, right in block) / len(block)


def _point(block: Sequence[Said]) -> Point:
    hits = sum(right for _, right in block)
    return sum(raw for raw, _ in block) / len(block), wilson(hits, len(block), CAUTION)[0]


def _rising(points: Sequence[Point]) -> list[Point]:
    """The same with no point above a later one: caution takes more from a block of few."""
    kept: list[Point] = []
    least = 1.0
    for raw, meant in reversed(points):
        least = min(least, meant)
        kept.append((round(raw, 5), round(least, 5)))
    return kept[::-1]
