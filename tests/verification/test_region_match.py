from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.nik import NikParts, compose_nik, read_nik
from verification.region_match import RegionMatch, compare

TODAY = date(2026, 6, 1)


def parts_of(code: str) -> NikParts:
    return read_nik(compose_nik(code, date(1990, 7, 1), woman=False, serial=9001), today=TODAY)


def match(
    code: str, province: str | None = None, regency: str | None = None, district: str | None = None
) -> RegionMatch:
    return compare(parts_of(code), province=province, regency=regency, district=district)


def test_a_card_of_the_code_agrees_at_every_level() -> None:
    found = match("327601", "JAWA BARAT", "KOTA DEPOK", "PANCORAN MAS")
    assert found == RegionMatch("same", "same", "same", "same")


@pytest.mark.parametrize(
    ("printed", "verdict"),
    [
        (("JAWA BARAT", "KOTA DEPOK", "CIMANGGIS"), "district_differs"),
        (("JAWA BARAT", "KOTA BOGOR", "BOGOR BARAT"), "regency_differs"),
        (("JAWA TENGAH", "KABUPATEN KUDUS", "JATI"), "province_differs"),
        (("JAWA BARAT", "KOTA DEPOK", None), "same"),
        ((None, None, "PANCORAN MAS"), "same"),
        (("JAWA BARAT", None, None), "same"),
        ((None, "KABUPATEN KUDUS", None), "regency_differs"),
        ((None, None, None), "unread"),
        (("", " ", "-"), "unread"),
    ],
)
def test_the_verdict_is_the_highest_level_that_differs(printed: tuple[str | None, ...], verdict: str) -> None:
    assert match("327601", *printed).verdict == verdict


@pytest.mark.parametrize("code", ["370101", "000000", "329901", "327655", "999999"])
def test_a_code_of_no_register_is_unknown_whatever_is_printed(code: str) -> None:
    assert match(code, "JAWA BARAT", "KOTA DEPOK", "PANCORAN MAS").verdict == "code_unknown"
    assert match(code).verdict == "unread"


@pytest.mark.parametrize(
    ("code", "province"),
    [
        ("31", "DKI JAKARTA"), ("31", "DAERAH KHUSUS IBUKOTA JAKARTA"), ("31", "DAERAH KHUSUS IBU KOTA JAKARTA"),
        ("31", "DAERAH KHUSUS JAKARTA"), ("31", "PROVINSI DKI JAKARTA"), ("31", "PROVINSIDKIJAKARTA"),
        ("34", "D.I. YOGYAKARTA"), ("34", "DI YOGYAKARTA"), ("34", "DAERAH ISTIMEWA YOGYAKARTA"),
        ("34", "D I YOGYAKARTA"),
        ("11", "ACEH"), ("11", "NANGGROE ACEH DARUSSALAM"), ("11", "DAERAH ISTIMEWA ACEH"), ("11", "D.I. ACEH"),
        ("21", "KEP. RIAU"), ("21", "KEPRIAU"), ("21", "KEPULAUAN RIAU"), ("19", "KEP. BANGKA BELITUNG"),
        ("19", "BANGKA BELITUNG"), ("12", "SUMATRA UTARA"), ("32", "JAWA BARA7"), ("91", "IRIAN JAYA"),
    ],
)  # fmt: skip
def test_a_province_is_known_in_the_spellings_of_cards(code: str, province: str) -> None:
    assert match(f"{code}0101", province).province == "same"


@pytest.mark.parametrize(
    ("code", "regency"),
    [
        ("2171", "B A T A M"), ("2171", "KOTA B A T A M"), ("3171", "JAKARTA PUSAT"),
        ("3171", "KOTA ADM. JAKARTA PUSAT"),
        ("3171", "KOTA ADMINISTRASI JAKARTA PUSAT"), ("3171", "KOTAADMINISTRASIJAKARTAPUSAT"),
        ("3171", "KOTAMADYA JAKARTA PUSAT"), ("3101", "KAB. ADM. KEP. SERIBU"), ("3101", "KAB ADM KEPULAUAN SERIBU"),
        ("3403", "GUNUNGKIDUL"), ("3403", "KABUPATEN GUNUNG KIDUL"), ("1272", "PEMATANG SIANTAR"),
        ("1272", "KOTA PEMATANGSIANTAR"), ("7204", "TOLI-TOLI"), ("1706", "KAB. MUKO MUKO"), ("9203", "FAKFAK"),
        ("9203", "KABUPATEN FAK-FAK"), ("7472", "BAU-BAU"), ("7372", "KOTA PARE-PARE"), ("6271", "PALANGKARAYA"),
        ("6302", "KOTA BARU"), ("6302", "KABUPATEN KOTABARU"), ("1307", "KABUPATEN 50 KOTA"),
        ("1303", "KAB. SAWAHLUNTO/SIJUNJUNG"), ("7310", "PANGKEP"), ("3276", "KOTA DEP0K"),
        ("3204", "KABUPATFN BANDUNC"),
        ("3204", "KABUPATENBANDUNG"), ("3204", "BANDUNG"), ("7601", "MAMUJU UTARA"), ("7371", "UJUNG PANDANG"),
        ("1277", "PADANGSIDEMPUAN"), ("1215", "PAKPAK BARAT"), ("1376", "KOTA PAYAKUMBU"), ("7314", "SIDENRENG RAPANG"),
    ],
)  # fmt: skip
def test_a_regency_is_known_in_the_spellings_of_cards(code: str, regency: str) -> None:
    assert match(f"{code}01", regency=regency).regency == "same"


