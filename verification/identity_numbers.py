"""Reading identity numbers. A number is taken as it stands or not at all: what was repaired is only proposed."""

from __future__ import annotations

from datetime import date

from verification.fields import FieldValue
from verification.layout import Span
from verification.nik import could_be_nik

SEPARATORS = " .-–—"
DIGIT_LOOKALIKES = str.maketrans(
    {"O": "0", "o": "0", "Q": "0", "D": "0", "I": "1", "l": "1", "i": "1", "|": "1", "!": "1", "L": "1"}
    | {"Z": "2", "z": "2", "A": "4", "S": "5", "s": "5", "$": "5", "G": "6", "b": "6", "T": "7", "?": "7", "B": "8"}
    | {"g": "9", "q": "9"}
)
ASCII_DIGITS = frozenset("0123456789")


def without_separators(raw: str) -> str:
    return "".join(character for character in raw if character not in SEPARATORS)


def repaired(raw: str) -> str:
    """The digits of a text, letters that look like digits among them."""
    return "".join(c for c in without_separators(raw).translate(DIGIT_LOOKALIKES) if c in ASCII_DIGITS)


def digit_share(text: str) -> float:
    """How much of a text is digits: 1.0 for a clean number, lower with letters in it."""
    bare = without_separators(text)
    return sum(c in ASCII_DIGITS for c in bare) / len(bare) if bare else 0.0


def is_exact(raw: str, count: int) -> bool:
    """Whether the text is exactly so many digits with nothing but separators among them."""
    bare = without_separators(raw)
    return len(bare) == count and all(character in ASCII_DIGITS for character in bare)


def read_number(span: Span, count: int, *, whole: bool = True) -> FieldValue:
    """A number of exactly so many digits, or only a proposal. whole is False when it stood in pieces."""
    if whole and is_exact(span.text, count):
        return FieldValue(without_separators(span.text), span.text, span.confidence, span.box)
    return FieldValue(None, span.text, span.confidence, span.box, proposed=repaired(span.text) or None)


def if_possible_nik(field: FieldValue, today: date) -> FieldValue:
    """A NIK as it was read; one that nobody can have is a misreading and only proposed."""
    if field.value is None or could_be_nik(field.value, today=today):
        return field
    return field.without_value(proposed=field.value)
