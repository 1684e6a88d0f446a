from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_gpu.engine import Box, OcrLine
from tests.verification.cards import in_words, line, npwp_lines, tilted
from verification import npwp
from verification.npwp_number import compose_npwp15, format_npwp15, is_printed_npwp15, luhn_holds

OLD = [
    "NPWP : 38.513.519.9-256.000",
    "GALIHPUTRO LESMANARAGA",
    "NIK : 3276012304859001",
    "JL. CEMPAKA BLOK C NO. 3 RT 012 RW 008",
    "BEJI TIMUR BEJI KOTA DEPOK",
    "KPP PRATAMA DEPOK CIMANGGIS",
    "Terdaftar : 07-05-2012",
]
OLD_VALUES = {
    "npwpNumber": "38.513.519.9-256.000",
    "nik": "3276012304859001",
    "name": "GALIHPUTRO LESMANARAGA",
    "address": "JL. CEMPAKA BLOK C NO. 3 RT 012 RW 008 BEJI TIMUR BEJI KOTA DEPOK",
    "taxOffice": "KPP PRATAMA DEPOK CIMANGGIS",
    "registeredDate": "2012-05-07",
}


def values(texts: list[str]) -> dict[str, str | None]:
    return {name: field.value for name, field in npwp.parse(npwp_lines(texts)).items()}


def test_an_old_card_without_labels_is_read_by_its_order() -> None:
    assert values(OLD) == OLD_VALUES


def test_a_card_askew_upside_down_or_cut_in_words_is_read_the_same() -> None:
    upright = npwp_lines(OLD)
    upside_down = [
        replace(one, box=Box(1 - one.box.x - one.box.w, 1 - one.box.y - one.box.h, one.box.w, one.box.h))
        for one in upright
    ]
    for lines in (tilted(upright, 0.1), upside_down, in_words(upright)):
        assert {name: field.value for name, field in npwp.parse(lines).items()} == OLD_VALUES


def test_a_card_with_labels_is_read_by_them() -> None:
    texts = ["NPWP", "Nama", "NIK", "Alamat", "Tgl Terdaftar"]
    beside = ["38.513.519.9-256.000", "GALIHPUTRO LESMANARAGA", "3276012304859001", "JL. CEMPAKA NO. 3", "7 Mei 2012"]
    lines = npwp_lines(texts) + [line(0.35, 0.3 + 0.06 * row, f": {text}") for row, text in enumerate(beside)]
    read = {name: field.value for name, field in npwp.parse(lines).items()}
    assert read == {
        "npwpNumber": "38.513.519.9-256.000",
        "nik": "3276012304859001",
        "name": "GALIHPUTRO LESMANARAGA",
        "address": "JL. CEMPAKA NO. 3",
        "registeredDate": "2012-05-07",
    }


def test_a_spoilt_label_is_not_taken_for_the_name() -> None:
    lines = [*npwp_lines(["NPWP : 38.513.519.9-256.000", "Nanna WP"]), line(0.4, 0.36, "GALIHPUTRO LESMANARAGA")]
    assert npwp.parse(lines)["name"].value == "GALIHPUTRO LESMANARAGA"


@pytest.mark.parametrize("printed", ["3276012304859001", "3276 0123 0485 9001"])
@pytest.mark.parametrize("label", ["NPWP16 : ", "NPWP : ", "NPWP:", ""])
def test_sixteen_digits_are_npwp16_and_no_nik_that_is_not_printed(label: str, printed: str) -> None:
    read = values([label + printed, *OLD[1:2], *OLD[3:]])
    assert read["npwp16"] == "3276012304859001"
    assert not {"npwpNumber", "nik"} & set(read)
    assert read["name"] == "GALIHPUTRO LESMANARAGA"


def test_sixteen_digits_that_begin_with_0_are_no_nik() -> None:
    read = values(["NPWP16 : 0385135199256000", "PT KUSUMALAGA SENTOSA"])
    assert read == {"npwp16": "0385135199256000", "name": "PT KUSUMALAGA SENTOSA"}