@pytest.mark.parametrize(
    ("code", "regency"),
    [
        ("3273", "KABUPATEN BANDUNG"), ("3204", "KOTA BANDUNG"), ("3204", "BADUNG"), ("5103", "BANDUNG"),
        ("3204", "KABUPATEN BANDUNG BARAT"), ("3217", "KABUPATEN BANDUNG"), ("3507", "KABUPATEN MAGELANG"),
        ("3171", "JAKARTA TIMUR"), ("9402", "KABUPATEN PUNCAK"), ("2171", "BATANG"),
    ],
)  # fmt: skip
def test_another_regency_is_told_apart_though_its_name_is_near(code: str, regency: str) -> None:
    assert match(f"{code}01", regency=regency).regency == "differs"


@pytest.mark.parametrize(
    ("code", "district"),
    [
        ("167101", "ILIR BARAT II"), ("167101", "ILIR BARAT 2"), ("167101", "ILIR BARAT DUA"),
        ("167101", "ILIR BARAT LL"),
        ("167101", "ILIR BARAT 11"), ("167101", "ILIRBARATII"), ("110602", "LHO'NGA"), ("110602", "LHO NGA"),
        ("530210", "KI`E"), ("130401", "SEPULUH KOTO"), ("630206", "PULAU LAUT UTARA"), ("120504", "SEI BINGAI"),
        ("120504", "SUNGAI BINGAI"), ("327601", "KECAMATAN PANCORAN MAS"), ("327601", "PANC0RAN M4S"),
        ("110106", "SAMADUA (SAMA DUA)"), ("620405", "GUNUNG BINTANG AWAI"), ("360223", "CURUG BITUNG"),
    ],
)  # fmt: skip
def test_a_district_is_known_in_the_spellings_of_cards(code: str, district: str) -> None:
    assert match(code, district=district).district == "same"


@pytest.mark.parametrize(
    ("code", "district"),
    [
        ("217102", "BATU AJI"), ("167101", "ILIR BARAT I"), ("167101", "ILIR BARAT SATU"), ("167101", "ILIR BARAT"),
        ("320118", "CIAMPEA"), ("167301", "LUBUK LINGGAU TIMUR II"), ("167301", "LUBUK LINGGAU BARAT I"),
    ],
)  # fmt: skip
def test_another_district_is_told_apart_though_its_name_is_near(code: str, district: str) -> None:
    assert match(code, district=district).district == "differs"


def test_a_short_name_with_a_misread_letter_neither_agrees_nor_differs() -> None:
    assert match("327301", regency="KOTA B4NDUNG").regency == "same"
    assert match("327601", regency="DEXOK") == RegionMatch("unknown", "unknown", "unknown", "unread")


def test_a_name_as_near_to_another_region_neither_agrees_nor_differs() -> None:
    assert match("320404", regency="BAXDUNG").regency == "unknown"
    assert match("320405", regency="KABUPATEN BADUNG").regency == "differs"


@pytest.mark.parametrize(
    ("code", "province", "regency"),
    [
        ("321903", "BANTEN", "KABUPATEN TANGERANG"),
        ("647301", "KALIMANTAN UTARA", "KOTA TARAKAN"),
        ("732001", "SULAWESI BARAT", "KABUPATEN MAJENE"),
        ("910403", "PAPUA TENGAH", "KABUPATEN NABIRE"),
        ("920107", "PAPUA BARAT DAYA", "KABUPATEN SORONG"),
        ("930101", "PAPUA", "KABUPATEN MERAUKE"),
        ("367101", "JAWA BARAT", "KOTA TANGERANG"),
    ],
)
def test_a_province_that_was_split_does_not_count_when_the_regency_agrees(
    code: str, province: str, regency: str
) -> None:
    assert match(code, province, regency) == RegionMatch("unknown", "same", "unknown", "same")


def test_an_old_code_tells_its_districts_apart_where_a_register_has_them() -> None:
    assert match("920107", regency="KABUPATEN SORONG", district="AIMAS").verdict == "same"
    assert match("920107", regency="KABUPATEN SORONG", district="SEGET").verdict == "district_differs"
    assert match("920102", regency="KABUPATEN SORONG", district="AIMAS").verdict == "code_unknown"


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40), st.from_regex(r"[0-9]{6}", fullmatch=True))
def test_whatever_was_read_is_compared_without_failing(province: str, regency: str, district: str, code: str) -> None:
    found = match(code, province, regency, district)
    assert {found.province, found.regency, found.district} <= {"same", "differs", "unknown"}
    if found.verdict == "same":
        assert "same" in {found.province, found.regency, found.district}
        assert "differs" not in {found.province, found.regency, found.district}
