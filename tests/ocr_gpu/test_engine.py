import sys

import numpy
import pytest

from ocr_gpu import engine
from ocr_gpu.engine import Box, EngineUnavailable, OcrLine, UnknownEngine, in_reading_order, load_engine, roomy


def line(text: str, x: float, y: float, h: float = 0.04) -> OcrLine:
    return OcrLine(text, 0.9, Box(x, y, 0.2, h))


def test_an_unknown_engine_is_named_along_with_those_there_are() -> None:
    with pytest.raises(UnknownEngine, match=r"tesseract.*easyocr, rapidocr"):
        load_engine("tesseract")


def test_an_engine_whose_package_is_not_installed_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ocr_gpu.easyocr_engine", raising=False)
    monkeypatch.setitem(sys.modules, "easyocr", None)
    with pytest.raises(EngineUnavailable, match=r"easyocr cannot be loaded here: .*easyocr"):
        load_engine("easyocr")


def test_an_engine_whose_model_is_missing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engine.ENGINES, "empty", "tests.ocr_gpu.test_engine:EngineWithoutModel")
    with pytest.raises(EngineUnavailable, match=r"empty cannot be loaded here: model.onnx"):
        load_engine("empty")


def test_a_new_engine_is_one_line_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engine.ENGINES, "silent", "tests.ocr_gpu.test_engine:SilentEngine")
    made = load_engine("silent", device="cpu", threads=3)
    assert (made.name, made.device, made.version) == ("silent", "cpu", "3 threads")


class EngineWithoutModel:
    def __init__(self, *, device: str, threads: int | None) -> None:
        raise FileNotFoundError("model.onnx")


class SilentEngine:
    name = "silent"

    def __init__(self, *, device: str, threads: int | None) -> None:
        self.device = device
        self.version = f"{threads} threads"


def test_lines_come_row_by_row_and_each_row_from_the_left() -> None:
    crooked_row = [line("value", 0.5, 0.212), line("label", 0.1, 0.2), line("far", 0.8, 0.19)]
    lines = [line("last", 0.1, 0.5), *crooked_row, line("first", 0.6, 0.05)]
    assert [each.text for each in in_reading_order(lines)] == ["first", "label", "value", "far", "last"]


def test_a_box_lies_within_the_page_whatever_the_corners_say() -> None:
    page = numpy.zeros((100, 200, 3), dtype=numpy.uint8)
    box = Box.around([(-10, 20), (90, 15), (95, 130), (0, 40)], page)
    assert box == pytest.approx((0.0, 0.15, 0.475, 0.85))


@pytest.mark.parametrize("shape", [(1, 1), (1, 2600), (2600, 1), (10, 10)])
def test_a_page_too_small_or_narrow_for_a_detector_gets_a_white_border(shape: tuple[int, int]) -> None:
    page = numpy.zeros((*shape, 3), dtype=numpy.uint8)
    padded = roomy(page)
    height, width = padded.shape[:2]
    assert min(height, width) >= 64
    assert max(height, width) <= 4 * min(height, width)
    assert not padded[: shape[0], : shape[1]].any()
    assert padded[-1, -1].tolist() == [255, 255, 255]


def test_an_ordinary_page_is_left_alone() -> None:
    page = numpy.zeros((640, 1000, 3), dtype=numpy.uint8)
    assert roomy(page) is page
