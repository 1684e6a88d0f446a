"""Geometry of text lines on a page: four corners each, in pixels, and the pictures cut out of the page by them."""

from collections.abc import Sequence

import cv2
import numpy
from numpy.typing import NDArray

from ocr_gpu.engine import Corners, Page

Quad = NDArray[numpy.float32]  # 4 x 2 pixels (x, y): from the reader's top left around with the clock
Direction = NDArray[numpy.float64]  # in which the text runs, a vector of length 1; (1, 0) is to the right

LONG_LINE = 3.0  # times as long as high: shorter ones say little about how the page lies
STRIP_HEIGHT = 48  # pixels: what recognisers take


def length_and_height(quad: Quad) -> tuple[float, float]:
    """Of the line in pixels, along its text and across."""
    along = max(numpy.linalg.norm(quad[1] - quad[0]), numpy.linalg.norm(quad[2] - quad[3]))
    across = max(numpy.linalg.norm(quad[3] - quad[0]), numpy.linalg.norm(quad[2] - quad[1]))
    return float(along), float(across)


def common_axis(quads: Sequence[Quad]) -> Direction | None:
    """The axis along which most writing lies, pointing right or, where it stands up, upwards; None without long lines.

    Upwards first: where a phone is held upright over a card, its top lies to the left more often than to the right.
    """
    total = 0j
    for quad in quads:
        edges = quad[1] - quad[0], quad[2] - quad[1]
        long, short = sorted(edges, key=lambda edge: -float(numpy.linalg.norm(edge)))
        length = float(numpy.linalg.norm(long))
        if length >= LONG_LINE * float(numpy.linalg.norm(short)):
            # Angles are doubled, so that an edge and the one against it count as the same axis.
            total += length * (complex(*long) / length) ** 2
    if total == 0:
        return None
    axis = numpy.sqrt(total / abs(total))
    x, y = axis.real, axis.imag
    flat = abs(x) >= abs(y)
    sign = 1 if (x > 0 if flat else y < 0) else -1
    return numpy.array([x, y]) * sign


def turn_of(direction: Direction) -> int:
    """By how many degrees clockwise a page has to be turned so that text in this direction runs to the right."""
    x, y = direction
    if abs(x) >= abs(y):
        return 0 if x > 0 else 180
    return 90 if y < 0 else 270


def along(quad: Quad, direction: Direction) -> Quad:
    """The same four corners, beginning with the one that is top left for whoever reads in this direction."""
    edges = numpy.roll(quad, -1, axis=0) - quad
    lengths = numpy.linalg.norm(edges, axis=1)
    likeness = (edges @ direction) / numpy.maximum(lengths, 1e-6)
    return numpy.roll(quad, -int(numpy.argmax(likeness)), axis=0).astype(numpy.float32)


def part_of(quad: Quad, start: float, end: float) -> Quad:
    """The stretch of a line between two places along it: 0 is its beginning, 1 its end; beyond them it is longer."""
    top, bottom = quad[1] - quad[0], quad[2] - quad[3]
    return numpy.array(
        [quad[0] + start * top, quad[0] + end * top, quad[3] + end * bottom, quad[3] + start * bottom],
        dtype=numpy.float32,
    )


def taller(quad: Quad, share: float) -> Quad:
    """The line with more (or, below 0, less) room above and below, as a share of its height."""
    left, right = (quad[3] - quad[0]) * share / 2, (quad[2] - quad[1]) * share / 2
    return quad + numpy.array([-left, -right, right, left], dtype=numpy.float32)


def cut(page: Page, quad: Quad, *, height: int = STRIP_HEIGHT, stretch: float = 1.0) -> Page:
    """The line as a picture of its own: upright, `height` pixels high, as long as it is, times `stretch`."""
    length, across = length_and_height(quad)
    width = max(STRIP_HEIGHT // 3, round(height * stretch * length / max(across, 1.0)))
    halved = 1  # a large picture of the line is averaged down: a warp alone would skip pixels
    while across / (height * halved) > 2:
        halved *= 2
    size = (width * halved, height * halved)
    corners = numpy.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], dtype=numpy.float32)
    transform = cv2.getPerspectiveTransform(quad.astype(numpy.float32), corners)
    flags, edge = cv2.INTER_CUBIC, cv2.BORDER_REPLICATE
    picture = cv2.warpPerspective(page, transform, size, flags=flags, borderMode=edge)
    if halved > 1:
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return picture.astype(numpy.uint8, copy=False)


def of_height(strip: Page, height: int) -> Page:
    """A picture of a line made so high, and as long as it is then."""
    if strip.shape[0] == height:
        return strip
    width = max(height // 3, round(strip.shape[1] * height / strip.shape[0]))
    smooth = cv2.INTER_AREA if strip.shape[0] > height else cv2.INTER_CUBIC
    return cv2.resize(strip, (width, height), interpolation=smooth).astype(numpy.uint8, copy=False)


def as_corners(quad: Quad, page: Page) -> Corners:
    """In fractions of the page."""
    height, width = page.shape[:2]
    first, second, third, fourth = ((float(x) / width, float(y) / height) for x, y in quad)
    return first, second, third, fourth


def in_pixels(corners: Corners, page: Page) -> Quad:
    height, width = page.shape[:2]
    return numpy.array(corners, dtype=numpy.float32) * numpy.array([width, height], dtype=numpy.float32)
