"""The partner of rows: the simulator, told how to misbehave, its journal, and what our own tries were like."""

import json
from datetime import datetime
from typing import Any

import requests

from tests.stack import TIMEOUTS, wait_for
from tests.torture.house import House
from tests.torture.partner_truth import PartnerEffect, Try, breaker_faults, times_opened
from tests.torture.reviews import OLD, cases
from tests.torture.rows import Run

PLAIN = {
    "clear": True,
    "decide_as": "",
    "decide_after": 0,
    "early": False,
    "repeat": 1,
    "hold": 0,
    "contrary": False,
    "mixed": False,
    "secret": OLD,
    "other_secret": "",
}
ANSWERED = ("200", "404", "409")
TRIES = """
SELECT a.started_at, coalesce(a.duration_ms, 0), a.error, coalesce(a.http_status, 0) FROM integrations_buli2attempt a
JOIN integrations_buli2exchange e ON e.id = a.exchange_id
WHERE a.started_at >= %s AND a.error <> 'unfinished' AND e.direction = 'outbound'
"""
WAITING = """
SELECT count(*) FROM integrations_buli2exchange e JOIN review_review r ON r.id = e.review_id
JOIN documents_document d ON d.id = r.document_id
WHERE d.owner_id = ANY(%s::uuid[]) AND e.direction = 'outbound' AND e.state IN ('pending', 'dead')
"""


def steer(house: House, **habits: Any) -> None:
    """Change how the simulator behaves, whatever it was told before."""

    def told() -> bool:
        headers = {"Authorization": f"Bearer {house.env['BULI2_API_KEY']}"}
        try:
            answer = requests.post(
                house.env["BULI2_API_URL"] + "/script", json=PLAIN | habits, headers=headers, timeout=TIMEOUTS
            )
        except requests.RequestException:
            return False
        assert answer.status_code == 200, answer.text
        return True

    wait_for("the simulator", told, 90)


def decide_there(house: House, ticket: str, decision: str) -> int:
    """As its page does: 303, or 409 when it is closed there."""
    form = {"ticket": ticket, "decision": decision}
    url = house.env["BULI2_API_URL"] + "/decide"
    return requests.post(url, data=form, timeout=TIMEOUTS, allow_redirects=False).status_code


def journal(run: Run) -> list[PartnerEffect]:
    """The partner's truth about this run's documents: what it did, from the file that it writes before it answers."""
    owners = set(run.driver.owner_ids)
    found = []
    for text in (run.house.folder / "partner.jsonl").read_text().splitlines():
        try:
            line = json.loads(text)
        except ValueError:  # it is being written, or was when the partner was killed
            continue
        if line.get("userId") in owners:
            said = line.get("decision") or line.get("answer") or ""
            found.append(PartnerEffect(line["effect"], line["reviewId"], line["ticket"], said))
    return found


def judge_partner(run: Run, *, submitted: int | None = None, decided_here: str = "") -> None:
    """Hand its journal to the checker, once its callbacks have their answers; each of `submitted` cases must be there.

    `decided_here`: the row itself was the partner, and sent this decision of every case.
    """
    _wait_for_answers(run)
    done = journal(run)
    there = {each.review for each in done if each.effect == "submitted"}
    run.figures["effects at the partner"] = sum(each.effect != "callback" for each in done)
    if submitted is not None:
        run.expect(len(there) == submitted, f"{len(there)} of {submitted} cases got to the partner")
    if decided_here:
        done += [PartnerEffect("decided", one.id, one.ticket, decided_here) for one in cases(run)]
    run.partner = done


def _wait_for_answers(run: Run) -> None:
    def all_answered() -> bool:
        done = journal(run)
        answered = {each.review for each in done if each.effect == "callback" and each.said in ANSWERED}
        return {each.review for each in done if each.effect == "decided"} <= answered

    try:
        wait_for("the answers to its callbacks", all_answered, 40, 0.2)
    except AssertionError as late:
        run.faults.append(str(late))


def nothing_waits(run: Run, seconds: float) -> float:
    """Seconds until no exchange of this run's reviews waits any more; a breach when one still does."""
    began = datetime.now()
    try:
        wait_for("the exchanges", lambda: run.house.rows(WAITING, run.driver.owner_ids) == [(0,)], seconds, 0.3)
    except AssertionError as late:
        run.faults.append(str(late))
    return (datetime.now() - began).total_seconds()


def judge_breaker(run: Run, since: datetime, *, opens: bool | None = None) -> None:
    """Our tries since then, all of this house: the breaker lets through what the contract lets through."""
    tries = [
        Try(began.timestamp(), began.timestamp() + duration / 1000, bool(error) and not 400 <= status < 500)
        for began, duration, error, status in run.house.rows(TRIES, since)
    ]
    opened = times_opened(tries)
    run.figures |= {"tries": len(tries), "failed": sum(each.failed for each in tries), "breaker opened": opened}
    run.faults += list(breaker_faults(tries))[:3]
    if opens is not None:
        run.expect(bool(opened) == opens, f"the breaker opened {opened} times")
