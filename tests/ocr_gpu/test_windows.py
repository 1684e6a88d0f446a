"""What a window and a gallery leave around a picture of a card."""

import numpy
import pytest

from ocr_gpu.engine import Box, OcrLine, Page
from ocr_gpu.windows import flat_bars, window_words


def lines(*texts: str) -> list[OcrLine]:
    return [OcrLine(text, 0.9, Box(0.1, 0.1, 0.2, 0.05)) for text in texts]


def picture(high: int, wide: int) -> Page:
    """A table with a card on it."""
    grain = numpy.random.default_rng(3).normal(0, 6, (high, wide, 1))
    page = numpy.full((high, wide, 3), (120, 90, 60), float) + grain
    page[high // 8 : -high // 8, wide // 10 : -wide // 10] = (170, 198, 222)
    return numpy.clip(page, 0, 255).astype(numpy.uint8)


def in_gallery(level: int, *, size: tuple[int, int] = (480, 222), icons: bool = True) -> Page:
    page = numpy.full((*size, 3), level, numpy.uint8)
    high = size[1] * 3 // 4
    top = (size[0] - high) // 2
    page[top : top + high] = picture(high, size[1])
    if icons:
        page[8:16, 10:30] = page[-40:-20, 20:40] = page[-40:-20, 120:140] = 255 - level
    return page


@pytest.mark.parametrize("level", [0, 30, 250])
def test_a_picture_in_a_gallery_has_bars_above_and_below(level: int) -> None:
    assert flat_bars(in_gallery(level)) > 0.5
    assert flat_bars(numpy.ascontiguousarray(in_gallery(level).transpose(1, 0, 2))) > 0.5


def test_a_photograph_has_no_bars() -> None:
    assert flat_bars(picture(360, 480)) == 0
    assert flat_bars(numpy.full((300, 400, 3), 20, numpy.uint8)) == 0


def test_a_card_on_a_scanners_lid_or_an_even_table_has_no_bars() -> None:
    for level in (16, 255):
        page = numpy.full((480, 240, 3), level, numpy.uint8)
        page[160:300, 24:216] = (170, 198, 222)
        assert flat_bars(page) == 0


def test_white_margins_of_a_sheet_of_paper_are_no_bars() -> None:
    assert flat_bars(in_gallery(252, size=(340, 240), icons=False)) == 0


def test_one_bar_alone_is_none() -> None:
    page = in_gallery(0)
    page[300:] = numpy.resize(picture(180, 222), (180, 222, 3))
    assert flat_bars(page) == 0


def test_a_name_of_a_picture_file_counts_two_and_a_clock_and_a_menu_one_each() -> None:
    assert window_words(lines("IMG_0231.jpg")) == 2
    assert window_words(lines("WhatsApp Image 2024-05-02.jpeg", "Screenshot_2024")) == 4
    assert window_words(lines("09:41", "87%", "Edit Share", "Bagikan")) == 4


def test_nothing_that_stands_on_a_card_is_a_word_of_a_window() -> None:
    card = ("NIK : 3174012345670001", "JL. MAWAR NO. 12", "RT/RW : 001/002", "12-05-1990", "GOL. DARAH : O", "WNI")
    assert window_words(lines(*card, "09.254.294.3-407.000", "SEUMUR HIDUP", "KOTA BATAM", "PRINTER SEWA")) == 0
