"""The picture: is it the card it was sent as. Only what is surely none may fail where a policy may reject."""

from typing import Any

import pytest

from tests.verification.judged import NIK, card, failed, field, lines, outcomes
from verification.checks import Outcome
from verification.evidence import Evidence
from verification.kinds import Kind, kind_of
from verification.picture_checks import CHECKS, MANY_WORDS
from verification.quality import MESSAGES

PASSED, FAILED, UNKNOWN = Outcome.passed, Outcome.failed, Outcome.unknown
REJECTING = ("another_document", "some_card", "readable")
SIM = ("SURAT IZIN MENGEMUDI", "DRIVING LICENSE", "1. PUSPARINI", "2. DEPOK 01-07-1990", "3. O", "4. JL KENANGA")
RECEIPT = ("WARUNG KOPI MAKMUR", "2 X KOPI SUSU 27.000", "4 X ROTI BAKAR 11.000", "3 X TEH MANIS", "TERIMA KASIH")
NO_FIELDS: dict[str, Any] = dict.fromkeys(card().values)


def says(code: str, evidence: Evidence) -> Outcome | None:
    return CHECKS[code].look(evidence)


def picture(*texts: str, document_type: str = "KTP", confidence: float = 0.97, **values: object) -> Evidence:
    """A picture with these lines, of which no field was read but the given."""
    read = lines(*texts, confidence=confidence)
    nothing = dict.fromkeys(card(document_type).values)
    return card(document_type, **{**nothing, **values}, other={"lines": read, "kind": kind_of(read)})


@pytest.mark.parametrize("document_type", ["KTP", "NPWP"])
def test_a_good_picture_of_the_card_passes_everything(document_type: str) -> None:
    assert set(outcomes(CHECKS, card(document_type)).values()) == {PASSED}


def test_another_document_without_the_cards_number_is_surely_one() -> None:
    licence = picture(*SIM)
    assert failed(CHECKS, licence) == {"kind", "another_document"}


def test_another_document_with_such_a_number_goes_to_a_person() -> None:
    for number in (field(NIK), field(None, raw="3276O641")):
        licence = picture(*SIM, nik=number)
        assert says("another_document", licence) is UNKNOWN
        assert not failed(CHECKS, licence) & set(REJECTING)


@pytest.mark.parametrize(
    ("document_type", "kind"),
    [
        ("KTP", Kind("passport", 0.75, ("PASPOR",))),  # one word: PASTOR is an occupation
        ("KTP", Kind("kk", 0.55, ("KARTU KELUARGA", "KEPALA KELUARGA"))),
        ("NPWP", Kind("ktp", 0.8, ("NIK", "Nama", "Alamat"))),  # which a new tax card prints too
        ("NPWP", Kind("ktp", 0.8, ("NIK", "Nama", "Alamat", "Agama"))),
    ],
)
def test_a_few_words_of_another_card_are_not_sure(document_type: str, kind: Kind) -> None:
    evidence = card(document_type, **dict.fromkeys(card(document_type).values), other={"kind": kind})
    assert says("another_document", evidence) is UNKNOWN
    assert not failed(CHECKS, evidence) & set(REJECTING)


def test_an_identity_card_sent_as_a_tax_card_is_surely_another_one() -> None:
    kind = Kind("ktp", 0.95, ("NIK", "Nama", "Agama", "Jenis Kelamin", "Kewarganegaraan"))
    assert says("another_document", card("NPWP", npwpNumber=None, other={"kind": kind})) is FAILED


def test_a_receipt_is_surely_no_card() -> None:
    assert failed(CHECKS, picture(*RECEIPT)) == {"some_card"}


@pytest.mark.parametrize(
    ("texts", "confidence"),
    [
        (("782889987",), 0.97),  # what is left of a card in a very bad picture
        (("KUSUMALAGA",), 0.97),
        (("PUSPARINI KUSUMALAGA", "BEJI TIMUR"), 0.97),
        (RECEIPT, 0.6),  # guessed
        (("0000 1111 2222 3333", "4444 5555 6666 7777 8888"), 0.97),
        (("Saya kirim foto KTP saya yang baru ya kak", "NIK : 3276064107909001", "terima kasih"), 0.97),
    ],
)
def test_scraps_of_writing_are_not_surely_no_card(texts: tuple[str, ...], confidence: float) -> None:
    evidence = picture(*texts, confidence=confidence)
    assert evidence.kind.code == "other_text"
    assert says("some_card", evidence) is UNKNOWN
    assert not failed(CHECKS, evidence)


def test_the_limit_of_legible_words() -> None:
    other = {"kind": Kind("other_text", 1.0, ())}
    words = [f"{letter}KOPI" for letter in "ABCDEFGH"]
    few, many = words[: MANY_WORDS - 1], words[:MANY_WORDS]
    assert says("some_card", card(**NO_FIELDS, other={**other, "lines": lines(*few)})) is UNKNOWN
    assert says("some_card", card(**NO_FIELDS, other={**other, "lines": lines(*many)})) is FAILED
    assert says("some_card", card(**{**NO_FIELDS, "nik": NIK}, other={**other, "lines": lines(*many)})) is UNKNOWN


def test_of_a_page_without_writing_only_that_is_said() -> None:
    found = outcomes(CHECKS, picture())
    assert {code for code, outcome in found.items() if outcome is FAILED} == {"readable"}
    assert (found["kind"], found["clear"]) == (UNKNOWN, UNKNOWN)


@pytest.mark.parametrize("kind", ["ktp", "two_cards"])
def test_two_cards_are_not_another_kind_of_document(kind: str) -> None:
    evidence = card(other={"kind": Kind(kind, 0.8, ("NIK",)), "issues": ("two_cards",)})
    assert failed(CHECKS, evidence) == {"one_card"}


@pytest.mark.parametrize(
    ("issue", "code"),
    [
        ("two_cards", "one_card"),
        ("photocopy", "in_colour"),
        ("screen_photo", "no_screen"),
        ("cut_off", "whole_card"),
        ("too_small", "large_enough"),
        ("glare", "clear"),
        ("too_dark", "clear"),
        ("too_bright", "clear"),
        ("too_blurred", "clear"),
    ],
)
def test_each_fault_of_a_picture_fails_its_check_and_no_other(issue: str, code: str) -> None:
    assert issue in MESSAGES
    assert failed(CHECKS, card(other={"issues": (issue,)})) == {code}


def test_a_suspicion_of_a_screen_is_no_failure_and_is_not_told() -> None:
    assert says("no_screen", card(other={"issues": ("screen_suspected",)})) is UNKNOWN
    assert CHECKS["no_screen"].told(UNKNOWN) == ""
    assert CHECKS["no_screen"].told(FAILED) == "screen_photo"


def test_a_sender_is_not_told_that_there_is_no_card_where_that_is_only_possible() -> None:
    assert CHECKS["some_card"].told(UNKNOWN) == "unclear_picture"
    assert CHECKS["kind"].told(UNKNOWN) == ""
