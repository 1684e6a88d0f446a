import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents.status import FINAL, LEGAL_MOVES, WIRE, IllegalMove, Status, check_move

CONTRACT = {
    "uploaded": ("uploaded", "pending"),
    "processing": ("processing", "pending"),
    "ocr_completed": ("processing", "ocr_completed"),
    "ai_evaluated": ("processing", "ai_evaluated"),
    "auto_approve": ("completed", "auto_approved"),
    "auto_reject": ("completed", "auto_rejected"),
    "needs_review": ("completed", "pending_manual_review"),
    "approved": ("completed", "manually_approved"),
    "rejected": ("completed", "manually_rejected"),
}


def test_clients_read_the_words_of_the_contract() -> None:
    assert {status.value: tuple(words) for status, words in WIRE.items()} == CONTRACT


def test_every_state_has_its_moves() -> None:
    assert set(LEGAL_MOVES) == set(Status)


def test_what_was_decided_is_final() -> None:
    assert {status.value for status in FINAL} == {"auto_approve", "auto_reject", "approved", "rejected"}


@given(st.sampled_from(sorted(FINAL)), st.sampled_from(list(Status)))
def test_nothing_leads_out_of_a_final_state(final: Status, anywhere: Status) -> None:
    with pytest.raises(IllegalMove):
        check_move(final, anywhere)


def test_a_person_cannot_be_passed_by_on_the_way_to_approved() -> None:
    with pytest.raises(IllegalMove):
        check_move(Status.ai_evaluated, Status.approved)
