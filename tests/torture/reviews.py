"""Reviews for rows to hurt: made by real uploads, decided by people and the partner, looked at in three places."""

import asyncio
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg
import requests
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from tests.stack import TIMEOUTS, wait_for
from tests.test_the_walk import Browser
from tests.torture.checker import PartnerEffect
from tests.torture.house import DEFAULT, SIMULATOR, TEMPORAL, WEB, House
from tests.torture.rows import Run

PARTS = (WEB, "ocr-1", DEFAULT, TEMPORAL, SIMULATOR)
DOUBTFUL = ("TORTURE_CARD=3",)  # the stand-in claims a card without a number: every document needs a person
SIGNAL_SECONDS = 3
EFFECTS = ("submitted", "decided", "cancelled")

REVIEWS = """
SELECT r.id, r.document_id, r.buli2_ticket_id, r.decision, r.closed_at IS NOT NULL FROM review_review r
JOIN documents_document d ON d.id = r.document_id WHERE d.owner_id = ANY(%s::uuid[]) ORDER BY r.created_at
"""
ACCEPTED = """
SELECT c.id, r.id, c.decision, c.decided_by, c.source FROM review_reviewdecision c JOIN review_review r
ON r.id = c.review_id JOIN documents_document d ON d.id = r.document_id
WHERE c.accepted AND d.owner_id = ANY(%s::uuid[])
"""


@dataclass(frozen=True, slots=True)
class Case:
    id: str
    document_id: str
    ticket: str
    decision: str
    closed: bool


def cases(run: Run) -> list[Case]:
    rows = run.house.rows(REVIEWS, run.driver.owner_ids)
    return [Case(str(review), str(document), *rest) for review, document, *rest in rows]


def opened(run: Run, count: int, *, at_partner: bool = True, seconds: float = 90) -> list[Case]:
    """Upload so many doubtful cards and wait until each is a case, at BULI2 too unless that is not asked."""
    run.driver.start(count, rate=10).answers()

    def all_there() -> list[Case]:
        found = cases(run)
        return found if len(found) == count and all(one.ticket or not at_partner for one in found) else []

    return list(wait_for(f"{count} cases", all_there, seconds, 0.2))


def closed(run: Run, count: int, seconds: float) -> float:
    """Seconds until all of them are decided and their documents moved; a breach when they are not."""
    began = time.monotonic()
    patience = seconds if run.full else seconds + 60
    try:
        wait_for("all closed", lambda: sum(one.closed for one in cases(run)) == count, patience, 0.2)
    except AssertionError:
        left = [one for one in cases(run) if not one.closed]
        run.faults.append(f"{len(left)} of {count} not closed after {patience:.0f} s: {left[:3]}")
    return time.monotonic() - began


# BULI2 ----------------------------------------------------------------------------------------------------------------


def steer(house: House, **habits: Any) -> None:
    """Change how the simulator behaves, whatever it was told before."""
    plain = {
        "clear": True,
        "decide_as": "",
        "decide_after": 0,
        "early": False,
        "repeat": 1,
        "hold": 0,
        "contrary": False,
        "mixed": False,
    }

    def told() -> bool:
        headers = {"Authorization": f"Bearer {house.env['BULI2_API_KEY']}"}
        try:
            answer = requests.post(
                house.env["BULI2_API_URL"] + "/script", json=plain | habits, headers=headers, timeout=TIMEOUTS
            )
        except requests.RequestException:
            return False
        assert answer.status_code == 200, answer.text
        return True

    wait_for("the simulator", told, 30)


def decide_there(house: House, ticket: str, decision: str) -> int:
    """As its page does: 200, or 409 when it is closed there."""
    form = {"ticket": ticket, "decision": decision}
    return requests.post(house.env["BULI2_API_URL"] + "/decide", data=form, timeout=TIMEOUTS).status_code


def journal(run: Run) -> list[dict[str, str]]:
    """The partner's truth about this run's documents: what it did, from the file that it writes before it answers."""
    owners = set(run.driver.owner_ids)
    lines = (json.loads(line) for line in (run.house.folder / "partner.jsonl").read_text().splitlines())
    return [line for line in lines if line.get("userId") in owners]


def judge_partner(run: Run, *, submitted: int | None = None) -> None:
    """Hand its journal to the checker; and each of `submitted` cases must have got there."""
    done = [line for line in journal(run) if line["effect"] in EFFECTS]
    run.partner = [PartnerEffect(line["effect"], line["reviewId"]) for line in done]
    there = {line["reviewId"] for line in done if line["effect"] == "submitted"}
    run.figures["effects at the partner"] = len(done)
    if submitted is not None:
        run.expect(len(there) == submitted, f"{len(there)} of {submitted} cases got to the partner")


