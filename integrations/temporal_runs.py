"""The review workflows as Temporal itself has them, for comparing with our rows. Never in a request."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey

from integrations import temporal

LIST_SECONDS = 120.0  # for all of the pages of a search
TASKS_FAILING = 3  # attempts of one workflow task: the code does not fit the history, or an attribute was removed
UNDER_WAY = (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW)


@dataclass(frozen=True, slots=True)
class Run:
    """`stage`: the search attribute, empty without one. `stuck`: its workflow task fails again and again."""

    workflow_id: str
    status: str  # running, completed, failed, canceled, terminated or timed_out
    stage: str = ""
    stuck: bool = False

    @property
    def is_running(self) -> bool:
        return self.status == "running"


def running(stage_attribute: str) -> dict[str, Run]:
    """Every review workflow under way, by its id, as Temporal's search knows them: seconds late.

    Raises TemporalUnavailable.
    """
    stage = SearchAttributeKey.for_keyword(stage_attribute)

    async def search(client: Client) -> dict[str, Run]:
        query = f"WorkflowType = '{temporal.WORKFLOW}' AND ExecutionStatus = 'Running'"
        return {
            found.id: Run(found.id, "running", found.typed_search_attributes.get(stage) or "")
            async for found in client.list_workflows(query)
        }

    return temporal.call(search, LIST_SECONDS)


def find(workflow_id: str) -> Run | None:
    """How this one stands now; None if Temporal does not know it (any more). Raises TemporalUnavailable."""

    async def describe(client: Client) -> Run:
        limit = timedelta(seconds=temporal.CALL_SECONDS)
        found = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=limit)
        status = found.status or WorkflowExecutionStatus.RUNNING
        task = found.raw_description.pending_workflow_task
        return Run(
            workflow_id,
            "running" if status in UNDER_WAY else status.name.lower(),
            stuck=task.attempt >= TASKS_FAILING,
        )

    try:
        return temporal.call(describe, temporal.CALL_SECONDS)
    except temporal.WorkflowGone:
        return None
