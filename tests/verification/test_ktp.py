from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_gpu.engine import Box, OcrLine
from tests.verification.cards import in_words, ktp_lines, line, tilted
from verification import ktp
from verification.nik import could_be_nik

WHOLE = {
    "nik": "3276014107909001",
    "name": "PUSPARINI KUSUMALAGA",
    "birthPlace": "DEPOK",
    "birthDate": "1990-07-01",
    "gender": "PEREMPUAN",
    "bloodType": "O",
    "address": "JL. KENANGA NO. 12",
    "rtRw": "003/007",
    "village": "BEJI TIMUR",
    "district": "BEJI",
    "religion": "ISLAM",
    "maritalStatus": "BELUM KAWIN",
    "occupation": "KARYAWAN SWASTA",
    "nationality": "WNI",
    "validUntil": "SEUMUR HIDUP",
    "province": "JAWA BARAT",
    "regency": "KOTA DEPOK",
    "issuedPlace": "DEPOK",
    "issuedDate": "2015-03-12",
}


def values(lines: list[OcrLine]) -> dict[str, str | None]:
    return {name: field.value for name, field in ktp.parse(lines).items()}


def without(lines: list[OcrLine], text: str) -> list[OcrLine]:
    return [one for one in lines if one.text != text]


def reworded(lines: list[OcrLine], words: dict[str, str]) -> list[OcrLine]:
    return [replace(one, text=words.get(one.text, one.text)) for one in lines]


def test_every_field_of_a_whole_card_is_read() -> None:
    assert values(ktp_lines()) == WHOLE
    assert set(WHOLE) == set(ktp.FIELDS)


@pytest.mark.parametrize("slope", [0.04, 0.1, 0.18])
def test_a_card_that_lies_askew_is_read_the_same(slope: float) -> None:
    assert values(tilted(ktp_lines(), slope)) == WHOLE


def test_words_in_boxes_of_their_own_are_put_together() -> None:
    assert values(in_words(ktp_lines())) == WHOLE


def test_a_card_upside_down_is_read_and_its_boxes_stay_on_the_page_as_given() -> None:
    lines = [
        replace(one, box=Box(1 - one.box.x - one.box.w, 1 - one.box.y - one.box.h, one.box.w, one.box.h))
        for one in ktp_lines()
    ]
    read = ktp.parse(lines)
    assert {name: field.value for name, field in read.items()} == WHOLE
    upright = ktp.parse(ktp_lines())["regency"].box
    assert read["regency"].box is not None and upright is not None
    assert read["regency"].box.y == pytest.approx(1 - upright.y - upright.h)


def test_the_turn_that_the_engine_made_is_believed() -> None:
    lines = [
        replace(one, turn=90, box=Box(one.box.y, 1 - one.box.x - one.box.w, one.box.h, one.box.w))
        for one in ktp_lines()
    ]
    assert values(lines) == WHOLE


def test_labels_stuck_to_their_values_are_parted() -> None:
    lines = without(ktp_lines(rtRw="", name="", gender="", blood=""), "Nama")
    glued = {"RT/RW": "RT/RW003/007", "Jenis Kelamin": "Jenis KelaminPEREMPUANGol.Darah:O"}
    lines = [*reworded(lines, glued), line(0.03, 0.225, "NamaPUSPARINI KUSUMALAGA")]
    assert values(lines) == WHOLE


def test_misread_labels_and_full_width_colons_do_not_matter() -> None:
    words = {
        "Nama": "Nema",
        "Tempat/Tgl Lahir": "Tenpat/Tg1 Lahlr",
        "Alamat": "Alannat",
        "Kecamatan": "Kecarnatan",
        "Status Perkawinan": "Status Penkawlnan",
        "Kewarganegaraan": "Kewarganeganaan",
        ": ISLAM": "：ISLAM",
        ": 3276014107909001": "：3276014107909001",
    }
    assert values(reworded(ktp_lines(), words)) == WHOLE


def test_a_fuzzy_label_lowers_the_confidence() -> None:
    clean = ktp.parse(ktp_lines())["district"]
    fuzzy = ktp.parse(reworded(ktp_lines(), {"Kecamatan": "Kecarnatan"}))["district"]
    assert clean.confidence == pytest.approx(0.97)
    assert fuzzy.confidence < clean.confidence


