"""The number of a card, read a second time from its own strip before anybody believes it.

The strip is the line without its label, cut out of the page several times in slightly different ways. Only what reads
the same in all of them, letters allowed and not, and whose digits look like one another, is stated as sure. Small
letters are no part of it: cards print their numbers among capitals, and a small b is how a blurred 6 is misread. No
digit is changed to satisfy a rule: a number is one that was read, with every character a digit, or it is only proposed.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ocr_gpu.engine import Box, OcrEngine, OcrLine, Page, StripReading
from ocr_gpu.glyphs import LETTERS, are_apart, lone_digits, odd_one
from ocr_gpu.quads import Quad, in_pixels, part_of
from ocr_gpu.strips import variants
from verification.fields import FieldValue
from verification.identity_numbers import ASCII_DIGITS, SEPARATORS, without_separators

SEPARATING = ".-, "
DIGITS = "0123456789" + SEPARATING
CAPITALS = DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + ":/|"
SURE = 0.9  # from here on a number is stated as right
JUST_UNSURE = 0.89
UNREAD = 0.3  # the most that a field is trusted whose number nothing gives
# Of the worst character in the worst of the cuts, for a sure number. Of 150 numbers in small blurred pictures that all
# cuts read alike 6 were wrong, each with a rival over 0.12.
LEAST_CHANCE = 0.6
MOST_RIVAL = 0.08
MOST_WRONG_SHARE = 0.5  # with fewer readings than this behind it a number is no more than proposed
MARGIN = 0.9  # character widths left and right of the number
# Of a letter in a line of its own: of 472 honest digits but the 1, on 181 specimens of all levels, 469 had 0.01 or
# less; a blurred 8 had 0.35, and a blurred 6 twice read as nothing. A blurred Z had 0.16 and more as a 2.
MOST_LETTER = 0.1
LEAST_HEIGHT = 30  # pixels of the number's line in the page: of a lower one each digit has to stand apart
LEAST_DIGITS = 3  # of a piece that belongs to the number
COVERED = 0.5  # of the smaller box: how much a line has to share with the field
_RUN = re.compile(r"[0-9OoQDIlLi|ZzSsBbGgqAT? .\-–—]{3,}")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the readings of one number say; texts are digits only, or "" for a reading that is no such number."""

    first: str
    free: tuple[str, ...]  # with any character allowed
    within: tuple[str, ...]  # with digits only
    weakest: float  # chance of the worst character of any reading
    rival: float  # best chance of another digit in the place of any

    def votes(self) -> Counter[str]:
        """Readings behind each number that was read with letters allowed: those alone may become a value."""
        candidates = {text for text in (self.first, *self.free) if text}
        every = (self.first, *self.free, *self.within)
        return Counter({number: every.count(number) for number in candidates})

    def all_give(self, number: str) -> bool:
        """Whether every cut reads so, and the first reading says nothing else."""
        return self.first in ("", number) and {*self.free, *self.within} == {number}

    def share(self, number: str) -> float:
        every = (self.first, *self.free, *self.within)
        return every.count(number) / len(every)


def confirmed(field: FieldValue, lines: Sequence[OcrLine], page: Page, engine: OcrEngine, *, digits: int) -> FieldValue:
    """The number as its strip confirms it; never sure where the strip can't be found or read.

    `digits` says how many such a number has. A reading that disagrees is kept as `proposed`.
    """
    quad = strip_of(field, lines, page)
    if quad is None:
        return replace(field, confidence=min(field.confidence, JUST_UNSURE))
    strips = variants(page, quad)
    pairs = engine.read_strips(strips, [CAPITALS, DIGITS])
    free, within = ([pair[place] for pair in pairs] for place in (0, 1))
    found = weighed(field, evidence_of(field, free, within, digits))
    number = without_separators(found.value or "")
    if found.confidence < SURE:
        return found
    blurred = _height(quad) < LEAST_HEIGHT and not are_apart(strips[0], len(number))
    if blurred or _a_letter_stands_in(number, strips[0], engine):
        return replace(found, confidence=JUST_UNSURE)
    return found


def _height(quad: Quad) -> float:
    return math.dist(quad[0], quad[3])


def _a_letter_stands_in(number: str, strip: Page, engine: OcrEngine) -> bool:
    """Whether a letter is printed, as far as that is plain to see, where a digit was read."""
    if odd_one(strip, number):
        return True
    lone = lone_digits(strip, number)
    readings = engine.read_strips(list(lone.values()), [digit + LETTERS[digit] for digit in lone])
    return any(not _is_plainly(digit, found[at]) for at, (digit, found) in enumerate(zip(lone, readings, strict=True)))


