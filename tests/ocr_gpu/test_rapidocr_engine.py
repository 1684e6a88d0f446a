import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from PIL import ImageFilter

from ocr_gpu.engine import EngineUnavailable, OcrEngine, OcrLine, load_engine
from ocr_gpu.turns import reading_box
from tests.ocr_gpu import files

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def engine() -> OcrEngine:
    made = load_engine("rapidocr", threads=2)
    made.warm_up()
    return made


def letters(line: OcrLine) -> str:
    return "".join(character for character in line.text if character.isalnum())


def expected_letters() -> list[str]:
    return ["".join(character for character in row if character.isalnum()) for row in files.INVENTED_CARD]


def test_it_says_what_it_is(engine: OcrEngine) -> None:
    assert (engine.name, engine.device) == ("rapidocr", "cpu")
    assert engine.version == "rapidocr 3.10.0 PP-OCRv6-small, ASCII head"


def test_a_card_is_read_line_by_line_with_boxes_where_the_lines_are(engine: OcrEngine) -> None:
    [lines] = engine.read([files.page_of(files.card())])
    assert [letters(line) for line in lines] == expected_letters()
    for row, line in enumerate(lines):
        assert 0.9 < line.confidence <= 1
        assert line.turn == 0
        assert line.box.x == pytest.approx(0.05, abs=0.02)
        assert line.box.y < (row + 0.75) / 7 < line.box.y + line.box.h
        assert 0.15 < line.box.w < 0.95


def test_a_card_in_colour_is_read_in_its_colours(engine: OcrEngine) -> None:
    """Red on a ground of the same brightness: with the colours lost or swapped there is nothing to see."""
    page = files.page_of(files.card())
    ink = (page == 0).all(axis=2)
    page = numpy.where(ink[:, :, None], numpy.uint8([230, 20, 20]), numpy.uint8([60, 100, 60])).astype(numpy.uint8)
    [lines] = engine.read([page])
    assert [letters(line) for line in lines] == expected_letters()


@pytest.mark.parametrize(("turn", "back"), [(90, 270), (180, 180), (270, 90)])
def test_a_card_photographed_in_any_turn_is_read_upright(turn: int, back: int, engine: OcrEngine) -> None:
    page = numpy.ascontiguousarray(numpy.rot90(files.page_of(files.card()), -(turn // 90)))
    [lines] = engine.read([page])
    assert [letters(line) for line in lines] == expected_letters()
    assert {line.turn for line in lines} == {back}
    for row, line in enumerate(lines):
        upright = reading_box(line)
        assert upright.y < (row + 0.75) / 7 < upright.y + upright.h
        height, width = page.shape[:2]
        assert (line.box.w * width > line.box.h * height) == (turn == 180)


def test_a_blurred_card_is_still_read(engine: OcrEngine) -> None:
    [lines] = engine.read([files.page_of(files.card().filter(ImageFilter.GaussianBlur(2)))])
    assert "9901014501900001" in [letters(line).removeprefix("NIK") for line in lines]


def test_pages_go_in_and_come_out_together(engine: OcrEngine) -> None:
    blank = numpy.full((300, 500, 3), 255, dtype=numpy.uint8)
    one = files.page_of(files.card((400, 120), rows=["NAMA : SPECIMEN"]))
    pages = engine.read([blank, one, blank])
    assert [[letters(line) for line in lines] for lines in pages] == [[], ["NAMASPECIMEN"], []]
    assert engine.read([]) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 2600), (2600, 1), (30, 2600)])
def test_a_page_of_any_shape_is_read_in_bounded_memory(shape: tuple[int, int], engine: OcrEngine) -> None:
    assert engine.read([numpy.zeros((*shape, 3), dtype=numpy.uint8)]) == [[]]


def test_it_runs_on_the_cpu_only() -> None:
    with pytest.raises(EngineUnavailable, match="cuda:0"):
        load_engine("rapidocr", device="cuda:0")


def test_it_needs_no_torch_and_logs_nothing_of_its_own() -> None:
    script = """
import sys
sys.modules["torch"] = None
from ocr_gpu.engine import load_engine
engine = load_engine("rapidocr", threads=1)
engine.warm_up()
print(len(engine.read([__import__("ocr_gpu.sample_page").sample_page.sample_page()])[0]))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("3\n", "")
