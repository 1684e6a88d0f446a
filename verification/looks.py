"""Looking at one page: read and parse it, have its number confirmed, and look again where little was read.

The first look is all that a good picture costs. A second one, finer and closer, is taken when the number is not sure
or most of the card was not found; what it adds is taken over field by field, and where the two disagree about the
number neither is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import ModuleType

from ocr_gpu.engine import OcrEngine, OcrLine, Page
from ocr_gpu.views import View, box_on_page, line_on_page
from verification.again import read_on
from verification.blanks import with_blanks
from verification.fields import FieldValue
from verification.numbers import SURE, confirmed

CLEARLY_BETTER = 0.05  # of confidence: so much more makes a second reading of a text replace the first
DISAGREED = 0.5  # the most that a number is trusted which two looks read differently


@dataclass(frozen=True, slots=True)
class Look:
    """The lines of a page and the fields they make. Boxes lie on the page as it was given."""

    lines: list[OcrLine]
    fields: Mapping[str, FieldValue]


def first_look(engine: OcrEngine, module: ModuleType, page: Page, lines: list[OcrLine]) -> Look:
    """What lines that were just read say, with blanks put back, lines that ended too soon read on, and the number read
    again from its strip.
    """
    lines = read_on(module, with_blanks(lines, page), page, engine)
    fields: dict[str, FieldValue] = dict(module.parse(lines))
    for name, digits in module.NUMBER_DIGITS.items():
        if field := fields.get(name):
            fields[name] = module.believed(name, confirmed(field, lines, page, engine, digits=digits), date.today())
    return Look(lines, fields)


def on_page(look: Look, view: View) -> Look:
    """A look at a part of a page, with its places those on the page."""
    fields = {
        name: replace(field, box=box_on_page(field.box, view)) if field.box else field
        for name, field in look.fields.items()
    }
    return Look([line_on_page(line, view) for line in look.lines], fields)


def is_weak(module: ModuleType, look: Look) -> bool:
    values = {name: field for name, field in look.fields.items() if field.value is not None}
    sure = any(values[name].confidence >= SURE for name in module.NUMBER_FIELDS if name in values)
    return not sure or len(values) < module.USUAL_FIELDS


def joined(module: ModuleType, first: Look, second: Look) -> Look:
    """Field by field the better of two looks at one page; the lines are those of the look with more in it."""
    fields = dict(first.fields)
    for name, field in second.fields.items():
        before = fields.get(name)
        if before is None:
            fields[name] = field
        elif name in module.NUMBER_FIELDS:
            fields[name] = _number_of_two(before, field)
        elif field.value is not None and (
            before.value is None or field.confidence > before.confidence + CLEARLY_BETTER
        ):
            fields[name] = field
    lines = max(first, second, key=lambda look: sum(f.value is not None for f in look.fields.values())).lines
    return Look(lines, {name: fields[name] for name in module.FIELDS if name in fields})


def _number_of_two(first: FieldValue, second: FieldValue) -> FieldValue:
    if second.value is None or first.value == second.value:
        return first if first.confidence >= second.confidence else second
    if first.value is None:
        return second
    better, other = sorted((first, second), key=lambda field: -field.confidence)
    return replace(better, confidence=min(better.confidence, DISAGREED), proposed=other.value)


def found(look: Look) -> int:
    return sum(field.value is not None for field in look.fields.values())
