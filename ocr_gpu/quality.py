"""How good a picture of a card is, as numbers. What is too little of something is said elsewhere.

Everything is measured on the card if its corners are known, else on the room that the writing takes up, else on the
page; sharpness and contrast on lines of writing, each made equally high, so that near and far pictures compare.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy
from numpy.typing import NDArray

from ocr_gpu.engine import Corners, OcrLine, Page
from ocr_gpu.quads import Quad, cut, in_pixels, length_and_height, part_of
from ocr_gpu.spectrum import finest_peak, turning_colours
from ocr_gpu.windows import flat_bars, window_words

MOST_STRIPS = 6
LONGEST_STRIP = 12.0  # times as long as high: more of a line says nothing more
CALM_ROWS = 120  # of the page, by which its grain is told
STRIP_HEIGHT = 32  # pixels of a line as its sharpness is measured
LARGEST_SEEN = 500  # pixels of the long side, for everything that is no writing
MANY_LINES = 6  # so many lie all over a card
BURNT = 250  # of 255, the darkest of the three colours
PAPER = 238  # of 255: where the card is so white, what is burnt out can't be told from paper
EDGE_REACH = 0.006  # of the page's side: a line that comes so near to the edge is cut by it
NEARLY_BURNT = 240  # of 255, the brightest of the three colours
LEAST_KEPT = 0.05  # of the card: if less of it isn't burnt out, nothing is left out
BRIGHTEST_COLOUR = 1000.0  # against paper of 255: what is far brighter than paper says nothing
LEAST_BLOB = 0.001  # of the card: a smaller burnt spot hides nothing
RIM_NEAR, RIM_FAR = 2, 4  # pixels of the small picture around a blob
SOFT_SHARE = 0.3  # of the way from paper to white: so bright is the rim of a blob of light

Grey = NDArray[numpy.uint8]
Levels = NDArray[numpy.int16]
Marks = NDArray[numpy.integer[Any] | numpy.floating[Any]]  # OpenCV does not say which; whole numbers


@dataclass(frozen=True, slots=True)
class Measures:
    """Of one page. Without lines sharpness and contrast are those of the whole page and text_height is 0.

    sharpness     0 and more: how steep the edges of letters are in lines made 32 pixels high, grain taken out. 0 where
                  they rise over four pixels and more (out of focus: few can be read), 0.1 to 0.3 moved, small or a
                  little blurred, 0.3 to 1 sharp. Less in the direction in which the picture was moved: that counts.
    light         0..1: luma of the card's paper (its 60th percentile); 1 is white.
    brightest     0..1: luma of the brightest parts (97th percentile).
    contrast      0..1: luma between paper and ink of the middle one of the lines.
    noise         0 and more, levels of 255: grain of the picture.
    glare         0..1: share of the card that light has burnt out: blobs with a soft rim, brighter than the paper.
    glare_text    0 and more: height of the largest blob in heights of the text, 0 without writing.
    text_height   pixels: of the middle one of the lines, as the engine boxes them (1.4 times a capital letter).
    card_width    pixels: long side of the card, or 0 where its corners aren't known.
    cut_lines     0..1: share of the lines that end at the edge of the page.
    room          heights of text from the writing to the nearest edge of the page: left, top, right, bottom.
    colourfulness 0..1: spread of colour on the card against the light of its paper, whatever colour and strength the
                  lamp had; black and white is below 0.05, a portrait on red or blue gives 0.1 and more.
    screen        0 and more: the strongest regular pattern finer than print, against the strongest around it in the
                  spectrum (amplitudes); below 5 on plain paper, 6 and more where the pixels of a screen or the dots of
                  print are seen. 0 for a page of less than 256 pixels.
    turning       0 and more: how surely colours turn from red over green to blue along a pattern, as the lights of a
                  screen do and print does not: below 1 on paper, up to 10 on screens. 0 without colours.
    bars          0..1: share of the page in two flat bars beside or above and below a picture, as a gallery has them.
    window_words  lines that a window has and no card: a clock, a menu; the name of a picture's file counts two.
    side          pixels: long side of the page.
    lines         how many lines of writing there are.
    """

    sharpness: float
    light: float
    brightest: float
    contrast: float
    noise: float
    glare: float
    glare_text: float
    text_height: float
    card_width: float
    cut_lines: float
    room: tuple[float, float, float, float]
    colourfulness: float
    screen: float
    turning: float
    bars: float
    window_words: int
    side: int
    lines: int


def measure(page: Page, lines: Sequence[OcrLine], card: Corners | None = None) -> Measures:
    """About 20 ms for a page of 1300 pixels. `lines` and `card` lie on the page as given. Never raises."""
    grey = cv2.cvtColor(page, cv2.COLOR_RGB2GRAY).astype(numpy.uint8, copy=False)
    quads = [in_pixels(line.corners or _corners_of(line), page) for line in lines]
    sizes = [length_and_height(quad) for quad in quads]
    text_height = float(numpy.median([size[1] for size in sizes])) if sizes else 0.0
    noise = _grain(grey[:: max(1, grey.shape[0] // CALM_ROWS)].astype(numpy.int16))
    strips = _strips(grey, quads)
    seen, scale = _small(page)
    room = _seen_room(page, quads, card)
    mask = _mask(seen, room * numpy.float32(scale))
    seen_grey = cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY).astype(numpy.uint8, copy=False)
    paper, brightest = _light(seen_grey, mask)
    glare, blob = _glare(seen, seen_grey, mask, paper)
    return Measures(
        sharpness=float(numpy.median([_sharpness(strip) for strip in strips])),
        light=min(paper / 255, 1.0),
        brightest=min(brightest / 255, 1.0),
        contrast=float(numpy.median([_contrast(strip) for strip in strips])),
        noise=noise,
        glare=glare,
        glare_text=blob / (text_height * scale) if text_height else 0.0,
        text_height=text_height,
        card_width=max(length_and_height(in_pixels(card, page))) if card else 0.0,
        cut_lines=_cut_share(quads, page),
        room=_room(quads, page, text_height),
        colourfulness=_colourfulness(seen, mask),
        screen=finest_peak(grey, room),
        turning=turning_colours(page, room),
        bars=flat_bars(seen),
        window_words=window_words(lines),
        side=max(page.shape[:2]),
        lines=len(lines),
    )


def _corners_of(line: OcrLine) -> Corners:
    x, y, w, h = line.box
    return (x, y), (x + w, y), (x + w, y + h), (x, y + h)


def _small(picture: Page) -> tuple[Page, float]:
    """Halved and halved again: any other share takes ten times as long."""
    scale = 1.0
    while max(picture.shape[:2]) * scale > LARGEST_SEEN:
        scale /= 2
    small = picture
    for _ in range(round(-numpy.log2(scale))):
        size = (max(1, small.shape[1] // 2), max(1, small.shape[0] // 2))
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA).astype(numpy.uint8, copy=False)
    return small, scale


def _strips(grey: Grey, quads: Sequence[Quad]) -> list[Grey]:
    """The longest lines as pictures, or the page itself where there are none."""
    longest = sorted(quads, key=lambda quad: -length_and_height(quad)[0])[:MOST_STRIPS]
    strips = []
    for quad in longest:
        length, across = length_and_height(quad)
        if across < 2 or length < across:
            continue
        shown = part_of(quad, 0.0, min(1.0, LONGEST_STRIP * across / length))
        strips.append(cut(grey, shown, height=STRIP_HEIGHT))
    return strips or [_small(grey)[0]]


def _sharpness(strip: Grey) -> float:
    """In the direction in which it is less. Blur makes slopes: over four pixels they rise four times as much as over
    one; a step rises as much at once.
    """
    levels = strip.astype(numpy.int16)
    return min(_steepness(levels), _steepness(numpy.ascontiguousarray(levels.T)))


def _steepness(picture: Levels) -> float:
    if min(picture.shape) < 8:
        return 0.0
    grain = 2 * _grain(picture) ** 2
    near = _mean_square(picture[:, 1:] - picture[:, :-1]) - grain
    far = _mean_square(picture[:, 4:] - picture[:, :-4]) - grain
    ratio = float(numpy.sqrt(max(near, 0.0) / far)) if far > max(near, 1.0) else 0.0
    return max(4 * ratio - 1, 0.0)


def _mean_square(levels: Levels) -> float:
    flat = levels.astype(numpy.float32).ravel()
    return float(flat @ flat) / flat.size


def _grain(picture: Levels) -> float:
    """Standard deviation of what no slope explains, told by the calmest quarter: print doesn't count (as Immerkaer)."""
    bent = numpy.abs(2 * picture[:, 1:-1] - picture[:, :-2] - picture[:, 2:])
    return _share_below(bent, 0.25) / (0.3186 * 6**0.5)


