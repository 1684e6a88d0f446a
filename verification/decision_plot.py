"""What a threshold of approval gives and costs, as SVG: honest cards approved (up) against faulty ones (across)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from verification.decision_bench import Traded

WIDE, HIGH, LEFT, TOP, RIGHT, FOOT = 560, 330, 64, 92, 40, 66
ENDS = (0, 100)  # thresholds that are named beside the one that is chosen
STEP = 0.05  # the scale across ends at a whole number of these
LEGEND = 20  # pixels from one line of it to the next
COLOURS = ("first", "second", "third", "fourth")
Point = tuple[float, float]

STYLE = """
  .page { fill: #ffffff } .ink { fill: #1f2328 } .dim { fill: #59636e }
  .frame { fill: none; stroke: #8c959f } .grid { stroke: #d1d9e0 }
  .line { fill: none; stroke-width: 2 }
  .line.first { stroke: #0969da } .dot.first { fill: #0969da } .line.second { stroke: #bc4c00 }
  .dot.second { fill: #bc4c00 } .line.third { stroke: #1a7f37 } .dot.third { fill: #1a7f37 }
  .line.fourth { stroke: #8250df } .dot.fourth { fill: #8250df }
  text { font: 12px system-ui, sans-serif } .head { font-weight: 600; font-size: 14px } .small { font-size: 10px }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .ink { fill: #f0f6fc } .dim { fill: #9198a1 }
    .frame { stroke: #6e7681 } .grid { stroke: #30363d }
    .line.first { stroke: #58a6ff } .dot.first { fill: #58a6ff } .line.second { stroke: #f0883e }
    .dot.second { fill: #f0883e } .line.third { stroke: #3fb950 } .dot.third { fill: #3fb950 }
    .line.fourth { stroke: #bc8cff } .dot.fourth { fill: #bc8cff }
  }
"""


def plot(title: str, note: str, lines: Mapping[str, Sequence[Traded]], chosen: int) -> str:
    """One line a policy, from the threshold 0 to 100; the larger dot is the chosen threshold."""
    most = max((each.faulty.rate for line in lines.values() for each in line), default=0.0)
    across = max(STEP, math.ceil(most / STEP) * STEP)
    width, height = LEFT + WIDE + RIGHT, TOP + HIGH + FOOT
    drawn = [
        part
        for at, (policy, line) in enumerate(lines.items())
        for part in _line(policy, line, across, chosen, COLOURS[at % len(COLOURS)], at)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
            f' role="img" aria-label="{escape(title)}">',
            f"<style>{STYLE}</style>",
            f'<rect class="page" width="{width}" height="{height}"/>',
            f'<text class="ink head" x="{LEFT}" y="24">{escape(title)}</text>',
            f'<text class="dim" x="{LEFT}" y="42">{escape(note)}</text>',
            *_frame(across),
            *drawn,
            "</svg>",
            "",
        ]
    )


def _frame(across: float) -> list[str]:
    foot = TOP + HIGH
    parts = [f'<rect class="frame" x="{LEFT}" y="{TOP}" width="{WIDE}" height="{HIGH}"/>']
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = round(LEFT + tick * WIDE, 1), round(foot - tick * HIGH, 1)
        parts += [
            f'<line class="grid" x1="{LEFT}" y1="{y}" x2="{LEFT + WIDE}" y2="{y}"/>',
            f'<text class="dim small" x="{LEFT - 6}" y="{y + 3}" text-anchor="end">{100 * tick:g} %</text>',
            f'<text class="dim small" x="{x}" y="{foot + 14}" text-anchor="middle">{100 * tick * across:.3g} %</text>',
        ]
    words = "across: faulty cards approved; up: honest cards approved; at the dots: the threshold"
    return [*parts, f'<text class="dim" x="{LEFT}" y="{foot + 36}">{words}</text>']


def _line(policy: str, line: Sequence[Traded], across: float, chosen: int, colour: str, at: int) -> list[str]:
    points = {each.threshold: _place(each, across) for each in line}
    at_chosen = next(each for each in line if each.threshold == chosen)
    words = (
        f"{policy}, from {chosen}: {at_chosen.honest.hits} of {at_chosen.honest.of} honest, "
        f"{at_chosen.faulty.hits} of {at_chosen.faulty.of} faulty approved"
    )
    row = TOP - 30 + LEGEND * at
    parts = [
        f'<circle class="dot {colour}" cx="{LEFT + 5}" cy="{row - 4}" r="5"/>',
        f'<text class="ink" x="{LEFT + 16}" y="{row}">{escape(words)}</text>',
        f'<polyline class="line {colour}" points="{" ".join(f"{x},{y}" for x, y in points.values())}"/>',
    ]
    for (x, y), name in _named(points, chosen).items():
        is_chosen = (x, y) == points[chosen]
        size, side = (6, "end") if is_chosen else (3, "start")
        at_x, at_y = (x - 8, y - 6) if is_chosen else (x + 5, y + (14 if name.endswith("100") else -6))
        parts += [
            f'<circle class="dot {colour}" cx="{x}" cy="{y}" r="{size}"/>',
            f'<text class="dim small" x="{at_x}" y="{at_y}" text-anchor="{side}">{name}</text>',
        ]
    return parts


def _named(points: Mapping[int, Point], chosen: int) -> dict[Point, str]:
    """The places of the thresholds that are named: "0-85" where several share one."""
    told: dict[Point, list[int]] = {}
    for threshold in sorted({*ENDS, chosen}):
        told.setdefault(points[threshold], []).append(threshold)
    return {place: "-".join(str(end) for end in dict.fromkeys((held[0], held[-1]))) for place, held in told.items()}


def _place(each: Traded, across: float) -> Point:
    return round(LEFT + each.faulty.rate / across * WIDE, 1), round(TOP + HIGH - each.honest.rate * HIGH, 1)
