"""From loose OCR lines to the rows of a card, though it lies a little askew or on its side.

All geometry is in fractions of the page. A tilt by a few degrees and a mild perspective leave the rows whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from ocr_gpu.engine import Box, OcrLine
from verification.fields import box_around
from verification.labels import alike, folded

WIDE_GAP = 3.0  # character widths: a wider gap ends a value
SAME_ROW = 0.5  # of the lower text's height: how far apart two centres of one row may be
MOST_OVERLAP = 0.4  # of the narrower text: more, and the two stand over each other
STEEPEST = 0.3
SLOPE_STEP = 0.01
SLOPE_GUESSES = 3
SLOPES_APART = 0.03
GROWTH_WEIGHT = 30.0  # neighbours that outweigh a whole slope of difference from what the boxes tell
CLEARLY_WIDER = 0.12
LOWEST_SHARE = 0.4  # of its box: text in a tilted box is at least this high
LONG_TEXT = 5  # letters: shorter texts may stand tall on an upright page
WIDE_MARK = "\t"
STAMPS = ("SPECIMEN", "CONTOH")
STAMP_LIKENESS = 0.75


@dataclass(frozen=True, slots=True)
class Token:
    """One OCR line on the straightened page; box is turned upright but not straightened."""

    text: str
    confidence: float
    box: Box
    y: float
    height: float

    @property
    def left(self) -> float:
        return self.box.x

    @property
    def right(self) -> float:
        return self.box.x + self.box.w


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a row's text. box is on the upright page as the engine saw it."""

    text: str
    confidence: float
    box: Box | None
    left: float
    width: float
    y: float
    height: float
    start: int  # its place in the row's text
    end: int

    def joined(self, other: Span) -> Span:
        """The text of a second line after this one's."""
        return Span(
            f"{self.text} {other.text}".strip(),
            min(self.confidence, other.confidence),
            box_around(box for box in (self.box, other.box) if box),
            min(self.left, other.left),
            max(self.width, other.width),
            other.y,
            other.height,
            self.start,
            self.end,
        )


class Row:
    """The tokens of one row from left to right, as one text with a tab at each wide gap."""

    def __init__(self, tokens: Sequence[Token], character: float, turns: int = 0) -> None:
        self.tokens = sorted(tokens, key=lambda token: token.left)
        self.turns = turns
        self.y = sum(token.y for token in self.tokens) / len(self.tokens)
        self.text = ""
        self.starts: list[int] = []
        for before, token in zip([None, *self.tokens], self.tokens, strict=False):
            if before:
                wide = token.left - before.right > WIDE_GAP * character
                self.text += WIDE_MARK if wide else " "
            self.starts.append(len(self.text))
            self.text += token.text

    def span(self, start: int, end: int) -> Span:
        """The text between two places, without the blanks and separators around it."""
        while start < end and self.text[start] in " \t:;=.,_~|'`":
            start += 1
        while end > start and self.text[end - 1] in " \t:;=,_~|'`":
            end -= 1
        pieces = [
            (token, max(start - at, 0), min(end - at, len(token.text)))
            for token, at in zip(self.tokens, self.starts, strict=True)
            if start < at + len(token.text) and end > at
        ]
        if start >= end or not pieces:
            return Span("", 0.0, None, 1.0, 0.0, self.y, 0.0, start, start)
        boxes = [_part(token, first, last) for token, first, last in pieces]
        around = box_around(boxes)
        return Span(
            " ".join(self.text[start:end].replace(WIDE_MARK, " ").split()),
            min(token.confidence for token, _, _ in pieces),
            turn(around, -self.turns) if around else None,
            boxes[0].x,
            around.w if around else 0.0,
            sum(token.y for token, _, _ in pieces) / len(pieces),
            max(token.height for token, _, _ in pieces),
            start,
            end,
        )

    def chunk_end(self, start: int, end: int) -> int:
        """Where the text that begins at start is cut by a wide gap, at most end."""
        while start < end and self.text[start] in " \t:;=.":
            start += 1
        cut = self.text.find(WIDE_MARK, start, end)
        return end if cut < 0 else cut

    def chunks(self) -> list[Span]:
        """The stretches between wide gaps."""
        found: list[Span] = []
        start = 0
        for part in self.text.split(WIDE_MARK):
            found.append(self.span(start, start + len(part)))
            start += len(part) + 1
        return [span for span in found if span.text]


def _part(token: Token, first: int, last: int) -> Box:
    """The share of a token's box that some of its characters take up."""
    box, length = token.box, max(len(token.text), 1)
    return Box(box.x + box.w * first / length, box.y, box.w * (last - first) / length, box.h)


def turn(box: Box, quarters: int) -> Box:
    """A box on the page turned clockwise by so many quarters."""
    for _ in range(quarters % 4):
        box = Box(1 - box.y - box.h, box.x, box.h, box.w)
    return box


