"""Stated confidence against the share that is right: bins, the expected calibration error, and a plot as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from verification.bench import SURE, Share
from verification.calibration import Said

EDGES = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0)
PANEL, GAP, LEFT, TOP, FOOT = 230, 70, 60, 78, 62
LEAST_DOT, DOT_GROWTH = 3.0, 0.5

STYLE = """
  .page { fill: #ffffff } .ink { fill: #1f2328 } .dim { fill: #59636e }
  .frame { fill: none; stroke: #8c959f } .grid { stroke: #d1d9e0 } .even { stroke: #8c959f; stroke-dasharray: 5 4 }
  .span { stroke: #0969da; stroke-width: 1.5 } .line { fill: none; stroke: #0969da; stroke-width: 1.5 }
  .dot { fill: #0969da }
  text { font: 12px system-ui, sans-serif } .head { font-weight: 600; font-size: 14px } .small { font-size: 10px }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .ink { fill: #f0f6fc } .dim { fill: #9198a1 }
    .frame { stroke: #6e7681 } .grid { stroke: #30363d } .even { stroke: #6e7681 }
    .span, .line { stroke: #58a6ff } .dot { fill: #58a6ff }
  }
"""


@dataclass(frozen=True, slots=True)
class Bin:
    stated: float  # the mean of the confidences in it
    share: Share  # of right values


def bins(seen: Sequence[Said]) -> list[Bin]:
    """The bins that hold something, from the least confidence. A confidence on an edge belongs above it."""
    found = []
    for low, high in pairwise(EDGES):
        held = [pair for pair in seen if low <= pair[0] < high or pair[0] == high == EDGES[-1]]
        if held:
            mean = sum(confidence for confidence, _ in held) / len(held)
            found.append(Bin(mean, Share(sum(right for _, right in held), len(held))))
    return found


def expected_error(seen: Sequence[Said]) -> float:
    """How far the stated confidence is from the share that is right, on average over all values (ECE)."""
    return sum(abs(each.stated - each.share.rate) * each.share.of for each in bins(seen)) / len(seen) if seen else 0.0


def sure_share(seen: Sequence[Said]) -> Share:
    """How many of those stated as sure are right."""
    sure = [right for confidence, right in seen if confidence >= SURE]
    return Share(sum(sure), len(sure))


def plot(title: str, note: str, groups: Mapping[str, Sequence[Said]]) -> str:
    """An SVG of one panel a group: dots for bins, larger for more values, with 95 % intervals and the even line."""
    width = LEFT + len(groups) * PANEL + (len(groups) - 1) * GAP + 24
    height = TOP + PANEL + FOOT
    panels = [_panel(LEFT + at * (PANEL + GAP), group, seen) for at, (group, seen) in enumerate(groups.items())]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
            f' role="img" aria-label="{_escaped(title)}">',
            f"<style>{STYLE}</style>",
            f'<rect class="page" width="{width}" height="{height}"/>',
            f'<text class="ink head" x="{LEFT}" y="24">{_escaped(title)}</text>',
            f'<text class="dim" x="{LEFT}" y="42">{_escaped(note)}</text>',
            *panels,
            "</svg>",
            "",
        ]
    )


def _panel(left: float, group: str, seen: Sequence[Said]) -> str:
    foot, right = TOP + PANEL, left + PANEL
    sure = sure_share(seen)
    words = f"{group}: {len(seen)} values, error {100 * expected_error(seen):.1f} %"
    below = f"stated from {SURE}: {sure.hits} of {sure.of} right" if sure.of else f"none stated from {SURE}"
    parts = [
        f'<text class="ink" x="{left}" y="{TOP - 12}">{_escaped(words)}</text>',
        f'<rect class="frame" x="{left}" y="{TOP}" width="{PANEL}" height="{PANEL}"/>',
        f'<line class="even" x1="{left}" y1="{foot}" x2="{right}" y2="{TOP}"/>',
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = left + tick * PANEL, foot - tick * PANEL
        parts.append(f'<line class="grid" x1="{left}" y1="{y}" x2="{right}" y2="{y}"/>')
        parts.append(f'<text class="dim small" x="{x}" y="{foot + 14}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text class="dim small" x="{left - 6}" y="{y + 3}" text-anchor="end">{tick:g}</text>')
    parts.append(f'<text class="dim" x="{left}" y="{foot + 32}">stated (across), right (up)</text>')
    parts.append(f'<text class="ink" x="{left}" y="{foot + 50}">{_escaped(below)}</text>')
    return "\n".join(parts + _dots(left, foot, bins(seen)))


def _dots(left: float, foot: float, found: Sequence[Bin]) -> list[str]:
    places = [(round(left + each.stated * PANEL, 1), round(foot - each.share.rate * PANEL, 1)) for each in found]
    parts = [f'<polyline class="line" points="{" ".join(f"{x},{y}" for x, y in places)}"/>']
    for (x, y), each in zip(places, found, strict=True):
        low, high = (round(foot - end * PANEL, 1) for end in each.share.interval)
        size = LEAST_DOT + DOT_GROWTH * each.share.of.bit_length()
        parts.append(f'<line class="span" x1="{x}" y1="{low}" x2="{x}" y2="{high}"/>')
        told = f"stated {each.stated:.2f}, right {each.share.hits} of {each.share.of}"
        parts.append(f'<circle class="dot" cx="{x}" cy="{y}" r="{size}"><title>{told}</title></circle>')
        parts.append(
            f'<text class="dim small" x="{x - size - 2}" y="{y + 10}" text-anchor="end">{each.share.of}</text>'
        )
    return parts


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
