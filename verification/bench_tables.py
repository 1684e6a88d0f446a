"""The figures of a benchmark as tables for people: aligned text, or Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from verification.bench import Answer, Figures, Share, figures

Table = tuple[str, list[str], list[list[str]]]  # its title, the names of its columns, its rows
Figured = Mapping[str, Mapping[str, Figures]]  # reader, level
ALL_LEVELS = "all"
SHOWN = "(shown by the pictures)"

LEVEL_COLUMNS = [
    "level",
    "reader",
    "cards",
    "number exact",
    "fields exact",
    "whole card right",
    "number sure",
    "sure and wrong",
    "right of the sure fields",
    "characters wrong",
    "median s",
    "p95 s",
]


def by_level(answers: Mapping[str, Sequence[Answer]]) -> Figured:
    """The figures of each reader for each level that it has answers in, in the order of the answers, and for all."""
    found: dict[str, dict[str, Figures]] = {}
    for reader, given in answers.items():
        levels = list(dict.fromkeys(answer.card.level for answer in given))
        groups = {level: [answer for answer in given if answer.card.level == level] for level in levels}
        if len(levels) > 1:
            groups[ALL_LEVELS] = list(given)
        found[reader] = {level: figures(group) for level, group in groups.items()}
    return found


def level_table(title: str, figured: Figured) -> Table:
    """Readers side by side, level by level, and below them what the pictures show at all."""
    rows = []
    for level in _levels(figured):
        there = {reader: of[level] for reader, of in figured.items() if level in of}
        rows += [_level_row(level, reader, each) for reader, each in there.items()]
        any_of = next(iter(there.values()))  # all readers had the same cards
        shown = [percent(any_of.number_ceiling), percent(any_of.fields_ceiling)]
        rows.append([level, SHOWN, str(any_of.cards), *shown, *[""] * (len(LEVEL_COLUMNS) - 5)])
    return title, LEVEL_COLUMNS, rows


def field_table(title: str, figured: Figured) -> Table:
    """Exact values, characters wrong and stated values that are wrong, of each field at each level."""
    levels = _levels(figured)
    names = list(dict.fromkeys(name for of in figured.values() for each in of.values() for name in each.by_field))
    rows = []
    for name in names:
        for reader, of in figured.items():
            cells = [_field_cell(of[level], name) if level in of else "" for level in levels]
            rows.append([name, reader, *cells])
    return title, ["field", "reader", *levels], rows


def as_text(table: Table) -> str:
    title, names, rows = table
    widths = [max(len(row[at]) for row in [names, *rows]) for at in range(len(names))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [names, *rows]
    ]
    return "\n".join([title, *lines, ""])


def as_markdown(table: Table) -> str:
    title, names, rows = table
    lines = ["| " + " | ".join(row) + " |" for row in [names, ["---"] * len(names), *rows]]
    return "\n".join([f"### {title}", "", *lines, ""])


def percent(share: Share) -> str:
    """The share with its 95 % interval; "-" of nothing."""
    if not share.of:
        return "-"
    low, high = share.interval
    return f"{100 * share.rate:.1f} % ({100 * low:.1f}-{100 * high:.1f})"


def _levels(figured: Figured) -> list[str]:
    levels = dict.fromkeys(level for of in figured.values() for level in of)
    return [level for level in levels if level != ALL_LEVELS] + [ALL_LEVELS] * (ALL_LEVELS in levels)


def _level_row(level: str, reader: str, each: Figures) -> list[str]:
    return [
        level,
        reader,
        str(each.cards),
        percent(each.number),
        percent(each.fields),
        percent(each.whole),
        percent(each.sure),
        str(each.sure_and_wrong),
        percent(each.sure_fields),
        f"{100 * each.error_rate:.2f} %",
        f"{each.median_seconds:.2f}",
        f"{each.p95_seconds:.2f}",
    ]


def _field_cell(each: Figures, name: str) -> str:
    held = each.by_field.get(name)
    if held is None:
        return ""
    return f"{100 * held.exact.rate:.1f} %, {100 * held.error_rate:.1f} %, {held.wrong}"
