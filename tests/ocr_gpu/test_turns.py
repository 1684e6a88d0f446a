import pytest

from ocr_gpu.engine import Box, OcrLine
from ocr_gpu.turns import given_box, reading_box

BOX = Box(0.1, 0.2, 0.3, 0.05)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_box_that_is_turned_there_and_back_is_the_same(turn: int) -> None:
    there = given_box(BOX, turn)
    assert given_box(there, (360 - turn) % 360) == pytest.approx(BOX)
    assert reading_box(OcrLine("NIK", 0.9, there, turn)) == pytest.approx(BOX)


def test_what_is_top_left_of_a_page_turned_to_the_right_was_bottom_left() -> None:
    assert given_box(Box(0, 0, 0.2, 0.1), 90) == pytest.approx(Box(0, 0.8, 0.1, 0.2))
