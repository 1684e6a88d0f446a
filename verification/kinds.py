"""Which document a page shows, by its words and where they stand, whatever its sender calls it.

Each kind has words of its own with a weight; a line may spell them wrongly. What is no card talks in sentences: words
in small letters that no card has printed on it tell a chat about a card from the card.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

from ocr_gpu.engine import Box, OcrLine
from verification import vocabulary
from verification.identity_numbers import ASCII_DIGITS
from verification.kind_words import (
    CARD_WORDS,
    FAMILY_CARD,
    FULL_SCORE,
    KTP,
    KTP_LABELS,
    KTP_VALUES,
    NONE,
    NPWP15,
    NPWP16,
    OTHER_TEXT,
    PASSPORT,
    PHRASES,
    SIM,
    TALK,
    TWO_CARDS,
)
from verification.labels import ANOTHER, alike, folded, label_at
from verification.layout import without_stamps
from verification.nik import NIK_DIGITS, could_be_nik
from verification.npwp_number import NPWP15_DIGITS

LEAST_LETTERS = 6  # on the whole page: fewer are a sticker, or noise taken for writing
LEAST_SCORE = 2.5
SURE_SCORE = 6.0  # so many words of a card outweigh what else is written on the page
MANY_TALK = 3  # different words with which people talk: no card has them
MOST_FOREIGN = 0.35  # of the words: more, and the page talks
LEAST_TWICE = 3  # labels that stand twice on a page with two cards
ON_TAX_CARDS_TOO = {"NIK", "Nama", "Alamat", "number of 16 digits", "number of RT and RW", "KABUPATEN", "PROVINSI"}
BOTH_SCORE = 5.0  # of a KTP and of an NPWP that lie side by side
SAME_WORDS = {"PROPINSI": "PROVINSI", "GOLONGAN DARAH": "GOL DARAH", "DEPARTEMEN KEUANGAN": "KEMENTERIAN KEUANGAN"}
MANY_ROWS = 4  # numbered, as a driving licence has them in the place of labels
MANY_NUMBERS = 3  # of 16 digits: as many people
PHRASE_LIKENESS = 0.78
WORD_LIKENESS = 0.7
LONG_WORD = 5  # letters: a shorter one must be right
VALUE_WEIGHT = 0.7
CARDS = {"KTP": (KTP,), "NPWP": (NPWP15, NPWP16)}  # what a document type may look like
_NUMBER = re.compile(r"(?<!\d)\d(?:[ .\-]?\d){14,15}(?!\d)")
_OLD_NUMBER = re.compile(r"\d{2}[., ]?\d{3}[., ]?\d{3}[., ]?\d[-., ]?\d{3}[., ]?\d{3}")
_RT_RW = re.compile(r"(?<!\d)\d{3} ?/ ?\d{3}(?!\d)")
_MACHINE = re.compile(r"[<>]{5,}")  # on its head one reads as the other
_SIXTEEN = re.compile(r"NPWP ?16(?![.\d])")
_ROW = re.compile(r"^([1-7]) ?[.,] ?[A-Z]{2}")
_WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True, slots=True)
class Kind:
    """`code` is one of the constants above. `confidence` 0..1 is the share of the evidence that speaks for it; it is
    not fitted. `evidence` names the words that were found, `missing` the labels of a KTP that were not. `legible` 0..1
    is how much was found of what such a card has; 1 for what is no KTP or NPWP.
    """

    code: str
    confidence: float
    evidence: tuple[str, ...]
    missing: tuple[str, ...] = ()
    legible: float = 1.0

    def fits(self, document_type: str) -> bool:
        """Whether a document sent in as this type may look so."""
        return self.code in CARDS.get(document_type, ())


@dataclass(frozen=True, slots=True)
class Words:
    """What a page says: for each kind its words with their weights, and what no card would say."""

    scores: Mapping[str, Mapping[str, float]]
    labels: Mapping[str, Sequence[Box]]  # of a KTP, and where each stands
    foreign: float  # share of the words
    talk: int  # words that only people who talk to each other use
    letters: int

    def score(self, kind: str) -> float:
        return sum(self.scores[kind].values())


def kind_of(lines: Sequence[OcrLine]) -> Kind:
    """The kind of document on a page, by all its lines. Works for a page in any turn; never raises."""
    kept = without_stamps(lines)
    words = _words_of(kept)
    if words.letters < LEAST_LETTERS:
        return Kind(NONE, 1.0, ())
    twice = _twice(words)
    if twice:
        return Kind(TWO_CARDS, len(twice) / (len(twice) + 1), tuple(twice), legible=_legible(KTP, words))
    ranked = sorted(words.scores, key=lambda kind: -words.score(kind))
    code, score, second = ranked[0], words.score(ranked[0]), words.score(ranked[1])
    chats = words.talk >= MANY_TALK or (words.foreign > MOST_FOREIGN and score < SURE_SCORE)
    talks = chats and code in (KTP, NPWP15, SIM)
    if score < LEAST_SCORE or talks:
        return Kind(OTHER_TEXT, 1 / (1 + score / 4), tuple(words.scores[code]))
    evidence = tuple(words.scores[code])
    missing = tuple(name for name in KTP_LABELS if name not in words.labels) if code == KTP else ()
    code = NPWP16 if code == NPWP15 and _has_sixteen(kept) else code
    confidence = score / (score + second + 1)
    return Kind(code, round(confidence, 3), evidence, missing, _legible(code, words))


def _legible(code: str, words: Words) -> float:
    full = FULL_SCORE.get(code)
    return min(1.0, words.score(NPWP15 if code == NPWP16 else code) / full) if full else 1.0


def _twice(words: Words) -> list[str]:
    """The labels that stand in two places, if enough do; or both cards, where a KTP lies beside an NPWP."""
    if words.score(FAMILY_CARD) >= LEAST_SCORE:
        return []
    names = [name for name, boxes in words.labels.items() if len(boxes) > 1]
    if len(names) >= LEAST_TWICE:
        return names
    own = sum(weight for name, weight in words.scores[KTP].items() if name not in ON_TAX_CARDS_TOO)
    both = min(own, words.score(NPWP15)) >= BOTH_SCORE
    return [KTP, NPWP15] if both and words.talk < MANY_TALK else []


def _words_of(lines: Sequence[OcrLine]) -> Words:
    scores: dict[str, dict[str, float]] = {kind: {} for kind in PHRASES}
    labels: dict[str, list[Box]] = {}
    numbers: set[str] = set()
    rows: set[str] = set()
    for line in lines:
        text = line.text.lstrip(" .,:;-_~|'`\"")
        label = label_at(text, 0, KTP_LABELS)
        if label and label.name != ANOTHER and not _talks_on(text[label.end :]):
            places = labels.setdefault(label.name, [])
            if all(_apart(line.box, box) for box in places):
                places.append(line.box)
            scores[KTP][label.name] = 1.0
        for kind, word, weight in _phrases_in(line.text):
            scores[kind][SAME_WORDS.get(word, word)] = weight
        for kind, word, weight in _values_in(text if not label else text[label.end :]):
            scores[kind][word] = weight
        rows.update(_ROW.findall(text))
        numbers.update(digits for found in _NUMBER.findall(line.text) if len(digits := _digits_of(found)) == NIK_DIGITS)
    if len(numbers) >= MANY_NUMBERS:
        scores[FAMILY_CARD]["numbers of several people"] = 8.0
    if len(rows) >= MANY_ROWS:
        scores[SIM]["numbered rows"] = 2.0
    letters = sum(character.isalnum() for line in lines for character in line.text)
    texts = [line.text for line in lines]
    return Words(scores, labels, _foreign_share(texts), _talk(texts), letters)


def _talks_on(rest: str) -> bool:
    """Whether a sentence goes on: what a card prints begins with a capital letter or a digit."""
    return rest.lstrip(" \t:;=.,")[:1].islower()


def _values_in(text: str) -> Iterable[tuple[str, str, float]]:
    """What stands on a card beside its labels, and tells it when they are cut off."""
    value = text.strip(" :;.,-")
    digits = len(_digits_of(value))
    if (old := _OLD_NUMBER.search(value)) and digits == NPWP15_DIGITS:
        yield NPWP15, "number of 15 digits", 1.0 if old[0].isdigit() else 4.0  # bare, it may be a NIK less a digit
    elif _NUMBER.search(value) and "NPWP" in folded(value):
        yield NPWP15, "number after NPWP", 4.0
    elif _NUMBER.search(value) and digits == NIK_DIGITS:
        yield KTP, "number of 16 digits", 2.0 if could_be_nik(_digits_of(value), today=date.today()) else 1.0
    if re.match(r"(?:NO\.? ?)?NPWP ?(?:16)? ?[:.]", value.upper()):
        yield NPWP15, "NPWP", 2.0
    if _RT_RW.search(value):
        yield KTP, "number of RT and RW", 0.5
    if _MACHINE.search(value.replace(" ", "")):
        yield PASSPORT, "line for machines", 7.0
    if value.isupper():
        for name, words in KTP_VALUES.items():
            if vocabulary.pick(value.split("  ")[0], words):
                yield KTP, name, VALUE_WEIGHT


def _digits_of(text: str) -> str:
    return "".join(character for character in text if character in ASCII_DIGITS)


def _phrases_in(text: str) -> Iterable[tuple[str, str, float]]:
    letters = folded(text)
    pairs = _pairs(letters)
    for kind, words in PHRASES.items():
        for phrase, weight in words.items():
            plain, needed = _known(phrase)
            most = int(len(plain) * (1 - PHRASE_LIKENESS))
            likely = len(letters) >= len(plain) - most and len(needed & pairs) >= len(needed) - 2 * most
            if likely and _edits_within(plain, letters) <= most:
                yield kind, phrase, weight


@cache
def _known(phrase: str) -> tuple[str, frozenset[str]]:
    """The letters of a phrase and its pairs of neighbours; never the text of a card, which must not linger."""
    plain = folded(phrase)
    return plain, _pairs(plain)


def _pairs(letters: str) -> frozenset[str]:
    return frozenset(letters[start : start + 2] for start in range(len(letters) - 1))


def _edits_within(phrase: str, letters: str) -> int:
    """Edits from the phrase to the part of the letters that is most like it."""
    if phrase in letters:
        return 0
    row = [0] * (len(letters) + 1)
    for i, letter in enumerate(phrase, start=1):
        diagonal, row[0] = row[0], i
        for j, against in enumerate(letters, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (letter != against))
    return min(row)


def _apart(one: Box, other: Box) -> bool:
    """Whether two labels can't be one that was read twice."""
    high = max(min(one.w, one.h), min(other.w, other.h))
    across = abs(one.x + one.w / 2 - other.x - other.w / 2)
    down = abs(one.y + one.h / 2 - other.y - other.h / 2)
    return max(across, down) > 2 * high


