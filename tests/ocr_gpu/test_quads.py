import math

import numpy
import pytest

from ocr_gpu.quads import (
    Quad,
    along,
    as_corners,
    common_axis,
    cut,
    in_pixels,
    length_and_height,
    part_of,
    taller,
    turn_of,
)


def line(angle: float, *, length: float = 200, height: float = 20, at: tuple[float, float] = (300, 300)) -> Quad:
    """A line whose text runs at so many degrees clockwise from the right."""
    way = numpy.array([math.cos(math.radians(angle)), math.sin(math.radians(angle))])
    down = numpy.array([-way[1], way[0]])
    middle = numpy.array(at)
    along_it, across = way * length / 2, down * height / 2
    return numpy.array(
        [
            middle - along_it - across,
            middle + along_it - across,
            middle + along_it + across,
            middle - along_it + across,
        ],
        dtype=numpy.float32,
    )


@pytest.mark.parametrize(("angle", "turn"), [(0, 0), (8, 0), (-12, 0), (90, 90), (97, 90), (-90, 90), (84, 90)])
def test_the_axis_of_a_page_points_right_or_upwards(angle: float, turn: int) -> None:
    axis = common_axis([line(angle), line(angle + 1), line(angle - 1)])
    assert axis is not None
    assert turn_of(axis) == turn
    assert turn_of(-axis) == (turn + 180) % 360


def test_short_texts_do_not_tell_how_a_page_lies() -> None:
    assert common_axis([line(90, length=30, height=20)]) is None
    axis = common_axis([line(0, length=400), *[line(90, length=40, height=20)] * 9])
    assert axis is not None
    assert turn_of(axis) == 0


@pytest.mark.parametrize("angle", [0, 30, 90, 180, 200, 270, -20])
def test_corners_begin_where_reading_begins_whatever_order_they_came_in(angle: float) -> None:
    quad = line(angle)
    way = (quad[1] - quad[0]) / numpy.linalg.norm(quad[1] - quad[0])
    for shift in range(4):
        numpy.testing.assert_allclose(along(numpy.roll(quad, shift, axis=0), way), quad, atol=1e-3)


def test_a_part_of_a_line_lies_between_its_places_and_may_reach_beyond() -> None:
    quad = line(0, length=100, height=10, at=(50, 5))
    numpy.testing.assert_allclose(part_of(quad, 0.2, 0.5), [[20, 0], [50, 0], [50, 10], [20, 10]], atol=1e-4)
    numpy.testing.assert_allclose(part_of(quad, -0.1, 1.1)[:2, 0], [-10, 110], atol=1e-4)
    assert length_and_height(taller(quad, 0.5)) == pytest.approx((100, 15))


@pytest.mark.parametrize("angle", [0, 15, 90, 180, 270])
def test_a_line_is_cut_out_upright_from_any_angle(angle: float) -> None:
    page = numpy.full((600, 600, 3), 255, dtype=numpy.uint8)
    quad = line(angle)
    start = quad[0] + (quad[3] - quad[0]) / 2  # a red dot where the text begins
    way = (quad[1] - quad[0]) / 200
    for step in range(4, 16):
        x, y = (start + way * step).round().astype(int)
        page[y - 3 : y + 4, x - 3 : x + 4] = (255, 0, 0)
    strip = cut(page, quad)
    assert strip.shape == (48, 480, 3)
    red = strip[:, :, 1] < 128
    assert red[:, :60].any()
    assert not red[:, 120:].any()


def test_a_large_line_is_averaged_down_and_not_sampled() -> None:
    page = numpy.zeros((400, 800, 3), dtype=numpy.uint8)
    page[:, ::2] = 255  # stripes of one pixel are grey from afar
    quad = numpy.array([[0, 0], [800, 0], [800, 400], [0, 400]], dtype=numpy.float32)
    strip = cut(page, quad)
    assert strip.shape == (48, 96, 3)
    assert 100 < strip.mean() < 155
    assert strip.std() < 30


def test_corners_in_fractions_are_the_same_place_again() -> None:
    page = numpy.zeros((400, 800, 3), dtype=numpy.uint8)
    quad = line(10)
    assert all(0 <= value <= 1 for corner in as_corners(quad, page) for value in corner)
    numpy.testing.assert_allclose(in_pixels(as_corners(quad, page), page), quad, atol=1e-3)
