"""Gathers what the checker compares. Originals are opened by FiLot's own code, in a process of the house's settings."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import psycopg

from tests.stack import PROJECT
from tests.torture.checker import Evidence, Row
from tests.torture.house import HOLD_SECONDS, STUCK_SECONDS, SWEEP_SECONDS
from tests.torture.partner_truth import PartnerEffect, ReviewRow

if TYPE_CHECKING:
    from tests.torture.driver import Driver
    from tests.torture.house import House

DOCUMENTS = """
SELECT d.id, d.owner_id, d.status, d.sha256, d.storage_key,
       (SELECT count(*) FROM review_review r WHERE r.document_id = d.id),
       (SELECT count(*) FROM review_reviewdecision c JOIN review_review r ON r.id = c.review_id
        WHERE r.document_id = d.id AND c.accepted)
FROM documents_document d WHERE d.owner_id = ANY(%s::uuid[])
"""
EVENTS = """
SELECT e.document_id, e.before, e.after FROM documents_documentevent e JOIN documents_document d ON d.id = e.document_id
WHERE d.owner_id = ANY(%s::uuid[]) ORDER BY e.id
"""
RUNS = """
SELECT r.document_id, r.outcome, count(*) FROM verification_verificationrun r
JOIN documents_document d ON d.id = r.document_id WHERE d.owner_id = ANY(%s::uuid[]) GROUP BY 1, 2
"""
OVERDUE = """
SELECT id FROM documents_document WHERE owner_id = ANY(%s::uuid[]) AND status = 'processing'
AND (heartbeat_at < now() - make_interval(secs => %s) OR claimed_at < now() - make_interval(secs => %s))
"""
REVIEWS = """
SELECT r.id, r.buli2_ticket_id, r.decision FROM review_review r JOIN documents_document d ON d.id = r.document_id
WHERE d.owner_id = ANY(%s::uuid[])
"""
DECISIONS = """
SELECT c.review_id, c.source, c.decision, c.accepted FROM review_reviewdecision c
WHERE c.review_id = ANY(%s::uuid[]) AND c.undone_at IS NULL
"""
EXCHANGES = """
SELECT review_id, kind, state FROM integrations_buli2exchange
WHERE direction = 'outbound' AND kind IN ('submit', 'cancel') AND review_id = ANY(%s::uuid[])
"""
OPENING_LIMIT = 900  # seconds, for thousands of originals


def gathered(house: "House", driver: "Driver", partner: Sequence[PartnerEffect] | None) -> Evidence:
    """Everything about the documents of this driver's owners, as it stands now."""
    owners = driver.owner_ids
    with psycopg.connect(house.env["DATABASE_URL"]) as connection:
        connection.isolation_level = (
            psycopg.IsolationLevel.REPEATABLE_READ
        )  # what is still moving is seen at one moment
        rows, late = _rows(connection, owners)
        reviews = _reviews(connection, owners)
    found = _opened(house, owners)
    return Evidence(
        answers=list(driver.log),
        rows=rows,
        opened=found["opened"],
        objects=set(found["objects"]),
        kept=dict(driver.kept),
        overdue=late,
        temporary=sorted(str(path.relative_to(house.temporary)) for path in house.temporary.rglob("*")),
        partner=partner,
        reviews=reviews,
    )


def _rows(connection: "psycopg.Connection[Any]", owners: list[str]) -> tuple[dict[str, Row], list[str]]:
    """The documents of these owners, and those among them that are held past a limit."""
    rows: dict[str, Row] = {}
    for document_id, owner_id, status, sha256, key, reviews, decisions in connection.execute(DOCUMENTS, [owners]):
        rows[str(document_id)] = Row(str(document_id), str(owner_id), status, sha256, key, [], reviews, decisions)
    for document_id, before, after in connection.execute(EVENTS, [owners]):
        rows[str(document_id)].events.append((before, after))
    for document_id, outcome, count in connection.execute(RUNS, [owners]):
        rows[str(document_id)].runs[outcome] += count
    limits = (STUCK_SECONDS + 2 * SWEEP_SECONDS, HOLD_SECONDS + 2 * SWEEP_SECONDS)
    late = connection.execute(OVERDUE, [owners, *limits])
    return rows, [str(document_id) for (document_id,) in late]


def _reviews(connection: "psycopg.Connection[Any]", owners: list[str]) -> dict[str, ReviewRow]:
    rows = {
        str(review_id): ReviewRow(str(review_id), ticket, decision)
        for review_id, ticket, decision in connection.execute(REVIEWS, [owners])
    }
    for review_id, source, decision, accepted in connection.execute(DECISIONS, [list(rows)]):
        row = rows[str(review_id)]
        if accepted:
            row.source = source
        else:
            row.refused.append((source, decision))
    for review_id, kind, state in connection.execute(EXCHANGES, [list(rows)]):
        rows[str(review_id)].exchanges.append((kind, state))
    return rows


def _opened(house: "House", owners: list[str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture.originals", *owners],
        cwd=PROJECT,
        env={**house.env, "LOG_LEVEL": "ERROR", "TMPDIR": str(house.folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=OPENING_LIMIT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
