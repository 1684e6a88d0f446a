"""Whether a picture shows the pixels of a screen: what a grid of lights leaves in the spectra of squares of it.

Two signs. A regular pattern finer than print is one sharp point in a spectrum; fine print has it too. And colours that
turn: a screen's red, green and blue stand side by side, so wherever its grid or the waves between it and the camera's
are seen, the colours run from red over green to blue along them, always the same way around. What is printed gets
darker in all colours at the same place and never turns, whatever its patterns, grain and light are.
"""

from collections.abc import Sequence

import cv2
import numpy
from numpy.typing import NDArray

from ocr_gpu.engine import Page
from ocr_gpu.quads import Quad

FINE_SIDE, FINE_MOST = 256, 4  # pixels of a square, and how many squares beside each other at most
FINEST_PRINT = 0.15  # periods in a pixel
HALF_SIDE, HALF_MOST = 128, 5
QUARTER_SIDE, QUARTER_MOST = 64, 8
SLOWEST_TURN = 0.06  # periods in a pixel of the smaller picture: below it are colours of the card and the light
AROUND_TURN = 15  # frequencies beside a turning one that it is held against
FRINGE = 0.7  # pixels: so far may scanners and lenses lay red and blue beside each other
CORNER = 0.1  # of a square: so far in may the edge of the card cut its corner
BLACK = 8.0  # of 255: darker colours are not made equally bright
THIRD = numpy.exp(2j * numpy.pi / 3)

Grey = NDArray[numpy.uint8]
Floats = NDArray[numpy.float32]
Place = tuple[int, int]  # left, top


