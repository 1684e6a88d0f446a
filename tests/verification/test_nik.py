from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.nik import (
    OLDEST_HOLDER_YEARS,
    PROVINCE_RANGES,
    births_of,
    compose_nik,
    could_be_nik,
    read_nik,
)
from verification.region_register import province_codes

TODAY = date(2026, 6, 15)


def nik_of(born: date, *, woman: bool = False, district: str = "327601") -> str:
    return compose_nik(district, born, woman=woman, serial=9001)


@pytest.mark.parametrize(
    ("printed", "births"),
    [
        (date(1920, 1, 7), (date(2020, 1, 7), date(1920, 1, 7))),
        (date(2020, 1, 7), (date(2020, 1, 7), date(1920, 1, 7))),
        (date(1990, 7, 1), (date(1990, 7, 1),)),
        (date(2026, 6, 15), (date(2026, 6, 15), date(1926, 6, 15))),
        (date(1926, 6, 16), (date(1926, 6, 16),)),
        (date(2000, 2, 29), (date(2000, 2, 29),)),
        (date(2004, 2, 29), (date(2004, 2, 29), date(1904, 2, 29))),
    ],
)
def test_a_number_tells_every_birth_date_that_it_can_mean(printed: date, births: tuple[date, ...]) -> None:
    for woman in (False, True):
        assert births_of(nik_of(printed, woman=woman), today=TODAY) == births
    assert read_nik(nik_of(printed), today=TODAY).born == births[0]


@given(st.dates(date(1909, 1, 1), TODAY), st.booleans())
def test_the_printed_birth_date_is_one_of_them_in_whatever_century(born: date, woman: bool) -> None:
    nik = nik_of(born, woman=woman)
    births = births_of(nik, today=TODAY)
    assert born in births and 1 <= len(births) <= 2
    assert all(birth <= TODAY for birth in births)
    assert {(birth.day, birth.month, birth.year % 100) for birth in births} == {(born.day, born.month, born.year % 100)}
    assert read_nik(nik, today=TODAY).woman is woman


@pytest.mark.parametrize("nik", ["3276013502900001", "3276013102900001", "3276010013900001", "3276017202900001"])
def test_digits_that_are_no_date_have_no_birth(nik: str) -> None:
    assert births_of(nik, today=TODAY) == ()
    assert read_nik(nik, today=TODAY).born is None
    assert not could_be_nik(nik, today=TODAY)


def test_the_29th_of_february_1900_never_was() -> None:
    assert births_of("3276012902000001", today=date(1999, 1, 1)) == ()
    assert births_of("3276012902000001", today=date(2001, 1, 1)) == (date(2000, 2, 29),)


@pytest.mark.parametrize("text", ["", "327601", "32760107079000010", "3276O10707900001", "٣٢٧٦٠١٠٧٠٧٩٠٠٠٠١"])
def test_what_is_not_sixteen_digits_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="sixteen"):
        births_of(text, today=TODAY)
    with pytest.raises(ValueError, match="sixteen"):
        could_be_nik(text, today=TODAY)


def test_the_oldest_holders_are_read_and_the_years_of_nobody_are_not() -> None:
    """A day after today in the same year of the century can only be of the century before."""
    oldest = date(TODAY.year - OLDEST_HOLDER_YEARS, 3, 1)
    assert oldest in births_of(nik_of(oldest), today=TODAY)
    assert read_nik(nik_of(date(1926, 12, 31)), today=TODAY).born == date(1926, 12, 31)
    assert read_nik(nik_of(date(1899, 2, 28)), today=date(1999, 1, 1)).born == date(1899, 2, 28)
    assert read_nik(nik_of(date(1899, 2, 28)), today=date(2026, 1, 1)).born == date(1999, 2, 28)


def test_every_province_of_all_times_can_begin_a_number() -> None:
    for code in province_codes():
        assert could_be_nik(nik_of(date(1990, 7, 1), district=f"{code}0101"), today=TODAY), code


def test_few_other_beginnings_pass_and_they_are_named() -> None:
    """20, 93 and on: the ranges are wider than the register, for provinces to come."""
    passing = {f"{number:02}" for first, last in PROVINCE_RANGES for number in range(first, last + 1)}
    assert passing - set(province_codes()) == {"20", "97"}


@pytest.mark.parametrize("beginning", ["00", "09", "10", "22", "30", "37", "55", "66", "77", "83", "90", "98", "99"])
def test_a_beginning_of_no_province_makes_no_number(beginning: str) -> None:
    assert not could_be_nik(nik_of(date(1990, 7, 1), district=f"{beginning}0101"), today=TODAY)
