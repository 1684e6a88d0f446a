"""Reviews for rows to hurt: made by real uploads, decided by people and the partner, looked at in three places."""

import json
import time
from dataclasses import dataclass
from typing import Any

import requests

from tests.stack import TIMEOUTS, wait_for
from tests.torture.checker import PartnerEffect
from tests.torture.house import DEFAULT, SIMULATOR, TEMPORAL, WEB, House
from tests.torture.rows import Run

PARTS = (WEB, "ocr-1", DEFAULT, TEMPORAL, SIMULATOR)
DOUBTFUL = ("TORTURE_CARD=3",)  # the stand-in claims a card without a number: every document needs a person
EFFECTS = ("submitted", "decided", "cancelled")

REVIEWS = """
SELECT r.id, r.document_id, r.buli2_ticket_id, r.decision, r.closed_at IS NOT NULL FROM review_review r
JOIN documents_document d ON d.id = r.document_id WHERE d.owner_id = ANY(%s::uuid[]) ORDER BY r.created_at
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
