"""Does what a card prints agree with the codes at the head of its NIK?

By names, never by the codes of the printed address: cards spell regions in many ways. The NIK keeps the place where it
was first issued and people move, so a difference is a warning and never a contradiction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from verification import region_register as register
from verification.labels import distance
from verification.nik import NikParts
from verification.region_spelling import Spelling, province_spellings, regency_spellings, spellings

Agreement = Literal["same", "differs", "unknown"]
Verdict = Literal["same", "district_differs", "regency_differs", "province_differs", "code_unknown", "unread"]
Keys = frozenset[Spelling]
SHORTEST = 2  # letters of a name in which one may be misread
SURE_FROM = 6  # letters: a shorter name with one misread may be any other
TWO_SLIPS_FROM = 11
MOST_SLIPS = 2
TOO_FAR = 99


@dataclass(frozen=True, slots=True)
class RegionMatch:
    """For each level whether the printed name is one that the code has or had.

    "unknown": not printed or not read, no names for the code, or misread so that it may be another region's name.
    """

    province: Agreement
    regency: Agreement
    district: Agreement
    verdict: Verdict


def compare(parts: NikParts, *, province: str | None, regency: str | None, district: str | None) -> RegionMatch:
    """The verdict is the highest level that differs; "code_unknown" when no register has the code."""
    at_province = _at_province(parts.province_code, province)
    at_regency = _at(parts.regency_code, regency, regency_spellings, _regency_keys, _regencies_like)
    at_district = _at(parts.district_code, district, spellings, _district_keys, _districts_like)
    verdict = _verdict(at_province, at_regency, at_district)
    if verdict != "unread" or any((text or "").strip() for text in (province, regency, district)):
        verdict = verdict if _is_known(parts) else "code_unknown"
    return RegionMatch(at_province, at_regency, at_district, verdict)


def _verdict(province: Agreement, regency: Agreement, district: Agreement) -> Verdict:
    if province == "differs":
        return "province_differs"
    if regency == "differs":
        return "regency_differs"
    if district == "differs":
        return "district_differs"
    return "same" if "same" in {province, regency, district} else "unread"


def _is_known(parts: NikParts) -> bool:
    """An old regency whose districts are in no register is known, whatever the district."""
    if not _regency_keys(parts.regency_code):
        return False
    return bool(_district_keys(parts.district_code)) or not register.district_codes(parts.regency_code)


def _at_province(code: str, printed: str | None) -> Agreement:
    """Two provinces that were once one neither agree nor differ: the regency says more."""
    found = _at(code, printed, province_spellings, _province_keys, _provinces_like)
    if found == "differs" and printed and province_spellings(printed) & _once_one_keys(code):
        return "unknown"
    return found


def _at(
    code: str,
    printed: str | None,
    spell: Callable[[str], Keys],
    keys_of: Callable[[str], Keys],
    like: Callable[[str], Keys],
) -> Agreement:
    own = keys_of(code)
    read = spell(printed) if printed else frozenset()
    if not own or not read:
        return "unknown"
    if any(key.matches(name) for key in read for name in own):
        return "same"
    slips = min(_slips(key, name, _forgiven(name)) for key in read for name in own)
    if slips > MOST_SLIPS:
        return "differs"
    other = min((_slips(key, name, slips) for key in read for name in like(code)), default=TOO_FAR)
    if other < slips:
        return "differs"
    sure = other > slips and any(_slips(key, name, slips) == slips for key in read for name in own if _is_long(name))
    return "same" if sure else "unknown"


def _slips(printed: Spelling, name: Spelling, most: int) -> int:
    """Edits between the letters; TOO_FAR when there are more than `most` or the kinds differ."""
    if abs(len(printed.letters) - len(name.letters)) > most or printed.another_kind(name):
        return TOO_FAR
    edits = distance(printed.letters, name.letters)
    return edits if edits <= most else TOO_FAR


def _forgiven(name: Spelling) -> int:
    letters = len(name.letters)
    return MOST_SLIPS if letters >= TWO_SLIPS_FROM else 1 if letters >= SHORTEST else 0


def _is_long(name: Spelling) -> bool:
    return len(name.letters) >= SURE_FROM


@cache
def _once_one_keys(code: str) -> Keys:
    return _all(province_spellings, register.once_one_with(code))


@cache
def _province_keys(code: str) -> Keys:
    return _all(province_spellings, register.province_names(code))


@cache
def _regency_keys(code: str) -> Keys:
    return _all(regency_spellings, register.regency_names(code))


def _district_keys(code: str) -> Keys:
    """A million codes can be misread: what nobody knows must not stay in a cache."""
    return _keys_of_district(code) if code in register.district_codes(code[:5]) else frozenset()


@cache
def _keys_of_district(code: str) -> Keys:
    return _all(spellings, register.district_names(code))


@cache
def _provinces_like(code: str) -> Keys:
    return _near(_province_keys(code), (_province_keys(other) for other in register.province_codes()))


@cache
def _regencies_like(code: str) -> Keys:
    return _near(_regency_keys(code), (_regency_keys(other) for other in register.regency_codes()))


@cache
def _districts_like(code: str) -> Keys:
    return _near(_district_keys(code), (_district_keys(other) for other in register.district_codes(code[:5])))


def _near(own: Keys, others: Iterable[Keys]) -> Keys:
    """The spellings of other regions that a misread name of this one could be as near to: twice its slips away."""
    every = {name for names in others for name in names} - own
    return frozenset(
        other for other in every if any(_slips(other, name, 2 * _forgiven(name)) < TOO_FAR for name in own)
    )


def _all(spell: Callable[[str], Keys], names: Iterable[str]) -> Keys:
    return frozenset(key for name in names for key in spell(name))
