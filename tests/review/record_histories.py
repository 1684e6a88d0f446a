"""Makes the histories that test_histories.py replays: `python -m tests.review.record_histories`.

Only when a new kind is added: a history that is made anew no longer proves that the code can go on with a running
workflow. The old ones stay, and a change of the workflow that they do not bear is guarded by `workflow.patched`.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.testing import WorkflowEnvironment

from review import workflow_words as words
from tests.review.workflow_runs import (
    APPROVED,
    BY_BULI2,
    FOUND_BY,
    NOBODY_ASKED,
    PARTNER_ASKED,
    REJECTED,
    Handle,
    Script,
    Story,
    refused,
    run,
    unavailable,
    until,
)

FOLDER = Path(__file__).parent / "histories"


def after(hours: float, *signals: tuple[str, Any], status: str = "awaiting_decision") -> Story:
    async def story(env: WorkflowEnvironment, handle: Handle) -> None:
        await until(handle, status)
        await env.sleep(timedelta(hours=hours))
        for name, payload in signals:
            await handle.signal(name, payload)

    return story


async def update(env: WorkflowEnvironment, handle: Handle) -> None:
    await until(handle, "awaiting_decision")
    await handle.execute_update(words.UPDATE_DECISION, APPROVED)


FOUND = {"found_by_its_stage": FOUND_BY}  # which of them are started with search attributes


def kinds() -> Iterator[tuple[str, Any, Script, Story]]:
    decided, cancelled = words.SIGNAL_DECISION, words.SIGNAL_CANCEL
    asked, seldom = PARTNER_ASKED, replace(PARTNER_ASKED, poll_seconds=6 * 3600)
    yield "approved", NOBODY_ASKED, Script(), after(1, (decided, APPROVED))
    yield "rejected_and_buli2_told", asked, Script(), after(0, (decided, REJECTED), status="sent_to_reviewer")
    yield "decided_by_buli2", asked, Script(), after(0, (decided, BY_BULI2), status="sent_to_reviewer")
    yield "decided_by_a_poll", asked, Script(polls=[None, None, BY_BULI2]), after(0, status="sent_to_reviewer")
    yield "decided_twice", NOBODY_ASKED, Script(), after(0, (decided, APPROVED), (decided, REJECTED))
    yield "decided_by_an_update", NOBODY_ASKED, Script(), update
    yield "cancelled", asked, Script(), after(0, (cancelled, {"reason": "test"}), status="sent_to_reviewer")
    yield "escalated_then_approved", NOBODY_ASKED, Script(), after(60, (decided, APPROVED))
    yield "nobody_decided", replace(asked, poll_seconds=40 * 3600), Script(), after(0, status="sent_to_reviewer")
    # Made before `resent-after-refusal` was patched in, and after.
    for name in ("refused_by_buli2", "resent_after_a_refusal"):
        yield name, asked, Script(tickets=[refused()]), after(1, (decided, APPROVED))
    failing = Script(tickets=[unavailable("network"), unavailable("http_503", 60), "ticket-1"], polls=[unavailable()])
    yield "buli2_away_at_first", seldom, failing, after(13, (decided, APPROVED), status="pending")
    # Made before `withdraw-submission` was patched in, and after: the first one has no marker, and must go on without.
    away = [unavailable("unreachable")] * 3
    for name in ("decided_before_buli2_heard", "withdrawn_once_decided"):
        yield name, asked, Script(tickets=list(away)), after(0.01, (decided, APPROVED), status="pending")
    yield "found_by_its_stage", seldom, Script(), after(60, (decided, APPROVED), status="sent_to_reviewer")
    long = replace(asked, history_limit=60)
    yield "continued_as_new", long, Script(), after(5, (decided, APPROVED), status="sent_to_reviewer")


def without_traces(history: str) -> str:
    """Stack traces name folders of the machine, and replaying does not read them."""
    return json.dumps(
        json.loads(history, object_hook=lambda found: {**found, "stackTrace": ""} if "stackTrace" in found else found)
    )


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, arguments, script, story in kinds():
        path = FOLDER / f"{name}.json"
        if not path.exists():
            _, history = asyncio.run(run(arguments, script, story, FOUND.get(name)))
            path.write_text(without_traces(history) + "\n")
            print(f"{name}: {path.stat().st_size} bytes")
