"""Charts as numbers for SVG: templates draw them, no script does. Widths and heights in the units of the viewBox."""

from collections.abc import Sequence
from typing import NamedTuple

BAR_WIDTH, BAR_STEP, BAR_HEIGHT, BAR_LEFT = 370, 42, 26, 96
PLOT_LEFT, PLOT_TOP, PLOT_WIDTH, PLOT_HEIGHT = 44, 12, 470, 160
GRID_LINES = 3
ROUND = (1, 2, 5)


class Bar(NamedTuple):
    label: str
    number: int
    high: int  # of these
    y: float
    middle: float  # of its text
    split: float  # where the second colour begins
    low_width: float
    high_width: float
    end: float


class GridLine(NamedTuple):
    number: int
    y: float


class Lines(NamedTuple):
    """Two lines over the hours of a day; `points` as SVG wants them."""

    arrived: str
    decided: str
    grid: list[GridLine]
    first: int
    last: int
    bottom: float


def bars(rows: Sequence[tuple[str, int, int]]) -> list[Bar]:
    """One bar for each (label, all, of them high)."""
    most = max([number for _, number, _ in rows] + [1])
    drawn = []
    for at, (label, number, high) in enumerate(rows):
        low_width = BAR_WIDTH * (number - high) / most
        high_width = BAR_WIDTH * high / most
        y = at * BAR_STEP
        split = BAR_LEFT + low_width
        drawn.append(
            Bar(label, number, high, y, y + BAR_HEIGHT / 2, split, low_width, high_width, split + high_width + 8)
        )
    return drawn


def lines(arrived: Sequence[int], decided: Sequence[int], *, first: int) -> Lines:
    """Both by hour, from the hour `first` on; of one length."""
    most = max([*arrived, *decided, 1])
    step = _step(most)
    top = max(step, -(-most // step) * step)
    grid = [GridLine(number, _y(number, top)) for number in range(0, top + 1, step)]
    return Lines(
        _points(arrived, top), _points(decided, top), grid, first, first + max(0, len(arrived) - 1), _y(0, top)
    )


def _step(most: int) -> int:
    """A round figure that goes into `most` a few times."""
    size = 1
    while True:
        for figure in ROUND:
            if figure * size * GRID_LINES >= most:
                return figure * size
        size *= 10


def _y(number: float, top: int) -> float:
    return round(PLOT_TOP + PLOT_HEIGHT * (1 - number / top), 1)


def _points(numbers: Sequence[int], top: int) -> str:
    apart = PLOT_WIDTH / max(1, len(numbers) - 1)
    return " ".join(f"{PLOT_LEFT + at * apart:.1f},{_y(number, top)}" for at, number in enumerate(numbers))
