"""How a page lies: its quarter turn, and the direction of its rows at every place, so that rows can be set level.

Lines whose engine tells their corners say it themselves; a page seen at an angle has rows that run together on one
side. Without corners the direction is guessed from where boxes stand side by side. Places are fractions of the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from ocr_gpu.engine import Box, OcrLine

STEEPEST = 0.3
SLOPE_STEP = 0.01
SLOPE_GUESSES = 3
SLOPES_APART = 0.03
GROWTH_WEIGHT = 30.0  # neighbours that outweigh a whole slope of difference from what the boxes tell
CLEARLY_WIDER = 0.12
LOWEST_SHARE = 0.4  # of its box: text in a tilted box is at least this high
LONG_TEXT = 5  # letters: shorter texts may stand tall on an upright page
CENTRE = 0.5
FEWEST_LONG = 3  # lines: fewer don't tell whether rows run together
OUTLIER = 0.05  # of slope: writing so far from the others' direction is no row of the card
STIFFNESS = 0.01  # a page is taken to be seen straight on unless its lines say otherwise
MOST_CONVERGENCE = 0.8
Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]


@dataclass(frozen=True, slots=True)
class Slant:
    """The page has to be turned clockwise by `turns` quarters; then a row falls by `fall` over the page's width.

    `convergence` is how much more one falls that stands a page's height lower; `lean` how far to the right a column
    goes on its way down.
    """

    turns: int = 0
    fall: float = 0.0
    convergence: float = 0.0
    lean: float = 0.0

    def slope_at(self, x: float, y: float) -> float:
        return (self.fall + self.convergence * (y - CENTRE)) / (1 + self.convergence * (x - CENTRE))

    def level(self, x: float, y: float) -> float:
        """Where the row through this place crosses the middle of the page."""
        return y - self.slope_at(x, y) * (x - CENTRE)

    def plumb(self, x: float, y: float) -> float:
        """Where the column through this place crosses the middle of the page."""
        return x - self.lean * (y - CENTRE)

    def growth(self, x: float) -> float:
        """What a height here is in the middle of the page, where rows are compared."""
        return 1 / (1 + self.convergence * (x - CENTRE))


UPRIGHT = Slant()


def ways_to_lie(lines: Sequence[OcrLine]) -> list[list[Slant]]:
    """The ways that the page may lie, the likelier first; those of one turn together."""
    turns = possible_turns(lines)
    if lines and all(line.corners for line in lines):
        return [[_told_by_corners(lines, quarters)] for quarters in turns]
    return [[Slant(quarters, slope) for slope in likely_slopes(lines, turns=quarters)] for quarters in turns]


def turn(box: Box, quarters: int) -> Box:
    """A box on the page turned clockwise by so many quarters."""
    for _ in range(quarters % 4):
        box = Box(1 - box.y - box.h, box.x, box.h, box.w)
    return box


def turned_quad(quad: Quad, quarters: int) -> Quad:
    """Four corners on the page turned clockwise by so many quarters; the first stays the first."""
    for _ in range(quarters % 4):
        first, second, third, fourth = ((1 - y, x) for x, y in quad)
        quad = (first, second, third, fourth)
    return quad


def possible_turns(lines: Sequence[OcrLine]) -> tuple[int, ...]:
    """The quarter turns that may set the page upright, the likelier first.

    An engine that turned the page says so, and one that tells corners knows; else texts that stand tall say that it
    lies on a side.
    """
    turned = {line.turn // 90 for line in lines}
    if turned - {0} or (lines and all(line.corners for line in lines)):
        return tuple(sorted(turned, reverse=True))
    tall = sum(line.box.h > line.box.w for line in lines if len(line.text) >= LONG_TEXT)
    wide = sum(line.box.h <= line.box.w for line in lines if len(line.text) >= LONG_TEXT)
    return (1, 3) if tall > wide else (0, 2)


def _told_by_corners(lines: Sequence[OcrLine], quarters: int) -> Slant:
    """The direction in which the long lines run, and whether they run together; the lean of their short sides."""
    runs: list[tuple[float, float, float]] = []  # length, slope, height on the page
    leans: list[tuple[float, float]] = []  # length, lean
    for line in lines:
        if line.corners is None or len(line.text) < LONG_TEXT:
            continue
        first, second, third, fourth = turned_quad(line.corners, quarters)
        left, right = _between(first, fourth), _between(second, third)
        wide, high = right[0] - left[0], fourth[1] - first[1] + third[1] - second[1]
        if wide <= 0 or high <= 0:
            continue
        runs.append((wide, (right[1] - left[1]) / wide, (left[1] + right[1]) / 2))
        leans.append((wide, (fourth[0] - first[0] + third[0] - second[0]) / high))
    fall = _weighted_median((slope, wide) for wide, slope, _ in runs)
    lean = _weighted_median((lean, wide) for wide, lean in leans)
    near = [run for run in runs if abs(run[1] - fall) <= OUTLIER + MOST_CONVERGENCE * abs(run[2] - CENTRE)]
    if len(near) < FEWEST_LONG:
        return Slant(quarters, fall, lean=lean)
    fall, convergence = _converging(near)
    kept = [run for run in near if abs(run[1] - fall - convergence * (run[2] - CENTRE)) <= OUTLIER / 2]
    if len(kept) >= FEWEST_LONG:
        fall, convergence = _converging(kept)
    return Slant(quarters, fall, convergence, lean)


def _converging(runs: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """The line through slopes by height (least squares, long runs first): the fall at half height and its change."""
    weight = sum(wide**2 for wide, _, _ in runs)
    height = sum(wide**2 * y for wide, _, y in runs) / weight
    slope = sum(wide**2 * slope for wide, slope, _ in runs) / weight
    spread = sum(wide**2 * (y - height) ** 2 for wide, _, y in runs)
    together = sum(wide**2 * (y - height) * (own - slope) for wide, own, y in runs)
    change = together / (spread + STIFFNESS * weight / len(runs))
    change = min(max(change, -MOST_CONVERGENCE), MOST_CONVERGENCE)
    return slope + change * (CENTRE - height), change


def _between(one: Point, other: Point) -> Point:
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def _weighted_median(pairs: Iterable[tuple[float, float]]) -> float:
    """The value with half the weight on either side; 0 for none."""
    ranked = sorted(pairs)
    half, seen = sum(weight for _, weight in ranked) / 2, 0.0
    for value, weight in ranked:
        seen += weight
        if seen >= half:
            return value
    return 0.0


def likely_slopes(lines: Sequence[OcrLine], *, turns: int = 0) -> list[float]:
    """The slopes under which most texts have a neighbour at their own height, best first, at most three.

    With few neighbours the boxes tell: the upright box around a sloping text grows with the length of the text.
    """
    boxes = [turn(line.box, turns) for line in lines]
    steep = _growth(boxes)
    neighbours = [pair for a in boxes for b in boxes if (pair := _beside(a, b, steep))]
    steps = round(STEEPEST / SLOPE_STEP)
    scored: list[tuple[float, float]] = []
    for slope in (step * SLOPE_STEP for step in range(-steps, steps + 1)):
        hits = sum(1 - away for run, fall, reach in neighbours if (away := abs(fall - slope * run) / reach) < 1)
        scored.append((hits - GROWTH_WEIGHT * abs(abs(slope) - steep), slope))
    best: list[float] = []
    for _, slope in sorted(scored, key=lambda pair: (-pair[0], abs(pair[1]))):
        if all(abs(slope - other) > SLOPES_APART for other in best):
            best.append(slope)
    return best[:SLOPE_GUESSES]


def _beside(a: Box, b: Box, steep: float) -> tuple[float, float, float] | None:
    """How far right and how far down b stands from a, and how far down still counts as the same height."""
    if b.x < a.x + a.w * 0.8:
        return None
    run = b.x + b.w / 2 - a.x - a.w / 2
    fall = b.y + b.h / 2 - a.y - a.h / 2
    reach = min(max(box.h - steep * box.w, LOWEST_SHARE * box.h) for box in (a, b)) / 2
    return (run, fall, reach) if reach > 0 and abs(fall) <= STEEPEST * run + 2 * reach else None


def _growth(boxes: Sequence[Box]) -> float:
    """How much higher a box is for being wider: the size of the slope, without its sign."""
    growth = [
        (b.h - a.h) / (b.w - a.w) for a in boxes for b in boxes if b.w - a.w > CLEARLY_WIDER and a.h > 0 and b.h > 0
    ]
    return min(max(median(growth), 0.0), STEEPEST) if growth else 0.0
