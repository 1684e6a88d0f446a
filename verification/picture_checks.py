"""Checks of the picture: is it the card it was sent as, the card itself and all of it, and can it be read."""

from __future__ import annotations

from collections.abc import Callable

from verification.checks import NOT_ASKED, Check, Outcome, Text, as_outcome, one_of
from verification.evidence import Evidence
from verification.identity_numbers import digit_share
from verification.kind_words import (
    FAMILY_CARD,
    KTP,
    NONE,
    NPWP15,
    NPWP16,
    NPWP_BACK,
    OTHER_TEXT,
    PASSPORT,
    SIM,
    TWO_CARDS,
)
from verification.kinds import ON_TAX_CARDS_TOO
from verification.number_checks import NUMBERS

SURE_KIND = 0.6  # of the evidence for a kind, from which nobody need look whether it is another
SURE_WORDS = 2  # that only this kind has: one may be a misread word of an honest card, as PASTOR is nearly PASPOR
LEGIBLE = 0.9  # confidence of a line of which nobody doubts a word
MANY_WORDS, LONG_WORD = 6, 4  # words of so many letters: with fewer it may be a card of which nearly nothing was read
OTHER_KINDS = (SIM, PASSPORT, FAMILY_CARD, NPWP_BACK, KTP, NPWP15, NPWP16)
OBSERVED = "observation: the words and labels that each card prints"
LEGIBILITY = ("glare", "too_dark", "too_bright", "too_blurred")


def _kind(evidence: Evidence) -> Outcome:
    """Of nothing and of other writing nobody can say what it is: the three checks below may be sure."""
    if evidence.kind.fits(evidence.document_type):
        return Outcome.passed
    return Outcome.unknown if evidence.kind.code in (OTHER_TEXT, NONE, TWO_CARDS) else Outcome.failed


def _another_document(evidence: Evidence) -> Outcome:
    kind = evidence.kind
    if kind.code not in OTHER_KINDS or kind.fits(evidence.document_type):
        return Outcome.passed
    telling = set(kind.evidence) - ON_TAX_CARDS_TOO
    sure = kind.confidence >= SURE_KIND and len(telling) >= SURE_WORDS and not _has_number(evidence)
    return Outcome.failed if sure else Outcome.unknown


def _has_number(evidence: Evidence) -> bool:
    """Any of the card's numbers, or a text where it should stand: then a person looks."""
    return any(evidence.stands(name) for name in NUMBERS[evidence.document_type])


def _some_card(evidence: Evidence) -> Outcome:
    """Writing that is of no card. Sure only where much was read and none of it is of a card: of an honest card in a
    bad picture a few scraps may be all that is read.
    """
    if evidence.kind.code != OTHER_TEXT:
        return Outcome.passed
    sure = not evidence.kind.evidence and not _has_number(evidence) and _legible_words(evidence) >= MANY_WORDS
    return Outcome.failed if sure else Outcome.unknown


def _legible_words(evidence: Evidence) -> int:
    words = [word for line in evidence.lines if line.confidence >= LEGIBLE for word in line.text.split()]
    return sum(len(word) >= LONG_WORD and digit_share(word) == 0 for word in words)


def _readable(evidence: Evidence) -> Outcome:
    return as_outcome(evidence.kind.code != NONE)


def _one_card(evidence: Evidence) -> Outcome:
    return as_outcome(evidence.kind.code != TWO_CARDS and "two_cards" not in evidence.issues)


def _without(*issues: str) -> Callable[[Evidence], Outcome]:
    """A check that passes where none of these was found in the picture."""
    return lambda evidence: as_outcome(not set(issues) & set(evidence.issues))


def _clear(evidence: Evidence) -> Outcome:
    """Of a page without writing nobody can say how well it would be read."""
    if evidence.kind.code == NONE:
        return Outcome.unknown
    return as_outcome(not set(LEGIBILITY) & set(evidence.issues))


