import pytest

from filot.bench import figures
from filot.bench.figures import Round, a_document, difference, growth_of, percentile, ratio_of, rounded


def test_a_round_is_held_against_its_two_neighbours() -> None:
    assert Round(before=100, own=90, after=80).ratio == 1.0


def test_one_disturbed_round_does_not_make_the_ratio() -> None:
    assert ratio_of([Round(10, 9, 10), Round(10, 1, 10), Round(10, 9, 10)]) == pytest.approx(0.9)


@pytest.mark.parametrize(("percent", "expected"), [(50, 2), (95, 4), (99, 4), (25, 1)])
def test_a_percentile_is_one_of_the_values(percent: float, expected: float) -> None:
    assert percentile([4, 1, 3, 2], percent) == expected


def test_growth_is_told_by_medians_in_times_of_the_smallest() -> None:
    assert growth_of({10: [1, 1, 9], 100: [2, 2, 2]}) == {10: 1.0, 100: 2.0}


def test_what_the_parts_do_when_nothing_is_to_be_done_is_no_documents_cost() -> None:
    assert a_document({"queries": 2}, 1.0, {"queries": 120, "commits": 50}, 10.0, 10) == {"queries": 10, "commits": 5}


def test_what_did_not_change_is_not_counted() -> None:
    assert difference({"a": 1, "b": 2}, {"a": 1, "b": 5, "c": 7}) == {"b": 3, "c": 7}


def test_figures_have_no_more_digits_than_they_are_worth() -> None:
    assert rounded({"a": 0.123456, 1000: [1234.5678, 3]}) == {"a": 0.1235, "1000": [1235.0, 3]}


def test_each_table_has_as_many_cells_in_a_row_as_names() -> None:
    tables = [
        figures.rounds_table("t", ("FiLot", "engine"), [Round(1, 2, 3)]),
        figures.spread_table("t", {"call": [0.1, 0.2]}),
        figures.counts_table("t", {"one": {"queries": 1}, "two": {"store": 2.5}}),
        figures.growth_table("t", {"claim": {10: [0.001], 100: [0.002]}}),
    ]
    for _, names, rows in tables:
        assert rows
        assert {len(row) for row in rows} == {len(names)}
