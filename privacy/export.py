"""All that is kept of a person, as a bundle they can read: a ZIP with their originals and one JSON for the rest."""

import json
import os
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.forms.models import model_to_dict

from documents import audit
from documents.models import Document
from documents.status import wire_time
from documents.storage import OriginalMissing, read_original, read_page
from integrations.models import Buli2Exchange
from privacy.models import LegalHold, PersonalRequest, RequestKind, Subject
from privacy.requests import UNANSWERED, answer
from review.models import Review

README = """What FiLot keeps of you, or of the account named in person.json.

person.json        the account, and what was asked for by right
documents.json     each document: what was read from it, why it was decided so, by whom, and every step on its way
originals/         the pictures and files as they were sent, without the data that a camera adds
pages/             the page of each that people looked at

Data kept of you at a review partner is theirs to give: documents.json names the tickets under which it stands there.
"""
PRIVATE = 0o600


class Exists(Exception):
    """Something is at this path already: an export overwrites nothing."""


def export_subject(owner_id: uuid.UUID, path: Path, *, by: str) -> int:
    """Write the bundle to `path`, readable by us alone; whole or not at all. Returns how many documents it holds.

    Raises User.DoesNotExist, Exists, StoreUnavailable, CannotOpen.
    """
    user = get_user_model()._default_manager.get(pk=owner_id)
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    if path.exists():
        raise Exists(str(path))
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
                count = _write(bundle, user)
            file.flush()
            os.fsync(file.fileno())
        with transaction.atomic():
            audit.note("subject.exported", actor=by, subject=str(owner_id), documents=count)
        os.link(unfinished, path)  # refuses what came there meanwhile, where a rename would overwrite it
    except FileExistsError as error:
        raise Exists(str(path)) from error
    finally:
        unfinished.unlink(missing_ok=True)
    asked = PersonalRequest.objects.filter(owner_id=owner_id, kind=RequestKind.access, state__in=UNANSWERED)
    for request_id in asked.values_list("pk", flat=True):
        answer(request_id, by=by, outcome="exported")
    return count


def _write(bundle: zipfile.ZipFile, user: Any) -> int:
    bundle.writestr("README.txt", README)
    bundle.writestr("person.json", _json(_person(user)))
    documents = []
    for document in Document.objects.owned_by(user.pk).order_by("created_at").iterator():
        documents.append(_document(document))
        for folder, name, data in _files(document):
            bundle.writestr(f"{folder}/{name}", data)
    bundle.writestr("documents.json", _json(documents))
    return len(documents)


def _files(document: Document) -> Iterator[tuple[str, str, bytes]]:
    name = document.storage_key.rpartition("/")[2]
    for folder, read in (("originals", read_original), ("pages", read_page)):
        try:
            data = read(document.storage_key)
        except OriginalMissing:
            continue
        yield folder, name if folder == "originals" else f"{name.rpartition('.')[0]}.jpg", data


def _person(user: Any) -> dict[str, Any]:
    subject = Subject.objects.filter(pk=user.pk).first()
    return {
        "id": str(user.pk),
        "username": user.username,
        "displayName": user.told["display_name"],
        "email": user.told["email"],
        "identityProvider": {"issuer": user.issuer, "subject": user.subject} if user.subject else None,
        "since": wire_time(user.date_joined),
        "standing": model_to_dict(subject, exclude=["owner"]) if subject else {},
        "holds": LegalHold.objects.filter(owner_id=user.pk, lifted_at__isnull=True).count(),
        "requests": list(
            PersonalRequest.objects.filter(owner_id=user.pk).values(
                "kind", "state", "outcome", "created_at", "due_at", "closed_at", "document_id", "new_document_id"
            )
        ),
    }


def _document(document: Document) -> dict[str, Any]:
    review = Review.objects.filter(document=document).first()
    return {
        "id": str(document.pk),
        "type": document.type,
        "status": document.status,
        "createdAt": wire_time(document.created_at),
        "decidedAt": wire_time(document.status_since),
        "toldWithIt": document.applicant,
        "score": document.ai_score,
        "automaticDecision": document.ai_decision or None,
        "events": list(document.events.values("at", "before", "after", "actor", "reason")),
        "readings": [_run(run) for run in document.runs.order_by("attempt")],
        "review": _review(review) if review else None,
    }


def _run(run: Any) -> dict[str, Any]:
    return {
        "at": wire_time(run.started_at),
        "fields": run.fields,
        "text": run.lines,
        "readBy": f"{run.engine} {run.engine_version}".strip(),
        "policy": f"{run.policy} {run.policy_version}".strip(),
        "score": run.score,
        "decision": run.decision,
        "points": run.points,
        "reasons": [reason.get("message") for reason in run.reasons],
        "findings": run.findings,
    }


def _review(review: Review) -> dict[str, Any]:
    decisions = [
        {
            "at": wire_time(decision.created_at),
            "decision": decision.decision,
            "by": decision.source,  # a reviewer's name is not the subject's to have
            "reason": decision.reason_code,
            "note": decision.note,
            "counts": decision.accepted,
        }
        for decision in review.decisions.all()
    ]
    corrections = [
        {"at": wire_time(each.created_at), "field": each.field, "from": each.old, "to": each.new}
        for each in review.corrections.all()
    ]
    messages = [
        {
            "at": wire_time(message.created_at),
            "direction": message.direction,
            "kind": message.kind,
            "body": message.body,
        }
        for message in Buli2Exchange.objects.filter(review_id=review.pk).order_by("created_at")
    ]
    return {
        "openedAt": wire_time(review.created_at),
        "partnerTicket": review.buli2_ticket_id or None,
        "decisions": decisions,
        "corrections": corrections,
        "messages": messages,
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