@pytest.mark.parametrize("label", ["NPWP16 : ", "NPWP : ", ""])
def test_sixteen_digits_that_are_nobodys_nik_are_only_proposed(label: str) -> None:
    read = npwp.parse(npwp_lines([f"{label}3276013502909001", *OLD[1:2]]))
    assert (read["npwp16"].value, read["npwp16"].proposed) == (None, "3276013502909001")
    old = npwp.parse(npwp_lines([*OLD[:2], "NIK : 3276012304850000"]))
    assert (old["nik"].value, old["nik"].proposed) == (None, "3276012304850000")
    assert old["npwpNumber"].value == OLD_VALUES["npwpNumber"]


def test_a_registration_after_the_day_of_reading_is_no_value() -> None:
    for today, value in ((date(2012, 5, 7), "2012-05-07"), (date(2012, 5, 6), None)):
        field = npwp.parse(npwp_lines(OLD), today=today)["registeredDate"]
        assert (field.value, field.raw) == (value, "07-05-2012")


@pytest.mark.parametrize("mark", ["TERDARTAR 07-05-2012", "TERDAFTAR : 07-05-2012", "TERDARTAR07-05-2012", "TERDAFTAP"])
def test_the_tax_office_ends_before_the_date_of_registration(mark: str) -> None:
    read = values([*OLD[:5], f"KPP PRATAMA DEPOK CIMANGGIS {mark}"])
    assert read["taxOffice"] == "KPP PRATAMA DEPOK CIMANGGIS"
    assert read.get("registeredDate") == ("2012-05-07" if "2012" in mark else None)


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("GALIHPUTRO LESMANARAGA, S.H.", "GALIHPUTRO LESMANARAGA, S.H."),
        ("PT KUSUMALAGA 88", "PT KUSUMALAGA 88"),
        ("GALIHPUTRO 88", None),
        ("KASIR : GALIHPUTRO", None),
    ],
)
def test_only_a_firm_has_digits_in_its_name(printed: str, value: str | None) -> None:
    field = npwp.parse(npwp_lines([OLD[0], printed]))["name"]
    assert (field.value, field.raw) == (value, printed)


def test_the_name_of_somebody_else_is_not_the_name_on_the_card() -> None:
    assert "name" not in values([OLD[0], "Nama Kasir : BUDI"])
    apart = [*npwp_lines([OLD[0], "Nama Kasir", "Nama"]), line(0.4, 0.36, ": BUDI"), line(0.4, 0.42, ": SARI")]
    assert npwp.parse(apart)["name"].value == "SARI"


def test_free_text_read_with_little_confidence_has_no_value() -> None:
    read = npwp.parse([replace(one, confidence=0.34) for one in npwp_lines(OLD)])
    assert {name for name, field in read.items() if field.value is None} == {"name", "address", "taxOffice"}
    assert read["name"].raw == OLD[1]


def test_a_number_that_begins_with_16_keeps_its_first_digits() -> None:
    assert values(["NPWP 16.513.519.9-256.000"])["npwpNumber"] == "16.513.519.9-256.000"


@pytest.mark.parametrize("printed", ["385135199256000", "38 513 519 9 256 000", "38.513.5199-256.000"])
def test_fifteen_digits_are_written_as_cards_print_them(printed: str) -> None:
    assert values([f"NPWP : {printed}"])["npwpNumber"] == "38.513.519.9-256.000"


@pytest.mark.parametrize("printed", ["38.513.5I9.9-256.OOO", "38.5l3.519.9-2S6.000"])
def test_a_number_with_letters_in_it_is_proposed_and_never_taken(printed: str) -> None:
    field = npwp.parse(npwp_lines([f"NPWP : {printed}"]))["npwpNumber"]
    assert (field.value, field.raw, field.proposed) == (None, printed, "38.513.519.9-256.000")


@pytest.mark.parametrize("printed", ["38.513.519.9-256.00", "38.513.519.9-256.0001", "38.513.5"])
def test_a_number_of_another_length_has_no_value(printed: str) -> None:
    field = npwp.parse(npwp_lines([f"NPWP : {printed}"]))["npwpNumber"]
    assert field.value is None
    assert field.raw == printed


def test_no_lines_have_no_fields() -> None:
    assert npwp.parse([]) == {}


def test_composed_numbers_satisfy_luhn_and_look_as_printed() -> None:
    digits = compose_npwp15(38_513_519, office=256)
    assert len(digits) == 15
    assert luhn_holds(digits)
    assert not luhn_holds(f"{digits[:8]}{(int(digits[8]) + 1) % 10}{digits[9:]}")
    assert is_printed_npwp15(format_npwp15(digits))
    assert not is_printed_npwp15(digits)


