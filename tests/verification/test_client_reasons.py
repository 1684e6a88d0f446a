"""What a sender is told: a small vocabulary that helps an honest one and teaches a forger nothing."""

import re

import pytest

from verification.client_reasons import CLIENT_REASONS, DECIDED, PICTURE, client_codes
from verification.policy import CHECKS
from verification.quality import MESSAGES

# Words that would say which detail did not fit, or that somebody else's document is known.
TELLING = re.compile(
    r"digit|birth|lahir|sex|kelamin|region|wilayah|district|kecamatan|serial|urut|owner|pemilik|another person"
    r"|orang lain|other document|dokumen lain|duplicate|duplikat|known|dikenal|score|skor|points|poin|policy",
    re.IGNORECASE,
)


def test_the_vocabulary_is_small_and_fixed() -> None:
    assert set(CLIENT_REASONS) == {
        "accepted",
        "in_review",
        "not_accepted",
        "number_unreadable",
        "name_unreadable",
        "details_unclear",
        "details_differ",
        "wrong_document",
        "no_card",
        "card_expired",
        "unclear_picture",
        *PICTURE,
    }
    assert len(CLIENT_REASONS) <= 20


@pytest.mark.parametrize("code", sorted(CLIENT_REASONS))
def test_each_is_said_in_both_languages_and_tells_nothing_of_a_card(code: str) -> None:
    for language in ("id", "en"):
        text = CLIENT_REASONS[code].in_language(language)
        assert text.endswith(".") and text[0].isupper()
        assert not TELLING.search(text), text
        assert not any(character.isdigit() for character in text)
    assert CLIENT_REASONS[code].id != CLIENT_REASONS[code].en


def test_what_is_said_of_a_picture_is_what_its_quality_says() -> None:
    for code in PICTURE:
        assert tuple(CLIENT_REASONS[code]) == MESSAGES[code]


def test_whatever_contradicts_is_told_in_one_word() -> None:
    """Else whoever tries out altered cards learns which alteration was seen."""
    contradicting = ("number_possible", "serial", "birth_date", "sex", "region", "region_code", "npwp_structure")
    assert {CHECKS[code].client for code in contradicting} == {"details_unclear"}


def test_nothing_is_told_of_what_other_documents_say() -> None:
    silent = {code for code, check in CHECKS.items() if not check.client}
    assert silent == {
        "number_elsewhere",
        "file_elsewhere",
        "picture_elsewhere",
        "picture_altered",
        "number_other_name",
        "rejected_before",
        "sent_before",
        "name_other_number",
        "one_number",
        "other_card_number",
        "other_card_name",
        "tax_office",
    }


@pytest.mark.parametrize(
    ("decision", "codes", "told"),
    [
        ("auto_approve", [], ["accepted"]),
        ("auto_approve", ["details_unclear"], ["accepted"]),
        ("auto_reject", ["no_card", "number_unreadable", ""], ["no_card", "number_unreadable", "not_accepted"]),
        ("needs_review", ["details_unclear", "", "details_unclear"], ["details_unclear", "in_review"]),
        ("needs_review", ["number_elsewhere", "birth_date"], ["in_review"]),  # no codes of the vocabulary
        ("", ["cut_off"], ["cut_off", "in_review"]),  # nobody could judge it
        ("something", [], ["in_review"]),
    ],
)
def test_each_is_told_once_and_the_decision_last(decision: str, codes: list[str], told: list[str]) -> None:
    assert client_codes(decision, codes) == told


def test_every_decision_has_its_word() -> None:
    assert set(DECIDED) == {"auto_approve", "auto_reject", "needs_review"}
    assert set(DECIDED.values()) <= set(CLIENT_REASONS)
