"""Digits drawn as strokes on a grid, after OCR-A: what identity cards print their number in, and no free font has.

The letters are those that a planted fault puts among them.
"""

from __future__ import annotations

from functools import lru_cache

from PIL import Image, ImageDraw

ACROSS, DOWN = 4, 6  # the grid that the strokes stand on
SMOOTH = 4  # drawn so many times larger, then shrunk
Point = tuple[float, float]

STROKES: dict[str, tuple[tuple[Point, ...], ...]] = {
    "0": (((1, 0), (3, 0), (4, 1), (4, 5), (3, 6), (1, 6), (0, 5), (0, 1), (1, 0)),),
    "1": (((0.6, 0), (2, 0), (2, 6)), ((0.2, 6), (4, 6), (4, 4.6))),
    "2": (((0.2, 0), (3.6, 0), (4, 0.4), (4, 2.6), (3.6, 3), (0.4, 3), (0, 3.4), (0, 6), (4, 6)),),
    "3": (((0, 0), (3.4, 0), (3.4, 2.2), (2.6, 3), (1, 3)), ((2.6, 3), (4, 3.8), (4, 5.4), (3.4, 6), (0, 6))),
    "4": (((0.4, 0), (0, 3.8), (4, 3.8)), ((3.1, 2.2), (3.1, 6))),
    "5": (((3.8, 0), (0.2, 0), (0.2, 2.7), (3.2, 2.7), (4, 3.5), (4, 5.2), (3.2, 6), (0, 6)),),
    "6": (((0.6, 0), (0, 1), (0, 6), (4, 6), (4, 3), (0, 3)),),
    "7": (((0, 1), (0, 0), (4, 0), (4, 1.2), (2, 3.4), (2, 6)),),
    "8": (((0.8, 0), (3.2, 0), (3.2, 3), (0.8, 3), (0.8, 0)), ((0.8, 3), (0, 3.5), (0, 6), (4, 6), (4, 3.5), (3.2, 3))),
    "9": (((4, 3), (0, 3), (0, 0), (4, 0), (4, 5), (3.4, 6)),),
    "O": (((1.4, 0), (2.6, 0), (4, 1.8), (4, 4.2), (2.6, 6), (1.4, 6), (0, 4.2), (0, 1.8), (1.4, 0)),),
    "I": (((0.8, 0), (3.2, 0)), ((2, 0), (2, 6)), ((0.8, 6), (3.2, 6))),
    "Z": (((0, 0), (4, 0), (0, 6), (4, 6)),),
    "S": (((4, 0.6), (3.2, 0), (0.8, 0), (0, 0.8), (0, 2), (4, 4), (4, 5.2), (3.2, 6), (0.8, 6), (0, 5.4)),),
    "G": (((4, 0.8), (3, 0), (1, 0), (0, 1), (0, 5), (1, 6), (4, 6), (4, 3.4), (2.4, 3.4)),),
    "B": (((0, 0), (0, 6), (3, 6), (4, 5), (4, 4), (3, 3), (0, 3)), ((3, 3), (3.6, 2.2), (3.6, 0.8), (3, 0), (0, 0))),
    ".": (((1.9, 5.8), (2.1, 6)),),
    "-": (((0.8, 3.2), (3.2, 3.2)),),
    " ": (),
}


def can_draw(text: str) -> bool:
    return all(character in STROKES for character in text)


def letter_step(size: int) -> float:
    """How far apart the characters of a size stand."""
    return size * 0.66


@lru_cache(maxsize=256)
def _glyph(character: str, size: int, bold: bool) -> Image.Image:
    """One character as a mask, with room for the stroke around its grid."""
    height, thick = size * 0.72 * SMOOTH, size * (0.105 if bold else 0.085) * SMOOTH
    wide = height * ACROSS / DOWN * 0.88
    mask = Image.new("L", (round(wide + 2 * thick), round(height + 2 * thick)), 0)
    pen = ImageDraw.Draw(mask)
    for stroke in STROKES[character]:
        points = [(thick + x * wide / ACROSS, thick + y * height / DOWN) for x, y in stroke]
        pen.line(points, fill=255, width=round(thick), joint="curve")
        for x, y in points:
            pen.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), fill=255)
    return mask.resize((round(mask.width / SMOOTH), round(mask.height / SMOOTH)), Image.Resampling.BOX)


def draw_strokes(
    image: Image.Image, text: str, at: Point, size: int, ink: tuple[int, int, int], *, bold: bool
) -> tuple[float, float, float, float]:
    """Writes from the left end of the baseline on; the box of the ink. KeyError for what is not in STROKES."""
    x, baseline = at
    top = baseline
    for character in text:
        glyph = _glyph(character, size, bold)
        thick = size * (0.105 if bold else 0.085)
        top = baseline + thick - glyph.height
        image.paste(ink, (round(x), round(top)), glyph)
        x += letter_step(size)
    last = _glyph(text[-1], size, bold)
    return at[0], top, x - letter_step(size) + last.width, baseline + size * 0.1
