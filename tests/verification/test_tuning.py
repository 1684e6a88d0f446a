from itertools import pairwise

import pytest

from verification.bench import wilson
from verification.bench_tables import as_text
from verification.tuning import Decided, needed, proposed_approve, proposed_reject, table

CEILING = 0.005


def decided(*rows: tuple[int, int, int]) -> Decided:
    """So many documents of a score that a policy could approve, so many of them rejected by people."""
    found = Decided()
    for score, count, wrong in rows:
        for place in range(count):
            found.add(score, may_approve=True, may_reject=False, approved=place >= wrong)
    return found


def rejectable(*rows: tuple[int, int, int]) -> Decided:
    """So many documents of a score that a policy could reject, so many of them approved by people."""
    found = Decided()
    for score, count, wrong in rows:
        for place in range(count):
            found.add(score, may_approve=False, may_reject=True, approved=place < wrong)
    return found


def test_each_threshold_approves_what_has_its_score_or_more() -> None:
    lines = decided((60, 10, 4), (80, 20, 1), (100, 5, 0)).approving()
    assert [line.threshold for line in lines] == list(range(101))
    counts = {at: (lines[at].wrong.of, lines[at].wrong.hits) for at in (0, 60, 61, 80, 81, 100)}
    assert counts == {0: (35, 5), 60: (35, 5), 61: (25, 1), 80: (25, 1), 81: (5, 0), 100: (5, 0)}


def test_each_threshold_rejects_what_has_a_lower_score() -> None:
    lines = rejectable((0, 5, 0), (10, 20, 1), (30, 10, 4)).rejecting()
    counts = {at: (lines[at].wrong.of, lines[at].wrong.hits) for at in (0, 1, 10, 11, 30, 31, 99)}
    assert counts == {0: (0, 0), 1: (5, 0), 10: (5, 0), 11: (25, 1), 30: (25, 1), 31: (35, 5), 99: (35, 5)}


def test_what_a_policy_forbids_is_in_no_line() -> None:
    found = Decided()
    found.add(99, may_approve=False, may_reject=False, approved=False)
    assert found.documents == 1
    assert {line.wrong.of for line in [*found.approving(), *found.rejecting()]} == {0}


def test_the_lowest_threshold_to_approve_whose_upper_end_is_under_the_ceiling_is_proposed() -> None:
    found = decided((70, 400, 8), (80, 1000, 0), (90, 1000, 0))
    line = proposed_approve(found, CEILING)
    assert line is not None
    assert (line.threshold, line.wrong.of, line.wrong.hits) == (80, 2000, 0)
    assert line.upper < CEILING < found.approving()[70].upper


def test_between_thresholds_that_approve_the_same_documents_the_careful_one_is_proposed() -> None:
    """Nothing was seen of the scores from 61 to 79: they are not opened by the way."""
    line = proposed_approve(decided((60, 50, 50), (80, 1000, 0)), CEILING)
    assert line is not None
    assert line.threshold == 80


def test_the_highest_threshold_to_reject_is_proposed_and_of_equal_ones_the_careful_one() -> None:
    line = proposed_reject(rejectable((0, 1000, 0), (20, 1000, 1), (30, 100, 50)), CEILING)
    assert line is not None
    assert (line.threshold, line.wrong.of, line.wrong.hits) == (21, 2000, 1)


def test_few_decisions_propose_nothing_however_good_they_are() -> None:
    assert proposed_approve(decided((90, 764, 0)), CEILING) is None
    assert proposed_approve(decided((90, 765, 0)), CEILING) is not None
    assert proposed_approve(Decided(), CEILING) is None
    assert proposed_reject(Decided(), CEILING) is None


@pytest.mark.parametrize(("wrong", "ceiling"), [(0, 0.005), (1, 0.005), (7, 0.01), (0, 0.5), (3, 0.9)])
def test_so_many_decisions_are_just_enough(wrong: int, ceiling: float) -> None:
    enough = needed(wrong, ceiling)
    assert wilson(wrong, enough)[1] < ceiling
    assert enough - 1 <= wrong or wilson(wrong, enough - 1)[1] >= ceiling


def test_without_a_wrong_one_765_decisions_are_needed_for_half_a_percent() -> None:
    assert needed(0, CEILING) == 765
    assert needed(1, CEILING) > 765


@pytest.mark.parametrize("ceiling", [0.0, 1.0, -1.0, 2.0])
def test_a_ceiling_that_is_no_share_is_refused(ceiling: float) -> None:
    with pytest.raises(ValueError):
        needed(0, ceiling)


def test_the_table_has_one_row_for_neighbours_with_the_same_documents() -> None:
    text = as_text(table("t", decided((60, 10, 4), (80, 20, 1)).approving()))
    rows = [line.split() for line in text.splitlines()[2:] if line]
    assert [row[:3] for row in rows] == [["0-60", "30", "5"], ["61-80", "20", "1"], ["81-100", "0", "0"]]
    assert rows[-1][3:] == ["-", "-"]


def test_the_table_covers_each_threshold_once() -> None:
    text = as_text(table("t", decided(*((score, 1, score % 2) for score in range(0, 101, 7))).approving()))
    spans = [line.split()[0].split("-") for line in text.splitlines()[2:] if line]
    assert spans[0][0] == "0"
    assert spans[-1][-1] == "100"
    assert all(int(low[-1]) + 1 == int(high[0]) for low, high in pairwise(spans))
