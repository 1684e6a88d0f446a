import numpy
import pytest

from ocr_gpu.engine import Box, OcrLine
from ocr_gpu.turns import given_box
from ocr_gpu.views import (
    box_on_page,
    closer_view,
    line_on_page,
    on_turned,
    turned,
    turned_box,
    turned_corners,
    with_light,
)


def page_with_mark() -> numpy.ndarray:
    page = numpy.zeros((100, 200, 3), dtype=numpy.uint8)
    page[10:20, 30:50] = 255
    return page


def test_a_page_with_light_is_left_alone() -> None:
    page = page_with_mark()
    page[:] = numpy.linspace(0, 255, 200, dtype=numpy.uint8)[None, :, None]
    assert with_light(page) is page


def test_a_dark_page_is_stretched_to_white_and_keeps_its_order() -> None:
    dark = numpy.broadcast_to(numpy.linspace(10, 60, 200).astype(numpy.uint8)[None, :, None], (100, 200, 3)).copy()
    lit = with_light(dark)
    assert lit.max() > 220
    assert lit.dtype == numpy.uint8
    assert (numpy.diff(lit[0, :, 0].astype(int)) >= 0).all()


def test_a_black_page_stays_finite() -> None:
    assert with_light(numpy.zeros((64, 64, 3), dtype=numpy.uint8)).max() < 255


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_boxes_and_corners_go_with_the_page_that_is_turned(turn: int) -> None:
    page = page_with_mark()
    box = Box(30 / 200, 10 / 100, 20 / 200, 10 / 100)
    upright = turned(page, turn)
    moved = turned_box(box, turn)
    rows, columns = numpy.nonzero(upright[:, :, 0])
    height, width = upright.shape[:2]
    assert Box.around([(columns.min(), rows.min()), (columns.max() + 1, rows.max() + 1)], upright) == pytest.approx(
        moved
    )
    assert given_box(moved, turn) == pytest.approx(box)
    x, y, w, h = box
    corners = turned_corners(((x, y), (x + w, y), (x + w, y + h), (x, y + h)), turn)
    assert Box.around([(cx * width, cy * height) for cx, cy in corners], upright) == pytest.approx(moved)


def test_a_line_read_on_a_turned_page_lies_flat_on_the_upright_one() -> None:
    # The page has to be turned by 90 degrees: the writing runs from below upwards.
    line = OcrLine("NIK", 0.9, Box(0.4, 0.1, 0.1, 0.8), 90, corners=((0.4, 0.9), (0.4, 0.1), (0.5, 0.1), (0.5, 0.9)))
    flat = on_turned(line)
    assert flat.turn == 0
    assert flat.box == pytest.approx(Box(0.1, 0.4, 0.8, 0.1))
    assert flat.corners is not None
    assert [value for corner in flat.corners for value in corner] == pytest.approx(
        [0.1, 0.4, 0.9, 0.4, 0.9, 0.5, 0.1, 0.5]
    )


def card_on_table(left: int, top: int, width: int) -> numpy.ndarray:
    """A pale card with dark bars for its writing, lying straight on a brown table."""
    page = numpy.full((1200, 1600, 3), (110, 84, 60), dtype=numpy.uint8)
    height = round(width * 54 / 85.6)
    page[top : top + height, left : left + width] = (180, 208, 230)
    for row in range(5):
        y = top + height * (row + 2) // 9
        page[y : y + height // 24, left + width // 20 : left + width // 2] = 20
    return page


def test_a_card_that_lies_far_off_is_seen_by_itself_and_its_boxes_come_back_to_the_page() -> None:
    page = card_on_table(300, 250, 640)
    written = [OcrLine("Nama", 0.9, Box(0.22, 0.3 + 0.05 * row, 0.1, 0.02)) for row in range(5)]
    view = closer_view(page, written)
    assert view.card is not None
    assert view.picture.shape[1] == 1200
    whole = box_on_page(Box(0, 0, 1, 1), view)
    assert whole == pytest.approx(Box(300 / 1600, 250 / 1200, 640 / 1600, 404 / 1200), abs=0.004)
    line = OcrLine("NIK", 0.9, Box(0, 0, 0.5, 0.5), corners=((0, 0), (0.5, 0), (0.5, 0.5), (0, 0.5)))
    moved = line_on_page(line, view)
    assert moved.box == pytest.approx(Box(whole.x, whole.y, whole.w / 2, whole.h / 2), abs=0.002)
    assert moved.corners is not None
    assert moved.corners[2] == pytest.approx((whole.x + whole.w / 2, whole.y + whole.h / 2), abs=0.002)


def test_a_card_that_fills_the_page_and_a_page_without_a_card_are_left_as_they_are() -> None:
    near = card_on_table(40, 100, 1500)
    bare = numpy.full((600, 800, 3), (110, 84, 60), dtype=numpy.uint8)
    for page in (near, bare):
        view = closer_view(page)
        assert view.card is None
        assert view.picture is page
        assert box_on_page(Box(0.1, 0.2, 0.3, 0.4), view) == Box(0.1, 0.2, 0.3, 0.4)
