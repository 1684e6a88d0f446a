"""Whom a breach touched: whose data came in, was read, judged, sent or looked at in a time, and what kinds of data."""

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from django.db import connection

ROWS = 2000  # fetched at once

# One pass over each table by the time of its rows; what is known of a document leads to its owner.
_TOUCHED = """
WITH touched AS (
    SELECT id AS document_id, created_at AS at, 'stored' AS how FROM documents_document
        WHERE created_at >= %(since)s AND created_at < %(until)s
    UNION ALL
    SELECT document_id, at, 'moved' FROM documents_documentevent WHERE at >= %(since)s AND at < %(until)s
    UNION ALL
    SELECT document_id, started_at, 'read' FROM verification_verificationrun
        WHERE started_at >= %(since)s AND started_at < %(until)s
    UNION ALL
    SELECT r.document_id, d.created_at, 'decided' FROM review_reviewdecision d
        JOIN review_review r ON r.id = d.review_id WHERE d.created_at >= %(since)s AND d.created_at < %(until)s
    UNION ALL
    SELECT r.document_id, e.created_at, 'exchanged' FROM integrations_buli2exchange e
        JOIN review_review r ON r.id = e.review_id WHERE e.created_at >= %(since)s AND e.created_at < %(until)s
    UNION ALL
    SELECT document_id, at, 'opened' FROM documents_auditentry
        WHERE document_id IS NOT NULL AND at >= %(since)s AND at < %(until)s
)
"""
_BY_ACTOR = """
WITH touched AS (
    SELECT document_id, at, 'opened' AS how FROM documents_auditentry
        WHERE document_id IS NOT NULL AND at >= %(since)s AND at < %(until)s AND actor = %(actor)s
    UNION ALL
    SELECT document_id, at, 'moved' FROM documents_documentevent
        WHERE at >= %(since)s AND at < %(until)s AND actor = %(actor)s
)
"""
_STORED = """
WITH touched AS (
    SELECT id AS document_id, created_at AS at, 'stored' AS how FROM documents_document
        WHERE created_at < %(until)s AND (erased_at IS NULL OR erased_at >= %(since)s)
)
"""
_PER_OWNER = """
SELECT d.owner_id, count(DISTINCT d.id), array_agg(DISTINCT d.type ORDER BY d.type),
       array_agg(DISTINCT t.how ORDER BY t.how), min(t.at), max(t.at), bool_and(d.erased_at IS NOT NULL)
FROM touched t JOIN documents_document d ON d.id = t.document_id
GROUP BY d.owner_id ORDER BY d.owner_id
"""


class Touched(NamedTuple):
    """One owner. `how`: stored, moved, read, decided, exchanged (with BULI2), opened (by a person, by the audit)."""

    owner_id: uuid.UUID
    documents: int
    types: list[str]
    how: list[str]
    first: datetime
    last: datetime
    erased: bool


def touched(since: datetime, until: datetime, *, actor: str = "", stored: bool = False) -> Iterator[Touched]:
    """Owners of documents that were touched in [since, until), by their id.

    With an `actor` only what this account did, for one that was taken over; with `stored` everybody whose data lay
    here in that time, for a store or a dump that was copied.
    """
    source = _BY_ACTOR if actor else _STORED if stored else _TOUCHED
    with connection.cursor() as cursor:
        cursor.execute(source + _PER_OWNER, {"since": since, "until": until, "actor": actor})
        while rows := cursor.fetchmany(ROWS):
            yield from (Touched(*row) for row in rows)
