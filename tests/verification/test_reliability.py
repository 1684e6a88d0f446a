from xml.etree import ElementTree

import pytest

from verification.bench import Share
from verification.reliability import bins, expected_error, plot, sure_share

HALF = [(0.85, at % 2 == 0) for at in range(20)]
SURE = [(0.99, True)] * 9 + [(0.99, False)]


def test_a_bin_says_what_was_stated_in_it_and_how_much_was_right() -> None:
    low, high = bins(HALF + SURE)
    assert (round(low.stated, 3), low.share) == (0.85, Share(10, 20))
    assert (round(high.stated, 3), high.share) == (0.99, Share(9, 10))


def test_every_confidence_has_one_bin_with_the_edges_too() -> None:
    edges = [(confidence, True) for confidence in (0.0, 0.2, 0.9, 0.98, 1.0)]
    assert sum(each.share.of for each in bins(edges)) == 5
    assert bins([(0.9, True)])[0].stated == 0.9


def test_the_expected_error_weighs_bins_by_what_they_hold() -> None:
    assert expected_error(HALF) == pytest.approx(0.35)
    assert expected_error(HALF + SURE) == pytest.approx((20 * 0.35 + 10 * 0.09) / 30)
    assert expected_error([]) == 0.0


def test_those_stated_as_sure_are_counted_from_nine_in_ten() -> None:
    assert sure_share([*HALF, *SURE, (0.9, False)]) == Share(9, 11)


def test_the_plot_is_an_svg_with_a_panel_a_group_that_says_its_counts_in_light_and_dark() -> None:
    drawn = plot("What <it> is worth", 'of "one"', {"date": HALF, "text": HALF + SURE, "number": []})
    root = ElementTree.fromstring(drawn)  # noqa: S314  (it was drawn a line above)
    texts = ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "What <it> is worth" in texts
    assert "date: 20 values, error 35.0 %" in texts
    assert "stated from 0.9: 9 of 10 right" in texts
    assert "none stated from 0.9" in texts
    titles = [each.text for each in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["stated 0.85, right 10 of 20"] * 2 + ["stated 0.99, right 9 of 10"]
    assert "prefers-color-scheme: dark" in drawn