# People ---------------------------------------------------------------------------------------------------------------


def reviewers(run: Run, count: int) -> list[Browser]:
    """So many people with the demo reviewer's rights and password, logged in."""
    names = [f"torture-reviewer-{run.chance.getrandbits(40):x}" for _ in range(count)]
    with psycopg.connect(run.house.env["DATABASE_URL"]) as connection:
        query = "SELECT column_name FROM information_schema.columns WHERE table_name = 'filot_user'"
        columns = [name for (name,) in connection.execute(query)]
        own = {"id": "gen_random_uuid()", "username": "%s"}
        values = ", ".join(own.get(name, f'"{name}"') for name in columns)
        listed = ", ".join(f'"{name}"' for name in columns)
        for name in names:
            made = f"INSERT INTO filot_user ({listed}) SELECT {values} FROM filot_user WHERE username = 'reviewer' RETURNING id"  # noqa: S608, E501
            ((user_id,),) = connection.execute(made, [name]).fetchall()
            groups = (
                "INSERT INTO filot_user_groups (user_id, group_id) SELECT %s, g.group_id FROM filot_user_groups g"
                " JOIN filot_user u ON u.id = g.user_id WHERE u.username = 'reviewer'"
            )
            connection.execute(groups, [user_id])
    return [wait_for("a login", lambda name=name: _logged_in(run.house, name), 60, 1) for name in names]  # type: ignore[misc]


def _logged_in(house: House, name: str) -> Browser | None:
    """None while logins are paused, as they are for a moment when Redis is slow to answer."""
    try:
        return Browser(house, name)
    except AssertionError:
        return None


def click(person: Browser, case: Case, decision: str) -> tuple[int, float]:
    """Decide it in the console: (status, seconds). Where a case has to be taken first, it is."""
    page = person.get(f"/admin/review/review/{case.id}/change/").text
    person.post(f"/admin/review/review/{case.id}/take/", page)
    page = person.get(f"/admin/review/review/{case.id}/change/").text
    return send_click(person, case, decision, page)


def send_click(person: Browser, case: Case, decision: str, page: str) -> tuple[int, float]:
    """Only the click itself, from a page that was open already."""
    verb = {"approved": "approve", "rejected": "reject"}[decision]
    form = {} if verb == "approve" else {"reason_code": "unreadable"}
    began = time.monotonic()
    answer = person.post(f"/admin/review/review/{case.id}/{verb}/", page, **form)
    first = answer.history[0] if answer.history else answer
    return first.status_code, first.elapsed.total_seconds() if answer.history else time.monotonic() - began


# Temporal -------------------------------------------------------------------------------------------------------------


def signal_all(run: Run, times: int) -> int:
    """Send every accepted decision to its workflow again, so often; how many signals were taken."""

    async def send() -> int:
        client = await Client.connect(run.house.env["TEMPORAL_ADDRESS"])
        taken = 0
        for decision_id, review_id, decision, by, source in run.house.rows(ACCEPTED, run.driver.owner_ids):
            payload = {"decisionId": str(decision_id), "decision": decision, "decidedBy": by, "source": source}
            for _ in range(times):
                handle = client.get_workflow_handle(f"kyc-review-{review_id}")
                try:
                    await asyncio.wait_for(handle.signal("reviewDecision", payload), SIGNAL_SECONDS)
                except RPCError as error:
                    if error.status is not RPCStatusCode.NOT_FOUND:  # it has ended
                        raise
                else:
                    taken += 1
        return taken

    try:
        return asyncio.run(send())
    except (RPCError, RuntimeError, TimeoutError):
        return 0  # it was killed; the next round tries again


def ends(run: Run, found: Iterable[Case], seconds: float) -> None:
    """Every workflow must have completed."""

    async def statuses() -> list[WorkflowExecutionStatus | None]:
        client = await Client.connect(run.house.env["TEMPORAL_ADDRESS"])
        return [(await client.get_workflow_handle(f"kyc-review-{one.id}").describe()).status for one in found]

    def all_completed() -> bool:
        return set(asyncio.run(statuses())) == {WorkflowExecutionStatus.COMPLETED}

    try:
        wait_for("the ends of the workflows", all_completed, seconds, 0.5)
    except AssertionError:
        told = [status.name if status else "none" for status in asyncio.run(statuses())]
        run.faults.append(f"workflows did not complete: { {name: told.count(name) for name in set(told)} }")
