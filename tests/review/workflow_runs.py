"""Running the review workflow on Temporal's time-skipping server, with scripted activities."""

import asyncio
import atexit
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from filot.embedded.temporal import time_skipping_binary
from review import workflow_words as words
from review.workflow_words import DecisionGiven, ReviewArguments
from review.workflows import KycReviewWorkflow

QUEUE = "reviews-under-test"
ASKED_AGAIN = 4
WHO = "filot"  # in place of the process and machine, which a stored history would name
HOUR, DAY = 3600, 24 * 3600
NOBODY_ASKED = ReviewArguments(
    review_id="11111111-1111-4111-8111-111111111111",
    document_id="22222222-2222-4222-8222-222222222222",
    partner=False,
    sla_seconds=24 * HOUR,
    max_seconds=7 * DAY,
    poll_seconds=300,
)
PARTNER_ASKED = replace(NOBODY_ASKED, partner=True)
APPROVED = DecisionGiven("33333333-3333-4333-8333-333333333333", "approved", "reviewer-1", "console")
REJECTED = DecisionGiven("44444444-4444-4444-8444-444444444444", "rejected", "reviewer-2", "console")
BY_BULI2 = DecisionGiven("55555555-5555-4555-8555-555555555555", "approved", "buli2", "buli2")

atexit.register(time.sleep, 0.1)  # a process that ends right after a run is sometimes aborted by the SDK's threads

FOUND_BY = {
    words.DOCUMENT_TYPE: "KTP",
    words.RISK_BAND: "high",
    words.POLICY: "standard-3",
    words.STAGE: "pending",
}


@dataclass
class Script:
    """What the activities do: each list is consumed by one call after another, an exception in it is raised."""

    tickets: list[str | Exception] = field(default_factory=lambda: ["ticket-1"])
    polls: list[DecisionGiven | Exception | None] = field(default_factory=list)
    records: list[Exception] = field(default_factory=list)
    tells: list[Exception] = field(default_factory=list)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    submitting: asyncio.Event = field(default_factory=asyncio.Event)  # set: a submission goes through
    recorded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.submitting.set()

    def names(self) -> list[str]:
        return [name for name, *_ in self.calls]

    def activities(self) -> list[Callable[..., Any]]:
        @activity.defn(name=words.SUBMIT_TO_BULI2)
        async def submit(review_id: str) -> str:
            await self.submitting.wait()
            self.calls.append((words.SUBMIT_TO_BULI2, review_id))
            return str(_next(self.tickets))

        @activity.defn(name=words.POLL_BULI2)
        async def poll(review_id: str) -> DecisionGiven | None:
            self.calls.append((words.POLL_BULI2, review_id))
            found: DecisionGiven | None = _next(self.polls) if self.polls else None
            return found

        @activity.defn(name=words.TELL_BULI2)
        async def tell(review_id: str) -> None:
            self.calls.append((words.TELL_BULI2, review_id))
            _next(self.tells)

        @activity.defn(name=words.WITHDRAW_SUBMISSION)
        async def withdraw(review_id: str) -> None:
            self.calls.append((words.WITHDRAW_SUBMISSION, review_id))

        @activity.defn(name=words.REMIND_OVERDUE)
        async def remind(review_id: str) -> None:
            self.calls.append((words.REMIND_OVERDUE, review_id))

        @activity.defn(name=words.MARK_ESCALATED)
        async def escalate(review_id: str, reason: str) -> None:
            self.calls.append((words.MARK_ESCALATED, reason))

        @activity.defn(name=words.RECORD_DECISION)
        async def record(decision_id: str) -> None:
            self.calls.append((words.RECORD_DECISION, decision_id))
            _next(self.records)
            self.recorded.append(decision_id)

        return [submit, poll, tell, withdraw, remind, escalate, record]


def _next(script: list[Any]) -> Any:
    step = script.pop(0) if script else None
    if isinstance(step, Exception):
        raise step
    return step


def unavailable(code: str = "timeout", retry_after: float | None = None) -> ApplicationError:
    return ApplicationError(code, *([retry_after] if retry_after else []), type="Buli2Unavailable")


def refused(code: str = "http_422") -> ApplicationError:
    return ApplicationError(code, type=words.REFUSED, non_retryable=True)


Handle = WorkflowHandle[Any, Any]
Story = Callable[[WorkflowEnvironment, Handle], Awaitable[None]]


async def start(client: Client, arguments: ReviewArguments, found_by: dict[str, str]) -> Handle:
    if found_by:  # added only: the time-skipping server can't list them
        keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
        wanted = AddSearchAttributesRequest(
            namespace=client.namespace, search_attributes=dict.fromkeys(found_by, keyword)
        )
        await client.operator_service.add_search_attributes(wanted)
    pairs = [SearchAttributePair(SearchAttributeKey.for_keyword(name), value) for name, value in found_by.items()]
    return await client.start_workflow(
        words.WORKFLOW,
        arguments,
        id=f"kyc-review-{uuid.uuid4()}",
        task_queue=QUEUE,
        result_type=dict,
        search_attributes=TypedSearchAttributes(pairs),
    )


def play(
    arguments: ReviewArguments, script: Script, story: Story, found_by: dict[str, str] | None = None
) -> dict[str, Any]:
    """Start the workflow, let `story` happen to it, and return how it ended."""
    ended, _ = asyncio.run(run(arguments, script, story, found_by))
    return ended


async def run(
    arguments: ReviewArguments, script: Script, story: Story, found_by: dict[str, str] | None = None
) -> tuple[dict[str, Any], str]:
    """As `play`; also the history of the first run, as JSON."""
    path = str(time_skipping_binary())
    async with await WorkflowEnvironment.start_time_skipping(test_server_existing_path=path, identity=WHO) as env:
        async with serving(env.client, script):
            handle = await start(env.client, arguments, found_by or {})
            await story(env, handle)
            result: dict[str, Any] = await handle.result()
        first = env.client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)
        return result, (await first.fetch_history()).to_json()


@asynccontextmanager
async def serving(client: Client, script: Script) -> AsyncIterator[None]:
    """Both queues, as the worker command does."""
    at_partner = [words.SUBMIT_TO_BULI2, words.POLL_BULI2, words.TELL_BULI2]
    named = {activity._Definition.must_from_callable(found).name: found for found in script.activities()}
    partner = [named.pop(name) for name in at_partner]
    async with (
        Worker(
            client,
            task_queue=QUEUE,
            workflows=[KycReviewWorkflow],
            activities=list(named.values()),
            identity=WHO,
        ),
        Worker(client, task_queue=QUEUE + words.PARTNER_QUEUE_SUFFIX, activities=partner, identity=WHO),
    ):
        yield


async def state(handle: Handle) -> dict[str, Any]:
    """What the query answers. The time-skipping server loses one now and then that comes while an activity fails: it is
    asked again.
    """
    for _ in range(ASKED_AGAIN):
        with suppress(RPCError):
            return dict(await handle.query(words.QUERY_STATE, rpc_timeout=timedelta(seconds=3)))
    answer: dict[str, Any] = await handle.query(words.QUERY_STATE)
    return answer


async def until(handle: Handle, status: str) -> dict[str, Any]:
    """The state once the workflow says `status`."""
    for _ in range(400):
        if (answer := await state(handle))["status"] == status:
            return answer
        await asyncio.sleep(0.01)
    raise AssertionError(f"never {status}: {answer}")
