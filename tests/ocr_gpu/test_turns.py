import numpy
import pytest

from ocr_gpu.engine import Box, OcrLine, Page
from ocr_gpu.turns import given_box, read_in_best_turn, reading_box

SURE = 0.88
TEXTS = ("PROVINSI CONTOH", "SITI SPECIMEN LESTARI", "JALAN MELATI 12", "KARYAWAN SWASTA", "SEUMUR HIDUP", "WNI")
MARK = (9, 9, 9)


class Reader:
    """Reads a page whose upright turn it knows by a mark in the top left corner; text elsewhere is half garbage.

    As real engines do, it reads tall lines well if they run upwards, for it turns them to the left first.
    """

    def __init__(self, texts: tuple[str, ...] = TEXTS, upright: float = 0.97, garbage: float = 0.7) -> None:
        self.texts, self.upright, self.garbage = texts, upright, garbage
        self.readings = 0

    def __call__(self, page: Page) -> list[OcrLine]:
        self.readings += 1
        corners = {(0, 0): 0, (0, -1): 90, (-1, -1): 180, (-1, 0): 270}
        turned = next(turn for corner, turn in corners.items() if tuple(page[corner]) == MARK)
        confidence = self.upright if turned in (0, 90) else self.garbage
        lines = []
        for row, text in enumerate(self.texts):
            upright = Box(0.1, 0.05 + row * 0.1, 0.5, 0.05)
            lines.append(OcrLine(text, confidence, given_box(upright, (360 - turned) % 360)))
        return lines


def page_turned_by(turn: int) -> Page:
    page = numpy.zeros((300, 500, 3), dtype=numpy.uint8)
    page[0, 0] = MARK
    return numpy.ascontiguousarray(numpy.rot90(page, -(turn // 90)))


def test_an_upright_page_is_read_once() -> None:
    reader = Reader()
    lines = read_in_best_turn(page_turned_by(0), reader, sure=SURE)
    assert [line.turn for line in lines] == [0] * len(TEXTS)
    assert reader.readings == 1


@pytest.mark.parametrize(("turn", "back", "readings"), [(90, 270, 2), (180, 180, 2), (270, 90, 2)])
def test_a_turned_page_is_read_upright_and_its_boxes_lie_on_the_page_as_given(
    turn: int, back: int, readings: int
) -> None:
    reader = Reader()
    lines = read_in_best_turn(page_turned_by(turn), reader, sure=SURE)
    assert [(line.text, line.turn, line.confidence) for line in lines] == [(text, back, 0.97) for text in TEXTS]
    assert reader.readings == readings
    for row, line in enumerate(lines):
        upright = Box(0.1, 0.05 + row * 0.1, 0.5, 0.05)
        assert reading_box(line) == pytest.approx(upright)
        assert given_box(line.box, turn) != pytest.approx(line.box)
        assert line.box == pytest.approx(given_box(upright, back))


def test_a_page_without_text_is_read_once() -> None:
    reader = Reader(texts=())
    assert read_in_best_turn(page_turned_by(90), reader, sure=SURE) == []
    assert reader.readings == 1


def test_a_poor_upright_photograph_is_kept_as_it_is() -> None:
    reader = Reader(upright=0.6, garbage=0.4)
    lines = read_in_best_turn(page_turned_by(0), reader, sure=SURE)
    assert {line.turn for line in lines} == {0}
    assert reader.readings == 2


def test_with_too_few_lines_to_tell_every_turn_is_tried() -> None:
    reader = Reader(texts=("SPECIMEN", "WNI"))
    lines = read_in_best_turn(page_turned_by(270), reader, sure=SURE)
    assert {line.turn for line in lines} == {90}
    assert reader.readings == 4


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_box_that_is_turned_there_and_back_is_the_same(turn: int) -> None:
    box = Box(0.1, 0.2, 0.3, 0.05)
    assert given_box(given_box(box, turn), (360 - turn) % 360) == pytest.approx(box)
