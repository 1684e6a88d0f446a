from collections.abc import Sequence

import numpy
import pytest

from ocr_gpu.engine import Box, Corners, OcrLine, Page, StripReading
from verification import numbers
from verification.fields import FieldValue
from verification.numbers import SURE, Evidence, confirmed, evidence_of, strip_of, weighed

NIK = "3273014107900001"
OTHER = "3273014107900007"
BOX = Box(0.2, 0.1, 0.5, 0.1)
PAGE = numpy.full((400, 2000, 3), 255, dtype=numpy.uint8)


def field(value: str | None = NIK, raw: str = NIK, confidence: float = 0.98) -> FieldValue:
    return FieldValue(value, raw, confidence, BOX)


def spelled(text: str, *, chance: float = 0.99, rival: float = 0.001) -> StripReading:
    return StripReading(text, (chance,) * len(text), (rival,) * len(text))


def reading(text: str, within: str | None = None, **doubt: float) -> list[StripReading]:
    """Of one strip: with letters allowed, and with digits only."""
    return [spelled(text, **doubt), spelled(text if within is None else within, **doubt)]


def line(text: str, box: Box = BOX) -> OcrLine:
    corners: Corners = ((box.x, box.y), (box.x + box.w, box.y), (box.x + box.w, box.y + box.h), (box.x, box.y + box.h))
    spots = tuple((place + 0.5) / len(text) for place in range(len(text)))
    return OcrLine(text, 0.98, box, corners=corners, spots=spots, chances=(0.98,) * len(text))


class StripEngine:
    """Loudly not an engine: says what it is told of any strip, and keeps the strips."""

    name, version, device = "strips", "0", "cpu"

    def __init__(self, *readings: list[StripReading]) -> None:
        self.readings, self.seen = readings, []

    def read(self, pages: Sequence[Page], *, fine: bool = False) -> list[list[OcrLine]]:
        raise AssertionError

    def read_strips(self, strips: Sequence[Page], alphabets: Sequence[str]) -> list[list[StripReading]]:
        self.seen += strips
        return [self.readings[place % len(self.readings)] for place in range(len(strips))]

    def warm_up(self) -> None:
        pass


def test_a_number_that_every_reading_gives_is_sure() -> None:
    engine = StripEngine(reading(NIK))
    sure = confirmed(field(), [line(NIK)], PAGE, engine, digits=16)
    assert (sure.value, sure.proposed) == (NIK, None)
    assert sure.confidence >= SURE
    assert len(engine.seen) >= 4


def test_in_a_low_line_each_digit_has_to_stand_apart() -> None:
    low = numpy.full((200, 1000, 3), 255, dtype=numpy.uint8)  # a line of 20 pixels, and nothing in it
    assert confirmed(field(), [line(NIK)], low, StripEngine(reading(NIK)), digits=16).confidence < SURE


def confirmed_with(alone: StripReading, digit: str, monkeypatch: pytest.MonkeyPatch) -> FieldValue:
    """The number when one of its digits stands in it once and reads so in a line of its own."""
    monkeypatch.setattr(numbers, "lone_digits", lambda strip, digits: {digit: PAGE})
    engine = StripEngine()
    readings = {1: [[alone]], 2: [reading(NIK)] * 5}  # by how many alphabets are asked for
    engine.read_strips = lambda strips, alphabets: readings[len(alphabets)]
    return confirmed(field(), [line(NIK)], PAGE, engine, digits=16)


