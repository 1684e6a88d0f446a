"""A card as a form: printed labels with the values that belong to them, and the texts that belong to none."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ocr_gpu.engine import OcrLine
from verification.labels import LabelMatch, Labels, label_at
from verification.layout import Row, Span

COLUMN_REACH = 0.05  # of the page's width: how far a value may start from the others' left edge
STRAY_SHARE = 0.7  # of the usual distance of rows: a value this near to an empty label is that label's
MOST_PITCHES = 1.6  # between a line and the one it goes on in
SURE = 0.75
LONGEST_LABEL = 24
SHORT_VALUE = 6  # characters, with its colon


@dataclass(frozen=True, slots=True)
class Entry:
    """One label and what stands beside it; value.text is empty when nothing does."""

    name: str
    row: int
    value: Span
    similarity: float
    at: int  # where in the row's text the value may begin


@dataclass(frozen=True, slots=True)
class Form:
    rows: list[Row]
    entries: dict[str, Entry]
    loose: dict[int, list[Span]]  # by row: texts that follow no label of their own
    value_left: float | None
    pitch: float  # the usual distance between rows

    def in_column(self, row: int) -> Span | None:
        """The text of an unlabelled row that stands in the column of the values."""
        if self.value_left is None:
            return None
        for span in self.loose.get(row, []):
            colon = self.rows[row].text.find(":", span.start, span.end)
            if 0 <= colon - span.start <= LONGEST_LABEL and span.left < self.value_left - COLUMN_REACH:
                value = self.rows[row].span(colon + 1, span.end)
                if value.text:
                    return value
            if abs(span.left - self.value_left) <= COLUMN_REACH:
                return span
            inside = self._inside(row, span)
            if inside:
                return inside
        return None

    def _inside(self, row: int, span: Span) -> Span | None:
        """What of a text stands in the column of the values: the rest is a label that could not be made out."""
        if self.value_left is None or not span.left < self.value_left - COLUMN_REACH < span.left + span.width:
            return None
        line = self.rows[row]
        starts = {
            at: abs(line.left_at(at) - self.value_left) for at in line.word_starts() if span.start < at < span.end
        }
        nearest = min(starts, key=lambda at: starts[at], default=None)
        if nearest is None or starts[nearest] > COLUMN_REACH / 2:
            return None
        return line.span(nearest, span.end)

    def unread(self, names: Collection[str]) -> list[tuple[OcrLine, float]]:
        """Lines that end with one of these labels without a value, and how many times as long each is with room for it.

        Their values have one or two characters.
        """
        found = []
        for entry in (entry for name, entry in self.entries.items() if name in names and not entry.value.text):
            row = self.rows[entry.row]
            place = max(at for at, start in enumerate(row.starts) if start < max(entry.at, 1))
            token = row.tokens[place]
            length = token.right - token.left
            if row.text[entry.at : row.starts[place] + len(token.text)].strip(" .:;-") or length <= 0:
                continue
            character = length / len(token.text)
            end = token.right + SHORT_VALUE * character
            if place + 1 < len(row.tokens):
                end = min(end, row.tokens[place + 1].left - character)
            if end > token.right + character:
                found.append((token.line, (end - token.left) / length))
        return found

    def beneath(self, row: int, above: Span | None) -> Span | None:
        """The text of an unlabelled row that starts below the text above it, in the next line.

        Only where the values keep no column: else the text would stand in it.
        """
        if above is None or above.box is None or self.rows[row].y - above.y > MOST_PITCHES * self.pitch:
            return None
        if self.value_left is None or abs(above.left - self.value_left) <= COLUMN_REACH / 2:
            return None
        for span in self.loose.get(row, []):
            if above.left - COLUMN_REACH <= span.left < above.left + above.width:
                return span
        return None


def read_form(rows: list[Row], labels: Labels, *, inside: Collection[str] = ()) -> Form:
    """inside names labels that may stand in the middle of a row, close behind another label's value."""
    found: dict[str, Entry] = {}
    loose: dict[int, list[Span]] = {}
    labelled: set[int] = set()
    for index, row in enumerate(rows):
        matches = _labels_in(row, labels, inside)
        ends = [match.start for match in matches[1:]] + [len(row.text)] * bool(matches)
        covered = 0
        for match, end in zip(matches, ends, strict=True):
            covered = row.chunk_end(match.end, end)
            entry = Entry(match.name, index, row.span(match.end, covered), match.similarity, match.end)
            if _better(entry, found.get(match.name)):
                found[match.name] = entry
        if matches:
            labelled.add(index)
        before = _chunks_of(row, 0, matches[0].start) if matches and matches[0].name in inside else []
        loose[index] = [*before, *_chunks_of(row, covered, len(row.text))] if matches else row.chunks()
    lefts = [entry.value.left for entry in found.values() if entry.value.text and entry.name not in inside]
    heights = sorted(rows[index].y for index in labelled)
    steps = [low - high for high, low in pairwise(heights)]
    form = Form(rows, found, loose, median(lefts) if lefts else None, median(steps) if steps else 0.05)
    _give_strays(form, labelled)
    return form


