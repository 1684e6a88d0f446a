"""Other ways of showing a page to an engine: brighter, turned, or only the card on it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy

from ocr_gpu.card_finder import carried_back, find_card, squared
from ocr_gpu.engine import Box, Corners, OcrLine, Page
from ocr_gpu.quads import in_pixels, length_and_height
from ocr_gpu.turns import given_box, reading_box

DARK = 130  # of 255: a page whose bright parts are below this was taken in the dark
BRIGHT_PERCENTILE, BLACK_PERCENTILE = 97, 1
FAR = 0.8  # of the page's long side: a card that takes less is read better by itself
CLOSER_WIDTH = 1200  # pixels
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


class View(NamedTuple):
    """A picture to read, and where it lies on the page: `card` is None when it is the page itself."""

    picture: Page
    card: Corners | None


def closer_view(page: Page, lines: Sequence[OcrLine] = ()) -> View:
    """The card squared up where it is surely found and lies far off; else the page as it is: a wrong outline hurts.

    `lines` are those already read on the page: an outline that leaves them out is wrong.
    """
    card = find_card(page, lines)
    if card is None:
        return View(page, None)
    if max(length_and_height(in_pixels(card, page))) > FAR * max(page.shape[:2]):
        return View(page, None)
    return View(squared(page, card, CLOSER_WIDTH), card)


def line_on_page(line: OcrLine, view: View) -> OcrLine:
    """A line that was read in a view, where it lies on the page."""
    if view.card is None:
        return line
    corners = carried_back(line.corners, view.card) if line.corners else None
    return replace(line, box=box_on_page(line.box, view), corners=corners)


def box_on_page(box: Box, view: View) -> Box:
    if view.card is None:
        return box
    x, y, w, h = box
    return _around(carried_back(((x, y), (x + w, y), (x + w, y + h), (x, y + h)), view.card))


def _around(corners: Corners) -> Box:
    (left, top), (right, bottom) = numpy.clip([numpy.min(corners, axis=0), numpy.max(corners, axis=0)], 0, 1)
    return Box(float(left), float(top), float(right - left), float(bottom - top))