def test_a_value_whose_label_was_not_read_is_found_by_its_place_or_its_kind() -> None:
    for label in ("Nama", "Tempat/Tgl Lahir", "Jenis Kelamin", "Alamat", "Agama", "Pekerjaan", "Kewarganegaraan"):
        assert values(without(ktp_lines(), label)) == WHOLE, label


def test_an_address_goes_on_in_its_second_line() -> None:
    lines = [one for one in ktp_lines() if one.box.y < 0.4] + [
        replace(one, box=one.box._replace(y=one.box.y + 0.05)) for one in ktp_lines() if one.box.y >= 0.4
    ]
    read = ktp.parse([*lines, line(0.27, 0.44, "KOMPLEK TAMAN INDAH")])
    assert read["address"].value == "JL. KENANGA NO. 12 KOMPLEK TAMAN INDAH"
    assert read["address"].box is not None and read["address"].box.h > 0.05
    assert read["rtRw"].value == "003/007"


@pytest.mark.parametrize("printed", ["32760141O7909001", "3276O141079O90O1", "327601410790900l", "3276S141O7909001"])
def test_a_number_with_letters_in_it_is_proposed_and_never_taken(printed: str) -> None:
    field = ktp.parse(ktp_lines(nik=printed))["nik"]
    assert field.value is None
    assert field.raw == printed
    assert field.proposed is not None and len(field.proposed) == 16 and field.proposed.isdigit()


@pytest.mark.parametrize("printed", ["327601410790900", "32760141079090011", "3276014107909001 2"])
def test_a_number_with_digits_missing_or_too_many_has_no_value(printed: str) -> None:
    field = ktp.parse(ktp_lines(nik=printed))["nik"]
    assert field.value is None
    assert field.raw == printed


def test_a_number_in_two_pieces_with_a_hole_between_is_no_value() -> None:
    lines = [*ktp_lines(nik="32760141"), line(0.52, 0.17, "07909001")]
    field = ktp.parse(lines)["nik"]
    assert field.value is None
    assert field.raw == "32760141 07909001"


def test_a_number_with_blanks_between_its_digits_is_a_number() -> None:
    assert values(ktp_lines(nik="3276 0141 0790 9001"))["nik"] == "3276014107909001"


@pytest.mark.parametrize(
    "printed",
    [
        "3276010007909001",
        "3276013207909001",
        "3276013502909001",
        "3276014007909001",
        "3276017102909001",
        "3276014113909001",
        "3276014100909001",
        "3276014107900000",
        "0076014107909001",
        "2276014107909001",
        "9976014107909001",
    ],
)
def test_a_number_that_nobody_can_have_is_proposed_and_never_taken(printed: str) -> None:
    field = ktp.parse(ktp_lines(nik=printed))["nik"]
    assert (field.value, field.raw, field.proposed) == (None, printed, printed)


@pytest.mark.parametrize("printed", ["3276017101909001", "5471013112890001", "9701012902000001"])
def test_a_number_that_somebody_may_have_had_is_taken_whatever_the_region(printed: str) -> None:
    assert values(ktp_lines(nik=printed))["nik"] == printed


def test_two_different_numbers_without_a_label_are_no_number() -> None:
    lines = [*without(ktp_lines(), "NIK"), line(0.25, 0.93, "3276014107909002")]
    assert ktp.parse(lines)["nik"].value is None


def test_the_date_of_birth_is_never_taken_from_the_number() -> None:
    read = ktp.parse(ktp_lines(birth="DEPOK"))
    assert read["birthPlace"].value == "DEPOK"
    assert "birthDate" not in read


def test_a_date_with_letters_in_it_is_only_proposed() -> None:
    field = ktp.parse(ktp_lines(birth="DEPOK, 0I-07-199O"))["birthDate"]
    assert (field.value, field.proposed) == (None, "1990-07-01")