def _share_below(levels: NDArray[numpy.integer[Any]], share: float) -> float:
    """The level that this share of the picture is below; between whole levels, or calm pictures would be alike."""
    if not levels.size:
        return 0.0
    counts = numpy.bincount(levels.ravel())
    sums = numpy.cumsum(counts)
    wanted = share * float(sums[-1])
    level = int(numpy.searchsorted(sums, wanted))
    return max(level - 0.5 + (wanted - float(sums[level] - counts[level])) / max(float(counts[level]), 1.0), 0.0)


def _contrast(strip: Grey) -> float:
    return (_share_below(strip, 0.9) - _share_below(strip, 0.05)) / 255


def _seen_room(page: Page, quads: Sequence[Quad], card: Corners | None) -> Quad:
    """The outline of the card in pixels, of all writing where it isn't known, of the page where there is little."""
    if card:
        return in_pixels(card, page)
    if len(quads) >= MANY_LINES:
        around = cv2.convexHull(numpy.concatenate(quads))[:, 0].astype(numpy.float32, copy=False)
        if cv2.contourArea(around) > 0:
            return around
    height, width = page.shape[:2]
    return numpy.array([[0, 0], [width, 0], [width, height], [0, height]], numpy.float32)


def _mask(seen: Page, room: Quad) -> Grey:
    """255 where the card is."""
    mask = numpy.zeros(seen.shape[:2], numpy.uint8)
    cv2.fillConvexPoly(mask, room.astype(numpy.int32), 255)
    return mask if mask.any() else numpy.full_like(mask, 255)


