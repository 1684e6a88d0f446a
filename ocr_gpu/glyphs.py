"""Do the digits of a printed number look like one another? A letter among them reads as a digit and looks different.

A network that has seen fifteen digits takes an O between them for a zero, whatever is printed. But one card sets its
number in one face: two zeros of it have one width, one outline, and both a dot or a slash inside or neither. A digit
that stands in the number once has no twin; in a line of nothing but itself the network has no digits to go by, and
reads a Z as a Z.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy
from numpy.typing import NDArray

from ocr_gpu.engine import Page
from ocr_gpu.quads import of_height

HEIGHT = 64  # pixels of a strip as it is looked at
SPECK = 12  # pixels: less ink is dust
GLYPH = (20, 30)  # pixels that every digit is brought to
SHORTEST, TALLEST, WIDEST = 0.7, 1.35, 1.3  # of a digit's usual height: the rest are points, strokes, digits that touch
DARKER = (1.0, 0.85, 0.7)  # of the level between paper and ink: digits that touch in a soft picture come apart
LIKE = 5  # half of how many of the tallest pieces of ink tell how high a digit is

# Found on 177 honest numbers of specimens, whose zeros differed by 0.08, 0.07, 0.08 and 0.09 at most, and on ten with
# an O among the zeros, each of which passed at least one of these.
MOST_SHAPE, MOST_WIDTH, MOST_INSIDE, MOST_CORNERS = 0.125, 0.11, 0.17, 0.13
MOST_OTHER = 0.18  # of any other digit, shape and width together; honest ones reached 0.15

# Digits for which a letter can be printed. An L is none for the 1: the one of OCR-A has a foot, and reads so alone.
LETTERS = {"0": "OQD", "1": "I", "2": "Z", "5": "S", "6": "G", "7": "TY", "8": "B"}
REPEATS = 5  # of a glyph in a line of its own: one alone is too little for a network that reads lines
AROUND, BETWEEN, BEFORE = 2, 6, 20  # pixels of a strip of HEIGHT: kept beside a glyph, between two, before the first
PAPER = 90  # percentile of brightness

Patch = NDArray[numpy.float32]


class Glyph(NamedTuple):
    """A printed digit: brightness (0 to 1) at GLYPH's size, width to height, brightness inside and in corners."""

    shape: Patch
    width: float
    inside: float
    corners: Patch


def odd_one(strip: Page, digits: str) -> str:
    """A digit that has a twin in the number and does not look like any of its twins; "" when there is none.

    `strip` is a picture of the number's line, `digits` what it is read as, without separators. Also "" where its digits
    can't be told apart in the picture: this finds what is plain to see and proves nothing.
    """
    glyphs = _glyphs(strip, len(digits))
    for digit in sorted(set(digits)):
        twins = [glyph for glyph, name in zip(glyphs, digits, strict=False) if name == digit]
        if len(twins) > 1 and any(
            not any(_alike(one, other, digit) for other in twins if other is not one) for one in twins
        ):
            return digit
    return ""


def are_apart(strip: Page, count: int) -> bool:
    """Whether so many digits stand there, one beside the other: else `odd_one` and `lone_digits` find nothing."""
    return bool(_told_apart(_grey(of_height(strip, HEIGHT)), count))


def lone_digits(strip: Page, digits: str) -> dict[str, Page]:
    """Each digit that has no twin and that a letter looks like, with a line made of its picture several times over.

    As for `odd_one` nothing where the digits can't be told apart.
    """
    lone = [at for at, digit in enumerate(digits) if digit in LETTERS and digits.count(digit) == 1]
    picture = of_height(strip, HEIGHT)
    boxes = _told_apart(_grey(picture), len(digits)) if lone else []
    return {digits[at]: _repeated(picture, boxes[at]) for at in lone if boxes}


def _repeated(picture: Page, box: tuple[int, int, int, int]) -> Page:
    x, _, width, _ = box
    glyph = picture[:, max(0, x - AROUND) : x + width + AROUND]
    paper = numpy.percentile(picture.reshape(-1, 3), PAPER, axis=0).astype(numpy.uint8)
    before, between = (numpy.full((HEIGHT, wide, 3), paper, numpy.uint8) for wide in (BEFORE, BETWEEN))
    return numpy.concatenate([before, *[glyph, between] * REPEATS, before], axis=1)


def _alike(one: Glyph, other: Glyph, digit: str) -> bool:
    shape = float(numpy.abs(one.shape - other.shape).mean())
    width = abs(float(numpy.log(one.width / other.width)))
    if digit != "0":
        return shape + width <= MOST_OTHER
    corners = float(numpy.abs(one.corners - other.corners).mean())
    inside = abs(one.inside - other.inside)
    return shape <= MOST_SHAPE and width <= MOST_WIDTH and inside <= MOST_INSIDE and corners <= MOST_CORNERS


def _glyphs(strip: Page, count: int) -> list[Glyph]:
    """One for each digit from the left; none unless just so many stand there."""
    grey = _grey(of_height(strip, HEIGHT))
    boxes = _told_apart(grey, count)
    if not boxes:
        return []
    darkest, brightest = numpy.percentile(grey, (2, 98))
    even = numpy.clip((grey - darkest) / max(brightest - darkest, 1), 0, 1).astype(numpy.float32)
    return [_glyph(even[y : y + height, x : x + width]) for x, y, width, height in boxes]


def _grey(picture: Page) -> NDArray[numpy.uint8]:
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(numpy.uint8, copy=False)


def _told_apart(grey: NDArray[numpy.uint8], count: int) -> list[tuple[int, int, int, int]]:
    """The box of each digit from the left; none unless just so many stand there."""
    level, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY_INV + cv2.THRESH_OTSU)
    cuts = (_boxes(grey, level * darker) for darker in DARKER)
    return next((found for found in cuts if len(found) == count), [])


def _glyph(patch: Patch) -> Glyph:
    shape = cv2.GaussianBlur(cv2.resize(patch, GLYPH, interpolation=cv2.INTER_AREA), (3, 3), 0.8)
    corners = [
        shape[rows, columns].mean() for rows in (slice(5), slice(-5, None)) for columns in (slice(4), slice(-4, None))
    ]
    height, width = patch.shape
    return Glyph(
        shape.astype(numpy.float32),
        width / height,
        float(shape[11:19, 7:13].mean()),
        numpy.array(corners, numpy.float32),
    )


def _boxes(grey: NDArray[numpy.uint8], level: float) -> list[tuple[int, int, int, int]]:
    """x, y, width and height of what is as high as a digit, from the left; what lies over one another is one."""
    _, ink = cv2.threshold(grey, level, 255, cv2.THRESH_BINARY_INV)
    _, _, pieces, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    found = [tuple(int(number) for number in piece[:4]) for piece in pieces[1:] if piece[4] >= SPECK]
    if not found:
        return []
    usual = float(numpy.median(sorted((height for _, _, _, height in found), reverse=True)[: 2 * LIKE]))
    tall = sorted(box for box in found if SHORTEST * usual <= box[3] <= TALLEST * usual and box[2] <= WIDEST * usual)
    return _merged(tall)


def _merged(boxes: list[tuple[int, ...]]) -> list[tuple[int, int, int, int]]:
    merged: list[tuple[int, int, int, int]] = []
    for x, y, width, height in boxes:
        if not merged or x + width / 2 >= merged[-1][0] + merged[-1][2]:
            merged.append((x, y, width, height))
            continue
        left, top, wide, high = merged.pop()
        head, foot = min(top, y), max(top + high, y + height)
        merged.append((left, head, max(wide, x + width - left), foot - head))
    return merged
