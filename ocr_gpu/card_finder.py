"""Finds the card on a picture of a table or a scanner's lid, and squares it up.

A wrong outline does more harm than none: writing outside it is lost. So each side has to be seen along most of its
length, the shape has to be that of an ID-1 card seen at a slant, and in doubt there is no card.
"""

import math
from collections.abc import Iterable, Sequence

import cv2
import numpy
from numpy.typing import NDArray

from ocr_gpu.engine import Corners, OcrLine, Page
from ocr_gpu.quads import Quad, as_corners, in_pixels, length_and_height

CARD_RATIO = 85.6 / 53.98
LEAST_RATIO, MOST_RATIO = (
    1.42,
    1.77,
)  # of long to short side, as seen: not that of paper, portraits and screens
MOST_SKEW = 1.35  # of opposite sides
SQUAREST = 22.0  # degrees: how far a corner may be from a right angle
SMALLEST_SHARE, LARGEST_SHARE = 0.06, 0.94  # of the page
SEEN_SIDE = 512  # pixels of the long side, as the outline is looked for
SEARCH = 7  # pixels at that size: how far from a rough outline the true one is looked for
SAMPLES = 48  # places along each side where its edge is looked for
MARGIN = 0.08  # of a side: corners are round and are left out
CLEAR_STEP = 7.0  # levels of 255 between the card and what it lies on
SEEN_SHARE = 0.62  # of the places along a side where the edge has to be seen
STRAIGHT = 1.6  # pixels: how far from a side's line an edge may stand
SAME_CARD = 0.3  # of the smaller outline: more in common, and two outlines are of one card
MANY_LINES, HELD_SHARE = 4, 0.7  # of so many lines at least this share lies on the card
LEAST_WITHOUT_LINES = 0.15  # of the page
SQUARED_WIDTH = 1000

RIM = 6  # pixels at that size: what lies at the edge of the page is not the card
MOST_ROUGH = 40

Grey = NDArray[numpy.uint8]
Point = NDArray[numpy.float32]  # x, y


def cards_on(page: Page) -> list[Corners]:
    """Every card that is surely seen on what it lies on, the clearest first: none says nothing."""
    return [as_corners(quad, page) for quad in _cards(page)]


def find_card(page: Page, lines: Sequence[OcrLine] = (), *, cards: Sequence[Corners] | None = None) -> Corners | None:
    """The corners of the one card on the page, or None when none is surely seen, there are several or it fills the
    page. The order is that of the page: top left, top right, bottom right, bottom left, however the card is turned.

    With the lines that were read on the page, an outline that leaves many of them outside (a portrait's) is none;
    without them a small one is none, for that reason. `cards` are those of cards_on, if they are known already.
    """
    found = cards_on(page) if cards is None else cards
    if len(found) != 1:
        return None
    quad = in_pixels(found[0], page)
    if len(lines) >= MANY_LINES:
        sure = _held(quad, lines, page) >= HELD_SHARE
    else:
        sure = cv2.contourArea(quad) >= LEAST_WITHOUT_LINES * page.shape[0] * page.shape[1]
    return found[0] if sure else None


