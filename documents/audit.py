"""The audit trail: who did what to which document, in an append-only chain that tells when it was changed.

Each entry is signed with a key that is kept outside the database, over its content, its number and the signature of
the entry before. So whoever can write every table still can't make, change, move or remove an entry unseen, with one
exception: putting back an older head together with the entries of its time. Against that an anchor helps that was kept
elsewhere: every entry's number and hash go to the log, and `verify_audit --head` prints the newest.
"""

import functools
import hashlib
import hmac
import itertools
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from documents.models import AuditEntry, AuditHead, Document

log = structlog.get_logger(__name__)

GENESIS = "0" * 64  # the hash before the first entry
CORRELATION_LENGTH = 64
ENTRIES_AT_ONCE = 2000  # while the chain is checked

_ACTION = re.compile(r"[a-z0-9_]+(?:\.[a-z0-9_]+)*")
_CODE = re.compile(r"[A-Za-z0-9._:/@+=-]{0,128}")
_KNOWN_LONG = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}|[0-9a-f]{64}")  # UUIDs and digests
_NUMBER = re.compile(r"(?:[0-9][._/:-]?){12}")
_LARGEST = 10**11


class NotACode(ValueError):
    """Something that may be personal was about to be written into the audit trail. The text does not repeat it."""


def note(
    action: str, *, actor: str, document: Document | uuid.UUID | None = None, subject: str = "", **facts: Any
) -> AuditEntry:
    """Write an entry, in the caller's transaction: no act without its entry, and no entry without its act.

    Ids and codes only, never a value from a card, a name or a free text: raises NotACode. Entries are written one
    after the other, so call it last: what locks other rows after it makes everybody wait, and may deadlock.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("an audit entry belongs into the transaction of its act")
    entry = AuditEntry(
        action=_checked_action(action),
        actor=_code("actor", actor),
        document_id=document.pk if isinstance(document, Document) else document,
        subject=_code("subject", subject),
        facts={name: _fact(name, value) for name, value in facts.items()},
        correlation_id=_correlation_id(),
    )
    head = _locked_head()
    key_id = next(iter(settings.AUDIT_KEYS))
    # Taken under the lock: the order of the numbers is the order of the times.
    entry.at, entry.sequence, entry.previous, entry.key_id = timezone.now(), head.sequence + 1, head.hash, key_id
    entry.hash = signature(entry)
    entry.save(force_insert=True)
    head.sequence, head.hash, head.key_id = entry.sequence, entry.hash, key_id
    head.seal = head_seal(head)
    head.save(force_update=True)
    transaction.on_commit(
        functools.partial(log.info, "audit_noted", action=action, anchor=f"{entry.sequence}:{entry.hash}")
    )
    return entry


def _locked_head() -> AuditHead:
    head = AuditHead.objects.select_for_update().first()
    if head is None:
        key_id = next(iter(settings.AUDIT_KEYS))
        first = AuditHead(sequence=0, hash=GENESIS, key_id=key_id)
        first.seal = head_seal(first)
        AuditHead.objects.bulk_create([first], ignore_conflicts=True)
        head = AuditHead.objects.select_for_update().get()
    return head


def _correlation_id() -> str:
    """Of the request or task; one that is no code is left out, since no act may fail by it."""
    given = structlog.contextvars.get_contextvars().get("correlation_id") or ""
    return given if _CODE.fullmatch(given) and len(given) <= CORRELATION_LENGTH else ""


def _checked_action(action: str) -> str:
    if not _ACTION.fullmatch(action):
        raise NotACode("action")
    return action


def _fact(name: str, value: Any) -> Any:
    """Values that JSON gives back as they were: no fractions."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if abs(value) >= _LARGEST:
            raise NotACode(name)
        return value
    if isinstance(value, list | tuple):
        return [_fact(name, item) for item in value]
    return _code(name, str(value) if isinstance(value, uuid.UUID) else value)


