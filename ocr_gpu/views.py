"""Other ways of showing a page to an engine: brighter, turned."""

from dataclasses import replace

import cv2
import numpy

from ocr_gpu.engine import Box, Corners, OcrLine, Page
from ocr_gpu.turns import given_box, reading_box

DARK = 130  # of 255: a page whose bright parts are below this was taken in the dark
BRIGHT_PERCENTILE, BLACK_PERCENTILE = 97, 1
SAMPLE_STEP = 8  # pixels: the levels of a page are told by every so manieth


def with_light(page: Page) -> Page:
    """The page with its levels stretched to white if it is dark; else the page itself."""
    sample = page[::SAMPLE_STEP, ::SAMPLE_STEP]
    low, high = numpy.percentile(sample, (BLACK_PERCENTILE, BRIGHT_PERCENTILE))
    if high >= DARK:
        return page
    levels = numpy.clip((numpy.arange(256) - low) * (235 / max(high - low, 8)), 0, 255).astype(numpy.uint8)
    return cv2.LUT(page, levels).astype(numpy.uint8, copy=False)


def turned(page: Page, turn: int) -> Page:
    """The page turned clockwise by 0, 90, 180 or 270 degrees."""
    return numpy.ascontiguousarray(numpy.rot90(page, -(turn // 90))) if turn else page


def on_turned(line: OcrLine) -> OcrLine:
    """The line as it lies on the page once that is turned to be read."""
    corners = line.corners and turned_corners(line.corners, line.turn)
    return replace(line, box=reading_box(line), turn=0, corners=corners)


def turned_box(box: Box, turn: int) -> Box:
    """From the page as given to the page turned clockwise by `turn`."""
    return given_box(box, (360 - turn) % 360)


def turned_corners(corners: Corners, turn: int) -> Corners:
    """From the page as given to the page turned clockwise by `turn`; the reader's top left stays the first."""
    for _ in range(turn // 90):
        first, second, third, fourth = ((1 - y, x) for x, y in corners)
        corners = (first, second, third, fourth)
    return corners
