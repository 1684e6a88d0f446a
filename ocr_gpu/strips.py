"""One line cut out of a page several times, a little different each time.

What is plain to see reads the same in all of them; what the engine guesses changes with the cut.
"""

from collections.abc import Callable

import cv2
import numpy

from ocr_gpu.engine import Page
from ocr_gpu.quads import Quad, cut, taller

DARKEST, BRIGHTEST = 2, 98  # percentiles that become black and white


def variants(page: Page, quad: Quad) -> list[Page]:
    """The line as it is, and closer, wider, narrower, in stretched grey, softer: pictures of one height."""
    return [make(page, quad) for make in VARIANTS]


def stretched(picture: Page) -> Page:
    """In grey, from its darkest to its brightest."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    low, high = numpy.percentile(grey, (DARKEST, BRIGHTEST))
    spread = numpy.clip((grey - low) * (255 / max(high - low, 1)), 0, 255).astype(numpy.uint8)
    return numpy.repeat(spread[:, :, None], 3, axis=2)


def _softer(page: Page, quad: Quad) -> Page:
    return cv2.GaussianBlur(cut(page, taller(quad, 0.1)), (3, 3), 0.8).astype(numpy.uint8, copy=False)


VARIANTS: tuple[Callable[[Page, Quad], Page], ...] = (
    cut,
    lambda page, quad: cut(page, taller(quad, -0.15)),
    lambda page, quad: cut(page, taller(quad, 0.2), stretch=1.2),
    lambda page, quad: stretched(cut(page, quad, stretch=0.88)),
    _softer,
)
