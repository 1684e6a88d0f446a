"""Reading on where a line ended too soon: behind a label without its value stands writing that the detector missed.

The dash of an unknown blood type is so small that it is lost on every fourth photograph. The line of the label is read
again, longer. What the recogniser sees there is what the picture shows: nothing is filled in, and a strip of bare paper
reads as nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from string import ascii_letters, digits
from types import ModuleType

from ocr_gpu.engine import Box, OcrEngine, OcrLine, Page, StripReading
from ocr_gpu.quads import Quad, as_corners, cut, in_pixels, part_of
from verification.labels import distance

PRINTED = digits + ascii_letters + " .,:;-/'()&+=|"
SEPARATING = " .,:;=|"
LEAST_CHANCE = 0.5  # of each character behind the label
MOST_WRONG = 4  # a label that reads worse than with one letter in so many changed is not the same line


def read_on(module: ModuleType, lines: Sequence[OcrLine], page: Page, engine: OcrEngine) -> list[OcrLine]:
    """The lines, with those longer behind whose label a value stands after all; one strip is read for each.

    `module` is the document type's: its `unread` says which lines end too soon and how many times as long they may be.
    """
    wanted = [(line, part_of(in_pixels(line.corners, page), 0.0, longer)) for line, longer in module.unread(lines)]
    if not wanted:
        return list(lines)
    readings = engine.read_strips([cut(page, quad) for _, quad in wanted], [PRINTED])
    longer = {
        id(line): _longer(line, reading, quad, page) for (line, quad), (reading,) in zip(wanted, readings, strict=True)
    }
    return [longer.get(id(line), line) for line in lines]


def _longer(line: OcrLine, reading: StripReading, quad: Quad, page: Page) -> OcrLine:
    """The line with what the strip says behind it, or as it is where that is nothing or unsure."""
    length = len(line.text)
    ends = range(max(length - 2, 1), min(length + 3, len(reading.text) + 1))
    end = min(ends, key=lambda at: distance(line.text, reading.text[:at]), default=0)
    if distance(line.text, reading.text[:end]) * MOST_WRONG > length:
        return line
    rest, chances = reading.text[end:], reading.chances[end:]
    inked = [chance for character, chance in zip(rest, chances, strict=True) if character not in SEPARATING]
    if not inked or min(inked) < LEAST_CHANCE:
        return line
    before = line.chances if len(line.chances) == length else (line.confidence,) * length
    return replace(
        line,
        text=f"{line.text} {rest}",
        box=Box.around(quad, page),
        corners=as_corners(quad, page),
        spots=(),
        chances=(*before, 1.0, *chances),
    )
