"""Reviews for rows to hurt: made by real uploads, and looked at in the database."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from tests.stack import wait_for
from tests.torture.checker import CREATED
from tests.torture.house import DEFAULT, SIMULATOR, TEMPORAL, WEB, Needs
from tests.torture.rows import Run

PARTS = (WEB, "ocr-1", DEFAULT, TEMPORAL, SIMULATOR)
DOUBTFUL = ("TORTURE_CARD=3",)  # the stand-in claims a card without a number: every document needs a person
OLD, NEW = "the-older-secret-of-this-run-of-torture", "the-newer-secret-of-this-run-of-torture"

# What most rows of reviews need, so that they follow each other without anything being started again.
NEEDS = Needs(
    parts=PARTS,
    reading=DOUBTFUL,
    variables=(f"BULI2_SIGNATURE_SECRET={OLD}", "RATE_LIMIT_WEBHOOK_PER_MINUTE=1000000"),
)

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
    """Upload so many doubtful cards more and wait until each is a case, at BULI2 too unless that is not asked."""
    before = {one.id for one in cases(run)}
    run.driver.start(count, rate=10).answers()

    def all_there() -> list[Case]:
        found = [one for one in cases(run) if one.id not in before]
        return found if len(found) == count and all(one.ticket or not at_partner for one in found) else []

    return list(wait_for(f"{count} cases", all_there, seconds, 0.2))


def closed(run: Run, found: Iterable[Case], seconds: float) -> float:
    """Seconds until all of them are decided and their documents moved; a breach when they are not."""
    ids, began = {one.id for one in found}, time.monotonic()
    patience = seconds if run.full else seconds + 60

    def left() -> list[Case]:
        return [one for one in cases(run) if one.id in ids and not one.closed]

    try:
        wait_for("all closed", lambda: not left(), patience, 0.2)
    except AssertionError:
        run.faults.append(f"{len(left())} of {len(ids)} not closed after {patience:.0f} s: {left()[:3]}")
    return time.monotonic() - began


def all_at_partner(run: Run, seconds: float = 60) -> None:
    """A breach unless each document that was accepted is a case with a ticket in that time."""
    count = sum(answer.status == CREATED for answer in run.driver.log)

    def there() -> bool:
        found = cases(run)
        return len(found) == count and all(one.ticket for one in found)

    try:
        wait_for("the tickets", there, seconds, 0.2)
    except AssertionError:
        run.faults.append(
            f"{sum(bool(one.ticket) for one in cases(run))} of {count} have a ticket after {seconds:.0f} s"
        )
