"""From the corners of lines to what they say, whatever network reads them: which way up the page is, and the lines."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy
from numpy.typing import NDArray

from ocr_gpu.engine import Box, OcrLine, Page, in_reading_order
from ocr_gpu.quads import Direction, Quad, along, as_corners, common_axis, length_and_height, turn_of
from ocr_gpu.turns import reading_box

TOLD_BY = 4  # lines, the longest: whether they read better forwards or backwards
NOTHING = 0  # the class of "nothing new" in networks trained by CTC
LEAST_SUM = 1e-9  # of the chances of what is allowed: against a division by zero
TO_THE_RIGHT: Direction = numpy.array([1.0, 0.0])


class Spelling(NamedTuple):
    """A text with the chance, the best rival's chance and the place (0 to 1) of each of its characters."""

    text: str = ""
    chances: tuple[float, ...] = ()
    rivals: tuple[float, ...] = ()
    spots: tuple[float, ...] = ()

    @property
    def confidence(self) -> float:
        """The mean chance of its characters; 0 for no text."""
        return sum(self.chances) / len(self.chances) if self.chances else 0.0


class Strip(NamedTuple):
    """One line on a page, to be cut out and read from its first corner on."""

    page: Page
    quad: Quad


Recognise = Callable[[Sequence[Strip]], Sequence[Spelling]]


def spell(steps: NDArray[numpy.float32], characters: Sequence[str], allowed: NDArray[numpy.bool_]) -> Spelling:
    """The likeliest text of allowed classes, with chances as if there were no others.

    `steps` is time steps x classes, of which class 0 is "nothing new". A character is a run of time steps that agree on
    it; its chance is the best among them, its rival the next best character at that step.
    """
    kept = numpy.where(allowed, steps, 0.0)
    kept /= numpy.maximum(kept.sum(axis=1, keepdims=True), LEAST_SUM)
    best = kept.argmax(axis=1)
    starts = numpy.flatnonzero(numpy.diff(best, prepend=-1))
    ends = numpy.append(starts[1:], len(best))
    runs = [(start, end) for start, end in zip(starts, ends, strict=True) if best[start] != NOTHING]
    peaks = [start + int(kept[start:end, best[start]].argmax()) for start, end in runs]
    return Spelling(
        "".join(characters[best[peak]] for peak in peaks),
        tuple(float(kept[peak, best[peak]]) for peak in peaks),
        tuple(float(numpy.delete(kept[peak], [NOTHING, best[peak]]).max(initial=0.0)) for peak in peaks),
        tuple(float(start + end) / 2 / len(best) for start, end in runs),
    )


def read_lines(
    pages: Sequence[Page], found: Sequence[Sequence[Quad]], recognise: Recognise, *, sure: float, least: float
) -> list[list[OcrLine]]:
    """The lines of each page in the order of reading; `found` has their corners in its pixels, from any corner on.

    All strips of all pages go to `recognise` together, in at most three calls: the longest of each page forwards; the
    same backwards for pages on which they came out less sure than `sure`; all others. None is read twice in one
    direction, and none but the longest in both. Lines less sure than `least` are no writing but a pattern: left out.
    """
    sheets = [_Sheet(page, quads, common_axis(quads)) for page, quads in zip(pages, found, strict=True)]
    _read(((sheet, place) for sheet in sheets for place in sheet.telling()), recognise)
    doubtful = {at: sheet for at, sheet in enumerate(sheets) if sheet.spellings and sheet.confidence() < sure}
    turned = {at: sheet.turned() for at, sheet in doubtful.items()}
    _read(((sheet, place) for sheet in turned.values() for place in sheet.telling()), recognise)
    for at, sheet in turned.items():
        if sheet.confidence() > sheets[at].confidence():
            sheets[at] = sheet
    _read(((sheet, place) for sheet in sheets for place in sheet.unread()), recognise)
    return [in_reading_order(sheet.lines(least), box_of=reading_box) for sheet in sheets]


@dataclass(slots=True)
class _Sheet:
    """A page taken in one direction, with what has been read of it by the place of the line in `quads`."""

    page: Page
    quads: Sequence[Quad]
    axis: Direction | None  # None: no long lines say how the page lies
    spellings: dict[int, Spelling] = field(default_factory=dict)

    def turned(self) -> "_Sheet":
        return _Sheet(self.page, self.quads, None if self.axis is None else -self.axis)

    def telling(self) -> list[int]:
        if self.axis is None:
            return []
        lengths = {place: length_and_height(self.strip(place).quad)[0] for place in range(len(self.quads))}
        return sorted(lengths, key=lambda place: -lengths[place])[:TOLD_BY]

    def unread(self) -> list[int]:
        return [place for place in range(len(self.quads)) if place not in self.spellings]

    def strip(self, place: int) -> Strip:
        return Strip(self.page, along(self.quads[place], self._direction()))

    def confidence(self) -> float:
        """The mean chance of all characters read so far."""
        chances = [chance for spelling in self.spellings.values() for chance in spelling.chances]
        return sum(chances) / len(chances) if chances else 0.0

    def lines(self, least: float) -> Iterable[OcrLine]:
        turn = turn_of(self._direction())
        for place, spelling in sorted(self.spellings.items()):
            quad = self.strip(place).quad
            if spelling.text and spelling.confidence >= least:
                yield OcrLine(
                    spelling.text,
                    spelling.confidence,
                    Box.around(quad, self.page),
                    turn,
                    corners=as_corners(quad, self.page),
                    spots=spelling.spots,
                    chances=spelling.chances,
                )

    def _direction(self) -> Direction:
        return TO_THE_RIGHT if self.axis is None else self.axis


def _read(wanted: Iterable[tuple[_Sheet, int]], recognise: Recognise) -> None:
    places = list(wanted)
    if not places:
        return
    spellings = recognise([sheet.strip(place) for sheet, place in places])
    for (sheet, place), spelling in zip(places, spellings, strict=True):
        sheet.spellings[place] = spelling
