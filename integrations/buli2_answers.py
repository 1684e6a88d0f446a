"""What BULI2's answers say. Pure: bytes in, checked words out."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import quote

MAX_PATH_ID, MAX_ID, MAX_WORD, MAX_NOTES = 160, 128, 32, 1000  # characters
DECISIONS = ("approved", "rejected")


class BadAnswer(Exception):
    """Not what the contract says."""


@dataclass(frozen=True, slots=True)
class Ticket:
    id: str
    status: str


@dataclass(frozen=True, slots=True)
class Buli2Status:
    status: str
    decision: str | None
    notes: str | None


def read_object(raw: bytes) -> dict[str, Any]:
    """A JSON object; an empty body is an empty one. Raises BadAnswer."""
    try:
        answer = json.loads(raw, parse_constant=_refuse) if raw.strip() else {}
    except (ValueError, RecursionError) as error:
        raise BadAnswer("no JSON") from error
    if not isinstance(answer, dict):
        raise BadAnswer("no JSON object")
    return answer


def read_ticket(answer: dict[str, Any]) -> Ticket:
    """`{taskId or ticketId, status}`. Raises BadAnswer."""
    given = answer.get("taskId") or answer.get("ticketId")
    ticket_id = str(given) if isinstance(given, str | int) else ""
    if not _is_word(ticket_id, MAX_ID) or ticket_id in (".", "..") or len(in_path(ticket_id)) > MAX_PATH_ID:
        raise BadAnswer("no usable ticket id")
    status = str(answer.get("status") or "")
    return Ticket(ticket_id, status if _is_word(status, MAX_WORD) else "")


def read_status(answer: dict[str, Any]) -> Buli2Status:
    """`{status, decision?, notes?}`; a word that is no decision becomes None. Raises BadAnswer."""
    status, decision, notes = answer.get("status"), answer.get("decision"), answer.get("notes")
    if not isinstance(status, str) or not _is_word(status, MAX_WORD):
        raise BadAnswer("no status")
    return Buli2Status(
        status=status,
        decision=decision if decision in DECISIONS else None,
        notes=notes.replace("\x00", "")[:MAX_NOTES] if isinstance(notes, str) else None,
    )


def in_path(ticket_id: str) -> str:
    return quote(ticket_id, safe="")


READERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "submit": read_ticket,
    "status": read_status,
    "cancel": lambda answer: None,
}


def _is_word(value: str, longest: int) -> bool:
    return value.isascii() and value.isprintable() and 0 < len(value) <= longest


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