def _light(grey: Grey, mask: Grey) -> tuple[float, float]:
    card = grey[mask > 0]
    return _share_below(card, 0.6), _share_below(card, 0.97)


def _glare(seen: Page, grey: Grey, mask: Grey, paper: float) -> tuple[float, float]:
    """The share that is burnt out, and the height in pixels of the largest blob."""
    if paper >= PAPER:
        return 0.0, 0.0
    darkest = cv2.min(cv2.min(seen[..., 0], seen[..., 1]), seen[..., 2])
    burnt = ((darkest >= BURNT) & (mask > 0)).astype(numpy.uint8)
    whole = int(numpy.count_nonzero(mask))
    count, marks, facts, _ = cv2.connectedComponentsWithStats(burnt, connectivity=4)
    area, tallest = 0, 0
    for mark in range(1, count):
        size = int(facts[mark, cv2.CC_STAT_AREA])
        if size < LEAST_BLOB * whole or not _soft(marks, mark, facts[mark], grey, paper):
            continue
        area += size
        tallest = max(tallest, min(int(facts[mark, cv2.CC_STAT_HEIGHT]), int(facts[mark, cv2.CC_STAT_WIDTH])))
    return area / whole, float(tallest)


def _soft(marks: Marks, mark: int, facts: Marks, grey: Grey, paper: float) -> bool:
    """Whether brightness falls off slowly around a blob: light does that, white print ends at once."""
    left, top, wide, high = (int(fact) for fact in facts[:4])
    far = RIM_FAR + 1
    part = (slice(max(top - far, 0), top + high + far), slice(max(left - far, 0), left + wide + far))
    blob = (marks[part] == mark).astype(numpy.uint8)
    near, wider = (
        cv2.dilate(blob, numpy.ones((2 * reach + 1, 2 * reach + 1), numpy.uint8)) for reach in (RIM_NEAR, RIM_FAR)
    )
    ring = grey[part][(wider > 0) & (near == 0)]
    return ring.size > 0 and float(numpy.median(ring)) - paper >= SOFT_SHARE * (255 - paper)


def _cut_share(quads: Sequence[Quad], page: Page) -> float:
    """Only lines that run into the edge with an end count, and not those along it."""
    if not quads:
        return 0.0
    size = numpy.array([page.shape[1], page.shape[0]], numpy.float32)
    reach = max(2.0, EDGE_REACH * float(size.max()))
    cut_off = 0
    for quad in quads:
        ends = numpy.stack([(quad[0] + quad[3]) / 2, (quad[1] + quad[2]) / 2])
        cut_off += bool((ends <= reach).any() or (ends >= size - reach).any())
    return cut_off / len(quads)


def _room(quads: Sequence[Quad], page: Page, text_height: float) -> tuple[float, float, float, float]:
    if not quads or text_height <= 0:
        return 0.0, 0.0, 0.0, 0.0
    points = numpy.concatenate(quads)
    left, top = points.min(axis=0)
    right, bottom = numpy.array([page.shape[1], page.shape[0]]) - points.max(axis=0)
    return float(left) / text_height, float(top) / text_height, float(right) / text_height, float(bottom) / text_height


def _colourfulness(seen: Page, mask: Grey) -> float:
    """After the grain is averaged out and the lamp's colour is taken from the paper: how far colours are from grey,
    against the light of the paper. What is burnt out has lost its colour or, in part, got one: it doesn't count.
    """
    card = cv2.blur(seen, (5, 5))[mask > 0].astype(numpy.uint8, copy=False)
    kept = card[card.max(axis=1) < NEARLY_BURNT]
    calm = kept if len(kept) >= LEAST_KEPT * len(card) else card
    medians = [max(_share_below(calm[:, channel], 0.5), 1.0) for channel in range(3)]
    scales = numpy.array([255 / median for median in medians], numpy.float32)
    white = numpy.minimum(calm * scales, BRIGHTEST_COLOUR)
    apart = cv2.max(cv2.max(white[:, 0], white[:, 1]), white[:, 2]) - cv2.min(
        cv2.min(white[:, 0], white[:, 1]), white[:, 2]
    )
    return min(_share_below(apart.astype(numpy.int16).ravel(), 0.95) / 255, 1.0)
