"""A sheet on which a specimen is drawn flat: its paper, its lines of text, the portrait and the signature."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from random import Random

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from verification.specimen_fonts import BOLD_WEIGHT, Lettering, font
from verification.specimen_strokes import can_draw, draw_strokes, letter_step

CARD_SIZE = (1011, 638)  # an ID-1 card at 300 dpi
INK: tuple[int, int, int] = (24, 26, 38)
RED: tuple[int, int, int] = (196, 30, 40)
PATTERNS = 6
SMALLEST = 10  # pixels: text is set no smaller
Colour = tuple[int, int, int]
Point = tuple[float, float]
PixelBox = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass
class Sheet:
    """A picture being drawn, the pixel boxes of the lines of each value, and the card's corners if it is on a page."""

    image: Image.Image
    lettering: Lettering
    ink: Colour = INK
    lines: dict[str, list[PixelBox]] = field(default_factory=dict)
    corners: tuple[Point, Point, Point, Point] | None = None

    @property
    def pen(self) -> ImageDraw.ImageDraw:
        return ImageDraw.Draw(self.image)

    @property
    def outline(self) -> tuple[Point, Point, Point, Point]:
        """The card's corners on the sheet, from the top left one clockwise."""
        wide, high = self.image.size
        return self.corners or ((0, 0), (wide, 0), (wide, high), (0, high))

    @property
    def boxes(self) -> dict[str, PixelBox]:
        """Each value with all its lines."""
        return {name: around(lines) for name, lines in self.lines.items()}

    def write(
        self,
        text: str,
        at: Point,
        size: int,
        *,
        name: str | None = None,
        room: float = 2000,
        anchor: str = "ls",
        bold: bool = False,
        ink: Colour | None = None,
    ) -> PixelBox:
        """Writes one line, made smaller when it is wider than its room; a named one is noted. The box of its ink."""
        size = self._fitting(text, size, room, bold=bold)
        shown, face = self._spaced(text), self.lettering.text
        cut = font(face, size, BOLD_WEIGHT if bold else self.lettering.weight)
        stroke = 1 if bold and face.regular == face.bold and "[" not in str(face.bold) else 0
        self.pen.text(at, shown, fill=ink or self.ink, font=cut, anchor=anchor, stroke_width=stroke)
        box = self.pen.textbbox(at, shown, font=cut, anchor=anchor, stroke_width=stroke)
        if name:
            self.note(name, box)
        return box

    def write_number(
        self, text: str, at: Point, size: int, *, name: str | None = None, room: float = 2000, bold: bool = True
    ) -> PixelBox:
        """Writes a number in the face for numbers, from the left; the box of its ink."""
        face = self.lettering.number
        if face is None and can_draw(text):
            size = min(size, int(room / letter_step(1) / len(text)))
            box = draw_strokes(self.image, text, at, size, self.ink, bold=bold)
        else:
            cut = Sheet(self.image, Lettering(face or self.lettering.text, None, self.lettering.weight), self.ink)
            box = cut.write(text, at, size, room=room, bold=bold)
        if name:
            self.note(name, box)
        return box

    def length(self, text: str, size: int, *, bold: bool = False) -> float:
        cut = font(self.lettering.text, size, BOLD_WEIGHT if bold else self.lettering.weight)
        return float(self.pen.textlength(self._spaced(text), font=cut))

    def note(self, name: str, box: PixelBox) -> None:
        self.lines.setdefault(name, []).append(box)

    def _fitting(self, text: str, size: int, room: float, *, bold: bool) -> int:
        long = self.length(text, size, bold=bold)
        return size if long <= room else max(SMALLEST, int(size * room / long))

    def _spaced(self, text: str) -> str:
        """The bundled font sets words so close that no reader parts them."""
        return text if self.lettering.text.regular else text.replace(" ", "  ")


