"""Workflows that began under earlier code go on under this one: their stored histories are replayed."""

import asyncio
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from review import workflow_words as words
from review.workflows import KycReviewWorkflow
from tests.review.record_histories import FOLDER, kinds

HISTORIES = sorted(FOLDER.glob("*.json"))


def replay(history: str) -> None:
    stored = WorkflowHistory.from_json("kyc-review-stored", history)
    asyncio.run(Replayer(workflows=[KycReviewWorkflow]).replay_workflow(stored))


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_stored_history_replays(path: Path) -> None:
    replay(path.read_text())


def test_every_kind_of_end_is_stored() -> None:
    assert {path.stem for path in HISTORIES} >= {name for name, *_ in kinds()}
    assert len(HISTORIES) >= 10


@pytest.mark.parametrize(
    ("kind", "was", "is_now"),
    [
        ("approved", words.RECORD_DECISION, words.TELL_BULI2),
        ("decided_by_a_poll", words.SUBMIT_TO_BULI2, words.POLL_BULI2),
        ("escalated_then_approved", words.REMIND_OVERDUE, words.MARK_ESCALATED),
    ],
)
def test_a_history_that_this_code_would_not_have_made_is_refused(kind: str, was: str, is_now: str) -> None:
    history = (FOLDER / f"{kind}.json").read_text()
    assert was in history
    with pytest.raises(NondeterminismError):
        replay(history.replace(was, is_now))
