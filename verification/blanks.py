"""Blanks that the recogniser left out, put back where the paper shows them.

Between two letters of one word stands next to no bare paper, between two words about a third of an em. A blank is put
back where the bare paper is clearly nearer to the blanks of its own line than to the gaps between its letters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

import cv2
import numpy
from numpy.typing import NDArray

from ocr_gpu.engine import OcrLine, Page
from ocr_gpu.quads import cut, in_pixels
from verification.writing import em_of, needed_width

MOST_LOST = 2  # blanks: where more seem to be missing the places of the characters are wrong
SHORTEST_WORD = 2  # letters
LEAST_CONFIDENCE = 0.98  # of a line: in one that is hard to read letters are lost and leave gaps like blanks
FEWEST_INSIDE = 7  # gaps between letters: fewer don't tell how close the letters of this line stand
MOST_OF_THEM = 90  # percent of those gaps are no wider than what counts as usual
USUAL_BLANK = 0.36  # em of bare paper between words, where the line has no blank that was read
LEAST_BLANK = 0.22  # em
SLENDER = "I1l|!iJj"  # stand in much bare paper where all characters are equally wide
SLENDER_CLEARLY, SLENDER_BEHIND_STOP = 1.7, 1.2  # times as much bare paper is a blank beside them
CLOSEST = -0.05  # em less than the two characters need: their places are not known well enough
HEAD, FOOT = 0.1, 0.95  # of the strip's height: between them stand the letters
DARKEST_SHARE = 0.06  # of a column: so much of it has to be dark to be ink
BARE = 0.4  # of the usual darkness of a letter
PAPER_PERCENTILE, PAPER_REACH = 80, 61
# Where two words may be stuck together. Two words of letters are long ones: where light and blur vary within a line,
# short pieces were mostly ends of words that are whole (KUTILA NG, RAWAMAN GUN).
_JOINTS = re.compile(
    r"(?<=[^\W\d_]{4})(?=[^\W\d_]{4})|(?<=[^\W\d_]{2})(?=\d)|(?<=[^\W\d_]\.)(?=\w)|(?<=\d)(?=[^\W\d_]{2})"
)
Profile = NDArray[numpy.float32]


def with_blanks(lines: Sequence[OcrLine], page: Page) -> list[OcrLine]:
    """The lines with the blanks that clearly stand in them; those without corners or spots as they are."""
    return [_with_blanks(line, page) for line in lines]


def _with_blanks(line: OcrLine, page: Page) -> OcrLine:
    text = line.text
    if line.corners is None or len(line.spots) != len(text) or line.confidence < LEAST_CONFIDENCE:
        return line
    em = em_of(text, line.spots)
    if em <= 0 or not _JOINTS.search(text):
        return line
    gaps = _bare_paper(text, line.spots, _darkness(cut(page, in_pixels(line.corners, page))), em)
    wide = _wide(text, gaps)
    places = [at for at in wide if line.spots[at] - line.spots[at - 1] >= (needed_width(text, at) + CLOSEST) * em]
    if len(places) > MOST_LOST or any(after - before < SHORTEST_WORD for before, after in pairwise(places)):
        return line
    for at in reversed(places):
        spot = (line.spots[at - 1] + line.spots[at]) / 2
        chances = (*line.chances[:at], 1.0, *line.chances[at:]) if line.chances else ()
        spots = (*line.spots[:at], spot, *line.spots[at:])
        line = replace(line, text=f"{line.text[:at]} {line.text[at:]}", spots=spots, chances=chances)
    return line


def _darkness(strip: Page) -> Profile:
    """How dark the ink is in each column of a line's picture, against the paper around it."""
    grey = cv2.cvtColor(strip, cv2.COLOR_RGB2GRAY).astype(numpy.float32)
    letters = numpy.sort(grey[int(len(grey) * HEAD) : int(len(grey) * FOOT)], axis=0)
    paper = cv2.blur(letters[len(letters) * PAPER_PERCENTILE // 100][None], (PAPER_REACH, 1))[0]
    darkest = letters[: max(2, int(len(grey) * DARKEST_SHARE))].mean(axis=0)
    darkness: Profile = numpy.maximum(paper - darkest, 0).astype(numpy.float32)
    return darkness


def _bare_paper(text: str, spots: Sequence[float], darkness: Profile, em: float) -> dict[int, float]:
    """For the character at each place but the first: em of bare paper between it and the one before it.

    A blank counts as part of the gap: its own place has the width of the whole.
    """
    width = len(darkness)
    middles = [min(width - 1, int(spot * width)) for spot in spots]
    letters = [middle for middle, mark in zip(middles, text, strict=True) if mark.isalnum()]
    usual = median(float(darkness[max(0, at - 3) : at + 4].max()) for at in letters or [0])
    inked = [at for at, mark in enumerate(text) if not mark.isspace()]
    gaps = {}
    for before, after in pairwise(inked):
        bare = darkness[middles[before] : middles[after] + 1] < BARE * usual
        edges = numpy.flatnonzero(numpy.diff(numpy.concatenate(([0], bare.astype(numpy.int8), [0]))))
        longest = int((edges[1::2] - edges[::2]).max(initial=0))
        gaps[after] = longest / width / em
    return gaps


def _wide(text: str, gaps: dict[int, float]) -> list[int]:
    """The places of the characters before which a blank stands that is not in the text."""
    blanks = [gap for at, gap in gaps.items() if text[at - 1].isspace() and text[at - 2].isalnum()]
    inside = {at: gap for at, gap in gaps.items() if text[at - 1 : at + 1].isalpha()}
    closest = sorted(inside.values())
    if len(closest) < FEWEST_INSIDE:
        return []
    usual = closest[(len(closest) - 1) * MOST_OF_THEM // 100]
    halfway = max((usual + (median(blanks) if blanks else USUAL_BLANK)) / 2, LEAST_BLANK)
    found = []
    for at, gap in gaps.items():
        slender = text[at - 1] in SLENDER or text[at] in SLENDER
        more = (SLENDER_BEHIND_STOP if text[at - 1] == "." else SLENDER_CLEARLY) if slender else 1.0
        if gap >= halfway * more and _JOINTS.match(text, at):
            found.append(at)
    return found