def _better(entry: Entry, other: Entry | None) -> bool:
    if other is None:
        return True
    return (bool(entry.value.text), entry.similarity) > (bool(other.value.text), other.similarity)


def _chunks_of(row: Row, start: int, stop: int) -> list[Span]:
    spans: list[Span] = []
    while start < stop:
        end = row.chunk_end(start, stop)
        spans.append(row.span(start, end))
        start = end + 1
    return [span for span in spans if span.text]


def _labels_in(row: Row, labels: Labels, inside: Collection[str]) -> list[LabelMatch]:
    matches: list[LabelMatch] = []
    for start in row.starts:
        last = matches[-1] if matches else None
        if last and start < last.end:
            continue
        match = label_at(row.text, start, labels)
        if match is None or (start > 0 and not _stands_alone(row, match, last)):
            continue
        if last and match.name == last.name:
            continue
        matches.append(match)
    return sorted([*matches, *_embedded(row, labels, inside, matches)], key=lambda match: match.start)


def _stands_alone(row: Row, match: LabelMatch, last: LabelMatch | None) -> bool:
    """Whether a label that does not begin its row is one, and not a value that begins like one."""
    colon = row.text[match.end : match.end + 3].lstrip(" \t")[:1] == ":"
    if last is None:
        return colon or (match.similarity >= SURE and match.end - match.start > 5)
    if not row.text[last.end : match.start].strip(" \t:;."):
        return False
    return colon and row.text[match.start - 1] == "\t"


def _embedded(row: Row, labels: Labels, inside: Collection[str], matches: Sequence[LabelMatch]) -> list[LabelMatch]:
    """Labels within the text of another token: "LAKI-LAKI Gol. Darah : O"."""
    wanted = {name: labels[name] for name in inside if all(match.name != name for match in matches)}
    start = matches[0].end if matches else 0
    found: dict[str, LabelMatch] = {}
    if not wanted:
        return []
    for place in range(start, len(row.text)):
        if row.text[place].isalnum():
            match = label_at(row.text, place, wanted)
            best = found.get(match.name) if match else None
            if match and match.similarity >= SURE and (best is None or match.similarity > best.similarity):
                found[match.name] = match
    return list(found.values())


def _give_strays(form: Form, labelled: set[int]) -> None:
    """A value that slipped out of its label's row, on a page seen at an angle, goes back to it."""
    for name, entry in list(form.entries.items()):
        if entry.value.text:
            continue
        for index in (entry.row - 1, entry.row + 1):
            span = form.in_column(index) if index not in labelled else None
            if span and abs(span.y - form.rows[entry.row].y) < STRAY_SHARE * form.pitch:
                form.entries[name] = Entry(name, entry.row, span, entry.similarity, entry.at)
                form.loose[index] = []
                break
