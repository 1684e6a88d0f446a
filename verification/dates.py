"""Dates as Indonesian cards print them: 17-08-1990, 17/08/1990, 17 AGUSTUS 1990."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from verification.fields import FieldValue
from verification.identity_numbers import DIGIT_LOOKALIKES

FIRST_YEAR, LAST_YEAR = 1900, 2100
MONTHS = ("JAN", "FEB", "MAR", "APR", "MEI", "JUN", "JUL", "AGU", "SEP", "OKT", "NOV", "DES")
OTHER_SPELLINGS = {"PEB": 2, "MAY": 5, "AGT": 8, "AGS": 8, "AUG": 8, "OCT": 10, "NOP": 11, "DEC": 12}
MONTH_NUMBERS = {name: number for number, name in enumerate(MONTHS, start=1)} | OTHER_SPELLINGS
_BREAK = r"\s*[-–—/.,~_ ]\s*"
_NUMERIC = re.compile(rf"(?<![0-9])([0-9]{{1,2}}){_BREAK}([0-9]{{1,2}}){_BREAK}([0-9]{{4}})(?![0-9])", re.ASCII)
_HALF_BROKEN = re.compile(r"(?<![0-9])([0-9]{2})[-–—/. ]?([0-9]{2})[-–—/. ]?([0-9]{4})(?![0-9])", re.ASCII)
_WORDED = re.compile(r"(?<![0-9])([0-9]{1,2})[-\s.]*([A-Z]{3,9})[-\s.,]*([0-9]{4})(?![0-9])", re.ASCII)
_DOUBTFUL = re.compile(r"[0-9OoQDIlLi|ZSsBbGgq!]{1,2}([-/.])[0-9OoQDIlLi|ZSsBbGgq!]{1,2}\1[0-9OoQDIlLi|ZSsBbGgq!]{4}")


@dataclass(frozen=True, slots=True)
class FoundDate:
    """iso is None when only letters taken for digits make it a date: proposed has that one."""

    iso: str | None
    start: int
    end: int
    proposed: str | None = None


def find_date(text: str) -> FoundDate | None:
    """The last date in a text, or None. Nothing that is no day of the calendar is a date."""
    upper = text.upper()
    for pattern in (_NUMERIC, _WORDED, _HALF_BROKEN):
        for match in reversed(list(pattern.finditer(upper))):
            iso = _iso(match[1], match[2], match[3])
            if iso:
                return FoundDate(iso, match.start(), match.end())
    doubtful = _DOUBTFUL.search(text)
    if doubtful:
        plain = _NUMERIC.search(doubtful[0].translate(DIGIT_LOOKALIKES))
        iso = _iso(plain[1], plain[2], plain[3]) if plain else None
        if iso:
            return FoundDate(None, doubtful.start(), doubtful.end(), proposed=iso)
    return None


def if_past(field: FieldValue, today: date) -> FieldValue:
    """A date of something that has happened; one after today is a misreading. The value must be an ISO date."""
    late = field.value is not None and date.fromisoformat(field.value) > today
    return field.without_value() if late else field


def _iso(day: str, month: str, year: str) -> str | None:
    number = int(month) if month.isdigit() else MONTH_NUMBERS.get(month[:3], 0)
    try:
        found = date(int(year), number, int(day))
    except ValueError:
        return None
    return found.isoformat() if FIRST_YEAR <= found.year <= LAST_YEAR else None
