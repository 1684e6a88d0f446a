from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy
import pytest

from ocr_gpu.engine import Page, StripReading
from tests.verification.cards import ktp_lines, line, with_corners
from verification import ktp
from verification.again import read_on

PAGE: Page = numpy.full((630, 1000, 3), 200, dtype=numpy.uint8)


@dataclass
class Recogniser:
    """Answers every strip with one text."""

    text: str
    chance: float = 0.9
    widths: list[int] = field(default_factory=list)

    def read_strips(self, strips: Sequence[Page], alphabets: Sequence[str]) -> list[list[StripReading]]:
        self.widths += [strip.shape[1] for strip in strips]
        count = len(self.text)
        return [[StripReading(self.text, (self.chance,) * count, (0.0,) * count)] for _ in strips]


def blood_type(engine: Recogniser) -> str | None:
    lines = with_corners(ktp_lines(blood=""))
    lines += with_corners([line(0.52, 0.17 + 0.055 * 3, "Gol. Darah :")])
    read = ktp.parse(read_on(ktp, lines, PAGE, engine))  # type: ignore[arg-type]
    return read["bloodType"].value if "bloodType" in read else None


@pytest.mark.parametrize("text", ["Gol. Darah : -", "Gol. Darah :-", "Gol. Darah: -"])
def test_a_dash_that_was_not_found_is_read_behind_its_label(text: str) -> None:
    assert blood_type(Recogniser(text)) == "-"


@pytest.mark.parametrize(
    "engine", [Recogniser("Gol. Darah :"), Recogniser("Gol. Darah : -", 0.4), Recogniser("PEREMPUAN -"), Recogniser("")]
)
def test_bare_paper_a_doubtful_sign_and_another_line_add_nothing(engine: Recogniser) -> None:
    assert blood_type(engine) is None
    assert len(engine.widths) == 1


def test_a_card_with_all_its_values_costs_no_strip() -> None:
    lines, engine = with_corners(ktp_lines()), Recogniser("-")
    assert read_on(ktp, lines, PAGE, engine) == lines  # type: ignore[arg-type]
    assert read_on(ktp, [], PAGE, engine) == []  # type: ignore[arg-type]
    assert read_on(ktp, ktp_lines(blood=""), PAGE, engine) == ktp_lines(blood="")  # type: ignore[arg-type]
    assert engine.widths == []
