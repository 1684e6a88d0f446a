from dataclasses import replace

import pytest

from ocr_gpu.engine import OcrLine
from tests.verification.cards import ktp_lines, line, with_corners
from verification import ktp
from verification.ktp_order import ORDER, Unknown, certainty, dealt, missing_between
from verification.layout import rows_of

SPOILT = {
    "Nama": "Hum", "Tempat/Tgl Lahir": "Tempetitgt Lanle", "Alamat": "Almen", "Kel/Desa": "KitiDreq",
    "Kecamatan": "Recsntutan", "Pekerjaan": "Pokeaan", "Kewarganegaraan": "Kowwrgariegxrsian",
}  # fmt: skip


def values(lines: list[OcrLine]) -> dict[str, str | None]:
    return {name: field.value for name, field in ktp.parse(lines).items()}


def unknown(row: int, text: str, before: str = "") -> Unknown:
    return Unknown(row, rows_of([line(0.3, 0.1, text)])[0].span(0, len(text)), before)


def test_rows_whose_labels_are_spoilt_are_told_by_their_order() -> None:
    lines = [replace(one, text=SPOILT.get(one.text, one.text)) for one in ktp_lines()]
    assert values(lines) == values(ktp_lines())
    assert values(with_corners(lines)) == values(ktp_lines())


def test_a_spoilt_label_stuck_to_its_value_is_parted_from_it_by_the_column() -> None:
    stuck = line(0.03, 0.5 + 0.055, "Recsntutan          BEJI")
    lines = [one for one in ktp_lines() if one.text not in ("Kecamatan", ": BEJI")]
    assert values([*lines, replace(stuck, box=stuck.box._replace(x=0.03, y=0.17 + 0.055 * 7))])["district"] == "BEJI"


def test_a_second_line_of_a_name_is_no_place_of_birth() -> None:
    rows = [unknown(3, "LUMBANTARA"), unknown(4, "LAMANDAU, 25-02-1979", "Tempet tyl Lalue")]
    assert dealt(rows, "name", ["birth", "gender"]) == {3: "name", 4: "birth"}


def test_rows_that_can_only_be_one_field_leave_out_those_that_were_not_read() -> None:
    rows = [unknown(1, "ISLAM"), unknown(2, "BELUM KAWIN"), unknown(3, "WNI")]
    assert dealt(rows, "gender", list(ORDER[5:])) == {1: "religion", 2: "maritalStatus", 3: "nationality"}


def test_a_row_that_is_no_field_is_given_to_none() -> None:
    assert dealt([unknown(9, "GUBERNUR")], "validUntil", []) == {}
    assert dealt([], "name", ["birth"]) == {}


@pytest.mark.parametrize(
    ("name", "likely", "unlikely"),
    [
        ("birth", "DEPOK, 01-07-1990", "YUKIMARI OSTERHOLT"),
        ("rtRw", "004/001", "DUSUN IV"),
        ("religion", "ISLAN", "BEJI"),
        ("validUntil", "SEUMUR HIDUP", "KAWIN"),
        ("village", "BEJI TIMUR", "004/001"),
    ],
)
def test_a_text_is_judged_by_what_it_can_be(name: str, likely: str, unlikely: str) -> None:
    assert certainty(name, likely) > 0 > certainty(name, unlikely)


def test_only_fields_between_two_rows_are_missing_there() -> None:
    assert missing_between("name", "address", ["gender"]) == ["birth"]
    assert missing_between("nationality", None, []) == ["validUntil"]
    assert missing_between("nationality", "name", []) == ["validUntil"]
