"""The structure of an NPWP: 15 digits written 99.999.999.9-999.999, or the 16 digits in use since July 2024."""

from __future__ import annotations

import re

NPWP15_DIGITS = 15
NPWP16_DIGITS = 16
LUHN_DIGITS = 9
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
