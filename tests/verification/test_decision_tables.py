"""The tables and the plot of decisions, against a few cards counted by hand."""

from xml.etree import ElementTree

from tests.verification.decisions import card
from verification.bench_tables import Table, as_text
from verification.decision_bench import Judged, tradeoff
from verification.decision_plot import plot
from verification.decision_tables import all_tables, apart_table, faulty_table, honest_table, stopped_table, wrong_table

HONEST = [
    card(),
    card(group="npwp"),
    card(outcome="person", score=100, approvable=False, stopped=("number", "sex"), gated=True),
    card(level="phone", outcome="person", approvable=False, stopped=("number",), gated=True),
    card(level="phone", outcome="person", score=80, stopped=("region", "clear"), gated=False),
    card(level="hard", outcome="unreadable", score=0, stopped=("readable",), gated=True),
]
FAULTY = [
    card(truth="faulty", group="sex", fault="sex", file="sex.jpg", outcome="approved", score=91),
    card(truth="faulty", group="sex", fault="sex", outcome="person"),
    card(truth="faulty", group="another kind: blank", outcome="rejected"),
]
WRONGED = card(file="honest.jpg", outcome="rejected", score=12)


def rows(table: Table) -> list[list[str]]:
    return table[2]


def test_honest_cards_are_counted_by_level_and_in_all() -> None:
    clean, phone, hard, all_ = rows(honest_table("Honest", {"standard": HONEST}, "level"))
    assert clean == ["clean", "standard", "3", "66.7 % (20.8-93.9)", "1", "0.0 % (0.0-56.1)", "0"]
    assert (phone[2], phone[4], hard[6]) == ("2", "2", "1")
    assert all_[:3] == ["all", "standard", "6"]


def test_policies_stand_side_by_side_and_one_level_needs_no_sum() -> None:
    faulty = {"standard": FAULTY, "baseline": FAULTY}
    assert [row[:2] for row in rows(faulty_table("Faulty", faulty, "level"))] == [
        ["clean", "standard"],
        ["clean", "baseline"],
    ]
    by_fault = rows(faulty_table("Faulty", {"standard": FAULTY}, "group"))
    assert by_fault[0] == ["sex", "standard", "2", "50.0 % (9.5-90.5)", "1", "0"]
    assert by_fault[1][4:] == ["0", "1"]


def test_checks_are_counted_that_stopped_honest_cards_those_that_forbid_first() -> None:
    title, columns, counted = stopped_table("standard", HONEST)
    assert title == "standard: what stopped 4 of 6 honest cards"
    assert columns == ["check", "clean", "phone", "hard", "all", "the only one"]
    assert counted == [
        ["number", "1", "1", "0", "2", "1"],
        ["sex", "1", "0", "0", "1", "0"],
        ["readable", "0", "0", "1", "1", "1"],
        ["(score) region", "0", "1", "0", "1", "0"],
        ["(score) clear", "0", "1", "0", "1", "0"],
    ]


def test_every_wrong_decision_is_named_and_no_right_one() -> None:
    _, _, listed = wrong_table({"standard": [*HONEST, WRONGED, *FAULTY, card(truth="apart")]})
    assert listed == [
        ["standard", "wrong rejection", "honest.jpg", "ktp", "12"],
        ["standard", "wrong approval", "sex.jpg", "sex", "91"],
    ]


def test_a_policy_that_is_mostly_wrong_does_not_hide_the_others() -> None:
    _, _, listed = wrong_table({"baseline": [WRONGED] * 70, "standard": [WRONGED]})
    assert len(listed) == 62
    assert listed[60][:2] == ["baseline", "10 more"]
    assert listed[61][0] == "standard"


def test_those_apart_are_in_a_table_of_their_own_that_says_why() -> None:
    apart = [card(truth="apart", group="NIK serial alone"), card(truth="apart", group="NIK serial alone")]
    title, _, counted = apart_table({"standard": apart})
    assert "not among the wrong approvals" in title
    assert counted == [["NIK serial alone", "standard", "2", "2", "0"]]
    tables = all_tables({"standard": [*HONEST, *FAULTY, *apart]})
    assert sum("NIK serial alone" in as_text(table) for table in tables) == 1


def drawn(cards: list[Judged]) -> tuple[str, ElementTree.Element]:
    text = plot("What <it> costs", 'of "one"', {"standard": tradeoff(cards), "baseline": tradeoff(FAULTY)}, 85)
    return text, ElementTree.fromstring(text)  # noqa: S314  (it was drawn a line above)


def test_the_plot_has_a_line_a_policy_and_says_what_the_threshold_gives_in_light_and_dark() -> None:
    text, root = drawn([*HONEST, *FAULTY])
    words = ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "What <it> costs" in words
    assert "standard, from 85: 2 of 6 honest, 3 of 3 faulty approved" in words
    assert len(list(root.iter("{http://www.w3.org/2000/svg}polyline"))) == 2
    assert "prefers-color-scheme: dark" in text


def test_the_line_goes_to_the_right_with_the_faulty_and_up_with_the_honest() -> None:
    cards = [card(score=90), card(score=60), card(truth="faulty", score=70), card(truth="faulty", approvable=False)]
    _, root = drawn(cards)
    line = next(root.iter("{http://www.w3.org/2000/svg}polyline")).attrib["points"].split()
    places = [tuple(map(float, point.split(","))) for point in line]
    (x0, y0), (x65, y65), (x80, y80), (x100, y100) = (places[at] for at in (0, 65, 80, 100))
    assert x0 == x65 > x80 == x100
    assert y0 < y65 == y80 < y100


def test_nothing_is_drawn_outside_where_no_faulty_card_is_approved() -> None:
    _, root = drawn([card()])
    for line in root.iter("{http://www.w3.org/2000/svg}polyline"):
        for point in line.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 < x < 700
            assert 0 < y < 500