def squared(page: Page, corners: Corners, width: int = SQUARED_WIDTH) -> Page:
    """The card as if it lay flat, its long side `width` pixels; on its side where it lies so on the page."""
    quad = in_pixels(corners, page)
    along, across = length_and_height(quad)
    short = round(width / CARD_RATIO)
    size = (width, short) if along >= across else (short, width)
    smaller = max(along, across) / width
    if smaller > 2:  # a warp alone would skip pixels
        whole = (round(page.shape[1] / smaller), round(page.shape[0] / smaller))
        page = cv2.resize(page, whole, interpolation=cv2.INTER_AREA).astype(numpy.uint8, copy=False)
        quad = in_pixels(corners, page)
    matrix = cv2.getPerspectiveTransform(quad, _rectangle(*size))
    flat = cv2.warpPerspective(page, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return flat.astype(numpy.uint8, copy=False)


def carried_back(corners_on_card: Corners, card_corners: Corners) -> Corners:
    """From the squared card to the page it was cut from: fractions of the one to fractions of the other."""
    matrix = cv2.getPerspectiveTransform(_rectangle(1, 1), numpy.array(card_corners, numpy.float32))
    points = numpy.array([corners_on_card], numpy.float32)
    first, second, third, fourth = ((float(x), float(y)) for x, y in cv2.perspectiveTransform(points, matrix)[0])
    return first, second, third, fourth


def _rectangle(width: int, height: int) -> Quad:
    return numpy.array([[0, 0], [width, 0], [width, height], [0, height]], numpy.float32)


def _cards(page: Page) -> list[Quad]:
    """Outlines that don't overlap, the clearest and most like a card first, in pixels of the page."""
    scale = min(1.0, SEEN_SIDE / max(page.shape[:2]))
    size = (max(1, round(page.shape[1] * scale)), max(1, round(page.shape[0] * scale)))
    seen = cv2.GaussianBlur(cv2.resize(page, size, interpolation=cv2.INTER_AREA), (0, 0), 1.0)
    lab = cv2.cvtColor(seen, cv2.COLOR_RGB2LAB).astype(numpy.uint8, copy=False)
    light, *colours = (numpy.ascontiguousarray(lab[..., axis]) for axis in range(3))
    planes = [light, *(_stretched(plane) for plane in colours)]
    rough = [quad for mask in _masks(planes) for quad in _quads(mask)]
    fitted = [pair for quad in _distinct(rough) if (pair := _fitted(quad, planes)) is not None]
    kept: list[Quad] = []
    for quad, _ in sorted(fitted, key=lambda pair: abs(math.log(_ratio(pair[0]) / CARD_RATIO)) - pair[1]):
        if all(_common(quad, other) < SAME_CARD for other in kept):
            kept.append(quad)
    back = numpy.array([page.shape[1] / size[0], page.shape[0] / size[1]], numpy.float32)
    return [quad * back for quad in kept]


def _held(quad: Quad, lines: Sequence[OcrLine], page: Page) -> float:
    middles = [in_pixels(((x + w / 2, y + h / 2),) * 4, page)[0] for x, y, w, h in (line.box for line in lines)]
    within = [cv2.pointPolygonTest(quad, (float(x), float(y)), measureDist=False) >= 0 for x, y in middles]
    return sum(within) / len(within)


def _stretched(plane: Grey) -> Grey:
    """A plane of colour twice as far from grey: a card differs from a table by few of its levels."""
    return numpy.clip(2 * plane.astype(numpy.int16) - 128, 0, 255).astype(numpy.uint8)


def _masks(planes: Sequence[Grey]) -> Iterable[Grey]:
    """Pictures in which the outline of a card may stand out: edges, and what differs from the rim of the page."""
    for low in (12, 30):
        edges = numpy.zeros_like(planes[0])
        for plane in planes:
            edges |= cv2.Canny(plane, low, 3 * low).astype(numpy.uint8)
        yield cv2.dilate(edges, numpy.ones((3, 3), numpy.uint8)).astype(numpy.uint8)
    apart = numpy.zeros(planes[0].shape, numpy.int16)
    for plane in planes:
        rim = numpy.concatenate(
            [plane[:RIM].ravel(), plane[-RIM:].ravel(), plane[:, :RIM].ravel(), plane[:, -RIM:].ravel()]
        )
        apart = numpy.maximum(apart, numpy.abs(plane.astype(numpy.int16) - int(numpy.median(rim))))
    grey = numpy.clip(apart * 2, 0, 255).astype(numpy.uint8)
    level, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    for share in (1.0, 0.6):
        mask = (grey > level * share).astype(numpy.uint8)
        yield cv2.morphologyEx(mask, cv2.MORPH_CLOSE, numpy.ones((9, 9), numpy.uint8)).astype(numpy.uint8)


def _quads(mask: Grey) -> Iterable[Quad]:
    """Four-sided outlines in a mask that may be a card's."""
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    whole = mask.shape[0] * mask.shape[1]
    for contour in contours:
        hull = cv2.convexHull(contour).astype(numpy.int32, copy=False)
        if not SMALLEST_SHARE * whole <= cv2.contourArea(hull) <= LARGEST_SHARE * whole:
            continue
        quad = _four_sided(hull)
        if quad is not None and _like_a_card(quad, mask.shape):
            yield quad


def _four_sided(hull: NDArray[numpy.int32]) -> Quad | None:
    around = cv2.arcLength(hull, closed=True)
    for slack in (0.02, 0.035, 0.05, 0.07):
        shape = cv2.approxPolyDP(hull, slack * around, closed=True)
        if len(shape) == 4:
            return _in_order(shape[:, 0].astype(numpy.float32))
        if len(shape) < 4:
            return None
    return None


def _in_order(quad: Quad) -> Quad:
    """With the clock from the corner nearest to the page's top left."""
    middle = quad.mean(axis=0)
    turned = quad[numpy.argsort(numpy.arctan2(quad[:, 1] - middle[1], quad[:, 0] - middle[0]))]
    return numpy.roll(turned, -int(numpy.argmin(turned.sum(axis=1))), axis=0)


def _like_a_card(quad: Quad, shape: tuple[int, ...]) -> bool:
    """Whether an ID-1 card seen at a slant can look like this."""
    sides = numpy.roll(quad, -1, axis=0) - quad
    lengths = numpy.linalg.norm(sides, axis=1)
    if lengths.min() < 20:
        return False
    skews = [max(lengths[i], lengths[i + 2]) / min(lengths[i], lengths[i + 2]) for i in (0, 1)]
    ways = sides / lengths[:, None]
    corners = [abs(90 - numpy.degrees(numpy.arccos(numpy.clip(ways[i] @ ways[i - 1], -1, 1)))) for i in range(4)]
    ratio = _ratio(quad)
    share = cv2.contourArea(quad) / (shape[0] * shape[1])
    return (
        max(skews) <= MOST_SKEW
        and max(corners) <= SQUAREST
        and LEAST_RATIO <= ratio <= MOST_RATIO
        and SMALLEST_SHARE <= share <= LARGEST_SHARE
    )


def _ratio(quad: Quad) -> float:
    lengths = numpy.linalg.norm(numpy.roll(quad, -1, axis=0) - quad, axis=1)
    one, other = float(lengths[0] + lengths[2]), float(lengths[1] + lengths[3])
    return max(one, other) / max(min(one, other), 1e-6)


def _distinct(quads: Iterable[Quad]) -> list[Quad]:
    """Without those that lie on another one: fitted, they would be the same."""
    kept: list[Quad] = []
    for quad in quads:
        if all(float(numpy.abs(quad - other).max()) > SEARCH / 2 for other in kept):
            kept.append(quad)
    return kept[:MOST_ROUGH]


def _fitted(quad: Quad, planes: Sequence[Grey]) -> tuple[Quad, float] | None:
    """The outline moved onto the edges that are really there, and how clearly they are seen; None where one is not."""
    lines = []
    clear = 1.0
    for start, end in zip(quad, numpy.roll(quad, -1, axis=0), strict=True):
        side = _side(start, end, planes)
        if side is None:
            return None
        lines.append(side[:2])
        clear = min(clear, side[2])
    corners = [_crossing(before, line) for before, line in zip([lines[-1], *lines[:-1]], lines, strict=True)]
    if any(corner is None for corner in corners):
        return None
    fitted = numpy.array(corners, numpy.float32)
    if float(numpy.abs(fitted - quad).max()) > 3 * SEARCH or not _like_a_card(fitted, planes[0].shape):
        return None
    return fitted, clear


def _side(start: Point, end: Point, planes: Sequence[Grey]) -> tuple[Point, Point, float] | None:
    """A point and the direction of the straight edge near a rough side, and along what share of it it is seen."""
    along = numpy.linspace(MARGIN, 1 - MARGIN, SAMPLES, dtype=numpy.float32)[:, None]
    places = start + along * (end - start)
    way = (end - start) / numpy.linalg.norm(end - start)
    out = numpy.array([way[1], -way[0]], numpy.float32)
    reach = numpy.arange(-SEARCH - 2, SEARCH + 3, dtype=numpy.float32)
    at = places[:, None, :] + reach[None, :, None] * out
    steps = numpy.zeros((SAMPLES, len(reach) - 4), numpy.float32)
    for plane in planes:
        found = cv2.remap(plane, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        seen = found.astype(numpy.float32)
        steps = numpy.maximum(steps, numpy.abs(seen[:, 3:-1] + seen[:, 4:] - seen[:, :-4] - seen[:, 1:-3]) / 2)
    best = steps.argmax(axis=1)
    strong = steps.max(axis=1) >= CLEAR_STEP
    if strong.mean() < SEEN_SHARE:
        return None
    points = places + (best - SEARCH)[:, None] * out
    return _straight(points[strong], float(len(points)))


def _straight(points: Quad, all_of: float) -> tuple[Point, Point, float] | None:
    """The line that most of the points stand on; None where too few do."""
    best: NDArray[numpy.bool_] | None = None
    for first in range(0, len(points) // 2, 2):
        for second in range(len(points) // 2, len(points), 3):
            way = points[second] - points[first]
            across = numpy.array([way[1], -way[0]]) / max(float(numpy.linalg.norm(way)), 1e-6)
            on = numpy.abs((points - points[first]) @ across) <= STRAIGHT
            if best is None or on.sum() > best.sum():
                best = on
    if best is None or best.sum() < SEEN_SHARE * all_of:
        return None
    x, y, at_x, at_y = cv2.fitLine(points[best].astype(numpy.float32), cv2.DIST_L2, 0, 0.01, 0.01).ravel()
    return numpy.array([at_x, at_y]), numpy.array([x, y]), float(best.sum() / all_of)


def _crossing(one: tuple[Point, Point], other: tuple[Point, Point]) -> Point | None:
    ways = numpy.stack([one[1], -other[1]], axis=1)
    if abs(float(numpy.linalg.det(ways))) < 0.3:
        return None
    crossing: Point = one[0] + one[1] * numpy.linalg.solve(ways, other[0] - one[0])[0]
    return crossing


def _common(one: Quad, other: Quad) -> float:
    """The room that two outlines share, of the smaller one's."""
    room, _ = cv2.intersectConvexConvex(one, other)
    return room / max(min(cv2.contourArea(one), cv2.contourArea(other)), 1.0)
