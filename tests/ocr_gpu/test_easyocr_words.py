import cv2
import numpy
import pytest

from ocr_gpu import easyocr_words
from ocr_gpu.easyocr_words import as_input, find_lines
from ocr_gpu.engine import Page
from ocr_gpu.quads import common_axis, length_and_height

SIDE = 800
PAGE: Page = numpy.zeros((500, 800, 3), dtype=numpy.uint8)


def maps_of(
    *words: tuple[int, int, int, int], chance: float = 0.9, shape: tuple[int, int] = (256, 400)
) -> numpy.ndarray:
    """CRAFT's maps of words that fill these rectangles x, y, w, h of the map."""
    maps = numpy.zeros((*shape, 2), dtype=numpy.float32)
    for x, y, w, h in words:
        maps[y : y + h, x : x + w, 0] = chance
    return maps


def spans(maps: numpy.ndarray, page: Page = PAGE) -> list[tuple[int, int]]:
    """From where to where each line reaches, in pixels of the page, from left to right."""
    return sorted(
        (round(float(quad[:, 0].min())), round(float(quad[:, 0].max()))) for quad in find_lines(maps, page, SIDE)
    )


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((500, 800), (3, 512, 800)), ((1000, 1600), (3, 512, 800)), ((600, 400), (3, 608, 416)), ((64, 64), (3, 96, 96))],
)
def test_a_page_becomes_the_detectors_size_and_a_small_one_is_hardly_enlarged(
    shape: tuple[int, int], expected: tuple[int, ...]
) -> None:
    side = SIDE if max(shape) != 600 else 600
    assert as_input(numpy.zeros((*shape, 3), dtype=numpy.uint8), side).shape == expected


def test_a_word_is_found_where_it_stands_on_the_page() -> None:
    [line] = find_lines(maps_of((50, 40, 60, 12)), PAGE, SIDE)
    assert line.mean(axis=0) == pytest.approx((160, 92), abs=3)
    length, height = length_and_height(line)
    assert 118 < length < 150
    assert 24 < height < 50


def test_a_large_page_has_its_lines_in_its_own_pixels() -> None:
    [line] = find_lines(maps_of((50, 40, 60, 12)), numpy.zeros((1000, 1600, 3), dtype=numpy.uint8), SIDE)
    assert line.mean(axis=0) == pytest.approx((320, 184), abs=6)


def test_what_is_nowhere_surely_a_character_is_no_word() -> None:
    assert find_lines(maps_of((50, 40, 60, 12), chance=0.6), PAGE, SIDE) == []


def test_words_side_by_side_are_one_line_and_a_wide_gap_keeps_label_and_value_apart() -> None:
    assert len(spans(maps_of((50, 40, 60, 12), (118, 40, 60, 12)))) == 1
    assert len(spans(maps_of((50, 40, 60, 12), (150, 40, 60, 12)))) == 2


def test_rows_and_letters_of_another_size_stay_apart() -> None:
    assert len(spans(maps_of((50, 40, 60, 12), (50, 60, 60, 12)))) == 2
    assert len(spans(maps_of((50, 30, 60, 40), (120, 45, 60, 10)))) == 2


def test_a_tilted_row_is_one_tilted_line() -> None:
    level = maps_of(*[(50 + 66 * place, 100, 60, 10) for place in range(4)])
    turn = cv2.getRotationMatrix2D((200, 128), -8, 1)
    [line] = find_lines(cv2.warpAffine(level, turn, (400, 256)), PAGE, SIDE)
    axis = common_axis([line])
    assert axis is not None
    assert numpy.degrees(numpy.arctan2(axis[1], axis[0])) == pytest.approx(8, abs=1.5)
    length, height = length_and_height(line)
    assert length == pytest.approx(2 * 258, abs=30)
    assert height < 45


def test_words_of_a_page_that_lies_on_its_side_are_joined_upwards() -> None:
    tall = maps_of((40, 50, 12, 60), (40, 118, 12, 60), (80, 50, 12, 60), shape=(400, 256))
    lines = find_lines(tall, numpy.zeros((800, 500, 3), dtype=numpy.uint8), SIDE)
    assert sorted(round(float(numpy.ptp(line[:, 1])) / 10) for line in lines) == [13, 27]


def test_dust_is_no_line() -> None:
    assert find_lines(maps_of((100, 100, 3, 3), (200, 100, 4, 2)), PAGE, SIDE) == []


def test_a_pattern_of_more_words_than_a_page_can_hold_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(easyocr_words, "MOST_WORDS", 5)
    dots = [(20 * column, 20 * row, 8, 8) for row in range(1, 8) for column in range(1, 8)]
    assert len(find_lines(maps_of(*dots), PAGE, SIDE)) <= 5
