"""The ten seconds in which a decision can be taken back, as the page after it shows them."""

from datetime import datetime
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.utils import timezone

UNDO = "undo"  # key of the session


class UndoBar(NamedTuple):
    review: str
    ref: str
    decision: str  # approved, rejected, new_upload, or verdict where a second person has to agree
    left: int  # seconds


def remember_undo(request: HttpRequest, *, review: Any, decision: str, until: datetime) -> None:
    request.session[UNDO] = {
        "review": str(review.pk),
        "ref": review.document.ref,
        "decision": decision,
        "until": until.isoformat(),
    }


def forget_undo(request: HttpRequest) -> None:
    request.session.pop(UNDO, None)


def undo_bar(request: HttpRequest) -> UndoBar | None:
    """What can still be undone. Only a picture of it: the guarded UPDATE of `deciding.undo` is what decides."""
    kept = request.session.get(UNDO)
    if not kept:
        return None
    left = (datetime.fromisoformat(kept["until"]) - timezone.now()).total_seconds()
    return UndoBar(kept["review"], kept["ref"], kept["decision"], int(left)) if left >= 1 else None