fractions = st.floats(0, 1, allow_nan=False)
any_text = st.one_of(
    st.text(max_size=30),
    st.text("0123456789OIlS.- ", max_size=24),
    st.sampled_from(["NPWP :", "NPWP16", "NIK", "Nama", "KPP PRATAMA X", "Terdaftar", "38.513.519.9-256.000"]),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.builds(OcrLine, any_text, fractions, st.builds(Box, fractions, fractions, fractions, fractions)), max_size=14
    )
)
def test_no_lines_make_the_parser_fail_and_no_number_is_made_up(lines: list[OcrLine]) -> None:
    read = npwp.parse(lines)
    for name, count in (("npwpNumber", 15), ("npwp16", 16), ("nik", 16)):
        field = read.get(name)
        if field and field.value:
            digits = "".join(character for character in field.value if character.isdigit())
            assert len(digits) == count
            assert digits == "".join(character for character in field.raw if character not in " .-–—")


def test_an_office_whose_label_has_a_row_of_its_own_part_is_the_whole_name() -> None:
    lines = [*npwp_lines(OLD[:2]), line(0.06, 0.6, "KPP"), line(0.25, 0.6, ": KPP PRATAMA SUMEDANG")]
    assert npwp.parse(lines)["taxOffice"].value == "KPP PRATAMA SUMEDANG"


def test_a_second_number_on_an_old_card_is_the_nik_though_its_label_was_misread_or_lost() -> None:
    for printed in ("NK:3276012304859001", "NIX: 3276012304859001", "3276012304859001"):
        read = values([OLD[0], OLD[1], printed])
        assert (read["nik"], read["npwpNumber"]) == ("3276012304859001", OLD_VALUES["npwpNumber"])
        assert "npwp16" not in read


def test_groups_of_four_are_the_new_form_though_a_digit_is_missing() -> None:
    read = npwp.parse(npwp_lines(["272 0349 0587 9492", "PT KUSUMALAGA SENTOSA"]))
    assert (read["npwp16"].value, read["npwp16"].proposed) == (None, "272034905879492")
    assert "npwpNumber" not in read


def test_a_line_that_begins_a_little_like_a_label_belongs_to_the_address() -> None:
    read = values([*OLD[:2], "DSN KARANGANYAR NO 128", "ASAMAN KLAURUNG KOTA SORONG"])
    assert read["address"] == "DSN KARANGANYAR NO 128 ASAMAN KLAURUNG KOTA SORONG"


@pytest.mark.parametrize("sixteen", ["3276014107900001", "0123456789012000"])
@pytest.mark.parametrize("label", ["NPWP 16", "NPWP16"])
def test_a_card_with_both_numbers_keeps_each_under_its_own_name(label: str, sixteen: str) -> None:
    texts = [(label, f": {sixteen}"), ("NPWP lama", ": 12.345.678.9-012.000"), ("Nama", ": SITI CONTOH")]
    lines = [
        line(left, 0.2 + 0.07 * row, text)
        for row, pair in enumerate(texts)
        for left, text in zip((0.06, 0.22), pair, strict=True)
    ]
    fields = npwp.parse(lines)
    assert fields["npwp16"].value == sixteen
    assert fields["npwpNumber"].value == "12.345.678.9-012.000"
    assert "nik" not in fields


def test_a_new_number_of_which_a_digit_is_hidden_is_no_old_number() -> None:
    fields = npwp.parse(npwp_lines(["NPWP16 : 085027736652000", "CV CONTOH MAKMUR ABADI"]))
    assert "npwpNumber" not in fields
    assert fields["npwp16"].value is None


@pytest.mark.parametrize(("digits", "value"), [("385135199256000", "38.513.519.9-256.000"), ("385135198256000", None)])
def test_fifteen_digits_without_points_are_never_sure_and_no_number_against_the_check_digit(
    digits: str, value: str | None
) -> None:
    field = npwp.parse(npwp_lines([f"NPWP : {digits}", "CV CONTOH MAKMUR ABADI"]))["npwpNumber"]
    assert field.value == value
    assert value is None or field.confidence <= 0.6
    assert value is not None or field.proposed == "38.513.519.8-256.000"
