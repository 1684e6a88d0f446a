"""Signs that a picture shows a window or is one: the bars a gallery leaves beside a picture, and its words."""

import re
from collections.abc import Sequence

import cv2
import numpy
from numpy.typing import NDArray

from ocr_gpu.engine import OcrLine, Page

FLAT = 3  # levels of 255 within which the pixels of a bar are alike
BAR_SHARE = 0.72  # of a row that is alike where it is a bar: icons and a few words may stand in it
ICON_ROWS = 0.06  # of the page: icons and words higher than that are no part of a bar
LEAST_BAR = 0.04  # of the page, each of the two
MOST_BARS = 0.85  # of the page: with less between them it is no picture
STEP_ROWS = 3  # within which a bar ends: a screen's edge is straight and lies along the picture's
BAR_STEP = 10  # levels between a bar and the picture beside it
FILLED = 0.85  # of a row, that is no bar where the picture begins: a card on a table is not so wide
WHITE = 235  # of 255: bars so bright are margins of paper
TALL = 1.6  # long to short side: sheets of paper are not so tall, screens are

FILE_NAME = re.compile(
    r"\.\s?([ij]pe?[gq]|png|webp|heic|gif|bmp|tiff?)\b|\b(IMG|DSC|PXL|VID)[_ -]?\d{4}|\bWA\d{4}|screenshot", re.I
)
CLOCK = re.compile(r"([01]?\d|2[0-3])[:.][0-5]\d(\s?[AP]M)?|\d{1,3}\s?%", re.I)
MENU = re.compile(
    r"((edit|file|view|tools|share|delete|favou?rites?|gallery|photos?|albums?|lens|info|insert|help|rotate|print|zoom|home"
    r"|more|download|bagikan|hapus|galeri|foto|sunting|favorit|kirim|unduh|kembali|putar|cetak|lainnya)\b\s*)+",
    re.I,
)
FILE_NAME_WEIGHT = 2

Grey = NDArray[numpy.uint8]


def window_words(lines: Sequence[OcrLine]) -> int:
    """How many lines are those of a window and of no card: a clock, a menu; the name of a picture's file counts two."""
    count = 0
    for line in lines:
        text = line.text.strip()
        if FILE_NAME.search(text):
            count += FILE_NAME_WEIGHT
        elif CLOCK.fullmatch(text) or MENU.fullmatch(text):
            count += 1
    return count


def flat_bars(page: Page) -> float:
    """0..1: the share of the page that two flat bars take, above and below a picture or beside it; 0 without both.

    They end at once along the whole page, so neither a table nor a scanner's lid under a card counts. White ones count
    on a page too tall to be paper.
    """
    grey = cv2.cvtColor(page, cv2.COLOR_RGB2GRAY).astype(numpy.uint8, copy=False)
    height, width = grey.shape
    if min(height, width) < 32:
        return 0.0
    tall = max(height, width) >= TALL * min(height, width)
    return max(_bars(grey, tall=tall), _bars(numpy.ascontiguousarray(grey.T), tall=tall))


def _bars(grey: Grey, *, tall: bool) -> float:
    height = len(grey)
    above, first = _bar(grey)
    below, last = _bar(grey[::-1])
    share = (above + below) / height
    if not (above and below) or share > MOST_BARS or (max(first, last) >= WHITE and not tall):
        return 0.0
    return share


def _bar(grey: Grey) -> tuple[int, float]:
    """How many rows from the first on are a bar, and its level; 0 rows where it does not end along the whole row."""
    height = len(grey)
    least, gap = max(2, int(LEAST_BAR * height)), int(ICON_ROWS * height)
    level = float(numpy.median(grey[: least // 2]))
    off = numpy.abs(grey.astype(numpy.int16) - round(level))
    flat = numpy.flatnonzero((off <= FLAT).mean(axis=1) >= BAR_SHARE)
    wide = numpy.flatnonzero(numpy.diff(flat) > gap)
    if not len(flat) or flat[0] > gap:
        return 0, level
    rows = int(flat[wide[0]] if len(wide) else flat[-1]) + 1
    after = off[rows + 1 : rows + 1 + STEP_ROWS]
    crossed = float((after > BAR_STEP).mean(axis=1).max()) if len(after) else 0.0
    return (rows if rows >= least and crossed >= FILLED else 0), level
