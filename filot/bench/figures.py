"""Figures out of what was measured: percentiles, ratios of neighbouring rounds, growth, and tables of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from verification.bench_tables import Table

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Round:
    """One round: what was measured, between two measures of what it is compared with."""

    before: float
    own: float
    after: float

    @property
    def ratio(self) -> float:
        """To its two neighbours: a machine that gets slower or faster meanwhile hardly changes it."""
        return 2 * self.own / (self.before + self.after)


def ratio_of(rounds: Sequence[Round]) -> float:
    return median(each.ratio for each in rounds)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that is no smaller than so many per cent of them."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def spread(values: Sequence[float]) -> dict[str, float]:
    return {f"p{percent}": percentile(values, percent) for percent in PERCENTILES}


def growth_of(times: Mapping[int, Sequence[float]]) -> dict[int, float]:
    """How many times as long it takes at each number of rows as at the smallest, by medians."""
    least = median(times[min(times)])
    return {rows: median(measured) / least for rows, measured in times.items()}


def difference(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What was counted in between; of what was not counted at all, nothing."""
    return {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}


def a_document(
    idle: Mapping[str, float], idle_seconds: float, busy: Mapping[str, float], busy_seconds: float, documents: int
) -> dict[str, float]:
    """What one document costs: what was counted meanwhile, less what the parts do when nothing is to be done."""
    return {name: (count - idle.get(name, 0) * busy_seconds / idle_seconds) / documents for name, count in busy.items()}


def rounds_table(title: str, names: tuple[str, str], rounds: Sequence[Round]) -> Table:
    columns = ["round", names[1], names[0], names[1], "ratio"]
    rows = [
        [str(at), f"{each.before:.1f}", f"{each.own:.1f}", f"{each.after:.1f}", f"{each.ratio:.3f}"]
        for at, each in enumerate(rounds, 1)
    ]
    return title, columns, rows


def spread_table(title: str, measured: Mapping[str, Sequence[float]]) -> Table:
    columns = ["milliseconds", "count", *(f"p{percent}" for percent in PERCENTILES)]
    rows = [
        [name, str(len(values)), *(f"{1000 * value:.0f}" for value in spread(values).values())]
        for name, values in measured.items()
    ]
    return title, columns, rows


def counts_table(title: str, counts: Mapping[str, Mapping[str, float]]) -> Table:
    """A row for each step, a column for each thing that was counted anywhere."""
    columns = list(dict.fromkeys(name for counted in counts.values() for name in counted))
    rows = [[step, *(_plain(counted.get(name, 0)) for name in columns)] for step, counted in counts.items()]
    return title, ["step", *columns], rows


def growth_table(title: str, measured: Mapping[str, Mapping[int, Sequence[float]]]) -> Table:
    sizes = sorted(next(iter(measured.values())))
    rows = [
        [step, *(f"{1000 * median(times[size]):.2f} ({growth_of(times)[size]:.2f})" for size in sizes)]
        for step, times in measured.items()
    ]
    return title, ["milliseconds (times the first)", *(f"{size:,} rows" for size in sizes)], rows


def rounded(value: Any) -> Any:
    """The same figures with no more digits than they are worth, whatever they lie in."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, Mapping):
        return {str(name): rounded(each) for name, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, (list, tuple)) else value


def _plain(count: float) -> str:
    return f"{count:.1f}".removesuffix(".0")
