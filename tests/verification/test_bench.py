"""Figures of reading, and the tables they are printed in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.bench import Answer, Card, Share, Stated, edits, figures, percentile, plain, same, wilson
from verification.bench_tables import as_markdown, as_text, by_level, field_table, level_table, percent

TRUTH = {"nik": "3201024508900001", "name": "SITI WULANSASI", "religion": "ISLAM"}
WORDS = st.text(alphabet="AB 1", max_size=7)


def card(level: str = "clean", hidden: frozenset[str] = frozenset(), **truth: str) -> Card:
    return Card("a.jpg", "KTP", "ktp", level, truth or TRUTH, ("nik",), hidden)


def read(card: Card, seconds: float = 1.0, confidence: float = 0.95, **values: str | None) -> Answer:
    """The truth as the reader saw it, but for what is given here."""
    said = {**card.truth, **values}
    return Answer(card, {name: Stated(value, confidence) for name, value in said.items()}, seconds)


def test_values_are_the_same_whatever_their_case_and_blanks() -> None:
    assert same(" siti   Wulansasi", "SITI WULANSASI")
    assert not same("SITIWULANSASI", "SITI WULANSASI")
    assert not same(None, "SITI")
    assert not same("SITI", None)


@pytest.mark.parametrize(
    ("one", "other", "count"), [("", "", 0), ("KITTEN", "SITTING", 3), ("AB", "", 2), ("", "A", 1)]
)
def test_edits_are_counted_as_levenshtein_did(one: str, other: str, count: int) -> None:
    assert edits(one, other) == count


@given(WORDS, WORDS, WORDS)
def test_edits_are_a_distance(one: str, other: str, third: str) -> None:
    assert edits(one, other) == edits(other, one)
    assert (edits(one, other) == 0) == (one == other)
    assert edits(one, third) <= edits(one, other) + edits(other, third)
    assert abs(len(one) - len(other)) <= edits(one, other) <= max(len(one), len(other))


def test_the_interval_is_wilsons() -> None:
    low, high = wilson(81, 263)  # Newcombe 1998, table I
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    low, high = wilson(0, 20)
    assert (low, round(high, 4)) == (0.0, 0.1611)
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 500), st.data())
def test_the_interval_holds_the_share_and_stays_within_0_and_1(of: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, of))
    low, high = wilson(hits, of)
    assert 0 <= low <= hits / of + 1e-9
    assert hits / of - 1e-9 <= high <= 1


def test_a_percentile_is_a_value_that_was_seen() -> None:
    assert percentile([4, 1, 3, 2], 0.5) == 2
    assert percentile(range(1, 101), 0.95) == 95
    assert percentile([7], 0.95) == 7
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.95)


def test_a_card_is_right_as_a_whole_only_with_every_field_and_no_invented_one() -> None:
    assert read(card()).whole()
    assert not read(card(), religion=None).whole()
    assert not read(card(), address="JL. KENANGA").whole()
    assert read(card(), address=None).whole()


def test_a_sure_number_that_is_wrong_is_counted_and_an_unsure_one_is_not() -> None:
    wrong = "3201024508900009"
    assert read(card(), nik=wrong).sure_and_wrong() == ["nik"]
    assert read(card(), nik=wrong, confidence=0.89).sure_and_wrong() == []
    assert read(card()).sure_and_wrong() == []
    assert not read(card(), nik=None).sure()
    assert read(card(), confidence=0.9).sure()


def test_a_number_that_the_card_does_not_have_is_sure_and_wrong_too() -> None:
    old = Card("a.jpg", "NPWP", "npwp", "clean", {"npwpNumber": "01.234.567.8-901.000"}, ("npwpNumber", "npwp16"))
    answer = read(old, npwp16="3201024508900001")
    assert old.number == "npwpNumber"
    assert (answer.sure(), answer.sure_and_wrong(), answer.invented()) == (True, ["npwp16"], ["npwp16"])


def test_the_figures_of_a_group_add_up() -> None:
    lost = card(hidden=frozenset({"nik"}))
    answers = [
        read(card(), seconds=0.2),
        read(card(), seconds=0.4, name="SITI WULANSARI", address="JL. KENANGA"),
        read(lost, seconds=0.9, nik=None, confidence=0.5),
        Answer(card(), {}, 0.1, "file_unreadable"),
    ]
    found = figures(answers)
    assert (found.cards, found.errors, found.invented) == (4, 1, 1)
    assert found.number == Share(2, 4)
    assert found.fields == Share(3 + 2 + 2 + 0, 12)
    assert found.whole == Share(1, 4)
    assert (found.number_ceiling, found.fields_ceiling) == (Share(3, 4), Share(11, 12))
    assert (found.sure, found.sure_and_wrong) == (Share(2, 4), 0)
    assert found.sure_fields == Share(5, 7)
    assert (round(found.median_seconds, 3), found.p95_seconds) == (0.3, 0.9)
    assert found.by_field["name"].exact == Share(2, 4)
    assert found.by_field["name"].wrong == 1
    letters = len(plain(TRUTH["name"]))
    assert found.by_field["name"].error_rate == pytest.approx((1 + letters) / (4 * letters))
    assert found.by_field["nik"].wrong == 0


def test_readers_stand_side_by_side_level_by_level_with_what_the_pictures_show() -> None:
    hard = card("hard", frozenset({"nik"}))
    answers = {"one": [read(card()), read(hard, nik=None)], "two": [read(card(), name=None), read(hard)]}
    title, columns, rows = level_table("KTP", by_level(answers))
    assert [row[:2] for row in rows] == [
        [level, reader] for level in ("clean", "hard", "all") for reader in ("one", "two", "(shown by the pictures)")
    ]
    cells = {(row[0], row[1]): dict(zip(columns, row, strict=True)) for row in rows}
    assert cells["hard", "one"]["number exact"].startswith("0.0 %")
    assert cells["hard", "two"]["number exact"].startswith("100.0 %")
    assert cells["hard", "(shown by the pictures)"]["number exact"].startswith("0.0 %")
    assert cells["all", "one"]["cards"] == "2"
    assert title == "KTP"


def test_each_field_has_its_row_for_each_reader() -> None:
    answers = {"one": [read(card()), read(card(), religion="KRISTEN")], "two": [read(card()), read(card(), name=None)]}
    _, columns, rows = field_table("fields", by_level(answers))
    assert columns == ["field", "reader", "clean"]
    assert {(row[0], row[1]): row[2] for row in rows}["religion", "one"] == "50.0 %, 50.0 %, 1"
    assert {(row[0], row[1]): row[2] for row in rows}["name", "two"] == "50.0 %, 50.0 %, 0"
    assert len(rows) == 6


def test_one_level_alone_has_no_row_for_all() -> None:
    _, _, rows = level_table("KTP", by_level({"one": [read(card())]}))
    assert [row[0] for row in rows] == ["clean", "clean"]


def test_tables_are_printed_for_eyes_and_as_markdown() -> None:
    table = ("Title", ["a", "long name"], [["1", "2"], ["333", "4"]])
    assert as_text(table) == "Title\na    long name\n1    2\n333  4\n"
    assert as_markdown(table) == "### Title\n\n| a | long name |\n| --- | --- |\n| 1 | 2 |\n| 333 | 4 |\n"


def test_a_share_is_printed_with_its_interval_and_nothing_as_a_dash() -> None:
    assert percent(Share(57, 60)) == "95.0 % (86.3-98.3)"
    assert percent(Share(0, 0)) == "-"
