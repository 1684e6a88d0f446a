"""What else stands on a card: name, address, age, words, whether it is still valid."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verification.judged import TODAY, card, field, outcomes
from verification.card_checks import CHECKS
from verification.checks import Outcome
from verification.evidence import Evidence
from verification.fields import FieldValue

PASSED, FAILED, UNKNOWN = Outcome.passed, Outcome.failed, Outcome.unknown
PAST, FUTURE = "2017-07-01", "2028-01-31"


def says(code: str, evidence: Evidence) -> Outcome | None:
    return CHECKS[code].look(evidence)


def test_everything_passes_on_a_card_that_was_read_whole() -> None:
    assert set(outcomes(CHECKS, card()).values()) == {PASSED, UNKNOWN}  # a KTP has no tax office
    assert outcomes(CHECKS, card())["tax_office"] is UNKNOWN
    assert says("tax_office", card("NPWP")) is PASSED


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("ANI", PASSED),
        ("A. I", FAILED),
        (None, FAILED),
        (field(None, raw="PUSP4R"), FAILED),
        (field("PUSPARINI", confidence=0.89), UNKNOWN),
        (field("A", confidence=0.3), FAILED),
        ("PT 21 ABADI", PASSED),
    ],
)
def test_a_name_must_be_read_and_surely(name: object, outcome: Outcome) -> None:
    assert says("name", card(name=name)) is outcome


@pytest.mark.parametrize(
    ("address", "outcome"),
    [("JL. A NO 1", PASSED), ("DUSUN II", FAILED), (None, UNKNOWN), (field(None, raw="J"), UNKNOWN)],
)
def test_an_address_has_ten_characters(address: object, outcome: Outcome) -> None:
    assert says("address", card(address=address)) is outcome


@pytest.mark.parametrize(
    ("born", "issued", "outcome"),
    [
        ("2011-08-17", None, PASSED),  # fifteen today
        ("2011-08-18", None, FAILED),
        ("1908-08-18", None, PASSED),  # 117 until tomorrow
        ("1908-08-17", None, FAILED),
        ("1990-07-01", "2005-07-01", PASSED),
        ("1990-07-01", "2005-06-30", FAILED),
        ("1990-07-01", "1980-01-01", FAILED),
        (None, "2015-03-02", UNKNOWN),
        (field(None, raw="31-02-1990"), None, UNKNOWN),
        ("no date", None, UNKNOWN),
    ],
)
def test_the_age_must_be_one_that_a_holder_has_today_and_had_when_the_card_was_issued(
    born: object, issued: str | None, outcome: Outcome
) -> None:
    assert says("age", card(birthDate=born, issuedDate=issued)) is outcome


FUTURE_DATES = (
    field(None, raw="DEPOK 12-03-2065"),  # after today it is no value
    field("2065-03-12"),
    field(None, raw="18-08-2026"),  # tomorrow
)


@pytest.mark.parametrize("printed", FUTURE_DATES)
def test_no_card_was_issued_after_today(printed: FieldValue) -> None:
    assert says("age", card(issuedDate=printed)) is FAILED
    assert says("age", card(issuedDate=printed, birthDate=None)) is FAILED
    assert says("age", card("NPWP", registeredDate=printed)) is FAILED


@pytest.mark.parametrize(
    ("printed", "outcome"),
    [("2026-08-17", PASSED), ("1990-01-01", PASSED), (None, None), (field(None, raw="TERDAFTAR"), UNKNOWN)],
)
def test_of_a_tax_card_only_the_date_counts(printed: object, outcome: Outcome | None) -> None:
    assert says("age", card("NPWP", registeredDate=printed)) is outcome


def test_a_date_that_does_not_stand_on_a_tax_card_may_be_what_is_hidden_in_the_picture() -> None:
    assert says("age", card("NPWP", registeredDate=None, other={"issues": ("glare",)})) is UNKNOWN


def test_a_date_of_issue_that_can_not_be_read_says_nothing() -> None:
    assert says("age", card(issuedDate=field(None, raw="O2-O3-2O15"))) is PASSED


@pytest.mark.parametrize(
    ("today", "outcome"), [(date(2027, 2, 28), FAILED), (date(2027, 3, 1), PASSED), (date(2028, 2, 29), PASSED)]
)
def test_who_was_born_on_a_leap_day_is_a_year_older_in_march(today: date, outcome: Outcome) -> None:
    evidence = card(birthDate="2012-02-29", issuedDate=None, other={"today": today})
    assert says("age", evidence) is outcome


@given(st.dates(date(1910, 1, 1), date(2009, 8, 17)), st.integers(0, 3650))
def test_nothing_is_held_against_any_holder_from_seventeen(born: date, later: int) -> None:
    issued = date.fromordinal(min(born.replace(day=1).toordinal() + 17 * 366 + later, TODAY.toordinal()))
    assert says("age", card(birthDate=born.isoformat(), issuedDate=issued.isoformat())) is PASSED


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ({}, PASSED),
        ({"religion": None}, PASSED),
        ({"religion": field(None, raw="ZZZ")}, FAILED),
        ({"maritalStatus": field(None, raw="KAW")}, FAILED),
        ({"religion": field(None, raw=""), "maritalStatus": None}, PASSED),
        (dict.fromkeys(("gender", "religion", "maritalStatus", "nationality")), UNKNOWN),
    ],
)
def test_what_stands_in_the_place_of_a_fixed_word_must_be_one(values: dict[str, Any], outcome: Outcome) -> None:
    assert says("words", card(**values)) is outcome


def test_a_tax_card_has_no_fixed_words() -> None:
    assert says("words", card("NPWP")) is None


def unsure(text: str) -> object:
    return field(text, confidence=0.4)


VALIDITY = [
    ("WNI", "SEUMUR HIDUP", PASSED),
    ("WNI", PAST, PASSED),  # an older card: valid for life whatever it prints
    ("WNI", FUTURE, PASSED),
    ("WNI", None, PASSED),
    ("WNA", FUTURE, PASSED),
    ("WNA", TODAY.isoformat(), PASSED),
    ("WNA", PAST, FAILED),
    ("JEPANG", PAST, FAILED),
    ("WNA", None, UNKNOWN),
    ("WNA", field(None, raw="31-O2-2O28"), UNKNOWN),
    (None, "SEUMUR HIDUP", PASSED),
    (None, FUTURE, PASSED),
    (None, PAST, UNKNOWN),
    (None, None, UNKNOWN),
    (field(None, raw="W"), PAST, UNKNOWN),
    (unsure("WNI"), PAST, UNKNOWN),  # may be WNA
    (unsure("WNA"), PAST, UNKNOWN),  # may be WNI
    (unsure("WNI"), "SEUMUR HIDUP", PASSED),
    (unsure("WNI"), None, UNKNOWN),
]


@pytest.mark.parametrize(("country", "until", "outcome"), VALIDITY)
def test_a_citizens_card_is_valid_and_a_foreigners_until_its_end(
    country: object, until: object, outcome: Outcome
) -> None:
    assert says("valid", card(nationality=country, validUntil=until)) is outcome


def test_only_a_card_that_surely_expired_is_told_so() -> None:
    check = CHECKS["valid"]
    assert (check.told(FAILED), check.told(UNKNOWN), check.told(PASSED)) == ("card_expired", "details_unclear", "")


def test_a_tax_office_that_was_not_read_is_no_fault() -> None:
    assert says("tax_office", card("NPWP", taxOffice=None)) is UNKNOWN
