"""The structure of an NPWP: 15 digits written 99.999.999.9-999.999, or the 16 digits in use since July 2024."""

from __future__ import annotations

import re
from dataclasses import replace

from verification.fields import FieldValue
from verification.identity_numbers import without_separators

NPWP15_DIGITS = 15
NPWP16_DIGITS = 16
LUHN_DIGITS = 9
GROUP = 4  # digits, in the new form
UNPOINTED = 0.6  # the most that an old number without its points is trusted
_PRINTED = re.compile(r"[0-9]{2}\.[0-9]{3}\.[0-9]{3}\.[0-9]-[0-9]{3}\.[0-9]{3}", re.ASCII)


def format_npwp15(digits: str) -> str:
    """Fifteen digits as the card prints them."""
    return f"{digits[:2]}.{digits[2:5]}.{digits[5:8]}.{digits[8]}-{digits[9:12]}.{digits[12:15]}"


def is_printed_npwp15(text: str) -> bool:
    return _PRINTED.fullmatch(text) is not None


def luhn_holds(digits: str) -> bool:
    """Whether the first nine digits satisfy Luhn: true of nearly every NPWP, a warning where it is not."""
    total = 0
    for place, digit in enumerate(reversed(digits[:LUHN_DIGITS])):
        doubled = int(digit) * (2 if place % 2 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def compose_npwp15(taxpayer: int, *, office: int, branch: int = 0) -> str:
    """Fifteen digits for an eight-digit taxpayer number, with the check digit that makes Luhn hold."""
    start = f"{taxpayer:08}"
    check = next(c for c in "0123456789" if luhn_holds(start + c))
    return f"{start}{check}{office:03}{branch:03}"


def is_new_form(text: str) -> bool:
    """Sixteen digits or groups of four; the old form has its points and its dash."""
    if _is_pointed(text):
        return False
    groups = [len(group) for group in text.split()]
    return len(without_separators(text)) >= NPWP16_DIGITS or (groups.count(GROUP) > 1 and max(groups) == GROUP)


def believed_npwp15(field: FieldValue) -> FieldValue:
    """An old number as cards print it. Safe to repeat.

    Fifteen digits without their points may be sixteen of which a burnt-out patch hides one: never sure, and no value
    where the check digit says no.
    """
    written = replace(field, value=_as_printed(field.value), proposed=_as_printed(field.proposed))
    if written.value is None or _is_pointed(field.raw):
        return written
    if not luhn_holds(without_separators(written.value)):
        return written.without_value(proposed=written.value)
    return replace(written, confidence=min(field.confidence, UNPOINTED))


def _is_pointed(text: str) -> bool:
    return bool(set(text) & set(".,-"))


def _as_printed(number: str | None) -> str | None:
    """Fifteen digits with their points; anything else as it is."""
    digits = without_separators(number or "")
    return format_npwp15(digits) if len(digits) == NPWP15_DIGITS and digits.isdigit() else number
