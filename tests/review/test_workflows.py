"""The review workflow, with days that pass in moments."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from review import workflow_words as words
from tests.review.workflow_runs import (
    APPROVED,
    BY_BULI2,
    DAY,
    FOUND_BY,
    HOUR,
    NOBODY_ASKED,
    PARTNER_ASKED,
    REJECTED,
    Handle,
    Script,
    play,
    refused,
    state,
    unavailable,
    until,
)


async def approve(env: WorkflowEnvironment, handle: Handle) -> None:
    await handle.signal(words.SIGNAL_DECISION, APPROVED)


async def nothing(env: WorkflowEnvironment, handle: Handle) -> None:
    pass


def after(seconds: float, signal: str = words.SIGNAL_DECISION, payload: Any = APPROVED) -> Any:
    async def story(env: WorkflowEnvironment, handle: Handle) -> None:
        await env.sleep(timedelta(seconds=seconds))
        await handle.signal(signal, payload)

    return story


def test_an_approval_is_recorded_and_ends_the_workflow() -> None:
    script = Script()
    ended = play(NOBODY_ASKED, script, approve)
    assert script.calls == [(words.RECORD_DECISION, APPROVED.decisionId)]
    assert (ended["status"], ended["decision"], ended["lastError"]) == ("completed", "approved", None)


def test_a_rejection_is_recorded_and_buli2_is_told() -> None:
    script = Script()

    async def reject(env: WorkflowEnvironment, handle: Handle) -> None:
        await until(handle, "sent_to_reviewer")
        await handle.signal(words.SIGNAL_DECISION, REJECTED)

    ended = play(PARTNER_ASKED, script, reject)
    assert script.names() == [words.SUBMIT_TO_BULI2, words.RECORD_DECISION, words.TELL_BULI2]
    assert (ended["decision"], ended["buli2TaskId"]) == ("rejected", "ticket-1")


def test_the_first_decision_counts_and_repetitions_do_nothing() -> None:
    script = Script()

    async def insist(env: WorkflowEnvironment, handle: Handle) -> None:
        for given in (APPROVED, APPROVED, REJECTED, APPROVED):
            try:
                await handle.signal(words.SIGNAL_DECISION, given)
            except RPCError as error:
                assert error.status is RPCStatusCode.NOT_FOUND, "only the end may refuse a signal"

    ended = play(NOBODY_ASKED, script, insist)
    assert script.recorded == [APPROVED.decisionId]
    assert ended["decision"] == "approved"


def test_a_decision_of_buli2_is_not_told_to_buli2() -> None:
    script = Script()

    async def call_back(env: WorkflowEnvironment, handle: Handle) -> None:
        await until(handle, "sent_to_reviewer")
        await handle.signal(words.SIGNAL_DECISION, BY_BULI2)

    play(PARTNER_ASKED, script, call_back)
    assert script.names() == [words.SUBMIT_TO_BULI2, words.RECORD_DECISION]


def test_the_safety_poll_finds_a_decision_whose_callback_was_lost() -> None:
    script = Script(polls=[None, unavailable("http_500"), BY_BULI2])
    ended = play(PARTNER_ASKED, script, nothing)
    assert script.names() == [words.SUBMIT_TO_BULI2, *[words.POLL_BULI2] * 3, words.RECORD_DECISION]
    assert (ended["status"], ended["decision"], ended["retryCount"]) == ("completed", "approved", 1)
    assert ended["lastError"] == "http_500"


def test_without_a_partner_nobody_is_submitted_to_polled_or_told() -> None:
    script = Script()
    play(NOBODY_ASKED, script, after(HOUR))
    assert script.names() == [words.RECORD_DECISION]


def test_a_submission_is_repeated_until_buli2_takes_it() -> None:
    script = Script(tickets=[unavailable("network"), unavailable("http_503", 600), "ticket-2"])

    async def watch(env: WorkflowEnvironment, handle: Handle) -> None:
        await env.sleep(timedelta(seconds=300))
        waiting = await state(handle)
        assert (waiting["status"], waiting["retryCount"], waiting["lastError"]) == ("pending", 2, "http_503")
        assert script.names() == [words.SUBMIT_TO_BULI2] * 2, "BULI2 asked for 600 s"
        await env.sleep(timedelta(seconds=400))
        await handle.signal(words.SIGNAL_DECISION, APPROVED)

    ended = play(PARTNER_ASKED, script, watch)
    assert ended["buli2TaskId"] == "ticket-2"
    assert script.names()[:3] == [words.SUBMIT_TO_BULI2] * 3


def test_what_buli2_refused_is_asked_for_in_case_a_person_sent_it_again_and_is_not_submitted_by_itself() -> None:
    script = Script(tickets=[refused()], polls=[None, None, BY_BULI2])
    ended = play(PARTNER_ASKED, script, nothing)
    assert script.names() == [words.SUBMIT_TO_BULI2, *[words.POLL_BULI2] * 3, words.RECORD_DECISION]
    assert (ended["status"], ended["decision"]) == ("completed", "approved")


def test_what_buli2_refuses_for_good_waits_for_people_and_their_decision_takes_it_back_if_it_was_sent_again() -> None:
    script = Script(tickets=[refused()])

    async def watch(env: WorkflowEnvironment, handle: Handle) -> None:
        waiting = await until(handle, "awaiting_decision")
        assert (waiting["lastError"], waiting["buli2TaskId"]) == ("http_422", None)
        await env.sleep(timedelta(minutes=12))
        await handle.signal(words.SIGNAL_DECISION, APPROVED)

    play(PARTNER_ASKED, script, watch)
    asked = [words.POLL_BULI2] * 2
    assert script.names() == [words.SUBMIT_TO_BULI2, *asked, words.RECORD_DECISION, words.TELL_BULI2]


def test_a_decision_does_not_wait_for_a_slow_submission_but_the_telling_does() -> None:
    script = Script()
    script.submitting.clear()

    async def decide_meanwhile(env: WorkflowEnvironment, handle: Handle) -> None:
        await until(handle, "pending")  # the submission was begun
        await handle.signal(words.SIGNAL_DECISION, APPROVED)
        await until(handle, "completed")
        assert script.names() == [words.RECORD_DECISION]
        script.submitting.set()

    play(PARTNER_ASKED, script, decide_meanwhile)
    assert script.names() == [words.RECORD_DECISION, words.SUBMIT_TO_BULI2, words.TELL_BULI2]


def test_a_review_that_is_late_is_reminded_of_and_then_escalated_once_each() -> None:
    script = Script()
    play(NOBODY_ASKED, script, after(3 * DAY))
    assert script.calls == [
        (words.REMIND_OVERDUE, NOBODY_ASKED.review_id),
        (words.MARK_ESCALATED, words.OVERDUE),
        (words.RECORD_DECISION, APPROVED.decisionId),
    ]


@pytest.mark.parametrize(("hours", "calls"), [(23, 0), (25, 1), (47, 1), (49, 2)])
def test_reminder_and_escalation_come_after_one_and_two_times_the_sla(hours: int, calls: int) -> None:
    script = Script()
    play(NOBODY_ASKED, script, after(hours * HOUR))
    assert script.names()[:-1] == [words.REMIND_OVERDUE, words.MARK_ESCALATED][:calls]


def test_after_seven_days_it_ends_escalated_and_never_as_a_decision() -> None:
    script = Script()
    ended = play(NOBODY_ASKED, script, nothing)
    assert script.calls[-1] == (words.MARK_ESCALATED, words.NO_DECISION)
    assert words.RECORD_DECISION not in script.names()
    assert (ended["status"], ended["decision"], ended["lastError"]) == ("failed", None, words.NO_DECISION)


def test_a_sla_longer_than_the_whole_wait_is_no_obstacle() -> None:
    script = Script()
    ended = play(replace(NOBODY_ASKED, sla_seconds=8 * DAY), script, nothing)
    assert script.calls == [(words.MARK_ESCALATED, words.NO_DECISION)]
    assert ended["status"] == "failed"


def test_a_cancelled_review_is_taken_back_from_buli2_and_not_decided() -> None:
    script = Script()

    async def cancel(env: WorkflowEnvironment, handle: Handle) -> None:
        await until(handle, "sent_to_reviewer")
        await handle.signal(words.SIGNAL_CANCEL, {"reason": "erased"})

    ended = play(PARTNER_ASKED, script, cancel)
    assert script.names() == [words.SUBMIT_TO_BULI2, words.TELL_BULI2]
    assert (ended["status"], ended["decision"]) == ("cancelled", None)


def test_a_decision_that_arrives_while_it_winds_up_is_still_recorded() -> None:
    """The row was accepted: the document would wait for ever."""
    script = Script(tells=[unavailable(), unavailable()])

    async def cancel_then_decide(env: WorkflowEnvironment, handle: Handle) -> None:
        await until(handle, "sent_to_reviewer")
        await handle.signal(words.SIGNAL_CANCEL)
        while words.TELL_BULI2 not in script.names():
            await asyncio.sleep(0.01)
        await handle.signal(words.SIGNAL_DECISION, APPROVED)

    ended = play(PARTNER_ASKED, script, cancel_then_decide)
    assert script.recorded == [APPROVED.decisionId]
    assert (ended["status"], ended["decision"]) == ("completed", "approved")


def test_recording_is_tried_for_as_long_as_it_takes() -> None:
    down: list[Exception] = [RuntimeError("OperationalError")] * 20
    script = Script(records=down)
    ended = play(NOBODY_ASKED, script, approve)
    assert len(script.calls) == 21
    assert ended["status"] == "completed"


def test_an_id_that_is_no_decision_is_forgotten_and_the_real_one_counts() -> None:
    script = Script(records=[refused("UnknownDecision")])

    async def wrong_then_right(env: WorkflowEnvironment, handle: Handle) -> None:
        await handle.signal(words.SIGNAL_DECISION, REJECTED)
        while (await state(handle))["lastError"] != "UnknownDecision":
            await asyncio.sleep(0.01)
        await handle.signal(words.SIGNAL_DECISION, APPROVED)

    ended = play(NOBODY_ASKED, script, wrong_then_right)
    assert script.recorded == [APPROVED.decisionId]
    assert ended["decision"] == "approved"


def test_telling_that_never_succeeds_does_not_keep_the_workflow_for_ever() -> None:
    script = Script(tells=[unavailable("breaker_open")] * 500)

    async def decide(env: WorkflowEnvironment, handle: Handle) -> None:
        await until(handle, "sent_to_reviewer")
        await handle.signal(words.SIGNAL_DECISION, APPROVED)
        await env.sleep(timedelta(hours=25))

    ended = play(PARTNER_ASKED, script, decide)
    assert ended["status"] == "completed"
    assert ended["lastError"] == "breaker_open"
    assert script.names().count(words.TELL_BULI2) < 120


def test_the_state_has_the_shape_that_callers_know() -> None:
    async def look(env: WorkflowEnvironment, handle: Handle) -> None:
        seen = await until(handle, "awaiting_decision")
        assert set(seen) == {
            *("status", "retryCount", "lastError", "buli2TaskId", "decision", "startedAt", "updatedAt")
        }
        assert (seen["retryCount"], seen["lastError"], seen["buli2TaskId"], seen["decision"]) == (0, None, None, None)
        assert len(seen["startedAt"]) == len("2026-01-01T00:00:00.000Z")
        assert seen["startedAt"].endswith("Z")
        await handle.signal(words.SIGNAL_DECISION, APPROVED)

    play(NOBODY_ASKED, Script(), look)


def test_a_poll_without_a_decision_turns_the_state_to_awaiting() -> None:
    async def look(env: WorkflowEnvironment, handle: Handle) -> None:
        assert (await until(handle, "sent_to_reviewer"))["buli2TaskId"] == "ticket-1"
        await env.sleep(timedelta(seconds=400))
        assert (await state(handle))["status"] == "awaiting_decision"
        await handle.signal(words.SIGNAL_DECISION, APPROVED)

    play(PARTNER_ASKED, Script(), look)


def test_a_caller_that_waits_is_answered_once_the_document_was_moved() -> None:
    script = Script()

    async def ask(env: WorkflowEnvironment, handle: Handle) -> None:
        answer = await handle.execute_update(words.UPDATE_DECISION, APPROVED)
        assert (answer["status"], answer["decision"]) == ("completed", "approved")
        assert script.recorded == [APPROVED.decisionId]

    play(NOBODY_ASKED, script, ask)


@pytest.mark.parametrize("decision", ["maybe", "", "APPROVED"])
def test_a_word_that_is_no_decision_is_refused_before_it_enters_the_history(decision: str) -> None:
    async def ask(env: WorkflowEnvironment, handle: Handle) -> None:
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update(words.UPDATE_DECISION, replace(APPROVED, decision=decision))
        await handle.signal(words.SIGNAL_DECISION, REJECTED)

    assert play(NOBODY_ASKED, Script(), ask)["decision"] == "rejected"


def test_it_continues_as_new_before_its_history_grows_and_forgets_nothing() -> None:
    script = Script(tickets=[unavailable("network"), "ticket-3"])
    runs = set()

    async def wait_long(env: WorkflowEnvironment, handle: Handle) -> None:
        first = (await state(handle))["startedAt"]
        for _ in range(6):
            await env.sleep(timedelta(hours=10))
            runs.add((await handle.describe()).run_id)
        waiting = await state(handle)
        assert waiting["startedAt"] == first
        assert (waiting["buli2TaskId"], waiting["retryCount"]) == ("ticket-3", 1)
        await handle.signal(words.SIGNAL_DECISION, APPROVED)

    ended = play(replace(PARTNER_ASKED, poll_seconds=1800, history_limit=200), script, wait_long)
    assert len(runs) > 2
    assert script.names().count(words.SUBMIT_TO_BULI2) == 2
    assert script.names().count(words.REMIND_OVERDUE) == 1
    assert script.names().count(words.MARK_ESCALATED) == 1
    assert ended["status"] == "completed"


def test_operators_find_a_run_by_its_stage_also_after_it_continued_as_new() -> None:
    seen: list[str] = []

    async def look(env: WorkflowEnvironment, handle: Handle) -> None:
        async def note() -> None:
            found = (await handle.describe()).typed_search_attributes
            assert found[SearchAttributeKey.for_keyword(words.RISK_BAND)] == "high"
            seen.append(found[SearchAttributeKey.for_keyword(words.STAGE)])

        await until(handle, "sent_to_reviewer")
        await note()
        await env.sleep(timedelta(hours=1))
        await note()
        await env.sleep(timedelta(hours=49))
        await note()
        await handle.signal(words.SIGNAL_DECISION, APPROVED)
        await handle.result()
        await note()

    play(replace(PARTNER_ASKED, poll_seconds=1800, history_limit=200), Script(), look, FOUND_BY)
    assert seen == ["sent_to_reviewer", "awaiting_decision", "escalated", "completed"]


def test_a_decision_takes_back_what_buli2_has_never_heard_of() -> None:
    script = Script(tickets=[unavailable("unreachable")] * 9)

    async def decide(env: WorkflowEnvironment, handle: Handle) -> None:
        await env.sleep(timedelta(seconds=60))
        await handle.signal(words.SIGNAL_DECISION, APPROVED)

    play(PARTNER_ASKED, script, decide)
    assert script.names()[-2:] == [words.RECORD_DECISION, words.WITHDRAW_SUBMISSION]
    assert words.TELL_BULI2 not in script.names()
