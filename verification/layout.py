"""From loose OCR lines to the rows of a card, though it lies a little askew or on its side.

All geometry is in fractions of the page. A tilt by a few degrees and a mild perspective leave the rows whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from ocr_gpu.engine import Box, OcrLine
from verification.fields import box_around
from verification.labels import alike, folded
from verification.slant import LOWEST_SHARE, UPRIGHT, Quad, Slant, turn, turned_quad
from verification.writing import Writing, weakest_chance

WIDE_GAP = 3.0  # character widths: a wider gap ends a value
SAME_ROW = 0.5  # of the lower text's height: how far apart two centres of one row may be
MOST_OVERLAP = 0.4  # of the narrower text: more, and the two stand over each other
WIDE_MARK = "\t"
STAMPS = ("SPECIMEN", "CONTOH")
STAMP_LIKENESS = 0.75
SHORTEST_PIECE = 4  # letters of a stamp: no value is a part of one
SEPARATORS = " \t:;=,_~|'`"


@dataclass(frozen=True, slots=True)
class Token:
    """One OCR line on the page set level: y is its row's, left and right are its columns'.

    `quad` are its corners on the upright page, not set level.
    """

    line: OcrLine
    writing: Writing
    quad: Quad
    left: float
    right: float
    y: float
    height: float

    @property
    def text(self) -> str:
        return self.writing.text

    def part(self, start: int, end: int) -> Box:
        """The box around some of its characters, on the upright page."""
        first, last = self.writing.reach(start, end)
        top_left, top_right, bottom_right, bottom_left = self.quad
        corners = [
            (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)
            for a, b in ((top_left, top_right), (bottom_left, bottom_right))
            for share in (first, last)
        ]
        left, top = min(x for x, _ in corners), min(y for _, y in corners)
        right, bottom = max(x for x, _ in corners), max(y for _, y in corners)
        return Box(left, top, right - left, bottom - top)

    def left_of(self, start: int) -> float:
        """Where a character begins, on the page set level."""
        return self.left + (self.right - self.left) * self.writing.reach(start, start + 1)[0]

    def right_of(self, end: int) -> float:
        return self.left + (self.right - self.left) * self.writing.reach(end - 1, end)[1]


Piece = tuple[Token, int, int]  # a token and the places in its text where a stretch of it begins and ends


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a row's text. box is on the page as the engine saw it, the rest on the page set level."""

    text: str
    confidence: float  # that of its weakest character
    box: Box | None
    left: float
    width: float
    y: float
    height: float
    start: int  # its place in the row's text
    end: int
    measured: bool = False  # whether the engine told where each character stands, so that blanks are as on the card
    pieces: tuple[Piece, ...] = ()
    turns: int = 0

    @classmethod
    def of(cls, pieces: Sequence[Piece], turns: int, start: int, end: int) -> Span:
        """Of at least one piece, from left to right; start and end are its place in the row's text."""
        around = box_around(token.part(first, last) for token, first, last in pieces)
        left = min(token.left_of(first) for token, first, _ in pieces)
        return cls(
            " ".join(token.text[first:last] for token, first, last in pieces),
            min(weakest_chance(token.writing.chances[first:last]) for token, first, last in pieces),
            turn(around, -turns) if around else None,
            left,
            max(token.right_of(last) for token, _, last in pieces) - left,
            sum(token.y for token, _, _ in pieces) / len(pieces),
            max(token.height for token, _, _ in pieces),
            start,
            end,
            all(token.writing.measured for token, _, _ in pieces),
            tuple(pieces),
            turns,
        )

    def joined(self, other: Span) -> Span:
        """The text of a second line after this one's."""
        if not self.pieces or not other.pieces:
            return self if self.pieces else other
        both = Span.of((*self.pieces, *other.pieces), self.turns, self.start, self.end)
        return replace(both, y=other.y, height=other.height)

    def part(self, start: int, end: int) -> Span:
        """What stands between two places of its text, with its own box and confidence; itself where that is nothing."""
        found: list[Piece] = []
        for token, first, last in self.pieces:
            length = last - first
            own = first + max(start, 0), first + min(end, length)
            if own[0] < own[1]:
                found.append((token, *own))
            start, end = start - length - 1, end - length - 1
        return Span.of(found, self.turns, self.start, self.end) if found else self


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
        while start < end and self.text[start] in SEPARATORS + ".":
            start += 1
        while end > start and self.text[end - 1] in SEPARATORS:
            end -= 1
        pieces = [
            (token, max(start - at, 0), min(end - at, len(token.text)))
            for token, at in zip(self.tokens, self.starts, strict=True)
            if start < at + len(token.text) and end > at
        ]
        if start >= end or not pieces:
            return Span("", 0.0, None, 1.0, 0.0, self.y, 0.0, start, start)
        return Span.of(pieces, self.turns, start, end)

    def left_at(self, place: int) -> float:
        """Where the character at this place of the text begins, on the page set level."""
        index = max(index for index, start in enumerate(self.starts) if start <= place)
        token, start = self.tokens[index], self.starts[index]
        return token.left_of(min(place - start, len(token.text) - 1))

    def word_starts(self) -> list[int]:
        """Where a word begins: after a blank or a colon, or with a capital behind a small letter."""
        return [
            at
            for at, character in enumerate(self.text)
            if character not in SEPARATORS
            and (at == 0 or self.text[at - 1] in SEPARATORS or (self.text[at - 1].islower() and character.isupper()))
        ]

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