def test_a_birth_or_an_issue_after_the_day_of_reading_is_no_value() -> None:
    lines = ktp_lines()
    for today, born, issued in (
        (date(2015, 3, 12), "1990-07-01", "2015-03-12"),
        (date(2015, 3, 11), "1990-07-01", None),
        (date(1990, 6, 30), None, None),
    ):
        read = ktp.parse(lines, today=today)
        assert (read["birthDate"].value, read["issuedDate"].value) == (born, issued)
        assert (read["birthDate"].raw, read["issuedDate"].raw) == ("DEPOK, 01-07-1990", "12-03-2015")


def test_the_day_of_reading_is_the_present_one_unless_told() -> None:
    coming = date.today() + timedelta(days=2)
    read = ktp.parse(ktp_lines(birth=f"DEPOK, {coming:%d-%m-%Y}", validUntil=f"{coming:%d-%m-%Y}"))
    assert read["birthDate"].value is None
    assert read["validUntil"].value == coming.isoformat()


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("PUSPARINI KUSUMALAGA, S.H.", "PUSPARINI KUSUMALAGA, S.H."),
        ("PUSPARINI KUSUMALAGA, M.KOM.", "PUSPARINI KUSUMALAGA, M.KOM."),
        ("PUSPARINI KUSUMALAGA, SH.", "PUSPARINI KUSUMALAGA, SH."),
        ("PUSPARINI KUSUMALAGA S.H", "PUSPARINI KUSUMALAGA S.H"),
        ("PUSPARINI KUSUMALAGA .", "PUSPARINI KUSUMALAGA"),
        ("PUSPARINI : KUSUMALAGA", None),
        ("PUSPARINI 12", None),
        ("3276", None),
    ],
)
def test_a_name_has_its_titles_and_neither_digits_nor_a_colon(printed: str, value: str | None) -> None:
    field = ktp.parse(ktp_lines(name=printed))["name"]
    assert (field.value, field.raw) == (value, printed)


def test_a_name_with_a_digit_for_a_letter_is_only_proposed() -> None:
    field = ktp.parse(ktp_lines(name="PUSPAR1NI KUSUMALAGA"))["name"]
    assert (field.value, field.proposed) == (None, "PUSPARINI KUSUMALAGA")


@pytest.mark.parametrize("label", ["Nama Kasir", "Nama Kepala Keluarga", "NAMA IBU KANDUNG"])
def test_the_name_of_somebody_else_is_not_the_name_on_the_card(label: str) -> None:
    assert "name" not in ktp.parse(reworded(ktp_lines(), {"Nama": label}))
    joined = [*without(ktp_lines(name=""), "Nama"), line(0.03, 0.225, f"{label} : BUDI")]
    assert "name" not in ktp.parse(joined)
    beside = [*ktp_lines(), line(0.03, 0.115, f"{label} : BUDI")]
    assert ktp.parse(beside)["name"].value == "PUSPARINI KUSUMALAGA"


@pytest.mark.parametrize("label", ["Status Kawin", "Status Pernikahan", "Status"])
def test_the_rest_of_the_label_is_not_the_marital_status(label: str) -> None:
    lines = reworded(ktp_lines(maritalStatus="CERAI MATI"), {"Status Perkawinan": label})
    assert values(lines)["maritalStatus"] == "CERAI MATI"
    assert values(in_words(lines))["maritalStatus"] == "CERAI MATI"
    assert values(reworded(lines, {": CERAI MATI": "CERAI MATI"}))["maritalStatus"] == "CERAI MATI"


@pytest.mark.parametrize("fall", [-0.025, 0.02, 0.03])
def test_a_status_that_slipped_out_of_the_row_of_its_label_is_read(fall: float) -> None:
    lines = [
        replace(one, box=one.box._replace(y=one.box.y + fall)) if one.text == ": CERAI MATI" else one
        for one in reworded(ktp_lines(maritalStatus="CERAI MATI"), {"Status Perkawinan": "Status Kawin"})
    ]
    assert values(lines)["maritalStatus"] == "CERAI MATI"


