"""Figures of a benchmark of reading: what was read from cards against what stands on them.

Values are compared in capitals with runs of blanks as one. A value that is not there is not right, but says nothing
false either; characters of it count as missed. What was hidden on purpose or lost in the picture counts like the rest.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

SURE = 0.9  # a confidence from which nobody looks at the value again
Z95 = 1.959964  # of a 95 % interval


@dataclass(frozen=True, slots=True)
class Stated:
    """What a reader says of one field."""

    value: str | None
    confidence: float


@dataclass(frozen=True, slots=True)
class Card:
    """What stands on one card. `numbers` are the fields that may hold its number, one of which is in `truth`."""

    file: str
    document_type: str
    kind: str
    level: str
    truth: Mapping[str, str]
    numbers: tuple[str, ...]
    hidden: frozenset[str] = frozenset()

    @property
    def number(self) -> str:
        return next(name for name in self.numbers if name in self.truth)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one reader made of one card; `error` where it refused or failed."""

    card: Card
    read: Mapping[str, Stated]
    seconds: float
    error: str | None = None

    def right(self, name: str) -> bool:
        stated = self.read.get(name)
        return stated is not None and same(stated.value, self.card.truth[name])

    def invented(self) -> list[str]:
        """Fields with a value that the card does not have."""
        return [name for name, stated in self.read.items() if stated.value and name not in self.card.truth]

    def whole(self) -> bool:
        return all(self.right(name) for name in self.card.truth) and not self.invented()

    def sure(self) -> bool:
        """Whether the card's number is stated as sure, right or not."""
        stated = self.read.get(self.card.number)
        return stated is not None and stated.value is not None and stated.confidence >= SURE

    def sure_fields(self) -> list[bool]:
        """Of every value stated as sure whether it is right; what the card does not have is not."""
        return [
            name in self.card.truth and self.right(name)
            for name, stated in self.read.items()
            if stated.value is not None and stated.confidence >= SURE
        ]

    def sure_and_wrong(self) -> list[str]:
        """Fields for a number that are stated as sure and are not what stands on the card."""
        return [
            name
            for name in self.card.numbers
            if (stated := self.read.get(name)) is not None
            and stated.value is not None
            and stated.confidence >= SURE
            and not same(stated.value, self.card.truth.get(name))
        ]


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with the ends of the 95 % interval."""

    hits: int
    of: int

    @property
    def rate(self) -> float:
        return self.hits / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.hits, self.of)


@dataclass(frozen=True, slots=True)
class FieldFigures:
    exact: Share
    error_rate: float  # of characters; above 1 where more was read than stands there
    wrong: int  # values that were stated and are not right


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one reader on one group of cards."""

    cards: int
    number: Share
    fields: Share
    whole: Share
    number_ceiling: Share  # numbers that the picture still shows
    fields_ceiling: Share
    sure: Share
    sure_and_wrong: int
    sure_fields: Share  # right values among all that are stated as sure
    invented: int
    errors: int
    error_rate: float
    median_seconds: float
    p95_seconds: float
    by_field: Mapping[str, FieldFigures] = field(default_factory=dict)


def same(value: str | None, truth: str | None) -> bool:
    return value is not None and truth is not None and plain(value) == plain(truth)


def plain(text: str) -> str:
    return " ".join(text.upper().split())


def wilson(hits: int, of: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's interval of a share: it holds for few and for shares at the ends. Of none: 0 to 1."""
    if of == 0:
        return 0.0, 1.0
    rate, square = hits / of, z * z
    middle = (rate + square / (2 * of)) / (1 + square / of)
    reach = z * math.sqrt(rate * (1 - rate) / of + square / (4 * of * of)) / (1 + square / of)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def edits(text: str, other: str) -> int:
    """How many characters have to be added, taken out or changed to make one text the other (Levenshtein)."""
    before = list(range(len(other) + 1))
    for row, character in enumerate(text, 1):
        now = [row]
        for column, rival in enumerate(other, 1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (character != rival)))
        before = now
    return before[-1]


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that this share of them does not exceed. ValueError for none."""
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def figures(answers: Sequence[Answer]) -> Figures:
    """ValueError without answers."""
    cards = [answer.card for answer in answers]
    by_field: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        for name in answer.card.truth:
            by_field[name].append(answer)
    said = [(answer, name) for answer in answers for name in answer.card.truth]
    seconds = [answer.seconds for answer in answers]
    return Figures(
        cards=len(answers),
        number=_share(answer.right(answer.card.number) for answer in answers),
        fields=_share(answer.right(name) for answer, name in said),
        whole=_share(answer.whole() for answer in answers),
        number_ceiling=_share(card.number not in card.hidden for card in cards),
        fields_ceiling=_share(name not in card.hidden for card in cards for name in card.truth),
        sure=_share(answer.sure() for answer in answers),
        sure_and_wrong=sum(len(answer.sure_and_wrong()) for answer in answers),
        sure_fields=_share(right for answer in answers for right in answer.sure_fields()),
        invented=sum(len(answer.invented()) for answer in answers),
        errors=sum(answer.error is not None for answer in answers),
        error_rate=_error_rate(said),
        median_seconds=median(seconds) if seconds else 0.0,
        p95_seconds=percentile(seconds, 0.95),
        by_field={name: _of_field(name, held) for name, held in by_field.items()},
    )


def _of_field(name: str, answers: Sequence[Answer]) -> FieldFigures:
    stated = sum(name in answer.read and answer.read[name].value is not None for answer in answers)
    exact = _share(answer.right(name) for answer in answers)
    return FieldFigures(exact, _error_rate([(answer, name) for answer in answers]), stated - exact.hits)


def _error_rate(said: Sequence[tuple[Answer, str]]) -> float:
    """Edits from what was read to what stands there, by the characters that stand there."""
    made = length = 0
    for answer, name in said:
        truth, stated = plain(answer.card.truth[name]), answer.read.get(name)
        made += edits(plain(stated.value or "") if stated else "", truth)
        length += len(truth)
    return made / length if length else 0.0


def _share(held: Iterable[bool]) -> Share:
    seen = list(held)
    return Share(sum(seen), len(seen))