def without_stamps(lines: Sequence[OcrLine]) -> list[OcrLine]:
    """The lines without the words that say a card is no real one, or what was read of them."""
    return [line for line in lines if not _is_stamp(folded(line.text))]


def _is_stamp(plain: str) -> bool:
    return any(
        alike(plain, stamp, STAMP_LIKENESS) or (len(plain) >= SHORTEST_PIECE and plain in stamp)
        for stamp in map(folded, STAMPS)
    )


def character_width(tokens: Iterable[Token]) -> float:
    widths = [(token.right - token.left) / len(token.text) for token in tokens if len(token.text) >= 4]
    return median(widths) if widths else 0.01


def rows_of(lines: Sequence[OcrLine], slant: Slant = UPRIGHT) -> list[Row]:
    """Rows from top to bottom."""
    tokens = [token for line in lines if (token := _token(line, slant)).text]
    character = character_width(tokens)
    groups: list[list[Token]] = []
    for token in sorted(tokens, key=lambda token: token.left):
        near = [(abs(token.y - group[-1].y), group) for group in groups if _fits(token, group)]
        if near:
            min(near, key=lambda pair: pair[0])[1].append(token)
        else:
            groups.append([token])
    return sorted((Row(group, character, slant.turns) for group in groups), key=lambda row: row.y)


def _token(line: OcrLine, slant: Slant) -> Token:
    writing = Writing.of(line)
    if line.corners is None:
        x, y, w, h = turn(line.box, slant.turns)
        height = max(h - abs(slant.fall) * w, LOWEST_SHARE * h)
        quad: Quad = ((x, y), (x + w, y), (x + w, y + h), (x, y + h))
        return Token(line, writing, quad, x, x + w, slant.level(x + w / 2, y + h / 2), height)
    quad = turned_quad(line.corners, slant.turns)
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = quad
    middle, half = (ax + bx + cx + dx) / 4, (ay + by + cy + dy) / 4
    height = abs(dy - ay + cy - by) / 2 * slant.growth(middle)
    left = slant.plumb((ax + dx) / 2, (ay + dy) / 2)
    right = slant.plumb((bx + cx) / 2, (by + cy) / 2)
    return Token(line, writing, quad, left, right, slant.level(middle, half), height)


def _fits(token: Token, group: list[Token]) -> bool:
    last = group[-1]
    if min(token.height, last.height) <= 0:
        return False
    if abs(token.y - last.y) > SAME_ROW * min(token.height, last.height):
        return False
    overlap = max(member.right for member in group) - token.left
    return overlap <= MOST_OVERLAP * min(token.right - token.left, last.right - last.left)
