from dataclasses import replace

import pytest

from tests.verification.cards import ktp_lines, line, with_corners
from verification import ktp
from verification.layout import rows_of
from verification.writing import WIDTHS, Writing, needed_width


def test_every_character_keeps_its_place_and_chance_where_blanks_go() -> None:
    one = replace(line(0.1, 0.1, " A  B： C "), spots=tuple(at / 10 for at in range(9)), chances=(0.1, *[0.9] * 7, 0.2))
    writing = Writing.of(one)
    assert writing.text == "A B: C"
    assert writing.spots == pytest.approx((0.1, 0.2, 0.4, 0.5, 0.6, 0.7))
    assert [chance < 1 for chance in writing.chances] == [mark != " " for mark in writing.text]


def test_the_box_of_a_value_is_told_by_where_its_characters_stand() -> None:
    known = with_corners([line(0.1, 0.2, "Nama:BUDI")])[0]
    wide = replace(known, spots=(0.02, 0.04, 0.06, 0.08, 0.1, 0.7, 0.8, 0.9, 0.97))
    box = rows_of([wide])[0].span(5, 9).box
    assert box is not None
    assert box.x == pytest.approx(0.1 + 0.4 * known.box.w)
    assert box.x + box.w == pytest.approx(0.1 + known.box.w, abs=0.002)


def test_a_value_is_as_sure_as_its_weakest_character_whatever_its_label_is() -> None:
    lines = with_corners(ktp_lines())
    at = next(place for place, one in enumerate(lines) if "DEPOK, 01-07-1990" in one.text)
    text = lines[at].text
    doubtful = [0.99] * len(text)
    doubtful[text.index("07")], doubtful[0] = 0.6, 0.2
    read = ktp.parse([*lines[:at], replace(lines[at], chances=tuple(doubtful)), *lines[at + 1 :]])
    assert (read["birthPlace"].confidence, read["birthDate"].confidence) == (0.99, 0.6)
    place, day = read["birthPlace"].box, read["birthDate"].box
    assert place is not None and day is not None and place.x + place.w < day.x


def test_widths_are_those_of_letters() -> None:
    assert all(0 < width <= 1 for width in WIDTHS.values())
    assert needed_width("WI", 1) == needed_width("IW", 1) < needed_width("WM", 1)