def possible_turns(lines: Sequence[OcrLine]) -> tuple[int, ...]:
    """The quarter turns that may set the page upright, the likelier first.

    An engine that turned the page says so; else texts that stand tall say that it lies on a side.
    """
    turned = {line.turn // 90 for line in lines}
    if turned - {0}:
        return tuple(sorted(turned, reverse=True))
    tall = sum(line.box.h > line.box.w for line in lines if len(line.text) >= LONG_TEXT)
    wide = sum(line.box.h <= line.box.w for line in lines if len(line.text) >= LONG_TEXT)
    return (1, 3) if tall > wide else (0, 2)


def without_stamps(lines: Sequence[OcrLine]) -> list[OcrLine]:
    """The lines without the words that say a card is no real one."""
    stamps = [folded(stamp) for stamp in STAMPS]
    return [line for line in lines if not any(alike(folded(line.text), stamp, STAMP_LIKENESS) for stamp in stamps)]


def character_width(boxes: Iterable[tuple[str, Box]]) -> float:
    widths = [box.w / len(text) for text, box in boxes if len(text) >= 4]
    return median(widths) if widths else 0.01


def rows_of(lines: Sequence[OcrLine], *, slope: float = 0.0, turns: int = 0) -> list[Row]:
    """Rows from top to bottom. slope is the fall of a row across the whole page."""
    tokens = []
    for line in lines:
        box = turn(line.box, turns)
        centre = box.y + box.h / 2 - slope * (box.x + box.w / 2)
        height = max(box.h - abs(slope) * box.w, LOWEST_SHARE * box.h)
        text = " ".join(line.text.replace("：", ":").split())
        if text:
            tokens.append(Token(text, line.confidence, box, centre, height))
    character = character_width((token.text, token.box) for token in tokens)
    groups: list[list[Token]] = []
    for token in sorted(tokens, key=lambda token: token.left):
        near = [(abs(token.y - group[-1].y), group) for group in groups if _fits(token, group)]
        if near:
            min(near, key=lambda pair: pair[0])[1].append(token)
        else:
            groups.append([token])
    return sorted((Row(group, character, turns) for group in groups), key=lambda row: row.y)


def _fits(token: Token, group: list[Token]) -> bool:
    last = group[-1]
    if min(token.height, last.height) <= 0:
        return False
    if abs(token.y - last.y) > SAME_ROW * min(token.height, last.height):
        return False
    overlap = max(member.right for member in group) - token.left
    return overlap <= MOST_OVERLAP * min(token.box.w, last.box.w)


def likely_slopes(lines: Sequence[OcrLine], *, turns: int = 0) -> list[float]:
    """The slopes under which most texts have a neighbour at their own height, best first, at most three.

    With few neighbours the boxes tell: the upright box around a sloping text grows with the length of the text.
    """
    boxes = [turn(line.box, turns) for line in lines]
    steep = _growth(boxes)
    neighbours = [pair for a in boxes for b in boxes if (pair := _beside(a, b, steep))]
    steps = round(STEEPEST / SLOPE_STEP)
    scored: list[tuple[float, float]] = []
    for slope in (step * SLOPE_STEP for step in range(-steps, steps + 1)):
        hits = sum(max(0.0, 1 - abs(fall - slope * run) / reach) for run, fall, reach in neighbours)
        scored.append((hits - GROWTH_WEIGHT * abs(abs(slope) - steep), slope))
    best: list[float] = []
    for _, slope in sorted(scored, key=lambda pair: (-pair[0], abs(pair[1]))):
        if all(abs(slope - other) > SLOPES_APART for other in best):
            best.append(slope)
    return best[:SLOPE_GUESSES]


def _beside(a: Box, b: Box, steep: float) -> tuple[float, float, float] | None:
    """How far right and how far down b stands from a, and how far down still counts as the same height."""
    if b.x < a.x + a.w * 0.8:
        return None
    run = b.x + b.w / 2 - a.x - a.w / 2
    fall = b.y + b.h / 2 - a.y - a.h / 2
    reach = min(max(box.h - steep * box.w, LOWEST_SHARE * box.h) for box in (a, b)) / 2
    return (run, fall, reach) if reach > 0 and abs(fall) <= STEEPEST * run + 2 * reach else None


def _growth(boxes: Sequence[Box]) -> float:
    """How much higher a box is for being wider: the size of the slope, without its sign."""
    growth = [
        (b.h - a.h) / (b.w - a.w) for a in boxes for b in boxes if b.w - a.w > CLEARLY_WIDER and a.h > 0 and b.h > 0
    ]
    return min(max(median(growth), 0.0), STEEPEST) if growth else 0.0
