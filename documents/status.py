"""The states of a document, the moves between them, and the words clients know them by. Nothing else decides these."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    uploaded = "uploaded"
    processing = "processing"
    ocr_completed = "ocr_completed"
    ai_evaluated = "ai_evaluated"
    auto_approve = "auto_approve"
    auto_reject = "auto_reject"
    needs_review = "needs_review"
    approved = "approved"
    rejected = "rejected"


LEGAL_MOVES: dict[Status, frozenset[Status]] = {
    # processing -> needs_review: the attempts are spent, a person is the right fallback.
    Status.uploaded: frozenset({Status.processing}),
    Status.processing: frozenset({Status.uploaded, Status.ocr_completed, Status.needs_review}),
    Status.ocr_completed: frozenset({Status.ai_evaluated}),
    Status.ai_evaluated: frozenset({Status.auto_approve, Status.auto_reject, Status.needs_review}),
    Status.needs_review: frozenset({Status.approved, Status.rejected}),
    Status.auto_approve: frozenset(),
    Status.auto_reject: frozenset(),
    Status.approved: frozenset(),
    Status.rejected: frozenset(),
}
FINAL = frozenset(status for status, moves in LEGAL_MOVES.items() if not moves)
EVALUATED = FINAL | {Status.ai_evaluated, Status.needs_review}


class WireWords(NamedTuple):
    """What an API client reads for a state (contract: `status`, `verificationStatus`)."""

    status: str
    verification_status: str


WIRE: dict[Status, WireWords] = {
    Status.uploaded: WireWords("uploaded", "pending"),
    Status.processing: WireWords("processing", "pending"),
    Status.ocr_completed: WireWords("processing", "ocr_completed"),
    Status.ai_evaluated: WireWords("processing", "ai_evaluated"),
    Status.auto_approve: WireWords("completed", "auto_approved"),
    Status.auto_reject: WireWords("completed", "auto_rejected"),
    Status.needs_review: WireWords("completed", "pending_manual_review"),
    Status.approved: WireWords("completed", "manually_approved"),
    Status.rejected: WireWords("completed", "manually_rejected"),
}


def wire_time(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z, as every time goes over the wire."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class IllegalMove(Exception):
    """The state machine has no such move: a mistake in the code that asked for it, never in its input."""


def check_move(before: Status, after: Status) -> None:
    """Raise IllegalMove unless `before` -> `after` is a move of the state machine."""
    if after not in LEGAL_MOVES[before]:
        raise IllegalMove(f"{before} -> {after}")