def _foreign_share(texts: Iterable[str]) -> float:
    """Of the words, those with small letters that are on no card."""
    words = [word for text in texts for word in _WORD.findall(text)]
    small = [folded(word) for word in words if not word.isupper()]
    return sum(not _is_of_a_card(word) for word in small) / len(words) if words else 0.0


def _talk(texts: Iterable[str]) -> int:
    words = {word for text in texts for word in _WORD.findall(text) if not word.isupper()}
    return len({word.lower() for word in words} & TALK)


def _is_of_a_card(word: str) -> bool:
    if len(word) < LONG_WORD:
        return word in CARD_WORDS
    return any(alike(word, known, WORD_LIKENESS) or (len(known) >= LONG_WORD and known in word) for known in CARD_WORDS)


def _has_sixteen(lines: Sequence[OcrLine]) -> bool:
    """Whether a tax card has the number of 16 digits, in the place of the old one or above it."""
    if any(_SIXTEEN.search(line.text.upper()) for line in lines):
        return True
    if any(_OLD_NUMBER.search(line.text) and len(_digits_of(line.text)) == NPWP15_DIGITS for line in lines):
        return False
    others = (line.text for line in lines if not folded(line.text).startswith("NIK"))
    return any(len(_digits_of(text)) in (NIK_DIGITS, NIK_DIGITS + 2) for text in others)