def _screen(evidence: Evidence) -> Outcome:
    """A suspicion is enough to have a person look."""
    if "screen_photo" in evidence.issues:
        return Outcome.failed
    return Outcome.unknown if "screen_suspected" in evidence.issues else Outcome.passed


CHECKS = one_of(
    Check(
        "kind",
        _kind,
        Text("Gambar menunjukkan jenis kartu yang dinyatakan.", "The picture shows the kind of card it was sent as."),
        Text("Gambar tampak seperti jenis dokumen lain.", "The picture looks like another kind of document."),
        Text("Jenis kartu pada gambar tidak dikenali.", "Which card the picture shows could not be told."),
        client="wrong_document",
        source=OBSERVED,
        unsure="",
    ),
    Check(
        "another_document",
        _another_document,
        Text("Tidak tampak seperti jenis dokumen lain.", "It does not look like another kind of document."),
        Text("Pasti jenis dokumen lain.", "It is surely another kind of document."),
        Text("Mungkin jenis dokumen lain.", "It may be another kind of document."),
        client="wrong_document",
        source=OBSERVED,
    ),
    Check(
        "some_card",
        _some_card,
        Text("Tidak tampak tulisan selain tulisan kartu.", "No writing other than that of a card was found."),
        Text("Tulisan pada gambar bukan tulisan kartu.", "The writing in the picture is not that of a card."),
        Text("Mungkin tidak ada kartu pada gambar.", "There may be no card in the picture."),
        client="no_card",
        source=OBSERVED,
        unsure="unclear_picture",
    ),
    Check(
        "readable",
        _readable,
        Text("Ada tulisan yang terbaca.", "There is writing that can be read."),
        Text("Tidak ada tulisan yang terbaca.", "Nothing can be read."),
        NOT_ASKED,
        client="nothing_readable",
        source="house rule",
    ),
    Check(
        "one_card",
        _one_card,
        Text("Hanya ada satu kartu.", "There is one card only."),
        Text("Ada lebih dari satu kartu pada gambar.", "There is more than one card in the picture."),
        NOT_ASKED,
        client="two_cards",
        source="house rule",
    ),
    Check(
        "in_colour",
        _without("photocopy"),
        Text("Tidak tampak seperti fotokopi.", "It does not look like a photocopy."),
        Text("Tampak seperti fotokopi atau gambar hitam putih.", "It looks like a photocopy or is black and white."),
        NOT_ASKED,
        client="photocopy",
        source="house rule: a copy of a card is not the card",
    ),
    Check(
        "no_screen",
        _screen,
        Text("Tidak tampak sebagai foto dari layar.", "It does not look like a picture of a screen."),
        Text("Tampak seperti foto dari layar.", "It looks like a picture of a screen."),
        Text("Mungkin foto dari layar.", "It may be a picture of a screen."),
        client="screen_photo",
        source="house rule: a picture of a card is not the card",
        unsure="",  # a suspicion is not told
    ),
    Check(
        "whole_card",
        _without("cut_off"),
        Text("Tidak ada bagian kartu yang tampak terpotong.", "No part of the card seems to be cut off."),
        Text("Sebagian kartu tampak berada di luar gambar.", "Part of the card seems to be outside the picture."),
        NOT_ASKED,
        client="cut_off",
        source="house rule",
    ),
    Check(
        "large_enough",
        _without("too_small"),
        Text("Kartu cukup besar.", "The card is large enough."),
        Text("Kartu terlalu kecil pada gambar.", "The card is too small in the picture."),
        NOT_ASKED,
        client="too_small",
        source="house rule: a person must be able to check it later",
    ),
    Check(
        "clear",
        _clear,
        Text("Gambar jelas.", "The picture is clear."),
        Text("Gambar gelap, silau, pudar atau kabur.", "The picture is dark, burnt out, pale or blurred."),
        NOT_ASKED,
        client="unclear_picture",
        source="house rule",
    ),
)
