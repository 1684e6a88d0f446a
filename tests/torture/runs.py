"""What rows say to Temporal themselves, and ask it: signals sent again, how workflows ended."""

import asyncio
from collections.abc import Iterable

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from tests.stack import wait_for
from tests.torture.reviews import Case
from tests.torture.rows import Run

SIGNAL_SECONDS = 3
ACCEPTED = """
SELECT c.id, r.id, c.decision, c.decided_by, c.source FROM review_reviewdecision c JOIN review_review r
ON r.id = c.review_id JOIN documents_document d ON d.id = r.document_id
WHERE c.accepted AND d.owner_id = ANY(%s::uuid[])
"""


def signal_all(run: Run, times: int) -> int:
    """Send every accepted decision to its workflow again, so often; how many signals were taken."""

    async def send() -> int:
        client = await Client.connect(run.house.env["TEMPORAL_ADDRESS"])
        taken = 0
        for decision_id, review_id, decision, by, source in run.house.rows(ACCEPTED, run.driver.owner_ids):
            payload = {"decisionId": str(decision_id), "decision": decision, "decidedBy": by, "source": source}
            handle = client.get_workflow_handle(f"kyc-review-{review_id}")
            for _ in range(times):
                try:
                    await asyncio.wait_for(handle.signal("reviewDecision", payload), SIGNAL_SECONDS)
                except RPCError as error:
                    if error.status is not RPCStatusCode.NOT_FOUND:  # it has ended
                        raise
                    break
                taken += 1
        return taken

    try:
        return asyncio.run(send())
    except (RPCError, RuntimeError, TimeoutError):
        return 0  # it was killed; the next round tries again


def all_completed(run: Run, found: Iterable[Case], seconds: float) -> None:
    """A breach unless every workflow completes in that time."""
    ids = [one.id for one in found]

    async def statuses() -> list[str]:
        client = await Client.connect(run.house.env["TEMPORAL_ADDRESS"])
        described = [await client.get_workflow_handle(f"kyc-review-{each}").describe() for each in ids]
        return [each.status.name if each.status else "none" for each in described]

    def done() -> bool:
        return set(asyncio.run(statuses())) <= {WorkflowExecutionStatus.COMPLETED.name}

    try:
        wait_for("the ends of the workflows", done, seconds, 0.5)
    except AssertionError:
        told = asyncio.run(statuses())
        run.faults.append(f"workflows did not complete: { {name: told.count(name) for name in set(told)} }")
