"""The checker sees every breach that is planted in its evidence."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.torture.checker import Answer, Evidence, Row, faults_of
from tests.torture.partner_truth import PartnerEffect, ReviewRow

OWNER, KEY = "owner", "owner/KTP_1.jpg"
UPLOAD = ("", "uploaded")
WAY = [
    UPLOAD,
    ("uploaded", "processing"),
    ("processing", "ocr_completed"),
    ("ocr_completed", "ai_evaluated"),
    ("ai_evaluated", "auto_approve"),
]


def evidence(**changes: object) -> Evidence:
    """One document that was accepted, read, approved and kept as it was sent."""
    row = Row("d1", OWNER, "auto_approve", "sha", KEY, list(WAY), runs=Counter(judged=1))
    sound = Evidence(
        answers=[Answer(OWNER, 201, 0.1, 0.0, sha256="sha", document_id="d1")],
        rows={"d1": row},
        opened={"d1": "sha"},
        objects={KEY, "owner/KTP_1.page.jpg"},
    )
    return replace(sound, **changes)  # type: ignore[arg-type]


def with_row(**changes: object) -> Evidence:
    sound = evidence()
    return replace(sound, rows={"d1": replace(sound.rows["d1"], **changes)})  # type: ignore[arg-type]


def only(found: list[str], word: str) -> None:
    assert len(found) == 1, found
    assert word in found[0]


def test_nothing_is_said_of_what_is_sound() -> None:
    assert faults_of(evidence()) == []


def test_a_row_that_was_accepted_and_is_gone() -> None:
    assert any("lost: d1" in fault for fault in faults_of(evidence(rows={}, opened={})))


def test_a_row_that_nobody_was_told_of() -> None:
    assert any("no answer said" in fault for fault in faults_of(evidence(answers=[])))


def test_a_row_of_an_upload_whose_answer_was_cut_off_is_no_breach() -> None:
    assert faults_of(evidence(answers=[Answer(OWNER, 0, 0.1, 0.0, sha256="sha")])) == []


def test_one_upload_that_became_two_documents() -> None:
    sound = evidence()
    second = replace(sound.rows["d1"], id="d2", storage_key="owner/KTP_2.jpg")
    answers = [replace(sound.answers[0], document_id=name, key="key") for name in ("d1", "d2")]
    twice = evidence(
        answers=answers,
        rows=sound.rows | {"d2": second},
        opened={"d1": "sha", "d2": "sha"},
        objects={KEY, second.storage_key},
    )
    only(faults_of(twice), "one upload became 2 documents")


def test_a_row_of_another_owner() -> None:
    only(faults_of(with_row(owner_id="stranger")), "belongs to somebody else")


def test_a_document_that_never_settled() -> None:
    found = faults_of(with_row(status="processing", events=WAY[:2], runs=Counter(running=1)))
    only(found, "is still processing")


def test_a_document_held_past_its_limit() -> None:
    only(faults_of(evidence(overdue=["d1"])), "past its limit")


def test_a_document_that_was_decided_twice() -> None:
    again = [*WAY, ("auto_approve", "ai_evaluated"), ("ai_evaluated", "auto_reject")]
    found = faults_of(with_row(events=again, status="auto_reject", runs=Counter(judged=2)))
    assert any("decided more than once" in fault for fault in found)
    assert any("illegal move" in fault for fault in found)
    assert any("2 judged runs" in fault for fault in found)


@pytest.mark.parametrize(
    ("events", "word"),
    [
        ([UPLOAD, ("processing", "ocr_completed"), *WAY[3:]], "gap"),
        (WAY[1:], "does not begin"),
        (WAY[:-1], "its last event says"),
        ([UPLOAD, ("uploaded", "ocr_completed"), *WAY[3:]], "illegal move"),
    ],
)
def test_a_chain_of_events_that_cannot_be(events: list[tuple[str, str]], word: str) -> None:
    assert any(word in fault for fault in faults_of(with_row(events=events)))


def test_bytes_that_changed_in_the_store_or_on_their_way() -> None:
    only(faults_of(evidence(opened={"d1": "other"})), "opens as other")
    only(faults_of(evidence(opened={"d1": "CannotOpen"})), "opens as CannotOpen")
    found = faults_of(replace(with_row(sha256="other"), opened={"d1": "other"}))
    only(found, "other is kept, sha was sent")


def test_bytes_that_lost_their_exif_are_those_that_were_sent() -> None:
    assert faults_of(replace(with_row(sha256="bare"), opened={"d1": "bare"}, kept={"sha": "bare"})) == []


def test_objects_that_are_missing_or_that_nobody_named() -> None:
    only(faults_of(evidence(objects=set())), "not in the store")
    only(faults_of(evidence(objects={KEY, "owner/KTP_2.jpg"})), "1 objects without a row")
    only(faults_of(evidence(objects={KEY, "owner/KTP_2.page.jpg"})), "page of no document")


def test_an_object_of_an_upload_that_was_cut_off_waits_for_its_sweep() -> None:
    sound = evidence()
    cut_off = Answer(OWNER, 0, 0.1, 0.0, sha256="another")
    assert faults_of(evidence(answers=[*sound.answers, cut_off], objects={KEY, "owner/KTP_2.jpg"})) == []


@pytest.mark.parametrize("status", [500, 502])
def test_an_answer_that_no_fault_excuses(status: int) -> None:
    sound = evidence()
    only(faults_of(evidence(answers=[*sound.answers, Answer(OWNER, status, 0.1, 0.0)])), f"answered {status}")


@pytest.mark.parametrize(("status", "retry_after"), [(503, ""), (429, "0"), (429, "soon")])
def test_a_refusal_that_does_not_say_until_when(status: int, retry_after: str) -> None:
    refused = Answer(OWNER, status, 0.1, 0.0, retry_after=retry_after)
    only(faults_of(evidence(answers=[*evidence().answers, refused])), "without a Retry-After")


def test_temporary_files_and_runs_that_were_left_over() -> None:
    only(faults_of(evidence(temporary=["upload.tmp"])), "upload.tmp")
    only(faults_of(with_row(runs=Counter(judged=1, running=1))), "not ended")


def test_two_accepted_decisions_of_people() -> None:
    only(faults_of(with_row(accepted_decisions=2, reviews=1)), "2 accepted decisions")


def test_what_the_partner_says_is_looked_at_too() -> None:
    done = PartnerEffect("submitted", "r1", "SIM-1")
    reviews = {"r1": ReviewRow("r1", "SIM-1", exchanges=[("submit", "done")])}
    assert faults_of(evidence(partner=[done], reviews=reviews)) == []
    only(faults_of(evidence(partner=[done, done], reviews=reviews)), "2 times: submitted r1")