def test_free_text_read_with_little_confidence_has_no_value() -> None:
    faint = {"DEPOK, 01-07-1990", "PUSPARINI KUSUMALAGA", "JL. KENANGA NO. 12", "BEJI TIMUR", "ISLAM", "WNI"}
    lines = [replace(one, confidence=0.34) if one.text.strip(": ") in faint else one for one in ktp_lines()]
    read = ktp.parse(lines)
    assert {name for name, field in read.items() if field.value is None} == {"name", "birthPlace", "address", "village"}
    assert read["birthPlace"].raw == "DEPOK, 01-07-1990"
    assert ktp.parse([replace(one, confidence=0.35) for one in ktp_lines()])["name"].value == WHOLE["name"]


@pytest.mark.parametrize(
    ("name", "printed", "value"),
    [
        ("gender", "LAKI LAKI", "LAKI-LAKI"),
        ("gender", "PEREMPVAN", "PEREMPUAN"),
        ("religion", "KATHOLIK", "KATOLIK"),
        ("religion", "BUDHA", "BUDDHA"),
        ("religion", "KHONGHUCU", "KONGHUCU"),
        ("religion", "KEPERCAYAANTERHADAPTUHANYME", "KEPERCAYAAN TERHADAP TUHAN YME"),
        ("maritalStatus", "BELUMKAWIN", "BELUM KAWIN"),
        ("maritalStatus", "CERAlHIDUP", "CERAI HIDUP"),
        ("nationality", "WNl", "WNI"),
        ("occupation", "PELAJARIMAHASISWA", "PELAJAR/MAHASISWA"),
        ("occupation", "PENATA LAMPU", "PENATA LAMPU"),
        ("validUntil", "SEUMURHIDUP", "SEUMUR HIDUP"),
        ("validUntil", "01-07-2017", "2017-07-01"),
        ("rtRw", "3/7", "003/007"),
        ("rtRw", "003007", "003/007"),
        ("rtRw", "01 6/007", "016/007"),
        ("rtRw", "016/0 07", "016/007"),
        ("rtRw", "003 / 007", "003/007"),
        ("rtRw", "003 007", "003/007"),
        ("rtRw", "003-007", "003/007"),
        ("rtRw", "RT 003 RW 007", "003/007"),
        ("rtRw", "RT.003/RW.007", "003/007"),
        ("rtRw", "O03/007", "003/007"),
        ("rtRw", "1 6/007", None),
        ("rtRw", "1.6", None),
        ("rtRw", "01 6 007", None),
        ("rtRw", "0031007", None),
        ("rtRw", "003/007/1", None),
        ("rtRw", "003/007 12", None),
        ("rtRw", "/007", None),
        ("nationality", "NI", "WNI"),
        ("nationality", "MNI", "WNI"),
        ("nationality", "WN1", "WNI"),
        ("nationality", "WMA", "WNA"),
        ("nationality", "WN", None),
        ("nationality", "XN", None),
        ("nationality", "MALAYSIA", "MALAYSIA"),
        ("nationality", "KOREA SELATAN", "KOREA SELATAN"),
        ("nationality", "KOR3A", None),
        ("nationality", "WNIIII", None),
        ("nationality", "SEUMUR HIDUP", None),
        ("religion", "XQZW", None),
        ("maritalStatus", "XXXXX KAWIN", None),
    ],
)
def test_values_of_closed_lists_are_normalised_and_the_raw_text_is_kept(
    name: str, printed: str, value: str | None
) -> None:
    field = ktp.parse(ktp_lines(**{name: printed}))[name]
    assert field.value == value
    assert field.raw == printed


@pytest.mark.parametrize(("printed", "value"), [("AB", "AB"), ("0", "O"), ("B+", "B+"), ("-", "-"), ("8", "B")])
def test_blood_types_are_read(printed: str, value: str) -> None:
    assert values(ktp_lines(blood=printed))["bloodType"] == value


