import cv2
import numpy
import pytest
from numpy.typing import NDArray

from ocr_gpu.card_finder import cards_on, carried_back, find_card, squared
from ocr_gpu.engine import Box, Corners, OcrLine, Page
from ocr_gpu.quads import in_pixels

Points = NDArray[numpy.float32]
TABLE, PLASTIC, INK = (92, 70, 52), (176, 204, 224), (40, 40, 60)
FLAT = ((150, 160), (850, 160), (850, 601), (150, 601))
SLANTED = ((180, 190), (840, 130), (870, 560), (140, 590))
UPRIGHT = ((280, 90), (680, 70), (700, 690), (260, 700))


def card(width: int = 856, height: int = 540) -> Page:
    """Print, a band and a portrait, as cards have them: none of them may be taken for the card itself."""
    picture = numpy.full((height, width, 3), PLASTIC, numpy.uint8)
    cv2.rectangle(picture, (0, 0), (width, height // 6), (70, 90, 160), -1)
    cv2.rectangle(picture, (int(width * 0.7), height // 4), (int(width * 0.94), int(height * 0.75)), (180, 60, 60), -1)
    for row in range(9):
        cv2.putText(picture, "NAMA : CONTOH SAJA", (30, height // 4 + 40 * row), 0, 0.9, INK, 2)
    return picture


def laid(table: Page, corners: tuple[tuple[int, int], ...]) -> Page:
    """The card on the table, its top left at the first of the corners."""
    picture = card()
    height, width = picture.shape[:2]
    flat = numpy.array([[0, 0], [width, 0], [width, height], [0, height]], numpy.float32)
    matrix = cv2.getPerspectiveTransform(flat, numpy.array(corners, numpy.float32))
    size = (table.shape[1], table.shape[0])
    laid_on = table.copy()
    cv2.warpPerspective(picture, matrix, size, dst=laid_on, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_TRANSPARENT)
    grain = numpy.random.default_rng(7).normal(0, 3, table.shape[:2])[..., None]
    return numpy.clip(cv2.GaussianBlur(laid_on, (0, 0), 0.8) + grain, 0, 255).astype(numpy.uint8)


def plain(colour: tuple[int, int, int] = TABLE) -> Page:
    return numpy.full((760, 1000, 3), colour, numpy.uint8)


def off(found: Corners | None, page: Page, corners: tuple[tuple[int, int], ...]) -> float:
    """By how many pixels the worst corner is wrong, whichever corner comes first."""
    assert found is not None
    seen = in_pixels(found, page)
    true = numpy.array(corners, numpy.float32)
    return min(float(numpy.abs(numpy.roll(true, shift, axis=0) - seen).max()) for shift in range(4))


@pytest.mark.parametrize("corners", [FLAT, SLANTED, UPRIGHT, (*SLANTED[2:], *SLANTED[:2])])
@pytest.mark.parametrize("colour", [TABLE, (236, 236, 232), (128, 122, 118)])
def test_a_card_on_a_table_is_found_to_a_few_pixels(
    corners: tuple[tuple[int, int], ...], colour: tuple[int, int, int]
) -> None:
    page = laid(plain(colour), corners)
    assert off(find_card(page), page, corners) < 8
    assert len(cards_on(page)) == 1


def test_corners_are_told_as_they_lie_on_the_page_though_the_card_is_on_its_head() -> None:
    page = laid(plain(), (*SLANTED[2:], *SLANTED[:2]))
    found = find_card(page)
    assert found is not None
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = found
    assert x0 < x1 and x3 < x2
    assert y0 < y3 and y1 < y2


def test_a_dark_picture_shows_its_card_too() -> None:
    page = (laid(plain(), SLANTED) * 0.25).astype(numpy.uint8)
    assert off(find_card(page), page, SLANTED) < 10


def test_of_a_card_that_fills_the_picture_no_part_is_taken_for_it() -> None:
    page = card()
    cv2.rectangle(page, (560, 160), (780, 480), (180, 60, 60), -1)  # a portrait nearly as long as a card
    lines = [OcrLine("NAMA : CONTOH SAJA", 0.98, Box(0.04, (120 + 40 * row) / 540, 0.4, 0.06)) for row in range(9)]
    assert find_card(card()) is None
    assert find_card(page, lines) is None


def test_a_card_with_its_writing_on_it_is_found_with_the_lines_too() -> None:
    page = laid(plain(), FLAT)
    lines = [OcrLine("NAMA : CONTOH SAJA", 0.98, Box(0.2, (270 + 30 * row) / 760, 0.3, 0.03)) for row in range(9)]
    assert off(find_card(page, lines), page, FLAT) < 8


@pytest.mark.parametrize(
    "page",
    [
        plain(),
        numpy.random.default_rng(3).integers(0, 256, (700, 900, 3), dtype=numpy.uint8),
        numpy.zeros((1, 1, 3), numpy.uint8),
        numpy.zeros((3, 900, 3), numpy.uint8),
        numpy.full((64, 64, 3), 255, numpy.uint8),
    ],
    ids=["table", "noise", "one pixel", "strip", "white"],
)
def test_where_there_is_no_card_none_is_found(page: Page) -> None:
    assert find_card(page) is None
    assert len(cards_on(page)) == 0


@pytest.mark.parametrize(
    "corners",
    [
        ((300, 80), (700, 80), (700, 640), (300, 640)),  # a sheet of paper
        ((200, 100), (800, 100), (800, 700), (200, 700)),
        ((100, 300), (900, 300), (900, 460), (100, 460)),
        ((200, 100), (800, 200), (600, 700), (300, 500)),
    ],
    ids=["paper", "square", "strip", "kite"],
)
def test_a_sheet_of_another_shape_is_no_card(corners: tuple[tuple[int, int], ...]) -> None:
    page = plain()
    cv2.fillPoly(page, [numpy.array(corners)], (236, 236, 232))
    assert find_card(page) is None


def test_a_small_outline_is_a_card_only_with_the_writing_on_it() -> None:
    corners = ((300, 300), (640, 300), (640, 514), (300, 514))
    page = laid(plain(), corners)
    lines = [OcrLine("NAMA : CONTOH SAJA", 0.98, Box(0.32, (350 + 16 * row) / 760, 0.2, 0.02)) for row in range(9)]
    assert find_card(page) is None
    assert off(find_card(page, lines), page, corners) < 6


def test_a_card_with_a_side_that_cannot_be_seen_is_not_guessed() -> None:
    page = laid(plain(), FLAT)
    page[:, 700:] = PLASTIC
    assert find_card(page) is None


def test_two_cards_are_counted_and_neither_is_taken() -> None:
    first = ((120, 60), (560, 50), (564, 330), (124, 338))
    second = ((300, 420), (740, 410), (744, 692), (304, 700))
    page = laid(laid(plain(), first), second)
    assert len(cards_on(page)) == 2
    assert find_card(page) is None


def test_the_squared_card_has_its_print_where_the_card_has_it() -> None:
    page = laid(plain(), SLANTED)
    found = find_card(page)
    assert found is not None
    flat = squared(page, found, 856)
    assert flat.shape == (540, 856, 3)
    assert float(numpy.abs(flat.astype(int) - card().astype(int)).mean()) < 12


def test_a_card_that_stands_upright_is_squared_standing() -> None:
    page = laid(plain(), UPRIGHT)
    found = find_card(page)
    assert found is not None
    height, width = squared(page, found).shape[:2]
    assert (height, width) == (1000, 631)


def test_a_large_picture_is_squared_without_skipping_pixels() -> None:
    stripes = numpy.zeros((2160, 3424, 3), numpy.uint8)
    stripes[:, ::2] = 255  # finer than the result can show: it has to become grey
    whole: Corners = ((0, 0), (1, 0), (1, 1), (0, 1))
    assert float(squared(stripes, whole, 400).std()) < 20


def test_places_on_the_squared_card_are_carried_back_to_the_page() -> None:
    corners: Corners = ((0.18, 0.25), (0.84, 0.17), (0.87, 0.74), (0.14, 0.78))
    whole: Corners = ((0, 0), (1, 0), (1, 1), (0, 1))
    numpy.testing.assert_allclose(carried_back(whole, corners), corners, atol=1e-5)
    page = numpy.zeros((760, 1000, 3), numpy.uint8)
    place = carried_back(((0.4, 0.4), (0.5, 0.4), (0.5, 0.6), (0.4, 0.6)), corners)
    cv2.fillConvexPoly(page, in_pixels(place, page).astype(numpy.int32), (255, 255, 255))
    lit = numpy.argwhere(squared(page, corners, 1000)[..., 0] > 128)
    top, left = lit.min(axis=0)
    bottom, right = lit.max(axis=0)
    assert left == pytest.approx(400, abs=4)
    assert right == pytest.approx(500, abs=4)
    assert top == pytest.approx(0.4 * 631, abs=4)
    assert bottom == pytest.approx(0.6 * 631, abs=4)
