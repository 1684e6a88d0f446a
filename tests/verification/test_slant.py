from dataclasses import replace

import pytest

from ocr_gpu.engine import Box, OcrLine
from tests.verification.cards import ktp_lines, line, seen_askew, with_corners
from verification import ktp
from verification.layout import rows_of
from verification.slant import Slant, possible_turns, turn, turned_quad, ways_to_lie


def only_way(lines: list[OcrLine]) -> Slant:
    ((slant,),) = ways_to_lie(lines)
    return slant


def test_lines_that_know_their_corners_tell_one_way_in_which_the_page_lies() -> None:
    slant = only_way(with_corners(ktp_lines(), seen_askew))
    assert slant.turns == 0
    assert slant.fall == pytest.approx(0.15, abs=0.03)
    assert slant.convergence == pytest.approx(-0.45, abs=0.15)
    assert only_way(with_corners(ktp_lines())) == Slant()


def test_a_card_seen_from_the_side_is_read_like_a_flat_one() -> None:
    seen = with_corners(ktp_lines(), seen_askew)
    assert "Jenis Kelamin\t: PEREMPUAN\tGol. Darah : O" in [row.text for row in rows_of(seen, only_way(seen))]
    assert {name: field.value for name, field in ktp.parse(seen).items()} == {
        name: field.value for name, field in ktp.parse(ktp_lines()).items()
    }


def test_one_line_against_the_grain_does_not_tilt_the_page() -> None:
    crossing = OcrLine(
        "WWW.EXAMPLE", 0.9, Box(0.1, 0.1, 0.2, 0.4), corners=((0.1, 0.5), (0.3, 0.1), (0.31, 0.12), (0.11, 0.52))
    )
    slant = only_way([*with_corners(ktp_lines()), crossing])
    assert slant.fall == pytest.approx(0, abs=0.01)
    assert slant.convergence == pytest.approx(0, abs=0.02)


def test_the_turn_of_lines_that_know_their_corners_is_not_guessed() -> None:
    turned = [replace(one, turn=270) for one in with_corners(ktp_lines())]
    assert possible_turns(turned) == (3,)
    assert possible_turns(with_corners(ktp_lines())) == (0,)
    assert possible_turns(ktp_lines()) == (0, 2)


def test_corners_turn_as_the_box_around_them_does() -> None:
    quad = ((0.1, 0.2), (0.4, 0.2), (0.4, 0.25), (0.1, 0.25))
    x, y, w, h = turn(Box(0.1, 0.2, 0.3, 0.05), 1)
    first, _, third, _ = turned_quad(quad, 1)
    assert first == pytest.approx((x + w, y))
    assert third == pytest.approx((x, y + h))
    assert turned_quad(quad, 4)[0] == pytest.approx(quad[0])


def test_a_page_without_long_lines_lies_straight() -> None:
    assert only_way(with_corners([line(0.1, 0.1, "NIK")])) == Slant()
    assert ways_to_lie([])
