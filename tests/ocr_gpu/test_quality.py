from dataclasses import fields

import cv2
import numpy
import pytest

from ocr_gpu.engine import Box, Corners, OcrLine, Page
from ocr_gpu.quality import Measures, measure

WIDE, HIGH = 1000, 630
PLASTIC, INK = (170, 198, 222), (30, 30, 44)
WHOLE: Corners = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
TEXTS = (
    "NIK : 3174",
    "NAMA : CONTOH SAJA",
    "ALAMAT : JL. CONTOH",
    "AGAMA : ISLAM",
    "STATUS : KAWIN",
    "RT/RW : 001/002",
)


def drawn(paper: tuple[int, int, int] = PLASTIC, ink: tuple[int, int, int] = INK) -> Page:
    page = numpy.full((HIGH, WIDE, 3), paper, numpy.uint8)
    page[200:500, 740:940] = (190, 60, 56)  # a portrait's ground
    for row, text in enumerate(TEXTS):
        cv2.putText(page, text, (60, 130 + 80 * row), 0, 1.3, ink, 3, cv2.LINE_AA)
    return page


def lines(left: float = 0.05, *, wide: float = 0.4) -> list[OcrLine]:
    """As an engine would box them: a little wider than the letters."""
    return [OcrLine(text, 0.98, Box(left, (92 + 80 * row) / HIGH, wide, 50 / HIGH)) for row, text in enumerate(TEXTS)]


def grained(page: Page, strength: float = 4) -> Page:
    grain = numpy.random.default_rng(5).normal(0, strength, page.shape[:2])[..., None]
    return numpy.clip(page + grain, 0, 255).astype(numpy.uint8)


def blurred(page: Page, sigma: float) -> Page:
    return cv2.GaussianBlur(page, (0, 0), sigma).astype(numpy.uint8)


def lit(page: Page, *, at: tuple[int, int] = (400, 300), wide: float = 60) -> Page:
    """A lamp seen in the card."""
    ys, xs = numpy.ogrid[0 : page.shape[0], 0 : page.shape[1]]
    light = 400 * numpy.exp(-((xs - at[0]) ** 2 + (ys - at[1]) ** 2) / wide**2)
    lit_up: Page = numpy.clip(page + light[..., None], 0, 255).astype(numpy.uint8)
    return lit_up


def test_sharpness_falls_with_blur_and_is_nothing_where_letters_run_together() -> None:
    sharp, soft, lost = (measure(blurred(drawn(), sigma), lines()).sharpness for sigma in (0.5, 2.5, 8))
    assert sharp > 0.3 > soft > lost
    assert lost < 0.05


@pytest.mark.parametrize("scale", [0.6, 2.0])
def test_sharpness_hardly_depends_on_how_large_the_picture_is(scale: float) -> None:
    page = blurred(drawn(), 2)
    other = cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(numpy.uint8)
    assert measure(other, lines()).sharpness == pytest.approx(measure(page, lines()).sharpness, abs=0.12)


def test_grain_is_not_taken_for_sharpness() -> None:
    page = blurred(drawn(), 8)
    assert measure(grained(page, 6), lines()).sharpness < 0.15
    assert measure(grained(drawn(), 6), lines()).noise == pytest.approx(6, abs=2)


def test_a_picture_that_was_moved_is_less_sharp_in_one_direction_and_that_counts() -> None:
    stroke = numpy.ones((1, 15), numpy.float32) / 15
    moved = cv2.filter2D(drawn(), -1, stroke).astype(numpy.uint8)
    assert measure(moved, lines()).sharpness < 0.6 * measure(drawn(), lines()).sharpness


def test_light_and_contrast_follow_the_paper_and_the_ink() -> None:
    day = measure(drawn(), lines())
    night = measure((drawn() * 0.2).astype(numpy.uint8), lines())
    assert day.light == pytest.approx(0.77, abs=0.05)
    assert night.light == pytest.approx(0.2 * day.light, abs=0.03)
    assert night.contrast == pytest.approx(0.2 * day.contrast, abs=0.03)
    assert measure(drawn(ink=(150, 178, 202)), lines()).contrast < 0.12


def test_a_lamp_in_the_card_is_measured_by_its_share_and_against_the_text() -> None:
    measures = measure(lit(drawn()), lines(), WHOLE)
    assert 0.01 < measures.glare < 0.05
    assert 1 < measures.glare_text < 4
    assert measure(drawn(), lines(), WHOLE).glare == 0


