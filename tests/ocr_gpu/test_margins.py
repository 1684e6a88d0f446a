import numpy
import pytest

from ocr_gpu.engine import Box, OcrLine
from ocr_gpu.margins import Margins

TEXT = Box(0.3, 0.4, 0.2, 0.05)


def card(paper: int = 200) -> numpy.ndarray:
    """A page of paper with one word of ink in TEXT."""
    page = numpy.full((400, 600, 3), paper, dtype=numpy.uint8)
    page[165:175, 180:300:6] = 20
    return page


def margins(page: numpy.ndarray) -> Margins:
    others = [Box(0.05, y, 0.2, 0.05) for y in (0.6, 0.7, 0.8)]
    return Margins.of(page, [OcrLine("KAWIN", 0.99, box) for box in (TEXT, *others)])


@pytest.mark.parametrize("paper", [90, 200, 255])
def test_a_text_on_plain_paper_is_whole_however_bright_the_paper(paper: int) -> None:
    assert not margins(card(paper)).may_go_on(TEXT)


@pytest.mark.parametrize("place", [slice(140, 178), slice(302, 340), slice(240, 300)])
def test_a_text_beside_or_under_a_burnt_out_patch_may_go_on(place: slice) -> None:
    page = card()
    page[140:200, place] = 255
    assert margins(page).may_go_on(TEXT)


def test_in_a_dark_picture_the_patch_is_grey_and_still_found() -> None:
    page = card(60)
    page[140:200, 302:360] = 110
    assert margins(page).may_go_on(TEXT)


def test_a_patch_elsewhere_does_not_matter() -> None:
    page = card()
    page[20:90, 20:300] = 255
    assert not margins(page).may_go_on(TEXT)


@pytest.mark.parametrize("box", [Box(0, 0.4, 0.2, 0.05), Box(0.8, 0.4, 0.2, 0.05), Box(0.3, 0.96, 0.2, 0.04)])
def test_a_text_at_the_edge_of_the_page_may_go_on(box: Box) -> None:
    assert margins(card()).may_go_on(box)


def test_a_page_without_lines_has_margins_too() -> None:
    assert not Margins.of(card(), []).may_go_on(TEXT)
