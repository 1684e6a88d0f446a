import io
from typing import Any

import numpy
import pytest
from PIL import Image

from ocr_gpu.pictures import NotEncodable, as_png, page_jpeg
from ocr_gpu.views import turned


def page_with_a_red_corner(height: int = 200, width: int = 300) -> Any:
    """White, and red at the top left."""
    page = numpy.full((height, width, 3), 255, dtype=numpy.uint8)
    page[: height // 4, : width // 4] = (220, 20, 20)
    return page


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def is_red(picture: Image.Image, x: int, y: int) -> bool:
    red, green, blue = picture.convert("RGB").getpixel((x, y))
    return red > 180 and green < 80 and blue < 80


def test_a_page_becomes_a_jpeg_in_its_own_colours_with_nothing_but_pixels_in_it() -> None:
    picture = opened(page_jpeg(page_with_a_red_corner()))
    assert (picture.format, picture.size) == ("JPEG", (300, 200))
    assert is_red(picture, 10, 10)
    assert not is_red(picture, 290, 190)
    assert not picture.getexif()
    assert not picture.info.get("progressive")


@pytest.mark.parametrize(
    ("height", "width", "size"), [(1600, 1200, (1200, 1600)), (2600, 1300, (800, 1600)), (1, 4000, (1600, 1))]
)
def test_no_picture_has_more_than_1600_pixels_a_side(height: int, width: int, size: tuple[int, int]) -> None:
    assert opened(page_jpeg(page_with_a_red_corner(height, width))).size == size


def test_a_page_without_pixels_is_refused() -> None:
    with pytest.raises(NotEncodable):
        page_jpeg(numpy.zeros((0, 0, 3), dtype=numpy.uint8))


@pytest.mark.parametrize(("turn", "corner"), [(0, (5, 5)), (90, (195, 5)), (180, (295, 195)), (270, (5, 295))])
def test_a_picture_is_turned_clockwise_as_a_page_is(turn: int, corner: tuple[int, int]) -> None:
    page = page_with_a_red_corner()
    picture = opened(as_png(page_jpeg(page), turn))
    assert picture.format == "PNG"
    assert is_red(picture, *corner)
    assert picture.size == opened(page_jpeg(turned(page, turn))).size
    assert is_red(opened(page_jpeg(turned(page, turn))), *corner)
