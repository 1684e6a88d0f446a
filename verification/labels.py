"""Finds printed labels in OCR text: misspelt, without their colon, or stuck to the value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

LOOKALIKES = {"L": "I", "1": "I", "|": "I", "!": "I", "0": "O", "Q": "O", "5": "S", "$": "S", "8": "B", "6": "G"}
WEAK_SHARE = 4  # a label in capitals with more than one letter in so many wrong may be a value: "ASAMAN", "ALAMAT"
SHORT = 5  # a label up to this long needs something that sets it apart from the value
LEFT_OVER = re.compile(r"[^\W\d_]{0,3}[. ]?[:;]")  # the tail of a label up to its colon
ANOTHER = "another"  # a label that only begins like a known one
BEFORE_A_NUMBER = ("NIK",)  # too short to be misspelt, but for what stands behind it
_NUMBER_AHEAD = re.compile(r"[^\W\d_]\w{1,2}[ \t]*[:=.]*[ \t]*[0-9]{4}[0-9 ]{8}")
CONTINUED = {"name": ANOTHER, "maritalStatus": "maritalStatus"}  # what a label is that goes on up to its colon
_GOES_ON = re.compile(r" *[^\W\d_]{3}[^\W\d_ ./]*(?:[ ./]+[^\W\d_]+)*[ .]*\t? ?:")
_SMALL_WORD = re.compile(r" *[A-Z]?[a-z]{3,}(?![a-z])")  # values are printed in capitals
_STATUS_ALONE = 8  # letters: a longer label has its second word already
Labels = Mapping[str, Sequence[str]]
# What fold() makes of each ASCII character in capitals; None drops it.
_FOLDED = {
    code: LOOKALIKES.get(chr(code), chr(code)) if chr(code) in LOOKALIKES or "A" <= chr(code) <= "Z" else None
    for code in range(128)
}


@dataclass(frozen=True, slots=True)
class LabelMatch:
    name: str
    start: int
    end: int
    similarity: float  # 1.0 is letter for letter


def fold(text: str) -> tuple[str, list[int]]:
    """Capital letters with lookalikes made one, and the place in text that each came from."""
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        letter = LOOKALIKES.get(character.upper(), character.upper())
        if len(letter) == 1 and "A" <= letter <= "Z":
            letters.append(letter)
            places.append(place)
    return "".join(letters), places


def folded(text: str) -> str:
    return text.upper().translate(_FOLDED) if text.isascii() else fold(text)[0]


def _label_letters(text: str) -> tuple[str, list[int]]:
    """fold() without digits that stand among digits: the 1 of "31-07-2020" is no letter of the label before it."""
    letters, places = fold(text)
    kept = [at for at, place in enumerate(places) if text[place].isalpha() or _by_a_letter(text, place)]
    return "".join(letters[at] for at in kept), [places[at] for at in kept]


def _by_a_letter(text: str, place: int) -> bool:
    return any(0 <= at < len(text) and text[at].isalpha() for at in (place - 1, place + 1))


@cache
def folded_spelling(spelling: str) -> str:
    """A spelling of our own lists, folded once; never the text of a card, which must not linger in a cache."""
    return folded(spelling)


def distance(one: str, other: str) -> int:
    """Edits (insert, delete, replace) between two texts."""
    return _last_row(one, other)[-1]


def alike(one: str, other: str, least: float) -> bool:
    """Whether two texts share at least this much: 1.0 is letter for letter."""
    longest = max(len(one), len(other))
    most_edits = longest * (1 - least)
    return longest > 0 and abs(len(one) - len(other)) <= most_edits and distance(one, other) <= most_edits


def _last_row(one: str, other: str) -> list[int]:
    """Edits from the whole of one to each beginning of other.

    Myers' bit vectors: the column of the table of edits is two numbers, one bit a row, in place of a loop over it.
    """
    if not one:
        return list(range(len(other) + 1))
    places: dict[str, int] = {}
    for at, letter in enumerate(one):
        places[letter] = places.get(letter, 0) | 1 << at
    every, top = (1 << len(one)) - 1, 1 << (len(one) - 1)
    up, down, edits = every, 0, len(one)
    row = [edits]
    for letter in other:
        equal = places.get(letter, 0)
        level = (((equal & up) + up) ^ up) | equal
        more, fewer = down | ~(level | up), up & level
        edits += bool(more & top) - bool(fewer & top)
        row.append(edits)
        more, fewer = more << 1 | 1, fewer << 1
        equal |= down
        up, down = (fewer | ~(equal | more)) & every, more & equal & every
    return row


def tolerance(length: int) -> int:
    """How many wrong letters a label of this length may have."""
    if length <= 3:
        return 0
    if length <= SHORT:
        return 1
    return 2 if length <= 8 else length // 4


def label_at(text: str, start: int, labels: Labels) -> LabelMatch | None:
    """The likeliest label that text has at start. Spellings are in plain capitals, the main one first."""
    reach = text[start : start + 40]
    letters, places = _label_letters(reach)
    best: LabelMatch | None = None
    most = 0.0
    for name, spellings in labels.items():
        for spelling in spellings:
            plain = folded_spelling(spelling)
            found = _beginning(plain, letters, places, reach, loose=spelling == spellings[0])
            if found is None:
                continue
            end, likeness = found
            right = len(plain) * (
                2 * likeness - 1
            )  # letters right less letters wrong: a long label beats its first word
            if right > most:
                most = right
                best = LabelMatch(name, start, start + end, likeness)
    return best and continued(best, text)


def continued(match: LabelMatch, text: str) -> LabelMatch:
    """The label with the words between it and its colon: "Nama Kasir :" is not "Nama :", nor is "Kasir" a name.

    "Kawin" of "Status Kawin" is no status either, though the colon was not read or stands in another row.
    """
    rest = _GOES_ON.match(text, match.end) if match.name in CONTINUED else None
    if rest is None and match.name == "maritalStatus" and match.end - match.start <= _STATUS_ALONE:
        rest = _SMALL_WORD.match(text, match.end)
    return replace(match, name=CONTINUED[match.name], end=rest.end()) if rest else match


def _beginning(plain: str, letters: str, places: list[int], text: str, *, loose: bool) -> tuple[int, float] | None:
    """Where the label ends in text and how like it is, or None.

    Without a visible end (a blank, a colon, a digit, small letters before capitals) only a perfect main spelling
    counts.
    """
    allowed = tolerance(len(plain)) or (1 if plain in BEFORE_A_NUMBER and _NUMBER_AHEAD.match(text) else 0)
    near = letters[: len(plain) + allowed]
    if len(set(plain).difference(near)) > allowed:
        return None  # too many letters are nowhere: spares the count of edits
    edits = _last_row(plain, near)
    least = min(edits)
    if least > allowed:
        return None
    lengths = [n for n, edit in enumerate(edits) if edit == least and n > 0]
    lengths.sort(key=lambda n: (not _ends(text, places[n - 1] + 1), abs(n - len(plain))))
    if not lengths:
        return None
    end = places[lengths[0] - 1] + 1
    if not _ends(text, end) and not (loose and least == 0 and len(plain) > 3):
        return None
    weak = least * WEAK_SHARE > len(plain) and not any(character.islower() for character in text[:end])
    if least and (weak or len(plain) <= SHORT) and not _set_apart(text, end):
        return None
    left_over = LEFT_OVER.match(text, end)
    return left_over.end() if left_over else end, 1 - least / len(plain)


def _ends(text: str, at: int) -> bool:
    """Whether a word can end here."""
    if at >= len(text):
        return True
    before, after = text[at - 1], text[at]
    return not after.isalpha() or (before.islower() and after.isupper())


def _set_apart(text: str, at: int) -> bool:
    """Whether what stands before this place is no part of a value: a colon, a wide gap or the end follows."""
    rest = text[at:].lstrip(" ")
    return not rest or rest[0] in ":;=\t" or (text[at - 1].islower() and rest[0].isupper())