@pytest.mark.parametrize(("alone", "sure"), [("88888", True), ("8 8 8 8", True), ("B8888", False), ("", False)])
def test_a_digit_that_reads_as_a_letter_in_a_line_of_its_own_makes_the_number_unsure(
    alone: str, sure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = confirmed_with(spelled(alone), "8", monkeypatch)
    assert (found.value, found.confidence >= SURE) == (NIK, sure)


@pytest.mark.parametrize(("digit", "sure"), [("2", False), ("1", True)])
def test_a_letter_that_is_nearly_as_likely_makes_it_unsure_but_for_a_one(
    digit: str, sure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = confirmed_with(spelled(digit * 5, rival=0.2), digit, monkeypatch)
    assert (found.value, found.confidence >= SURE) == (NIK, sure)


def test_one_reading_that_differs_makes_it_unsure_and_is_kept() -> None:
    engine = StripEngine(reading(NIK), reading(NIK), reading(OTHER), reading(NIK), reading(NIK))
    unsure = confirmed(field(), [line(NIK)], PAGE, engine, digits=16)
    assert (unsure.value, unsure.proposed) == (NIK, OTHER)
    assert unsure.confidence < SURE


def test_readings_that_outvote_the_first_one_become_the_value() -> None:
    engine = StripEngine(reading(OTHER))
    outvoted = confirmed(field(), [line(NIK)], PAGE, engine, digits=16)
    assert (outvoted.value, outvoted.proposed) == (OTHER, NIK)
    assert outvoted.confidence < SURE


def test_letters_read_as_digits_are_only_proposed() -> None:
    lettered = NIK.replace("0", "O")
    engine = StripEngine(reading(lettered, NIK))
    doubtful = confirmed(field(None, lettered), [line(lettered)], PAGE, engine, digits=16)
    assert (doubtful.value, doubtful.proposed) == (None, NIK)


def test_a_number_in_pieces_is_read_whole_from_a_strip_over_all_of_them() -> None:
    pieces = [line("3273 0141", Box(0.2, 0.1, 0.25, 0.1)), line("0790 0001", Box(0.46, 0.1, 0.24, 0.1))]
    engine = StripEngine(reading("3273 0141 0790 0001"))
    whole = confirmed(field(None, "3273 0141 0790 0001"), pieces, PAGE, engine, digits=16)
    assert whole.value == NIK
    assert engine.seen[0].shape[1] / engine.seen[0].shape[0] > 20  # both pieces are in the picture


def test_few_readings_behind_a_number_are_no_value() -> None:
    others = [reading(f"{number}273014107900001") for number in range(1, 8)]
    scattered = confirmed(field(), [line(NIK)], PAGE, StripEngine(*others), digits=16)
    assert scattered.value is None
    assert scattered.confidence < 0.5


@pytest.mark.parametrize("flaw", [{"chance": 0.4}, {"rival": 0.4}])
def test_a_doubtful_character_makes_a_number_unsure_though_all_agree(flaw: dict[str, float]) -> None:
    doubtful = confirmed(field(), [line(NIK)], PAGE, StripEngine(reading(NIK, **flaw)), digits=16)
    assert doubtful.value == NIK
    assert doubtful.confidence < SURE


def test_without_a_strip_nothing_is_sure() -> None:
    blind = OcrLine(NIK, 0.99, BOX)
    assert strip_of(field(), [blind], PAGE) is None
    kept = confirmed(field(), [blind], PAGE, StripEngine(), digits=16)
    assert kept.value == NIK
    assert kept.confidence < SURE


def test_the_strip_leaves_the_label_out() -> None:
    text = f"NIK : {NIK}"
    quad = strip_of(FieldValue(NIK, NIK, 0.9, Box(0.3, 0.1, 0.4, 0.1)), [line(text, Box(0.1, 0.1, 0.6, 0.1))], PAGE)
    assert quad is not None
    spot_of_n = (0.1 + 0.6 * 0.5 / len(text)) * 2000
    first_digit = (0.1 + 0.6 * 6.5 / len(text)) * 2000
    assert spot_of_n < quad[0][0] < first_digit


def test_the_same_number_in_two_rows_is_taken_from_its_own() -> None:
    upper, lower = line(NIK, Box(0.2, 0.1, 0.5, 0.1)), line(NIK, Box(0.2, 0.14, 0.5, 0.1))
    quad = strip_of(FieldValue(NIK, NIK, 0.9, lower.box), [upper, lower], PAGE)
    assert quad is not None
    assert quad[0][1] == pytest.approx(0.14 * 400)
    assert quad[3][1] == pytest.approx(0.24 * 400)


def test_points_of_a_tax_number_do_not_count_and_a_comma_is_one_of_them() -> None:
    old = FieldValue(None, "12.345.678.9,012.000", 0.9, BOX)
    evidence = evidence_of(old, [spelled("12.345.678.9-012.000")], [spelled("12.345.678.9-012.000")], 15)
    assert evidence.first == "123456789012000"
    assert weighed(old, evidence).value == "123456789012000"


def test_nothing_that_is_a_number_leaves_the_field_without_value() -> None:
    empty = Evidence(first="", free=("", ""), within=("", ""), weakest=0.0, rival=1.0)
    assert weighed(field(None, "3273"), empty).value is None
