"""Out of CRAFT's two maps (characters, and the links between them) to lines: words first, then words side by side."""

from collections.abc import Sequence
from math import sqrt

import cv2
import numpy
from numpy.typing import NDArray

from ocr_gpu.engine import Page
from ocr_gpu.quads import LONG_LINE, Direction, Quad, along, common_axis, length_and_height, taller

CHARACTER, CHARACTER_EDGE, LINK = 0.7, 0.4, 0.4  # CRAFT's own thresholds: the best pixel of a word, its edge, a link
LEAST_PIXELS = 10  # of a word on the map
MOST_WORDS = 800  # a page of print has 500; more is a pattern
MOST_ENLARGED = 1.5  # a small page: what is blurred gains nothing by more
STRIDE = 32  # the detector's sides are multiples of it
PER_MAP_PIXEL = 2  # pixels of the picture for one of the map
MEAN = numpy.array([0.485, 0.456, 0.406], dtype=numpy.float32) * 255
SPREAD = numpy.array([0.229, 0.224, 0.225], dtype=numpy.float32) * 255
GAP = 0.7  # between words of a line, as a share of their height
STEP = 0.4  # by how much one may stand higher than the next, as a share of the smaller
LIKE = 0.5  # how high the lower of two words has to be, as a share of the higher, to be of one line
ROOM = 0.1  # added to a line's height, as a share of it: CRAFT marks characters, not their edges

Maps = NDArray[numpy.float32]  # height x width x 2


def as_input(page: Page, side: int) -> NDArray[numpy.float32]:
    """The page with its long side made `side` pixels, or as near as may be, as channels x height x width.

    Black is added on the right and below up to a multiple of 32, so that pages of nearly one size can go together.
    """
    height, width = page.shape[:2]
    share = _share(page, side)
    rows, columns = (max(1, round(length * share)) for length in (height, width))
    smooth = cv2.INTER_AREA if share < 1 else cv2.INTER_CUBIC
    seen = cv2.resize(page, (columns, rows), interpolation=smooth) if share != 1 else page
    canvas = numpy.zeros((-(-rows // STRIDE) * STRIDE, -(-columns // STRIDE) * STRIDE, 3), dtype=numpy.float32)
    canvas[:rows, :columns] = seen
    return numpy.ascontiguousarray(((canvas - MEAN) / SPREAD).transpose(2, 0, 1))


def find_lines(maps: Maps, page: Page, side: int) -> list[Quad]:
    """The corners of each line in pixels of the page that was given to `as_input` with this `side`."""
    scale = PER_MAP_PIXEL / _share(page, side)
    words = [quad * numpy.float32(scale) for quad in _words(maps)]
    return [taller(quad, ROOM) for quad in _joined(words)]


def _share(page: Page, side: int) -> float:
    """By how much the detector sees the page reduced. Squaring a photographed card up would have its place here."""
    height, width = page.shape[:2]
    return min(MOST_ENLARGED, side / float(max(height, width)))


def _words(maps: Maps) -> list[Quad]:
    """Words in pixels of the map: after CRAFT's own getDetBoxes, looking at each word's surroundings only."""
    characters = numpy.ascontiguousarray(maps[:, :, 0])
    is_text, is_link = characters > CHARACTER_EDGE, maps[:, :, 1] > LINK
    count, labels, stats, _ = cv2.connectedComponentsWithStats((is_text | is_link).astype(numpy.uint8), connectivity=4)
    found: list[Quad] = []
    for label in range(1, min(count, MOST_WORDS + 1)):
        left, top, width, height, size = (int(number) for number in stats[label])
        if size < LEAST_PIXELS:
            continue
        wider = int(sqrt(size * min(width, height) / (width * height)) * 2)
        rows = slice(max(0, top - wider), top + height + wider + 1)
        columns = slice(max(0, left - wider), left + width + wider + 1)
        own = labels[rows, columns] == label
        if characters[rows, columns][own].max() < CHARACTER:
            continue
        word = (own & is_text[rows, columns]).astype(numpy.uint8)
        points = cv2.findNonZero(cv2.dilate(word, numpy.ones((1 + wider, 1 + wider), numpy.uint8)))
        corners = cv2.boxPoints(cv2.minAreaRect(points)) + numpy.array([columns.start, rows.start], dtype=numpy.float32)
        found.append(corners.astype(numpy.float32))
    return found


def _joined(words: Sequence[Quad]) -> list[Quad]:
    """Words that stand side by side as one quad, in the direction in which most of the page's writing lies."""
    axis = common_axis(words)
    if axis is None:
        return list(words)
    ordered = sorted((_levelled(word, axis) for word in words), key=lambda quad: float(quad.mean(axis=0) @ axis))
    lines: list[list[Quad]] = []
    for word in ordered:
        near = [(gap, line) for line in lines if (gap := _gap(line[-1], word, axis)) is not None]
        if near:
            min(near, key=lambda pair: pair[0])[1].append(word)
        else:
            lines.append([word])
    return [line[0] if len(line) == 1 else _around(line, axis) for line in lines]


def _levelled(word: Quad, axis: Direction) -> Quad:
    """A short word's smallest rectangle may stand on a corner (a single round letter): it is laid along the axis."""
    length, height = length_and_height(along(word, axis))
    if length >= LONG_LINE * height:
        return along(word, axis)
    return _rectangle(word, axis)


def _rectangle(points: Quad, axis: Direction) -> Quad:
    across = numpy.array([-axis[1], axis[0]])
    first, last = (points @ axis).min(), (points @ axis).max()
    top, bottom = (points @ across).min(), (points @ across).max()
    corners = [first * axis + top * across, last * axis + top * across, last * axis + bottom * across]
    return numpy.array([*corners, first * axis + bottom * across], dtype=numpy.float32)


def _gap(before: Quad, word: Quad, axis: Direction) -> float | None:
    """The room between two words as a share of their height; None if they are not neighbours on a line."""
    heights = length_and_height(before)[1], length_and_height(word)[1]
    low, high = min(heights), max(heights)
    ahead = (word[0] + word[3] - before[1] - before[2]) / 2
    direction = _own_direction(before, axis)
    gap, step = float(ahead @ direction), float(ahead @ numpy.array([-direction[1], direction[0]]))
    fits = low >= LIKE * high and -high < gap < GAP * high and abs(step) < STEP * low
    return max(gap, 0.0) / high if fits else None


def _own_direction(word: Quad, axis: Direction) -> Direction:
    """A long word says better than the whole page how its line goes on."""
    edge = word[1] - word[0] + word[2] - word[3]
    length, height = length_and_height(word)
    return edge / numpy.linalg.norm(edge) if length >= LONG_LINE * height else axis


def _around(line: Sequence[Quad], axis: Direction) -> Quad:
    """The smallest rectangle along the line's own direction, from its first word to its last."""
    start, end = line[0].mean(axis=0), line[-1].mean(axis=0)
    direction = (end - start) / max(float(numpy.linalg.norm(end - start)), 1e-6)
    return _rectangle(numpy.concatenate(line), direction if direction @ axis > 0.9 else axis)
