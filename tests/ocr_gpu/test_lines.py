"""Reading is done by a stand-in that knows in which direction the writing of its pages runs."""

from collections.abc import Sequence

import numpy
import pytest

from ocr_gpu.engine import Page
from ocr_gpu.lines import TOLD_BY, Spelling, Strip, read_lines, spell
from ocr_gpu.quads import Quad

PAGE: Page = numpy.zeros((400, 600, 3), dtype=numpy.uint8)
CHARACTERS = ("", "A", "B", "7")
ALL = numpy.ones(4, dtype=bool)


def quad(x: float, y: float, w: float, h: float) -> Quad:
    return numpy.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], dtype=numpy.float32)


ROWS = [quad(20, 30 * row, 200 + 10 * row, 20) for row in range(1, 8)]
COLUMNS = [quad(30 * column, 20, 20, 200 + 10 * column) for column in range(1, 8)]


class Reader:
    """Text that runs in this direction is read surely, text against it as letters all the same."""

    def __init__(self, runs: tuple[int, int], sure: float = 0.99) -> None:
        self.runs, self.sure = numpy.array(runs), sure
        self.calls: list[int] = []
        self.read: list[tuple[float, ...]] = []

    def __call__(self, strips: Sequence[Strip]) -> list[Spelling]:
        self.calls.append(len(strips))
        self.read += [tuple(strip.quad.ravel()) for strip in strips]
        return [self._spelling(strip) for strip in strips]

    def _spelling(self, strip: Strip) -> Spelling:
        along = strip.quad[1] - strip.quad[0]
        name = f"{int(strip.quad[:, 0].min())} {int(strip.quad[:, 1].min())}"
        chance = self.sure if along @ self.runs > 0 else 0.7
        return Spelling(name, (chance,) * len(name), (0.0,) * len(name), (0.5,) * len(name))


@pytest.mark.parametrize(
    ("quads", "runs", "turn", "first"),
    [
        (ROWS, (1, 0), 0, "20 30"),
        (ROWS, (-1, 0), 180, "20 210"),
        (COLUMNS, (0, -1), 90, "30 20"),
        (COLUMNS, (0, 1), 270, "210 20"),
    ],
)
def test_a_page_is_read_in_the_direction_in_which_its_writing_runs(
    quads: list[Quad], runs: tuple[int, int], turn: int, first: str
) -> None:
    [lines] = read_lines([PAGE], [quads], Reader(runs), sure=0.95, least=0.5)
    assert {line.turn for line in lines} == {turn}
    assert len(lines) == len(quads)
    assert lines[0].text == first
    corner, second = numpy.array(lines[0].corners[0]), numpy.array(lines[0].corners[1])
    assert (second - corner) @ runs > 0


def test_an_upright_page_is_read_once_and_a_turned_one_pays_for_its_longest_lines_only() -> None:
    upright, turned = Reader((1, 0)), Reader((-1, 0))
    read_lines([PAGE], [ROWS], upright, sure=0.95, least=0.5)
    assert upright.calls == [TOLD_BY, len(ROWS) - TOLD_BY]
    read_lines([PAGE], [ROWS], turned, sure=0.95, least=0.5)
    assert turned.calls == [TOLD_BY, TOLD_BY, len(ROWS) - TOLD_BY]
    assert len(set(upright.read)) == len(upright.read)
    assert len(set(turned.read)) == len(turned.read)


def test_a_page_read_badly_in_both_directions_keeps_the_better() -> None:
    [lines] = read_lines([PAGE], [ROWS], Reader((1, 0), sure=0.8), sure=0.95, least=0.5)
    assert {line.turn for line in lines} == {0}


def test_all_pages_are_read_together_and_each_in_its_own_direction() -> None:
    reader = Reader((1, 0))
    pages = read_lines([PAGE] * 3, [ROWS, [], COLUMNS], reader, sure=0.95, least=0.5)
    assert [len(lines) for lines in pages] == [7, 0, 7]
    assert len(reader.calls) == 3
    assert reader.calls[0] == 2 * TOLD_BY


def test_what_is_read_without_any_trust_is_left_out() -> None:
    assert read_lines([PAGE], [ROWS], Reader((1, 0), sure=0.3), sure=0.95, least=0.75) == [[]]


def test_a_page_without_long_lines_is_read_as_it_lies() -> None:
    reader = Reader((1, 0))
    [lines] = read_lines([PAGE], [[quad(20, 30, 25, 20), quad(60, 30, 20, 25)]], reader, sure=0.95, least=0.5)
    assert [(line.text, line.turn) for line in lines] == [("20 30", 0), ("60 30", 0)]
    assert reader.calls == [2]


def steps(*best: tuple[int, float]) -> numpy.ndarray:
    """Time steps of which each gives this class this chance, and shares the rest out."""
    made = numpy.array([[(1 - chance) / 3] * 4 for _, chance in best], dtype=numpy.float32)
    for step, (place, chance) in enumerate(best):
        made[step, place] = chance
    return made


def test_a_run_of_steps_is_one_character_and_a_gap_makes_it_two() -> None:
    found = spell(steps((1, 0.7), (1, 0.9), (0, 0.9), (1, 0.8), (2, 0.7), (0, 0.9)), CHARACTERS, ALL)
    assert found.text == "AAB"
    assert found.chances == pytest.approx((0.9, 0.8, 0.7))
    assert found.rivals == pytest.approx((0.1 / 3, 0.2 / 3, 0.1))
    assert found.spots == pytest.approx((1 / 6, 3.5 / 6, 4.5 / 6))
    assert found.confidence == pytest.approx(0.8)


def test_a_character_that_is_not_allowed_gives_way_to_the_next_and_chances_are_among_the_allowed() -> None:
    given = numpy.array([[0.1, 0.6, 0.0, 0.3]], dtype=numpy.float32)
    found = spell(given, CHARACTERS, numpy.array([True, False, False, True]))
    assert (found.text, found.chances, found.rivals) == ("7", pytest.approx((0.75,)), (0.0,))


def test_nothing_is_spelled_where_nothing_stands() -> None:
    assert spell(steps((0, 0.9), (0, 0.9)), CHARACTERS, ALL) == Spelling()
    assert Spelling().confidence == 0