def _is_plainly(digit: str, alone: StripReading) -> bool:
    """Whether a line of nothing but this digit reads so; a 1 may well look like an I, as long as it is none."""
    near = max(alone.rivals, default=1.0)
    return set(alone.text) - {" "} == {digit} and (digit == "1" or near <= MOST_LETTER)


def evidence_of(
    field: FieldValue, free: Sequence[StripReading], within: Sequence[StripReading], digits: int
) -> Evidence:
    """`free` and `within` are readings of the same strips."""
    return Evidence(
        first=_number(field.value or field.raw, digits),
        free=tuple(_number(reading.text, digits) for reading in free),
        within=tuple(_number(reading.text, digits) for reading in within),
        weakest=min((min(reading.chances, default=0.0) for reading in within), default=0.0),
        rival=max((max(reading.rivals, default=1.0) for reading in within), default=1.0),
    )


def weighed(field: FieldValue, evidence: Evidence) -> FieldValue:
    """The number with most readings behind it; a number that only digits-for-letters gives is proposed."""
    ranked = evidence.votes().most_common()
    if not ranked:
        others = Counter(text for text in evidence.within if text).most_common(1)
        proposed = others[0][0] if others else field.proposed
        return replace(field, value=None, confidence=min(field.confidence, UNREAD), proposed=proposed)
    number = ranked[0][0]
    share = evidence.share(number)
    rivals = [text for text, _ in ranked[1:]] + list(evidence.within)
    rival = next((text for text in rivals if text not in ("", number)), None)
    if evidence.all_give(number) and evidence.weakest >= LEAST_CHANCE and evidence.rival <= MOST_RIVAL:
        return replace(field, value=number, confidence=round(SURE + (1 - SURE) * evidence.weakest, 4), proposed=None)
    confidence = round(min(JUST_UNSURE, share * min(field.confidence, JUST_UNSURE)), 4)
    if share < MOST_WRONG_SHARE:
        return replace(field, value=None, confidence=confidence, proposed=number)
    return replace(field, value=number, confidence=confidence, proposed=rival)


def strip_of(field: FieldValue, lines: Sequence[OcrLine], page: Page) -> Quad | None:
    """Where the number stands, from its first character to its last, in pixels; pieces side by side are one strip."""
    box = field.box
    if box is None:
        return None
    near = [line for line in lines if line.corners and line.spots and _share_room(line.box, box)]
    whole = [line for line in near if field.raw and field.raw in line.text]
    if whole:
        line = max(whole, key=lambda line: _common_room(line.box, box))
        start = line.text.find(field.raw)
        return _stretch(line, start, start + len(field.raw), page)
    pieces = [piece for line in near if (piece := _piece(line, page)) is not None]
    if len(pieces) < 2:
        return pieces[0] if pieces else None
    ahead = pieces[0][1] - pieces[0][0]
    pieces.sort(key=lambda quad: float(quad[0] @ ahead))
    joined = pieces[0].copy()
    joined[1], joined[2] = pieces[-1][1], pieces[-1][2]
    return joined


def _piece(line: OcrLine, page: Page) -> Quad | None:
    """The stretch of a line that looks like a number, if any does."""
    runs = list(_RUN.finditer(line.text))
    if not runs:
        return None
    longest = max(runs, key=lambda run: _digits(run[0]))
    return _stretch(line, longest.start(), longest.end(), page) if _digits(longest[0]) >= LEAST_DIGITS else None


def _stretch(line: OcrLine, start: int, end: int, page: Page) -> Quad | None:
    """Between two places in the text, with some room on either side."""
    while start < end and line.text[start] in SEPARATORS:
        start += 1
    while end > start and line.text[end - 1] in SEPARATORS:
        end -= 1
    if line.corners is None or start >= end:
        return None
    first, last = line.spots[start], line.spots[end - 1]
    width = (last - first) / max(end - 1 - start, 1)
    return part_of(in_pixels(line.corners, page), first - MARGIN * width, last + MARGIN * width)


def _digits(text: str) -> int:
    return sum(character in ASCII_DIGITS for character in text)


def _common_room(one: Box, other: Box) -> float:
    wide = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
    high = min(one.y + one.h, other.y + other.h) - max(one.y, other.y)
    return wide * high if wide > 0 and high > 0 else 0.0


def _share_room(one: Box, other: Box) -> bool:
    return _common_room(one, other) >= COVERED * min(one.w * one.h, other.w * other.h) > 0


def _number(text: str, digits: int) -> str:
    bare = without_separators(text.replace(",", ".").strip(" :;=_~|'`"))
    return bare if len(bare) == digits and all(character in ASCII_DIGITS for character in bare) else ""
