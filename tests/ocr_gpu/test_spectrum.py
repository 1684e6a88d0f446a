"""What the lights of a screen leave in a picture of it, and what print, cloth, lenses and scanners do not."""

import cv2
import numpy
import pytest

from ocr_gpu.engine import Page
from ocr_gpu.spectrum import finest_peak, turning_colours

WIDE, HIGH = 1000, 640
ROOM = numpy.array([[0, 0], [WIDE, 0], [WIDE, HIGH], [0, HIGH]], numpy.float32)
PAPER, INK = (196, 208, 220), (40, 36, 44)
LIGHTS = 6  # pixels of the drawing that one pixel of the screen takes, a third for each of its colours


def printed(size: tuple[int, int] = (WIDE, HIGH)) -> Page:
    page = numpy.full((size[1], size[0], 3), PAPER, numpy.uint8)
    for row in range(8):
        cv2.putText(page, "NAMA CONTOH 0123", (30, 70 * row + 60), 0, size[1] / 400, INK, 3, cv2.LINE_AA)
    return page


def taken(light: numpy.ndarray, *, noise: float = 3.0) -> Page:
    """A sensor's noise, a different one in each colour, and JPEG."""
    grain = numpy.random.default_rng(4).normal(0, noise, light.shape)
    _, data = cv2.imencode(".jpg", numpy.clip(light + grain, 0, 255).astype(numpy.uint8)[..., ::-1])
    page = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert page is not None
    return numpy.ascontiguousarray(page[..., ::-1]).astype(numpy.uint8)


def on_screen(pitch: float, angle: float = 3.0) -> Page:
    """Red, green and blue lights beside each other, `pitch` pixels of the picture to each three of them."""
    wide, high = round(WIDE / pitch * 1.2), round(HIGH / pitch * 1.2)
    shown = cv2.resize(printed(), (wide, high), interpolation=cv2.INTER_AREA).astype(numpy.float32)
    lights = numpy.repeat(numpy.repeat(shown, LIGHTS, axis=0), LIGHTS, axis=1)
    for colour in range(3):
        dark = (numpy.arange(lights.shape[1]) // (LIGHTS // 3)) % 3 != colour
        lights[:, dark, colour] *= 0.1
    matrix = cv2.getRotationMatrix2D((lights.shape[1] / 2, lights.shape[0] / 2), angle, pitch / LIGHTS)
    matrix[0, 2] += (WIDE - lights.shape[1]) / 2
    matrix[1, 2] += (HIGH - lights.shape[0]) / 2
    seen = cv2.GaussianBlur(lights, (0, 0), 0.5 * LIGHTS / pitch)  # what falls on one pixel of the camera
    return taken(2 * cv2.warpAffine(seen, matrix, (WIDE, HIGH)))


def aside(page: Page, red: tuple[float, float], blue: tuple[float, float]) -> Page:
    """Red and blue not quite on top of green, as some scanners and lenses lay them."""
    moved = page.copy()
    for colour, (x, y) in ((0, red), (2, blue)):
        matrix = numpy.array([[1, 0, x], [0, 1, y]], numpy.float32)
        moved[..., colour] = cv2.warpAffine(page[..., colour], matrix, (page.shape[1], page.shape[0]))
    return moved


@pytest.mark.parametrize("pitch", [1.3, 1.7, 2.3, 3.1, 4.4])
def test_the_colours_of_a_screen_turn_whatever_its_pitch(pitch: float) -> None:
    assert turning_colours(on_screen(pitch), ROOM) > 1.5


def test_the_colours_of_print_do_not_turn() -> None:
    assert turning_colours(taken(printed().astype(numpy.float32)), ROOM) < 0.9


@pytest.mark.parametrize("ink", [(60, 10, 10), (10, 50, 20), (5, 10, 60)])
@pytest.mark.parametrize("step", [2.7, 5.3, 9.1])
def test_fine_lines_of_one_ink_do_not_turn(ink: tuple[int, int, int], step: float) -> None:
    ys, xs = numpy.mgrid[0:HIGH, 0:WIDE]
    lines = (numpy.cos(2 * numpy.pi * (xs + 0.3 * ys) / step) > 0.2)[..., None]
    assert turning_colours(taken(printed() - lines * numpy.array(ink, float)), ROOM) < 0.95


@pytest.mark.parametrize("quality", [30, 60])
def test_a_harsh_jpeg_turns_no_colours(quality: int) -> None:
    _, data = cv2.imencode(".jpg", taken(printed().astype(float), noise=9), [cv2.IMWRITE_JPEG_QUALITY, quality])
    page = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert page is not None
    assert turning_colours(page.astype(numpy.uint8), ROOM) < 0.95


def test_a_scanner_that_lays_its_colours_beside_each_other_is_no_screen() -> None:
    page = taken(printed().astype(numpy.float32))
    assert turning_colours(aside(page, (0, 0.33), (0, -0.33)), ROOM) < 0.95


def test_black_and_white_has_no_colours_that_could_turn() -> None:
    grey = cv2.cvtColor(on_screen(2.3), cv2.COLOR_RGB2GRAY)
    page = numpy.repeat(grey[..., None], 3, axis=2).astype(numpy.uint8)
    assert turning_colours(page, ROOM) < 1e-6


def test_a_grid_finer_than_print_is_a_peak_and_writing_is_none() -> None:
    def peak(page: Page) -> float:
        return finest_peak(cv2.cvtColor(page, cv2.COLOR_RGB2GRAY).astype(numpy.uint8), ROOM)

    assert peak(on_screen(3.1)) > 8
    assert peak(taken(printed().astype(numpy.float32))) < 4


def test_what_lies_beside_the_card_is_not_looked_at() -> None:
    page = printed((2 * WIDE, HIGH))
    page[:, WIDE:] = on_screen(2.3)
    assert turning_colours(taken(page.astype(numpy.float32)), ROOM) < 0.95
    assert turning_colours(page, ROOM + numpy.array([WIDE, 0], numpy.float32)) > 1.5


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (64, 64), (255, 900), (256, 256)])
def test_small_pictures_are_measured_or_say_nothing(shape: tuple[int, int]) -> None:
    page = numpy.full((*shape, 3), 90, numpy.uint8)
    room = numpy.array([[0, 0], [shape[1], 0], [shape[1], shape[0]], [0, shape[0]]], numpy.float32)
    assert turning_colours(page, room) < 1e-6
    assert finest_peak(numpy.ascontiguousarray(page[..., 0]), room) <= 1
