from dataclasses import replace

import pytest

from ocr_gpu.quality import Measures
from verification.kinds import Kind
from verification.quality import MESSAGES, REVIEWER_ONLY, issues_of

GOOD = Measures(
    sharpness=0.5,
    light=0.7,
    brightest=0.8,
    contrast=0.5,
    noise=3.0,
    glare=0.0,
    glare_text=0.0,
    text_height=30.0,
    card_width=1000.0,
    cut_lines=0.0,
    room=(3.0, 3.0, 3.0, 3.0),
    colourfulness=0.2,
    screen=2.0,
    turning=0.3,
    bars=0.0,
    window_words=0,
    side=1300,
    lines=31,
)
READ = Kind("ktp", 0.9, ("NIK", "Nama"))
PARTLY = Kind("ktp", 0.8, ("NIK", "Nama"), legible=0.5)
UPPER_HALF = Kind(
    "ktp", 0.8, ("NIK",), ("Agama", "Status Perkawinan", "Pekerjaan", "Kewarganegaraan", "Berlaku Hingga"), 0.6
)
LOWER_HALF = Kind("ktp", 0.8, ("Agama",), ("NIK", "Nama", "Tempat/Tgl Lahir", "Jenis Kelamin", "Alamat"), 0.6)


def codes(measures: Measures, kind: Kind = READ, *, cards: int = 1) -> list[str]:
    return [issue.code for issue in issues_of(measures, kind, cards=cards)]


@pytest.mark.parametrize("code", ["ktp", "npwp15", "npwp16", "sim", "other_text"])
def test_a_good_picture_has_no_issue_whatever_it_shows(code: str) -> None:
    assert codes(GOOD, Kind(code, 0.9, ())) == []


@pytest.mark.parametrize(
    ("measures", "kind", "code"),
    [
        (replace(GOOD, sharpness=0.1), PARTLY, "too_blurred"),
        (replace(GOOD, sharpness=0.01), READ, "too_blurred"),
        (replace(GOOD, light=0.2), PARTLY, "too_dark"),
        (replace(GOOD, light=0.99, contrast=0.1), PARTLY, "too_bright"),
        (replace(GOOD, glare=0.04, glare_text=3.0), READ, "glare"),
        (replace(GOOD, text_height=8.0), READ, "too_small"),
        (replace(GOOD, cut_lines=0.2), READ, "cut_off"),
        (replace(GOOD, room=(2.0, 2.0, 2.0, 0.1)), UPPER_HALF, "cut_off"),
        (replace(GOOD, room=(2.0, 0.1, 2.0, 2.0)), LOWER_HALF, "cut_off"),
        (replace(GOOD, colourfulness=0.005), READ, "photocopy"),
        (replace(GOOD, turning=5.0), READ, "screen_photo"),
        (replace(GOOD, screen=12.0, turning=1.5), READ, "screen_photo"),
        (replace(GOOD, turning=1.5), READ, "screen_suspected"),
        (replace(GOOD, screen=12.0), READ, "screen_suspected"),
        (replace(GOOD, bars=0.4), READ, "screen_suspected"),
        (replace(GOOD, window_words=2), READ, "screen_suspected"),
        (GOOD, Kind("none", 1.0, ()), "nothing_readable"),
        (GOOD, Kind("two_cards", 0.9, ()), "two_cards"),
    ],
)
def test_each_fault_has_its_code(measures: Measures, kind: Kind, code: str) -> None:
    assert codes(measures, kind) == [code]


def test_what_only_makes_reading_hard_is_no_issue_where_all_was_read() -> None:
    assert codes(replace(GOOD, sharpness=0.1, light=0.2)) == []
    assert codes(replace(GOOD, light=0.99, contrast=0.1)) == []


def test_a_small_spark_of_light_is_no_issue() -> None:
    assert codes(replace(GOOD, glare=0.004, glare_text=0.8)) == []
    assert codes(replace(GOOD, glare=0.02, glare_text=0.5)) == []


