"""Faults planted in a specimen: what is printed contradicts itself or can't be. The truth holds what is printed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from random import Random

from verification.npwp_number import luhn_holds
from verification.specimen_alterations import ALTERATIONS
from verification.specimen_people import invent_home

LETTERS = {"0": "O", "1": "I", "2": "Z", "5": "S", "6": "G", "8": "B"}  # that a forger or a bad print takes for digits
LONG_AFTER = date(2060, 1, 1)
Values = dict[str, str]


def plant(fault: str | None, values: Values, random: Random) -> Values:
    """The values with the fault among them. ValueError where the card has no such field, or there is no such fault."""
    if fault is None:
        return values
    if fault not in FAULTS:
        raise ValueError(f"no such fault: {fault}")
    name, alter = FAULTS[fault]
    for field in name:
        if field in values:
            return alter(dict(values), field, random)
    raise ValueError(f"no place for this fault on such a card: {fault}")


def _birth_date(values: Values, name: str, random: Random) -> Values:
    born = date.fromisoformat(values[name]) + timedelta(days=random.choice((-366, -31, -9, -1, 1, 10, 30, 365)))
    return {**values, name: born.isoformat()}


def _sex(values: Values, name: str, random: Random) -> Values:
    return {**values, name: "LAKI-LAKI" if values[name] == "PEREMPUAN" else "PEREMPUAN"}


def _region(values: Values, name: str, random: Random) -> Values:
    """A number given out in another province than the one printed."""
    code = values[name][:6]
    while code[:2] == values[name][:2]:
        code = invent_home(random).code
    return {**values, name: code + values[name][6:]}


def _serial_zero(values: Values, name: str, random: Random) -> Values:
    return {**values, name: f"{values[name][:12]}0000"}


def _short_number(values: Values, name: str, random: Random) -> Values:
    """One digit left out."""
    places = [place for place, character in enumerate(values[name]) if character.isdigit()]
    gone = random.choice(places)
    return {**values, name: values[name][:gone] + values[name][gone + 1 :]}


def _letter_in_number(values: Values, name: str, random: Random) -> Values:
    places = [place for place, character in enumerate(values[name]) if character in LETTERS]
    if not places:  # a number of digits that no letter looks like
        return {**values, name: f"O{values[name][1:]}"}
    place = random.choice(places)
    return {**values, name: values[name][:place] + LETTERS[values[name][place]] + values[name][place + 1 :]}


def _luhn(values: Values, name: str, random: Random) -> Values:
    """The check digit, the ninth, is another."""
    printed = values[name]
    others = [digit for digit in "0123456789" if digit != printed[11]]
    wrong = f"{printed[:11]}{random.choice(others)}{printed[12:]}"
    if luhn_holds("".join(character for character in wrong if character.isdigit())):
        raise ValueError("the ninth digit is no check digit")
    return {**values, name: wrong}


def _future_date(values: Values, name: str, random: Random) -> Values:
    return {**values, name: (LONG_AFTER + timedelta(days=random.randrange(9000))).isoformat()}


# name of the fault: the fields that can have it, the first one that the card has; what is done to it
FAULTS: dict[str, tuple[tuple[str, ...], Callable[[Values, str, Random], Values]]] = {
    "birth_date": (("birthDate",), _birth_date),
    "sex": (("gender",), _sex),
    "region": (("nik",), _region),
    "serial_zero": (("nik",), _serial_zero),
    "short_number": (("npwpNumber", "npwp16", "nik"), _short_number),
    "letter_in_number": (("npwpNumber", "npwp16", "nik"), _letter_in_number),
    "luhn": (("npwpNumber",), _luhn),
    "future_date": (("issuedDate", "registeredDate"), _future_date),
    **ALTERATIONS,
}