def around(boxes: Sequence[PixelBox]) -> PixelBox:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def wrap(text: str, most: int) -> list[str]:
    """Words in lines of at most so many characters."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def printed_date(iso: str, between: str = "-") -> str:
    """An ISO date as cards print it; anything else as it is (SEUMUR HIDUP)."""
    try:
        return date.fromisoformat(iso).strftime(f"%d{between}%m{between}%Y")
    except ValueError:
        return iso


@cache
def _pattern(kind: int) -> npt.NDArray[np.uint8]:
    """Security print: fine lines that cross, in 0..255. The same for every card, as in real ones."""
    width, height = CARD_SIZE
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(0, height / width, height, dtype=np.float32)[:, None]
    bends = 0.02 * np.sin(2 * math.pi * ((2 + kind) * x + kind * y))
    waves = np.sin(2 * math.pi * (28 + 6 * kind) * (y + bends))
    rings = np.sin(2 * math.pi * (24 + 5 * kind) * np.sqrt((x - 0.3 - 0.1 * (kind % 4)) ** 2 + (y - 0.3) ** 2))
    lines = np.clip(np.abs(waves) * 1.6, 0, 1) * 0.55 + np.clip(np.abs(rings) * 1.6, 0, 1) * 0.25
    shade = 0.2 * (x if kind % 2 else y * width / height)
    soft = cv2.GaussianBlur((lines + shade).astype(np.float32), (0, 0), 0.8)
    return np.asarray(cv2.convertScaleAbs(soft * 255), dtype=np.uint8)


def paper(random: Random, low: Colour, high: Colour, size: tuple[int, int] = CARD_SIZE) -> Image.Image:
    """Paper shaded from one tint to another by a printed pattern, each paper a little different."""
    pattern = _pattern(random.randrange(PATTERNS))
    if random.random() < 0.5:
        pattern = pattern[:, ::-1]
    if size != CARD_SIZE:
        pattern = np.asarray(cv2.resize(pattern, size), dtype=np.uint8)
    faint, steps = random.uniform(0.35, 1.0), np.linspace(0, 1, 256)
    shifts = [random.uniform(-8, 8) for _ in range(3)]
    tables = [
        np.clip(a + (b - a) * (steps * faint + (1 - faint) / 2) + shift, 0, 255).astype(np.uint8)
        for a, b, shift in zip(low, high, shifts, strict=True)
    ]
    return Image.fromarray(np.dstack([table[pattern] for table in tables]))


def draw_portrait(sheet: Sheet, at: Point, random: Random, backdrop: Colour, *, woman: bool) -> None:
    """An invented head before a backdrop, printed grainy, with the word over it: 220 wide, 280 high."""
    tile = Image.new("RGB", (220, 280), backdrop)
    pen = ImageDraw.Draw(tile)
    skin = random.choice(((214, 176, 150), (190, 146, 112), (168, 122, 90), (226, 190, 164)))
    hair, coat = random.choice(((40, 34, 32), (24, 22, 26))), tuple(random.randint(30, 190) for _ in range(3))
    middle = 110 + random.randint(-6, 6)
    pen.pieslice((middle - 92, 178, middle + 92, 388), 180, 360, fill=coat)
    pen.rectangle((middle - 20, 150, middle + 20, 194), fill=skin)
    if woman and random.random() < 0.6:  # a scarf
        pen.ellipse((middle - 66, 36, middle + 66, 200), fill=coat)
    pen.ellipse((middle - 46, 54, middle + 46, 170), fill=skin)
    pen.pieslice((middle - 52, 38, middle + 52, 132), 180, 360, fill=hair)
    for eye in (-19, 19):
        pen.ellipse((middle + eye - 6, 106, middle + eye + 6, 112), fill=hair)
    pen.arc((middle - 16, 132, middle + 16, 150), 20, 160, fill=(150, 80, 76), width=2)
    soft = cv2.GaussianBlur(np.asarray(tile), (0, 0), 1.6).astype(np.float32)
    grain = np.random.default_rng(random.getrandbits(32)).standard_normal(soft.shape[:2], dtype=np.float32)
    tint = np.array([random.uniform(0.85, 1.05) for _ in range(3)], np.float32)
    print_ = np.clip(soft * tint + grain[..., None] * 7, 0, 255).astype(np.uint8)
    sheet.image.paste(Image.fromarray(print_), (round(at[0]), round(at[1])))
    sheet.write("SPECIMEN", (at[0] + 110, at[1] + 250), 36, anchor="ms", room=206, bold=True, ink=(255, 240, 240))


def draw_signature(sheet: Sheet, left: float, top: float, random: Random) -> None:
    """A few loops of a pen: 150 wide, 60 high."""
    loops, reach, lean = random.uniform(2, 5), random.uniform(14, 26), random.uniform(0.3, 1.6)
    points = []
    for step in range(60):
        t = step / 59
        swing = 2 * math.pi * loops * t
        points.append((left + 150 * t + reach * lean * math.cos(swing), top + 30 + reach * math.sin(swing + lean)))
    sheet.pen.line(points, fill=random.choice(((30, 32, 60), (20, 20, 24))), width=random.choice((2, 3)), joint="curve")