def test_white_print_and_white_paper_are_no_glare() -> None:
    printed = drawn()
    cv2.circle(printed, (600, 300), 70, (255, 255, 255), -1)
    assert measure(printed, lines(), WHOLE).glare == 0
    white = numpy.full((HIGH, WIDE, 3), 255, numpy.uint8)
    assert measure(white, lines(), WHOLE).glare == 0


def test_what_lies_beside_the_card_is_not_measured() -> None:
    page = numpy.full((HIGH * 2, WIDE * 2, 3), 20, numpy.uint8)
    page[:HIGH, :WIDE] = drawn()
    bright = lit(page, at=(1600, 1000), wide=200)
    half: Corners = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (0.0, 0.5))
    measures = measure(bright, [], half)
    assert measures.glare == 0
    assert measures.light == pytest.approx(0.77, abs=0.05)
    assert measures.card_width == pytest.approx(WIDE)


def test_size_is_that_of_the_text_whatever_way_it_runs() -> None:
    upright = measure(drawn(), lines())
    assert upright.text_height == pytest.approx(50, abs=1)
    assert upright.side == WIDE
    sideways = [OcrLine(line.text, 0.9, line.box, 90, corners=standing(line.box)) for line in lines()]
    assert measure(drawn(), sideways).text_height == pytest.approx(50, abs=1)


def standing(box: Box) -> Corners:
    """The same room, its text read from below."""
    x, y, w, h = box
    tall, wide = w * WIDE / HIGH, h * HIGH / WIDE
    return (x, y + tall), (x, y), (x + wide, y), (x + wide, y + tall)


def test_lines_that_run_into_the_edge_are_counted_and_the_room_around_the_writing_is_told() -> None:
    assert measure(drawn(), lines()).cut_lines == 0
    assert measure(drawn(), lines(0.0)).cut_lines == 1
    assert measure(drawn(), lines(0.6)).cut_lines == 1
    left, top, right, bottom = measure(drawn(), lines()).room
    assert left == pytest.approx(1, abs=0.1)
    assert top == pytest.approx(92 / 50, abs=0.1)
    assert right == pytest.approx(11, abs=0.2)
    assert bottom == pytest.approx((HIGH - 542) / 50, abs=0.2)


@pytest.mark.parametrize("lamp", [(1.0, 1.0, 1.0), (1.0, 0.9, 0.7)])
def test_black_and_white_has_no_colours_under_any_lamp(lamp: tuple[float, float, float]) -> None:
    grey = cv2.cvtColor(cv2.cvtColor(drawn(), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    under = [grained((picture * lamp).astype(numpy.uint8)) for picture in (grey, drawn())]
    copy, card = (measure(page, lines(), WHOLE).colourfulness for page in under)
    assert copy < 0.02
    assert card > 0.1


def test_the_grid_of_a_screen_stands_out_and_rulings_and_grain_do_not() -> None:
    ys, xs = numpy.mgrid[0:HIGH, 0:WIDE]
    grid = 1 + 0.15 * numpy.cos(2 * numpy.pi * (xs + 0.03 * ys) / 2.9) + 0.1 * numpy.cos(2 * numpy.pi * ys / 2.9)
    shown = numpy.clip(grained(drawn()) * grid[..., None], 0, 255).astype(numpy.uint8)
    ruled = drawn()
    ruled[::40] = INK
    ruled[:, ::90] = INK
    assert measure(shown, lines()).screen > 5
    assert measure(grained(drawn()), lines()).screen < 4
    assert measure(grained(ruled), lines()).screen < 5
    noise = numpy.random.default_rng(2).integers(0, 256, (HIGH, WIDE, 1), dtype=numpy.uint8)
    assert measure(numpy.repeat(noise, 3, axis=2), []).screen < 4


def test_squares_of_a_harsh_jpeg_are_no_screen() -> None:
    _, data = cv2.imencode(".jpg", grained(drawn(), 9), [cv2.IMWRITE_JPEG_QUALITY, 20])
    squeezed = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert squeezed is not None
    assert measure(squeezed.astype(numpy.uint8), lines()).screen < 4


@pytest.mark.parametrize("shape", [(1, 1), (2, 900), (900, 3), (64, 64), (300, 301)])
@pytest.mark.parametrize("value", [0, 255])
def test_every_page_can_be_measured(shape: tuple[int, int], value: int) -> None:
    page = numpy.full((*shape, 3), value, numpy.uint8)
    for given in ([], [OcrLine("X", 0.9, Box(0, 0, 1, 1))], [OcrLine("X", 0.9, Box(0.5, 0.5, 0, 0))]):
        measures = measure(page, given)
        for field in fields(Measures):
            assert numpy.isfinite(numpy.asarray(getattr(measures, field.name))).all(), field.name
