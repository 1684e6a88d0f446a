"""Rows by the million for `manage.py bench_console`: invented, written by COPY, spread over the last three months.

A twentieth of the documents waits for a person, two more twentieths were decided by one, the rest went by itself. Only
the readings of waiting cases are sealed and stored: no page that is measured opens another.
"""

import io
import json
import random
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, models, transaction
from django.utils import timezone

from documents.models import AuditEntry, AuditHead, Document, DocumentEvent
from documents.sealing import blind_index, seal
from filot.models import User
from review.models import Review, ReviewDecision
from verification.models import VerificationRun

SPAN = timedelta(days=90)
WAITING_SHARE, DECIDED_SHARE = 0.05, 0.10
OWNERS, REVIEWERS = 200, 20
FIRST_ENTRY = 1_000_000_000  # what a page writes while it is measured counts from 1
NUMBERS = 3  # documents with one number, for the panel of the same number
REASONS = json.dumps(
    [{"code": "score_low", "message": "The score is under the limit.", "client": "details_unclear"}] * 2
)
FIELDS: dict[str, dict[str, Any]] = {
    name: {"value": value, "raw": value, "confidence": 0.93, "box": [0.3, 0.1 + at / 20, 0.3, 0.04], "proposed": None}
    for at, (name, value) in enumerate(
        {
            "nik": "3305091403905797",
            "name": "DEWI SPECIMEN",
            "birthPlace": "BANDUNG",
            "birthDate": "1990-03-14",
            "address": "JL CONTOH NO 85",
            "religion": "ISLAM",
            "occupation": "KARYAWAN SWASTA",
        }.items()
    )
}


class Planned(NamedTuple):
    """One document as all tables tell of it."""

    document: uuid.UUID
    run: uuid.UUID
    review: uuid.UUID
    owner: Any
    reviewer: Any
    at: datetime
    score: int
    state: str  # waiting, decided or alone
    number: str


def fill(documents: int, *, seed: int = 1, told: Callable[[str], None] = lambda _: None) -> None:
    """`documents` with their runs, cases, decisions, events and audit entries, then VACUUM. The tables are empty.

    All of it or nothing: what was cut short leaves no half-filled tables to be measured by the next run.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")  # a COPY of a million rows is one statement
        _fill(documents, seed, told)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("VACUUM (ANALYZE)")  # as a server that has run for a while has done by itself
        cursor.execute("RESET statement_timeout")


def _fill(documents: int, seed: int, told: Callable[[str], None]) -> None:
    owners = _users("owner", OWNERS, staff=False)
    reviewers = _users("reviewer", REVIEWERS, staff=True)
    chance, now = random.Random(seed), timezone.now()
    planned = [_plan(at, documents, chance, now, owners, reviewers) for at in range(documents)]
    waiting = [each for each in planned if each.state == "waiting"]
    seen = [each for each in planned if each.state != "alone"]
    decided = [each for each in planned if each.state == "decided"]
    tables: list[tuple[type[models.Model], Iterable[dict[str, Any]]]] = [
        (Document, map(_document, planned)),
        (VerificationRun, map(_run, planned)),
        (Review, map(_review, seen)),
        (ReviewDecision, map(_decision, decided)),
        (DocumentEvent, (event for each in seen for event in _events(each))),
        (AuditEntry, (_entry(number, each) for number, each in enumerate(seen, start=FIRST_ENTRY))),
    ]
    with connection.cursor() as cursor:
        for model, rows in tables:
            table = model._meta.db_table
            # Triggers off: what they ask for is signed and decided by people, and this is neither.
            cursor.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER ALL')
            told(f"{table}: {copy(model, rows):,} rows")
            if model is not AuditEntry:
                cursor.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER USER')
        # The head of the trail knows none of these entries: what a page writes has to pass beside them.
        cursor.execute(f'ALTER TABLE "{AuditHead._meta.db_table}" DISABLE TRIGGER ALL')
    told(f"{len(waiting):,} waiting, {len(decided):,} decided by people")


def copy(model: type[models.Model], rows: Iterable[dict[str, Any]]) -> int:
    """Write {column: value} by COPY; whatever a row does not name has the field's default. How many were written."""
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
    defaults = [_default(field) for field in fields]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    count = 0
    with (
        connection.cursor() as cursor,
        cursor.cursor.copy(f'COPY "{model._meta.db_table}" ({columns}) FROM STDIN') as writer,
    ):
        buffer = io.StringIO()
        for row in rows:
            values = (row.get(str(field.column), default) for field, default in zip(fields, defaults, strict=True))
            buffer.write("\t".join(map(_text, values)) + "\n")
            count += 1
            if count % 20_000 == 0:
                writer.write(buffer.getvalue())
                buffer = io.StringIO()
        writer.write(buffer.getvalue())
    return count


