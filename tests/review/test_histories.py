"""Workflows that began under earlier code go on under this one: their stored histories are replayed."""

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError

from review import workflow_words as words
from review.workflows import KycReviewWorkflow
from tests.review.record_histories import FOLDER, kinds

HISTORIES = sorted(FOLDER.glob("*.json"))


def replay(history: str, runner: WorkflowRunner | None = None) -> None:
    stored = WorkflowHistory.from_json("kyc-review-stored", history)
    replayer = Replayer(workflows=[KycReviewWorkflow], workflow_runner=runner or SandboxedWorkflowRunner())
    asyncio.run(replayer.replay_workflow(stored))


def payloads(stored: Any) -> Iterator[str]:
    """Everything that a history carries as data, decoded."""
    if isinstance(stored, dict):
        if isinstance(stored.get("data"), str):
            yield base64.b64decode(stored["data"]).decode()
        for value in stored.values():
            yield from payloads(value)
    elif isinstance(stored, list):
        for value in stored:
            yield from payloads(value)


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


@pytest.mark.parametrize(
    ("patch", "before_or_after", "patched"),
    [
        (words.PATCH_WITHDRAW, "decided_before_buli2_heard", True),
        (words.PATCH_WITHDRAW, "withdrawn_once_decided", False),
        (words.PATCH_RESENT, "refused_by_buli2", True),
        (words.PATCH_RESENT, "resent_after_a_refusal", False),
    ],
)
def test_without_its_patch_the_change_would_have_broken_runs_of_the_other_code(
    monkeypatch: pytest.MonkeyPatch, patch: str, before_or_after: str, patched: bool
) -> None:
    history = (FOLDER / f"{before_or_after}.json").read_text()
    assert (patch in str(list(payloads(json.loads(history))))) is not patched
    replay(history)
    monkeypatch.setattr(workflow, "patched", lambda name: patched)
    with pytest.raises(NondeterminismError):
        replay(history, UnsandboxedWorkflowRunner())


def test_a_run_without_search_attributes_shows_no_stage_and_one_with_them_does() -> None:
    upserts = {path.stem: path.read_text().count("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES") for path in HISTORIES}
    assert upserts["found_by_its_stage"] >= 4
    assert upserts["approved"] == 0


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_stored_history_carries_ids_codes_and_times_and_nothing_like_a_cards_number(path: Path) -> None:
    text = path.read_text()
    carried = list(payloads(json.loads(text)))
    assert carried
    ids = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    for data in carried:
        assert not re.search(r"[0-9][0-9 .-]{12,}[0-9]", ids.sub("", data).replace("T", " T")), data