def _code(name: str, value: Any) -> str:
    if not isinstance(value, str) or not _CODE.fullmatch(value):
        raise NotACode(name)
    if _NUMBER.search(value) and not _KNOWN_LONG.search(value):
        raise NotACode(name)
    return value


# Signatures -----------------------------------------------------------------------------------------------------------


def signature(entry: AuditEntry) -> str:
    """What the entry's hash has to be. KeyError when its key is not in AUDIT_KEYS."""
    content = {
        "sequence": entry.sequence,
        "previous": entry.previous,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "action": entry.action,
        "actor": entry.actor,
        "document": str(entry.document_id or ""),
        "subject": entry.subject,
        "facts": entry.facts,
        "correlation_id": entry.correlation_id,
        "key_id": entry.key_id,
    }
    return _signed(entry.key_id, "entry", json.dumps(content, sort_keys=True, separators=(",", ":")))


def head_seal(head: AuditHead) -> str:
    """What the head's seal has to be. KeyError when its key is not in AUDIT_KEYS."""
    return _signed(head.key_id, "head", str(head))


def _signed(key_id: str, kind: str, text: str) -> str:
    key: bytes = settings.AUDIT_KEYS[key_id]
    return hmac.new(key, f"filot audit {kind}\n{text}".encode(), hashlib.sha256).hexdigest()


# Checking -------------------------------------------------------------------------------------------------------------


def check_chain(*, first: int = 1, anchors: Mapping[int, str] | None = None, most: int = 50) -> list[str]:
    """What is wrong with the chain from entry `first` on, as sentences, `most` of them; none when it holds.

    `anchors` are hashes that were kept elsewhere, by number. One snapshot: what is written meanwhile is not seen.
    """
    with transaction.atomic():
        if not connection.savepoint_ids:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return list(itertools.islice(_problems(first, dict(anchors or {})), most))


def _problems(first: int, anchors: dict[int, str]) -> Iterator[str]:
    expected, before = first, GENESIS if first == 1 else None
    for entry in AuditEntry.objects.filter(sequence__gte=first).order_by("sequence").iterator(ENTRIES_AT_ONCE):
        if entry.sequence > expected:
            yield _missing(expected, entry.sequence - 1)
        elif before is not None and entry.previous != before:
            yield f"{entry.sequence}: it does not continue the entry before: one was changed, removed or inserted"
        if problem := _unsigned(entry):
            yield f"{entry.sequence}: {problem}"
        if anchors.pop(entry.sequence, entry.hash) != entry.hash:
            yield f"{entry.sequence}: it is not the entry that the anchor names"
        expected, before = entry.sequence + 1, entry.hash
    yield from _head_problems(AuditHead.objects.first(), expected - 1, before)
    for sequence in sorted(sequence for sequence in anchors if sequence >= first):
        yield f"{sequence}: the anchor names an entry that is gone"


def _missing(first: int, last: int) -> str:
    return f"{first}: removed" if first == last else f"{first} to {last}: removed"


def _unsigned(entry: AuditEntry) -> str:
    if entry.key_id not in settings.AUDIT_KEYS:
        return "its key is not in AUDIT_KEYS"
    return "" if hmac.compare_digest(entry.hash, signature(entry)) else "changed, or not written by FiLot"


def _head_problems(head: AuditHead | None, last: int, newest: str | None) -> Iterator[str]:
    """`last` and `newest` are the number and the hash of the newest entry."""
    if head is None:
        if last:
            yield "the head was removed: entries after the newest may be gone"
        return
    if head.key_id not in settings.AUDIT_KEYS or not hmac.compare_digest(head.seal, head_seal(head)):
        yield "the head was changed: entries after the newest may be gone"
    if head.sequence > last:
        yield _missing(last + 1, head.sequence)
    elif (head.sequence, head.hash) != (last, newest if newest is not None else head.hash):
        yield f"the head names entry {head.sequence}, the newest is {last}, or another one of that number"
