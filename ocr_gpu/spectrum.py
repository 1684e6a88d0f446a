"""Whether a picture shows the pixels of a screen: a grid of lights is one sharp point in its spectrum."""

import cv2
import numpy
from numpy.typing import NDArray

BLOCK = 256  # pixels of the squares whose spectra are averaged
FINEST_PRINT = 0.15  # periods in a pixel

Grey = NDArray[numpy.uint8]
Floats = NDArray[numpy.float32]


def screen_peak(grey: Grey) -> float:
    """How far the strongest fine pattern rises above the strongest around it; 0 for a picture of less than BLOCK.

    Paper and its grain give 1 to 4, rulings and rows of text stand in rows of the spectrum and not alone; 5 and more is
    a grid.
    """
    power = _spectrum(grey)
    if power is None:
        return 0.0
    around = cv2.dilate(power, AROUND_PEAK)
    return float(numpy.sqrt((power / around)[FINE].max()))


def _spectrum(grey: Grey) -> Floats | None:
    """Of several squares together; the half of it that says everything. None for a page smaller than a square."""
    height, width = grey.shape
    if min(height, width) < BLOCK:
        return None
    across, down = min(3, width // BLOCK), min(2, height // BLOCK)
    total = numpy.zeros((BLOCK, BLOCK // 2), numpy.float32)
    for x in numpy.linspace(0, width - BLOCK, across + 2).astype(int)[1:-1]:
        for y in numpy.linspace(0, height - BLOCK, down + 2).astype(int)[1:-1]:
            block = grey[y : y + BLOCK, x : x + BLOCK].astype(numpy.float32)
            total += _power((block - block.mean()) * WINDOW)
    return numpy.roll(total, BLOCK // 2, axis=0) + 1


def _power(block: Floats) -> Floats:
    """Without the frequency 0 across, which OpenCV packs in another way than the rest."""
    parts = cv2.dft(block)
    power = numpy.zeros((BLOCK, BLOCK // 2), numpy.float32)
    power[:, 1:] = parts[:, 1:-1:2] ** 2 + parts[:, 2:-1:2] ** 2
    return power


def _fine() -> NDArray[numpy.bool_]:
    """Which frequencies are finer than print, without those of JPEG's squares of eight pixels."""
    rows, columns = numpy.meshgrid(numpy.arange(-BLOCK // 2, BLOCK // 2), numpy.arange(BLOCK // 2), indexing="ij")
    eighth = BLOCK // 8
    squares = ((rows + 1) % eighth <= 2) & ((columns + 1) % eighth <= 2)
    return (numpy.hypot(rows, columns) >= FINEST_PRINT * BLOCK) & ~squares


def _ring(inner: int, outer: int) -> Grey:
    ring = numpy.ones((2 * outer + 1, 2 * outer + 1), numpy.uint8)
    ring[outer - inner : outer + inner + 1, outer - inner : outer + inner + 1] = 0
    return ring


WINDOW = numpy.outer(numpy.hanning(BLOCK), numpy.hanning(BLOCK)).astype(numpy.float32)
FINE = _fine()
AROUND_PEAK = _ring(2, 6)
