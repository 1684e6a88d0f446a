"""The structure of a NIK: PP KK CC DDMMYY SSSS (Kemendagri codes, day + 40 for women, no check digit)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

NIK_DIGITS = 16
WOMAN_DAY_OFFSET = 40
OLDEST_HOLDER_YEARS = 117
PROVINCE_RANGES = ((11, 21), (31, 36), (51, 54), (61, 65), (71, 76), (81, 82), (91, 97))  # of all times, and to spare
_SIXTEEN = re.compile(r"[0-9]{16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class NikParts:
    """What a NIK says. born is None when the digits are no date; woman is None with it."""

    province_code: str
    regency_code: str
    district_code: str
    born: date | None
    woman: bool | None
    serial: int


def is_nik(text: str) -> bool:
    """Sixteen digits and nothing else; says nothing about whether the number was ever issued."""
    return _SIXTEEN.fullmatch(text) is not None


def compose_nik(district_code: str, born: date, *, woman: bool, serial: int) -> str:
    day = born.day + (WOMAN_DAY_OFFSET if woman else 0)
    return f"{district_code}{day:02}{born:%m%y}{serial:04}"


def read_nik(nik: str, *, today: date) -> NikParts:
    """Takes a NIK apart. ValueError unless it is sixteen digits. Codes are dotted: "32", "32.76", "32.76.01"."""
    if not is_nik(nik):
        raise ValueError("a NIK is sixteen digits")
    province, regency, district = nik[:2], nik[2:4], nik[4:6]
    day = int(nik[6:8])
    woman = day > WOMAN_DAY_OFFSET
    born = _born(day - WOMAN_DAY_OFFSET if woman else day, int(nik[8:10]), int(nik[10:12]), today)
    return NikParts(
        province_code=province,
        regency_code=f"{province}.{regency}",
        district_code=f"{province}.{regency}.{district}",
        born=born,
        woman=woman if born else None,
        serial=int(nik[12:]),
    )


def births_of(nik: str, *, today: date) -> tuple[date, ...]:
    """Every birth date that the digits can mean, the latest first: two for "070120", none when they are no date.

    The number has no century, so a printed birth date agrees with it when it is one of these; whether somebody can be
    so old is another question. ValueError unless it is sixteen digits.
    """
    if not is_nik(nik):
        raise ValueError("a NIK is sixteen digits")
    day = int(nik[6:8])
    plain_day = day - WOMAN_DAY_OFFSET if day > WOMAN_DAY_OFFSET else day
    return _births(plain_day, int(nik[8:10]), int(nik[10:12]), today)


def could_be_nik(nik: str, *, today: date) -> bool:
    """Whether such a number can have been issued. ValueError unless it is sixteen digits."""
    parts = read_nik(nik, today=today)
    province = int(parts.province_code)
    known = any(first <= province <= last for first, last in PROVINCE_RANGES)
    return known and parts.born is not None and parts.serial > 0


def _born(day: int, month: int, two_digit_year: int, today: date) -> date | None:
    """The later of the two centuries that is not in the future and gives an age somebody has reached."""
    births = _births(day, month, two_digit_year, today)
    return next((born for born in births if today.year - born.year <= OLDEST_HOLDER_YEARS), None)


def _births(day: int, month: int, two_digit_year: int, today: date) -> tuple[date, ...]:
    century = today.year - today.year % 100
    found: list[date] = []
    for year in (century + two_digit_year, century - 100 + two_digit_year):
        try:
            born = date(year, month, day)
        except ValueError:
            continue
        if born <= today:
            found.append(born)
    return tuple(found)