def finest_peak(grey: Grey, room: Quad) -> float:
    """How far the strongest fine pattern rises above the strongest around it, in the squares that show it best.

    0 where the picture is less than a square. Paper and its grain give 1 to 3; rulings and rows of text stand in rows
    of the spectrum and not alone. 5 and more is a grid, of a screen or of print.
    """
    places = _places(room, grey.shape, FINE_SIDE, FINE_MOST, step=0.5)
    if not places:
        return 0.0
    best = numpy.zeros((2, FINE_SIDE, FINE_SIDE // 2), numpy.float32)  # the highest and the second highest
    for left, top in places:
        block = grey[top : top + FINE_SIDE, left : left + FINE_SIDE].astype(numpy.float32)
        power = _power((block - cv2.mean(block)[0]) * FINE_WINDOW)
        peak = cv2.divide(cv2.dilate(power, NEIGHBOURS), cv2.dilate(power, AROUND_PEAK))
        cv2.max(best[1], cv2.min(best[0], peak), dst=best[1])
        cv2.max(best[0], peak, dst=best[0])
    shown = best[1] if len(places) > 1 else best[0]
    return float(numpy.sqrt(cv2.minMaxLoc(shown, mask=FINE)[1]))


def turning_colours(page: Page, room: Quad) -> float:
    """How surely colours turn along a pattern, at half and at a quarter of the size; 0 without colours.

    Paper gives less than 1, with halftone and security lines too, up to 2 where red and blue are not printed or taken
    on top of each other; 1 to 10 is a screen.
    """
    if min(page.shape[:2]) < 4:
        return 0.0
    half = cv2.resize(page, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    quarter = cv2.resize(half, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    near = _turning(half, room * numpy.float32(0.5), HALF_WINDOW, HALF_MOST, step=1.0, fringe=FRINGE / 2)
    return near + _turning(
        quarter, room * numpy.float32(0.25), QUARTER_WINDOW, QUARTER_MOST, step=0.5, fringe=FRINGE / 4
    )


def _turning(page: cv2.typing.MatLike, room: Quad, window: Floats, most: int, *, step: float, fringe: float) -> float:
    """Of all frequencies the share of power that turns one way more than the other; times the root of the count of
    squares, for by chance it falls with that. `fringe` is by how many pixels of `page` colours may lie beside each
    other in any picture: as much turning as that makes of the writing does not count.
    """
    side = window.shape[0]
    places = _places(room, page.shape, side, most, step=step)
    colour, grey = numpy.zeros((2, side, side), numpy.float32)
    for left, top in places:
        power, lightness = _colour_power(page[top : top + side, left : left + side], window)
        weight = 1 / max(cv2.mean(power)[0], 1e-6)
        colour += weight * power
        grey += weight * lightness
    if not colour.any():
        return 0.0
    forth, still = (numpy.roll(power, (side // 2, side // 2), axis=(0, 1)) for power in (colour, grey))
    back = numpy.roll(forth[::-1, ::-1], (1, 1), axis=(0, 1))  # what turns the other way
    one_way, both, plain = (cv2.GaussianBlur(power, (0, 0), 0.8) for power in (forth - back, forth + back, still))
    axis = (numpy.arange(side) - side // 2) / side
    pace = numpy.hypot(axis[:, None], axis[None, :])
    fringes = 4 / 3 * (2 * numpy.pi * fringe * pace) ** 2 * plain
    share = numpy.abs(one_way) / (both + cv2.blur(both, (AROUND_TURN, AROUND_TURN)) + fringes + 1e-9)
    return float(share[pace >= SLOWEST_TURN].max()) * float(numpy.sqrt(len(places)))


def _colour_power(block: cv2.typing.MatLike, window: Floats) -> tuple[Floats, Floats]:
    """The spectrum of the colours as complex numbers, red, green and blue a third of a turn apart, and that of grey."""
    means = numpy.maximum(cv2.mean(block)[:3], BLACK)
    mixed = MIXED / means  # each colour made equally bright, whatever the lamp was
    lights = cv2.transform(block.astype(numpy.float32), mixed)
    lights -= numpy.asarray(cv2.mean(lights)[:3], numpy.float32)
    lights = lights * window
    colours = cv2.dft(numpy.ascontiguousarray(lights[..., :2]), flags=cv2.DFT_COMPLEX_OUTPUT)
    grey = cv2.dft(numpy.ascontiguousarray(lights[..., 2]), flags=cv2.DFT_COMPLEX_OUTPUT)
    powers = (cv2.magnitude(parts[..., 0], parts[..., 1]) ** 2 for parts in (colours, grey))
    colour, lightness = (numpy.asarray(power, numpy.float32) for power in powers)
    return colour, lightness


def _places(room: Quad, shape: Sequence[int], side: int, most: int, *, step: float) -> list[Place]:
    """Where squares lie in the room; the two that lie in it best where it has no place for two."""
    height, width = shape[:2]
    if min(height, width) < side:
        return []
    low, high = room.min(axis=0), room.max(axis=0)
    lefts = _starts(float(low[0]), float(high[0]), width, side, most, step)
    tops = _starts(float(low[1]), float(high[1]), height, side, most, step)
    outline = room.reshape(-1, 1, 2).astype(numpy.float32)
    reach = (CORNER * side, (1 - CORNER) * side)
    found = []
    for top in tops:
        for left in lefts:
            corners = [(left + x, top + y) for x in reach for y in reach]
            found.append((min(cv2.pointPolygonTest(outline, corner, True) for corner in corners), left, top))
    inside = [place for place in found if place[0] >= 0]
    chosen = inside if len(inside) >= 2 else sorted(found)[-2:]
    return [(left, top) for _, left, top in chosen]


def _starts(low: float, high: float, size: int, side: int, most: int, step: float) -> list[int]:
    """Along one direction, from the room's beginning to its end, a step apart or more where that is too many."""
    low, high = max(low, 0.0), min(high, float(size))
    if high - low < side:
        low = min(max((low + high - side) / 2, 0.0), float(size - side))
        return [int(low)]
    count = min(int(numpy.ceil((high - low - side) / (side * step))) + 1, most)
    return [int(start) for start in numpy.linspace(low, high - side, count)] if count > 1 else [int(low)]


def _power(block: Floats) -> Floats:
    """The half of the spectrum that says everything, frequency 0 down in the middle; without the frequency 0 across,
    which OpenCV packs in another way than the rest.
    """
    parts = cv2.dft(block)
    power = numpy.zeros((FINE_SIDE, FINE_SIDE // 2), numpy.float32)
    power[:, 1:] = parts[:, 1:-1:2] ** 2 + parts[:, 2:-1:2] ** 2
    return numpy.roll(power, FINE_SIDE // 2, axis=0) + 1


def _fine() -> Grey:
    """Which frequencies are finer than print, without those of JPEG's squares of eight pixels."""
    half, eighth = FINE_SIDE // 2, FINE_SIDE // 8
    rows, columns = numpy.meshgrid(numpy.arange(-half, half), numpy.arange(half), indexing="ij")
    squares = ((rows + 1) % eighth <= 2) & ((columns + 1) % eighth <= 2)
    return ((numpy.hypot(rows, columns) >= FINEST_PRINT * FINE_SIDE) & ~squares & (columns > 1)).astype(numpy.uint8)


def _ring(inner: int, outer: int) -> Grey:
    ring = numpy.ones((2 * outer + 1, 2 * outer + 1), numpy.uint8)
    ring[outer - inner : outer + inner + 1, outer - inner : outer + inner + 1] = 0
    return ring


def _window(side: int) -> Floats:
    return numpy.outer(numpy.hanning(side), numpy.hanning(side)).astype(numpy.float32)


MIXED = numpy.array([[1, THIRD.real, THIRD.real], [0, THIRD.imag, -THIRD.imag], [1, 1, 1]])  # two of colour, and grey
FINE_WINDOW = _window(FINE_SIDE)
HALF_WINDOW = numpy.repeat(_window(HALF_SIDE)[..., None], 3, axis=2)
QUARTER_WINDOW = numpy.repeat(_window(QUARTER_SIDE)[..., None], 3, axis=2)
FINE = _fine()
NEIGHBOURS = numpy.ones((3, 3), numpy.uint8)
AROUND_PEAK = _ring(2, 6)
