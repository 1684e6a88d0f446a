"""What BULI2 says, in its answers and in its callbacks. Pure: bytes in, checked words out."""

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
    """A JSON object in UTF-8; an empty body is an empty one. Raises BadAnswer, also for a key that stands twice."""
    try:
        answer = json.loads(raw.decode(), object_pairs_hook=_once_each, parse_constant=_refuse) if raw.strip() else {}
    except (ValueError, RecursionError) as error:
        raise BadAnswer("no JSON") from error
    if not isinstance(answer, dict):
        raise BadAnswer("no JSON object")
    return answer


def read_ticket(answer: dict[str, Any]) -> Ticket:
    """`{taskId or ticketId, status}`. Raises BadAnswer."""
    given = answer.get("taskId") or answer.get("ticketId")
    ticket_id = str(given) if isinstance(given, str) or type(given) is int else ""
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
        notes=_storable(notes)[:MAX_NOTES] if isinstance(notes, str) else None,
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


def _storable(text: str) -> str:
    """Without what no column and no page can hold. The decision beside it counts all the same."""
    return text.encode(errors="replace").decode().replace("\x00", "")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers of one text must not see two decisions in it."""
    given = dict(pairs)
    if len(given) < len(pairs):
        raise ValueError("a key stands twice")
    return given


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
