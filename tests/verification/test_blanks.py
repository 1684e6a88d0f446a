from dataclasses import replace

import numpy
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_gpu.engine import Box, OcrLine, Page
from verification.blanks import with_blanks

SIZE = 40
LEFT, TOP = 30, 20


def printed(text: str) -> tuple[Page, OcrLine]:
    """A page with one line in the font that Pillow brings along, and that line without its blanks."""
    font = ImageFont.load_default(SIZE)
    page = Image.new("RGB", (1400, 90), (200, 222, 240))
    ImageDraw.Draw(page).text((LEFT, TOP), text, font=font, fill=(30, 30, 44))
    length = font.getlength(text)
    middles = [(font.getlength(text[:at]) + font.getlength(text[: at + 1])) / 2 for at in range(len(text))]
    spots = tuple(middle / length for middle, mark in zip(middles, text, strict=True) if mark != " ")
    read = text.replace(" ", "")
    left, right, top, bottom = LEFT / 1400, (LEFT + length) / 1400, TOP / 90, (TOP + SIZE * 1.2) / 90
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    box = Box(left, top, right - left, bottom - top)
    return numpy.asarray(page), OcrLine(read, 0.99, box, 0, corners, spots, (0.99,) * len(read))


@pytest.mark.parametrize("text", ["PANDURAGA SOEDIRAWAN", "KOTA PROBOLINGGO TENGAH", "R. OKTAVERAN SUTANTO"])
def test_blanks_that_were_not_read_are_put_back(text: str) -> None:
    page, line = printed(text)
    (better,) = with_blanks([line], page)
    assert better.text == text
    assert len(better.spots) == len(better.chances) == len(text)
    assert list(better.spots) == sorted(better.spots)


@pytest.mark.parametrize("text", ["PANDURAGASOEDIRAWAN", "3276014107909001", "S.KOM", "MAHARAJAWALI"])
def test_a_word_stays_one(text: str) -> None:
    page, line = printed(text)
    assert with_blanks([line], page) == [line]


def test_a_line_that_is_hard_to_read_or_has_no_places_stays_as_it_is() -> None:
    page, line = printed("PANDURAGA SOEDIRAWAN")
    unsure, placeless = replace(line, confidence=0.9), replace(line, spots=())
    assert with_blanks([unsure, placeless], page) == [unsure, placeless]
    bare = numpy.full_like(page, 220)
    assert len(with_blanks([line], bare)) == 1
