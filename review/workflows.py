"""The workflow of one review. Pure: no Django, and nothing but ids and codes in arguments, results and history.

Activities are named by constants and do all of the work; `review.activities` has them. The first decision counts,
however often and from wherever it is delivered. Decided or not, the document waits in the console all along: the end of
a workflow without a decision never settles a document.
"""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError

from documents.status import wire_time
from review import workflow_words as words
from review.workflow_words import DecisionGiven, Progress, ReviewArguments, WorkflowStatus

STAGE = SearchAttributeKey.for_keyword(words.STAGE)


@workflow.defn(name=words.WORKFLOW)
class KycReviewWorkflow:
    @workflow.init
    def __init__(self, arguments: ReviewArguments) -> None:
        now = wire_time(workflow.now())
        self._arguments = arguments
        self._progress = arguments.carried or Progress(started_at=now, updated_at=now)
        self._given: DecisionGiven | None = None
        self._recorded = self._cancelled = self._expired = False

    @workflow.run
    async def run(self, arguments: ReviewArguments) -> dict[str, Any]:
        """Returns the last state, as the query shows it."""
        aside = [asyncio.create_task(self._watch_the_clock())]
        if arguments.partner:
            aside.append(asyncio.create_task(self._talk_to_partner()))
        else:
            self._set_status(WorkflowStatus.awaiting_decision)
        await workflow.wait_condition(lambda: self._stopping)
        await self._record()
        # An attempt in flight ends first: BULI2 must not be told of the end before it has heard of the beginning.
        await asyncio.gather(*aside)
        await self._settle()
        if not (self._recorded or self._cancelled or self._expired):
            workflow.continue_as_new(replace(arguments, carried=self._progress))
        await self._wind_up()
        # A decision that came meanwhile was accepted already: it must not go down with the workflow.
        await self._settle()
        return self._state()

    # From outside ---------------------------------------------------------------------------------------------------

    @workflow.signal(name=words.SIGNAL_DECISION)
    def review_decision(self, given: DecisionGiven) -> None:
        """Safe to repeat: the first decision counts. The database let only one be accepted anyway."""
        if self._given is None:
            self._given = given
            self._touch()

    @workflow.signal(name=words.SIGNAL_CANCEL)
    def cancel_review(self, payload: dict[str, str] | None = None) -> None:
        self._cancelled = True
        self._touch()

    @workflow.update(name=words.UPDATE_DECISION)
    async def decide_review(self, given: DecisionGiven) -> dict[str, Any]:
        """As the signal, for callers that wait: returns the state once the document was moved."""
        self.review_decision(given)
        await workflow.wait_condition(lambda: self._recorded or self._given is None)
        return self._state()

    @decide_review.validator
    def check_decision(self, given: DecisionGiven) -> None:
        if given.decision not in words.DECISIONS:
            raise ValueError("the decision is not one of " + ", ".join(words.DECISIONS))
        if self._given is not None and self._given.decisionId != given.decisionId:
            raise ValueError("already decided")

    @workflow.query(name=words.QUERY_STATE)
    def get_workflow_state(self) -> dict[str, Any]:
        return self._state()

    # Until there is a decision --------------------------------------------------------------------------------------

    @property
    def _stopping(self) -> bool:
        """Nothing new is begun: there is an end, or the history is long enough to go on in a new run."""
        return self._given is not None or self._cancelled or self._expired or self._history_is_long

    @property
    def _history_is_long(self) -> bool:
        info = workflow.info()
        return info.is_continue_as_new_suggested() or (
            info.get_current_history_length() >= self._arguments.history_limit
        )

    async def _pause(self, seconds: float) -> bool:
        """Whether the time passed without a reason to stop."""
        if self._stopping:
            return False
        try:
            await workflow.wait_condition(lambda: self._stopping, timeout=timedelta(seconds=max(seconds, 0)))
        except TimeoutError:
            return True
        return False

    async def _pause_until(self, age_seconds: float) -> bool:
        due = datetime.fromisoformat(self._progress.started_at) + timedelta(seconds=age_seconds)
        return await self._pause((due - workflow.now()).total_seconds())

    async def _watch_the_clock(self) -> None:
        sla, end = self._arguments.sla_seconds, self._arguments.max_seconds
        steps = (
            (words.REMIND_OVERDUE, sla, self._remind),
            (words.MARK_ESCALATED, words.ESCALATE_AFTER_SLAS * sla, self._escalate),
        )
        for name, age, step in steps:
            if name in self._progress.done or age >= end:
                continue
            if not await self._pause_until(age):
                return
            await step()
            self._progress.done.append(name)
        if await self._pause_until(end):
            self._expired = True

    async def _talk_to_partner(self) -> None:
        """Submit until BULI2 has it, then ask now and then, in case its callback does not reach us.

        What it refused waits for a person to send it again: by then the row has a ticket, and the activity asks by it.
        """
        submitted = not self._progress.refused and await self._submit()
        if not submitted and not self._may_be_resent():
            return
        while await self._pause(self._arguments.poll_seconds):
            await self._poll()

    def _may_be_resent(self) -> bool:
        return self._progress.refused and workflow.patched(words.PATCH_RESENT)

    async def _submit(self) -> bool:
        while not self._progress.ticket:
            if self._stopping:
                return False
            try:
                self._progress.ticket = await self._at_partner(
                    words.SUBMIT_TO_BULI2, result_type=str, retry_policy=words.ONCE
                )
                self._set_status(WorkflowStatus.sent_to_reviewer)
            except ActivityError as error:
                self._note(error)
                self._progress.submit_failures += 1
                if _is_refusal(error):
                    self._progress.refused = True
                    self._set_status(WorkflowStatus.awaiting_decision)
                    return False
                backoff = min(words.FIRST_PAUSE * 2 ** (self._progress.submit_failures - 1), words.LONGEST_PAUSE)
                if not await self._pause(max(backoff, _retry_after(error))):
                    return False
        return True

    async def _poll(self) -> None:
        try:
            found: DecisionGiven | None = await self._at_partner(
                words.POLL_BULI2, result_type=DecisionGiven, retry_policy=words.ONCE
            )
        except ActivityError as error:
            self._note(error)
            return
        if found is not None:
            self.review_decision(found)
        self._set_status(WorkflowStatus.awaiting_decision)

    async def _at_partner(self, activity: str, **options: Any) -> Any:
        return await workflow.execute_activity(
            activity,
            self._arguments.review_id,
            task_queue=workflow.info().task_queue + words.PARTNER_QUEUE_SUFFIX,
            start_to_close_timeout=words.PARTNER_TIMEOUT,
            heartbeat_timeout=words.PARTNER_HEARTBEAT,
            **{"schedule_to_start_timeout": words.PARTNER_WAIT, **options},
        )

    # The end --------------------------------------------------------------------------------------------------------

    async def _record(self) -> None:
        """Move the document, for as long as it takes. An id that no accepted decision has is forgotten."""
        if self._given is None or self._recorded:
            return
        if await self._in_database(words.RECORD_DECISION, self._given.decisionId):
            self._recorded = True
            self._set_status(WorkflowStatus.completed)
        else:
            self._given = None

    async def _settle(self) -> None:
        """Record what was given meanwhile, and let the callers who wait for it have their answer."""

        def pending() -> bool:
            return self._given is not None and not self._recorded

        while pending() or not workflow.all_handlers_finished():
            await self._record()
            await workflow.wait_condition(lambda: pending() or workflow.all_handlers_finished())

    async def _wind_up(self) -> None:
        if self._recorded:
            await self._tell(self._given)
        elif self._cancelled:
            await self._tell(None)
            self._set_status(WorkflowStatus.cancelled)
        else:
            await self._escalate(words.NO_DECISION)
            self._progress.last_error = words.NO_DECISION
            self._set_status(WorkflowStatus.failed)

    async def _tell(self, given: DecisionGiven | None) -> None:
        """Tell BULI2 that it need not look any more, unless it decided itself or never heard of it."""
        unsent = self._arguments.partner and not self._progress.ticket and not self._progress.refused
        if unsent and workflow.patched(words.PATCH_WITHDRAW):
            await self._in_database(words.WITHDRAW_SUBMISSION, self._arguments.review_id)
        if given is not None and given.source == words.SOURCE_BULI2:
            return
        if not self._progress.ticket and not self._may_be_resent():
            return
        try:
            await self._at_partner(
                words.TELL_BULI2,
                schedule_to_start_timeout=words.TELL_FOR,
                schedule_to_close_timeout=words.TELL_FOR,
                retry_policy=words.TELL_RETRY,
            )
        except ActivityError as error:
            self._note(error)

    async def _remind(self) -> None:
        await self._in_database(words.REMIND_OVERDUE, self._arguments.review_id)

    async def _escalate(self, reason: str = words.OVERDUE) -> None:
        await self._in_database(words.MARK_ESCALATED, self._arguments.review_id, reason)
        self._show(words.STAGE_ESCALATED)

    async def _in_database(self, activity: str, *arguments: str) -> bool:
        """Run an activity that only needs our database until it is done; False when it is refused for good."""
        try:
            await workflow.execute_activity(
                activity,
                args=arguments,
                start_to_close_timeout=words.DATABASE_TIMEOUT,
                retry_policy=words.UNTIL_DONE,
            )
        except ActivityError as error:
            self._note(error)
            return False
        return True

    # The state ------------------------------------------------------------------------------------------------------

    def _set_status(self, status: WorkflowStatus) -> None:
        if self._progress.status != status:
            self._progress.status = status
            self._touch()
            self._show(status.value)

    def _show(self, stage: str) -> None:
        """In Temporal's own pages, for a run that was started with what they are searched by."""
        if workflow.info().typed_search_attributes.get(STAGE) is not None:
            workflow.upsert_search_attributes([STAGE.value_set(stage)])

    def _note(self, error: ActivityError) -> None:
        cause = error.cause
        self._progress.last_error = cause.message if isinstance(cause, ApplicationError) else "timeout"
        self._progress.retry_count += 1
        self._touch()

    def _touch(self) -> None:
        self._progress.updated_at = wire_time(workflow.now())

    def _state(self) -> dict[str, Any]:
        return self._progress.shown(self._given)


def _is_refusal(error: ActivityError) -> bool:
    return isinstance(error.cause, ApplicationError) and error.cause.type == words.REFUSED


def _retry_after(error: ActivityError) -> float:
    """Seconds that BULI2 asked us to wait; 0 when it did not."""
    details = error.cause.details if isinstance(error.cause, ApplicationError) else ()
    return min(float(details[0]), words.LONGEST_PAUSE) if details else 0.0