def _default(field: Any) -> Any:
    if field.null:
        return None
    found = field.get_default()
    return json.dumps(found) if isinstance(field, models.JSONField) else "{}" if found == [] else found


def _text(value: Any) -> str:
    """In COPY's text format; no value here holds a tab or a new line."""
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    return str(value).replace("\\", "\\\\")


def _users(name: str, count: int, *, staff: bool) -> list[Any]:
    users = [User(username=f"{name}-{at}", is_staff=staff) for at in range(count)]
    User.objects.bulk_create(users)
    return [user.pk for user in users]


def _plan(at: int, of: int, chance: random.Random, now: datetime, owners: list[Any], reviewers: list[Any]) -> Planned:
    share = at / of
    state = "waiting" if share < WAITING_SHARE else "decided" if share < WAITING_SHARE + DECIDED_SHARE else "alone"
    age = timedelta(hours=72) * chance.random() if state == "waiting" else SPAN * chance.random()
    document, run, review = (uuid.UUID(int=chance.getrandbits(128), version=4) for _ in range(3))
    score = chance.randrange(0, 85) if state != "alone" else chance.randrange(85, 101)
    number = blind_index("KTP", f"{at // NUMBERS:016}")
    owner, reviewer = chance.choice(owners), chance.choice(reviewers)
    return Planned(document, run, review, owner, reviewer, now - age, score, state, number)


def _document(each: Planned) -> dict[str, Any]:
    status = {"waiting": "needs_review", "decided": "approved", "alone": "auto_approve"}[each.state]
    return {
        "id": each.document,
        "owner_id": each.owner,
        "type": "KTP" if each.document.int % 4 else "NPWP",
        "status": status,
        "status_since": each.at,
        "created_at": each.at,
        "updated_at": each.at,
        "storage_key": f"{each.owner}/KTP_{each.document}.jpg",
        "content_type": "image/jpeg",
        "size": 350_000,
        "sha256": f"{each.document.int:064x}",
        "attempts": 1,
        "number_index": each.number,
        "ai_score": each.score,
        "ai_decision": "needs_review" if each.state != "alone" else "auto_approve",
    }


def _run(each: Planned) -> dict[str, Any]:
    fields = None
    if each.state == "waiting":
        place = f"{VerificationRun._meta.db_table}.fields.{each.run}"
        fields = seal(json.dumps(FIELDS).encode(), subject=each.owner, belongs_to=place)
    return {
        "id": each.run,
        "document_id": each.document,
        "attempt": 1,
        "queue": "ocr.cpu",
        "worker": "worker-1",
        "outcome": "judged",
        "started_at": each.at,
        "finished_at": each.at,
        "engine": "rapidocr",
        "policy": "standard",
        "policy_version": "1",
        "kind": "ktp",
        "fields": fields,
        "score": each.score,
        "decision": "needs_review" if each.state != "alone" else "auto_approve",
        "reasons": REASONS if each.state != "alone" else "[]",
        "points": json.dumps({"nik": 30, "name": 20}),
    }


def _review(each: Planned) -> dict[str, Any]:
    done = each.at + timedelta(hours=2) if each.state == "decided" else None
    return {
        "id": each.review,
        "document_id": each.document,
        "created_at": each.at,
        "updated_at": each.at,
        "due_at": each.at + timedelta(hours=24),
        "decision": "approved" if done else "",
        "decided_at": done,
        "closed_at": done,
        "workflow_started_at": each.at,
        "risk": 100 - each.score,
        "needs_two": each.score <= 30,
        "two_because": "{high_risk}" if each.score <= 30 else "{}",
    }


def _decision(each: Planned) -> dict[str, Any]:
    done = each.at + timedelta(hours=2)
    return {
        "id": uuid.UUID(int=each.review.int ^ 1),
        "review_id": each.review,
        "decision": "approved",
        "source": "console",
        "decided_by": each.reviewer,
        "user_id": each.reviewer,
        "accepted": True,
        "seconds": each.score,
        "created_at": done,
        "deliver_after": done,
        "delivered_at": done,
    }


def _events(each: Planned) -> Iterator[dict[str, Any]]:
    states = ["uploaded", "processing", "ocr_completed", "ai_evaluated", "needs_review"]
    for before, after in zip(["", *states], states, strict=False):
        yield {"document_id": each.document, "before": before, "after": after, "actor": "worker-1", "at": each.at}


def _entry(number: int, each: Planned) -> dict[str, Any]:
    return {
        "sequence": number,
        "at": each.at,
        "action": "case.taken",
        "actor": str(each.reviewer),
        "document_id": each.document,
        "subject": str(each.review),
        "key_id": "bench",
        "previous": "0" * 64,
        "hash": f"{number:064x}",
    }
