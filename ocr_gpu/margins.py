"""Whether a text may go on where the picture shows nothing: under a burnt-out patch, or beyond the edge of the page."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from ocr_gpu.engine import Box, OcrLine, Page

SEEN_STEP = 2  # pixels: patches of light are large
SAMPLE_STEP = 2  # of those: the brightest of a page is told by every so manieth
BRIGHTEST = 99.7  # percentile of the page
PAPER = 70  # percentile within a line: the paper between its letters
AS_BRIGHT = 0.95  # of the brightest: a patch that is so bright is burnt out
BRIGHTER_THAN_PAPER = 1.2  # as a patch of light is, and white paper is not
NEAR_EDGE = 0.004  # of the page's side
LOOK_ASIDE = 0.9  # heights of the text: how far to its left and right is looked
MOST_BURNT = 0.35  # of what lies beside a text, or of its own place

Levels = NDArray[numpy.uint8]  # height x width: the darkest of a pixel's three colours


@dataclass(frozen=True, slots=True)
class Margins:
    """A page and the level, 0 to 255, from which its light has burnt out what was written."""

    levels: Levels
    burnt_from: float

    @classmethod
    def of(cls, page: Page, lines: Sequence[OcrLine]) -> "Margins":
        red, green, blue = (page[::SEEN_STEP, ::SEEN_STEP, colour] for colour in range(3))
        levels = numpy.minimum(numpy.minimum(red, green), blue)
        papers = [float(numpy.percentile(part, PAPER)) for line in lines if (part := _part(levels, line.box)).size]
        paper = float(numpy.median(papers)) if papers else 255.0
        brightest = float(numpy.percentile(levels[::SAMPLE_STEP, ::SAMPLE_STEP], BRIGHTEST))
        return cls(levels, max(AS_BRIGHT * brightest, BRIGHTER_THAN_PAPER * paper))

    def may_go_on(self, box: Box) -> bool:
        """Whether the text in this box touches the edge or a burnt-out patch, so that some of it may be missing."""
        x, y, w, h = box
        if x < NEAR_EDGE or y < NEAR_EDGE or x + w > 1 - NEAR_EDGE or y + h > 1 - NEAR_EDGE:
            return True
        height, width = self.levels.shape
        aside = LOOK_ASIDE * h * height / width
        beside = (Box(max(0.0, x - aside), y, min(aside, x), h), box, Box(x + w, y, aside, h))
        return any(self._burnt(_part(self.levels, place)) > MOST_BURNT for place in beside)

    def _burnt(self, part: Levels) -> float:
        return float((part >= self.burnt_from).mean()) if part.size else 0.0


def _part(levels: Levels, box: Box) -> Levels:
    height, width = levels.shape
    x, y, w, h = box
    return levels[round(y * height) : round((y + h) * height) + 1, round(x * width) : round((x + w) * width) + 1]
