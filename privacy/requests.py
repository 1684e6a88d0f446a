"""What an owner asks for by right. A request is a row; a command answers it, and a person decides to run that."""

import uuid
from datetime import timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from documents import audit
from privacy.models import PersonalRequest, RequestKind, RequestState

log = structlog.get_logger(__name__)

ANSWERED_WITHIN = timedelta(hours=72)  # UU PDP: docs/privacy.md says by which articles
UNANSWERED = [RequestState.open, RequestState.waits]


class NotOpen(Exception):
    """It was answered before."""


def ask(owner: Any, kind: RequestKind) -> tuple[PersonalRequest, bool]:
    """The owner's open request of this kind, and whether it is new."""
    if earlier := _open(owner.pk, kind):
        return earlier, False
    try:
        with transaction.atomic():
            request = PersonalRequest.objects.create(owner=owner, kind=kind, due_at=timezone.now() + ANSWERED_WITHIN)
            audit.note(f"request.{kind}", actor=str(owner.pk), subject=str(owner.pk), request=request.pk)
    except IntegrityError:
        if earlier := _open(owner.pk, kind):
            return earlier, False
        raise
    log.info("personal_request", request_id=str(request.pk), kind=kind)
    return request, True


def answer(request_id: uuid.UUID, *, by: str, outcome: str, refused: bool = False) -> None:
    """Say what became of a request. Raises PersonalRequest.DoesNotExist, NotOpen."""
    request = PersonalRequest.objects.get(pk=request_id)
    state = RequestState.refused if refused else RequestState.done
    with transaction.atomic():
        waiting = PersonalRequest.objects.filter(pk=request_id, state__in=UNANSWERED)
        if not waiting.update(state=state, outcome=outcome, closed_at=timezone.now()):
            raise NotOpen(str(request_id))
        audit.note("request.answered", actor=by, subject=str(request.owner_id), request=request_id, outcome=outcome)


def _open(owner_id: uuid.UUID, kind: RequestKind) -> PersonalRequest | None:
    return PersonalRequest.objects.filter(owner_id=owner_id, kind=kind, state__in=UNANSWERED).first()