def test_one_line_at_the_edge_is_no_cut_card() -> None:
    assert codes(replace(GOOD, cut_lines=1 / 14, lines=14)) == []


def test_missing_labels_are_no_cut_where_the_writing_ends_far_from_every_edge() -> None:
    assert codes(GOOD, UPPER_HALF) == []
    assert codes(replace(GOOD, room=(0.1, 2.0, 2.0, 2.0)), replace(UPPER_HALF, missing=("Agama", "Pekerjaan"))) == []


def test_a_small_picture_is_said_to_be_small_and_not_blurred() -> None:
    assert codes(replace(GOOD, text_height=7.0, sharpness=0.01), PARTLY) == ["too_small"]


def test_a_tax_card_may_be_nearly_white_and_a_grey_one_is_a_copy() -> None:
    pale = replace(GOOD, colourfulness=0.02)
    assert codes(pale, Kind("npwp15", 0.9, ())) == []
    assert codes(replace(GOOD, colourfulness=0.002), Kind("npwp16", 0.9, ())) == ["photocopy"]


def test_colours_that_no_light_shows_are_not_missed() -> None:
    assert codes(replace(GOOD, colourfulness=0.0, light=0.05)) == []
    assert codes(replace(GOOD, colourfulness=0.0, contrast=0.1)) == []


def test_a_copy_in_dim_light_is_one_still_and_a_card_in_colour_there_is_none() -> None:
    assert codes(replace(GOOD, colourfulness=0.03, light=0.2, contrast=0.15)) == ["photocopy"]
    assert codes(replace(GOOD, colourfulness=0.14, light=0.2, contrast=0.15)) == []


def test_one_clock_alone_is_no_window() -> None:
    assert codes(replace(GOOD, window_words=1)) == []


def test_what_is_no_card_is_not_called_a_copy_of_one() -> None:
    assert codes(replace(GOOD, colourfulness=0.0), Kind("other_text", 0.9, ())) == []


def test_a_second_card_that_was_seen_counts_though_it_was_not_read() -> None:
    assert codes(GOOD, READ, cards=2) == ["two_cards"]


def test_a_black_and_a_tiny_picture_without_writing_say_why() -> None:
    nothing = Kind("none", 1.0, ())
    assert codes(replace(GOOD, light=0.02, lines=0), nothing) == ["nothing_readable", "too_dark"]
    assert codes(replace(GOOD, side=240, text_height=0.0), nothing) == ["nothing_readable", "too_small"]


def test_a_dark_page_with_a_few_words_is_too_dark_and_a_chat_at_night_is_not() -> None:
    words = Kind("other_text", 1.0, ())
    assert codes(replace(GOOD, light=0.1, lines=3), words) == ["too_dark"]
    assert codes(replace(GOOD, light=0.1, lines=18), words) == []


def test_several_faults_are_told_with_the_worst_first() -> None:
    bad = replace(GOOD, cut_lines=0.3, glare=0.1, glare_text=4.0, light=0.1, screen=9.0, turning=4.0)
    assert codes(bad, PARTLY) == ["cut_off", "glare", "too_dark", "screen_photo"]


def test_every_message_is_a_sentence_in_both_languages_that_says_what_to_do() -> None:
    for code, (indonesian, english) in MESSAGES.items():
        assert indonesian != english
        assert indonesian.endswith(".") and english.endswith(".")
        if code in REVIEWER_ONLY:
            continue
        assert any(verb in indonesian.lower() for verb in ("foto", "kirim", "dekatkan", "letakkan"))
        assert any(verb in english for verb in ("Take", "Send", "Go closer", "Lay"))
    [issue] = issues_of(replace(GOOD, glare=0.05, glare_text=2.0), READ)
    assert (issue.message_id, issue.message_en) == MESSAGES["glare"]