@pytest.mark.parametrize(
    ("province", "regency", "expected"),
    [
        ("PROVINSIJAWABARAT", "KOTADEPOK", ("JAWA BARAT", "KOTA DEPOK")),
        ("PROVINSI DKI JAKARTA", "JAKARTA SELATAN", ("DKI JAKARTA", "JAKARTA SELATAN")),
        ("PROVINSI JAWA TENCAH", "KABUPATEN B0YOLALI", ("JAWA TENGAH", "KABUPATEN BOYOLALI")),
        ("PROVINSI SUMATERA UTARA", "KOTA PEMATANG SIANTAR", ("SUMATERA UTARA", "KOTA PEMATANG SIANTAR")),
        ("PROVINSI SUMATERA UTARA", "KOTAPEMATANGSIANTAR", ("SUMATERA UTARA", "KOTA PEMATANGSIANTAR")),
        ("PROVINSI NUSANTARA BARU", "KABUPATEN ENTAH", ("NUSANTARA BARU", "KABUPATEN ENTAH")),
    ],
)
def test_region_names_snap_to_the_list_only_when_close(province: str, regency: str, expected: tuple[str, str]) -> None:
    read = ktp.parse(ktp_lines(province=province, regency=regency))
    assert (read["province"].value, read["regency"].value) == expected
    assert read["province"].raw == province


@pytest.mark.parametrize(
    ("printed", "value"),
    [("PEMATANG SIANTAR", "PEMATANG SIANTAR"), ("PEMATANGSIANTAR", "PEMATANGSIANTAR"), ("DE POK", "DEPOK")],
)
def test_a_place_keeps_the_blank_that_is_printed_in_it(printed: str, value: str) -> None:
    assert values(ktp_lines(birth=f"{printed}, 01-07-1990"))["birthPlace"] == value


def test_a_place_of_birth_with_a_digit_is_one_only_where_the_list_has_it_with_the_letter() -> None:
    assert values(ktp_lines(birth="BARIT0 SELATAN, 01-07-1990"))["birthPlace"] == "BARITO SELATAN"
    assert "birthPlace" not in values(ktp_lines(birth="SOM3WHERE, 01-07-1990"))


def test_what_is_not_printed_is_absent() -> None:
    read = ktp.parse(ktp_lines(religion="", blood="", district=""))
    assert not {"religion", "bloodType", "district"} & set(read)


def test_the_word_on_specimens_is_no_value() -> None:
    assert values([*ktp_lines(), line(0.27, 0.255, "SPECIMEN")]) == WHOLE


def test_a_receipt_has_no_fields_that_count() -> None:
    receipt = [line(0.3, 0.1, "WARUNG KOPI"), line(0.2, 0.3, "2 x KOPI SUSU"), line(0.7, 0.3, "36.000")]
    assert all(field.value is None for field in ktp.parse(receipt).values())
    assert ktp.parse([]) == {}


fractions = st.floats(0, 1, allow_nan=False)
any_text = st.one_of(
    st.text(max_size=30),
    st.text("0123456789OIlBS.- ", max_size=24),
    st.sampled_from(
        ["NIK", "Nama:", "Alamat", "RT/RW", "PROVINSI X", "KOTA", "3276014107909001", "\u0130\u00df:\t", ":"]
    ),
)
any_box = st.builds(Box, fractions, fractions, fractions, fractions)
any_lines = st.lists(st.builds(OcrLine, any_text, fractions, any_box, st.sampled_from([0, 90])), max_size=14)


@settings(max_examples=150, deadline=None)
@given(any_lines)
def test_no_lines_make_the_parser_fail_and_no_number_is_made_up(lines: list[OcrLine]) -> None:
    nik = ktp.parse(lines).get("nik")
    if nik and nik.value:
        digits = "".join(character for character in nik.raw if character not in " .-–—")
        assert digits == nik.value
        assert len(nik.value) == 16 and nik.value.isascii() and nik.value.isdigit()
        assert could_be_nik(nik.value, today=date.today())


@settings(max_examples=80, deadline=None)
@given(st.text("0123456789OISB .", min_size=12, max_size=20))
def test_a_printed_number_is_taken_as_it_stands_or_not_at_all(printed: str) -> None:
    nik = ktp.parse(ktp_lines(nik=printed)).get("nik")
    digits = printed.replace(" ", "").replace(".", "")
    exact = len(digits) == 16 and digits.isdigit() and could_be_nik(digits, today=date.today())
    assert (nik.value if nik else None) == (digits if exact else None)
