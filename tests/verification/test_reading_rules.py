"""Dates, labels, rows, numbers and names: the small rules under both parsers."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_gpu.engine import Box
from tests.verification.cards import line
from verification.dates import find_date
from verification.fields import FieldValue, box_around
from verification.identity_numbers import is_exact, repaired
from verification.labels import alike, distance, label_at
from verification.layout import rows_of
from verification.nik import compose_nik, is_nik, read_nik
from verification.regions import nearest, provinces, regencies
from verification.slant import likely_slopes, turn
from verification.vocabulary import GENDERS, MARITAL, pick, street

LABELS = {"name": ("NAMA",), "nik": ("NIK",), "village": ("KEL DESA", "DESA"), "district": ("KECAMATAN",)}


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("DEPOK, 01-07-1990", "1990-07-01"),
        ("01/07/1990", "1990-07-01"),
        ("1 - 7 - 1990", "1990-07-01"),
        ("01-071990", "1990-07-01"),
        ("17 Agustus 2011", "2011-08-17"),
        ("03 Nopember 2008", "2008-11-03"),
        ("DEPOK01-07-1990", "1990-07-01"),
        ("31-02-1990", None),
        ("01-07-90", None),
        ("01-07-2990", None),
        ("3276014107909001", None),
        ("SEUMUR HIDUP", None),
    ],
)
def test_a_date_is_found_only_where_the_calendar_has_it(text: str, iso: str | None) -> None:
    found = find_date(text)
    assert (found.iso if found else None) == iso


@given(st.dates(date(1900, 1, 1), date(2100, 12, 31)), st.sampled_from("-/."))
def test_every_printed_date_is_read_back(day: date, mark: str) -> None:
    found = find_date(f"PLACE, {day:%d}{mark}{day:%m}{mark}{day.year}")
    assert found is not None and found.iso == day.isoformat()


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        ("Nama : BUDI", "name", ": BUDI"),
        ("NamaBUDI", "name", "BUDI"),
        ("Nema:BUDI", "name", "BUDI"),
        ("NIK3276", "nik", "3276"),
        ("N1K 3276", "nik", " 3276"),
        ("Kel/Desa BEJI", "village", " BEJI"),
        ("Kecamatann : BEJI", "district", ": BEJI"),
        ("Kecarnatan BEJI", "district", " BEJI"),
    ],
)
def test_a_label_is_found_and_its_value_left_whole(text: str, name: str, rest: str) -> None:
    match = label_at(text, 0, LABELS)
    assert match is not None
    assert (match.name, text[match.end :].lstrip(" ")) in {(name, rest.lstrip(" ")), (name, rest.lstrip(" :"))}


@pytest.mark.parametrize("text", ["NAMIRA PUTRI", "DESAKU JAYA", "NIKEN", "BEJI TIMUR", "", "3276014107909001"])
def test_a_value_that_begins_like_a_label_is_none(text: str) -> None:
    assert label_at(text, 0, LABELS) is None


@given(st.text("ABC", max_size=8), st.text("ABC", max_size=8))
def test_edit_distance_is_a_distance(one: str, other: str) -> None:
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)
    assert abs(len(one) - len(other)) <= distance(one, other) <= max(len(one), len(other))


def test_likeness_has_a_limit() -> None:
    assert alike("SPECIMEN", "SPECIMEM", 0.75)
    assert not alike("SPECIMEN", "SPESIES", 0.75)
    assert not alike("", "", 0.5)


def test_texts_side_by_side_are_one_row_with_a_tab_at_a_wide_gap() -> None:
    lines = [line(0.5, 0.201, "C"), line(0.06, 0.2, "ALPHA"), line(0.13, 0.205, "BETA"), line(0.06, 0.3, "NEXT")]
    assert [row.text for row in rows_of(lines)] == ["ALPHA BETA\tC", "NEXT"]


def test_a_part_of_a_line_has_its_part_of_the_box() -> None:
    row = rows_of([line(0.1, 0.2, "Nama:BUDI", 0.9)])[0]
    span = row.span(5, 9)
    assert span.text == "BUDI"
    assert span.confidence == pytest.approx(0.9)
    assert span.box is not None
    assert span.box.x == pytest.approx(0.1 + 5 * 0.012)
    assert span.box.w == pytest.approx(4 * 0.012)


def test_lines_without_any_height_keep_their_order() -> None:
    flat = [line(0, 0, text) for text in ("ONE", "TWO", "THREE")]
    rows = rows_of([one.__class__(one.text, 1.0, Box(0, 0, 0, 0)) for one in flat])
    assert [row.text for row in rows] == ["ONE", "TWO", "THREE"]


@pytest.mark.parametrize("slope", [-0.16, -0.05, 0.0, 0.05, 0.16])
def test_the_slope_of_a_page_is_seen(slope: float) -> None:
    lines = []
    for row in range(8):
        for x, text in ((0.05, "LABEL"), (0.3, "A CLEARLY LONGER VALUE")):
            one = line(x, 0.2 + 0.07 * row, text)
            middle = x + one.box.w / 2
            height = one.box.h + abs(slope) * one.box.w
            y = one.box.y + slope * middle - abs(slope) * one.box.w / 2
            lines.append(one.__class__(text, 1.0, Box(x, y, one.box.w, height)))
    assert likely_slopes(lines)[0] == pytest.approx(slope, abs=0.03)


def test_four_quarter_turns_are_none() -> None:
    box = Box(0.1, 0.2, 0.3, 0.05)
    assert turn(box, 4) == box
    assert turn(turn(box, 1), -1) == pytest.approx(box)
    assert turn(box, 1) == pytest.approx(Box(0.75, 0.1, 0.05, 0.3))


def test_only_clean_digits_are_exact() -> None:
    assert is_exact("3276 0141-0790.9001", 16)
    assert not is_exact("3276014107909OO1", 16)
    assert not is_exact("٣٢٧٦٠١٤١٠٧٩٠٩٠٠١", 16)
    assert repaired("3276O141 O79O9OOl") == "3276014107909001"


def test_a_nik_is_taken_apart() -> None:
    nik = compose_nik("327601", date(1990, 7, 1), woman=True, serial=9001)
    parts = read_nik(nik, today=date(2026, 1, 1))
    assert nik == "3276014107909001" and is_nik(nik)
    assert (parts.province_code, parts.regency_code, parts.district_code) == ("32", "32.76", "32.76.01")
    assert (parts.born, parts.woman, parts.serial) == (date(1990, 7, 1), True, 9001)


@pytest.mark.parametrize(("year", "born"), [("05", 2005), ("26", 1926), ("99", 1999)])
def test_the_century_is_the_one_that_has_been(year: str, born: int) -> None:
    parts = read_nik(f"3276010107{year}0001", today=date(2026, 1, 1))
    assert parts.born == date(born, 7, 1)
    assert parts.woman is False


def test_a_nik_without_a_date_says_nothing_of_its_holder() -> None:
    parts = read_nik("3276013502900001", today=date(2026, 1, 1))
    assert (parts.born, parts.woman) == (None, None)
    with pytest.raises(ValueError, match="sixteen"):
        read_nik("327601", today=date(2026, 1, 1))


def test_a_name_near_two_regions_is_neither() -> None:
    assert nearest("JAWA BARAT", provinces()) == ("JAWA BARAT", 1.0)
    assert nearest("JAWABARAT", provinces()) == ("JAWA BARAT", 1.0)
    assert nearest("JAWA", provinces()) is None
    assert nearest("XAWABARAT", {"AAWABARAT": "ONE", "BAWABARAT": "TWO"}) is None


def test_a_field_goes_through_json_unchanged() -> None:
    field = FieldValue(None, "32760I", 0.5, Box(0.1, 0.2, 0.3, 0.4), proposed="327601")
    assert FieldValue.from_json(field.as_json()) == field
    bare = FieldValue("X", "X", 1.0, None)
    assert bare.as_json() == {"value": "X", "raw": "X", "confidence": 1.0, "box": None, "proposed": None}
    assert FieldValue.from_json(bare.as_json()) == bare
    assert box_around([]) is None


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("D.I. YOGYAKARTA", "D.I. YOGYAKARTA"),
        ("DI YOGYAKARTA", "DI YOGYAKARTA"),
        ("KOTA ADM. JAKARTA SELATAN", "KOTA ADM. JAKARTA SELATAN"),
        ("KOTA ADM.JAKARTA SELATAN", "KOTA ADM. JAKARTA SELATAN"),
        ("KOTAADMINISTRASIJAKARTABARAT", "KOTA ADMINISTRASI JAKARTA BARAT"),
        ("DAERAH KHUSUS IBUKOTA JAKARTA", "DAERAH KHUSUS IBUKOTA JAKARTA"),
    ],
)
def test_a_region_stays_as_it_is_printed_where_that_is_one_of_its_spellings(printed: str, value: str) -> None:
    found = nearest(printed, provinces()) or nearest(printed, regencies())
    assert found == (value, 1.0)


def test_a_number_behind_a_label_is_no_part_of_it() -> None:
    labels = {"validUntil": ("BERLAKU HINGGA",)}
    match = label_at("Berlaku Hingg 31-07-2020", 0, labels)
    assert match is not None and match.end == len("Berlaku Hingg")


def test_a_closed_list_takes_worse_spellings_only_behind_its_label() -> None:
    assert pick("LARI-LAKT", GENDERS) is None
    assert pick("LARI-LAKT", GENDERS, labelled=True) == ("LAKI-LAKI", 0.75)
    assert pick("XXXXX", GENDERS, labelled=True) is None
    assert pick("CERAI XXXX", MARITAL, labelled=True) is None


def test_jl_printed_in_small_letters_is_no_ji() -> None:
    assert street("JI. ANGGREK RAYA") == "JL. ANGGREK RAYA"
    assert street("JIN. MERPATI PUTIH 1") == "JIN. MERPATI PUTIH 1"
