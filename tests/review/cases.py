"""Documents and reviews in the state that a test needs."""

import uuid
from typing import Any

import pytest
from django.utils import timezone

from documents.models import Document
from documents.status import Status
from filot.models import User
from integrations import temporal
from review.models import Review
from review.services import open_review
from verification.models import RunOutcome, VerificationRun

NIK = "3171012505900001"
FIELDS = {
    "nik": {"value": NIK, "raw": NIK, "confidence": 0.97, "box": [0.3, 0.2, 0.3, 0.05], "proposed": None},
    "name": {"value": "BUDI SPECIMEN", "raw": "BUDI SPECIMEN", "confidence": 0.9, "box": None, "proposed": None},
}
REASONS = [{"code": "address_missing", "message": "The address could not be read.", "client": "details_unclear"}]


def document_in(owner: User, status: Status, **facts: Any) -> Document:
    facts = {"ai_score": 61, "ai_decision": "needs_review", "correlation_id": "upload-1", **facts}
    if status is Status.processing:
        facts |= {"claim_token": uuid.uuid4(), "heartbeat_at": timezone.now()}
    document: Document = Document.objects.create(
        owner=owner,
        type="KTP",
        status=status,
        storage_key=f"{owner.pk}/KTP_{uuid.uuid4()}.jpg",
        content_type="image/jpeg",
        size=1000,
        sha256="0" * 64,
        **facts,
    )
    return document


def judged(document: Document, **facts: Any) -> VerificationRun:
    facts = {"fields": FIELDS, "lines": [{"text": NIK, "confidence": 0.97, "box": None}], "reasons": REASONS, **facts}
    return VerificationRun.objects.create(
        document=document, attempt=1, queue="ocr.cpu", worker="w", outcome=RunOutcome.judged, **facts
    )


def case_of(owner: User, **facts: Any) -> Review:
    """An open review of a judged document."""
    document = document_in(owner, Status.needs_review, **facts)
    judged(document)
    return open_review(document)


class Temporal:
    """In place of the client's two calls: notes what it was told, and answers as told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started: list[dict[str, object]] = []
        self.found_by: list[dict[str, str]] = []
        self.signals: list[tuple[str, str, dict[str, object]]] = []
        self.answers: list[Exception] = []
        monkeypatch.setattr(temporal, "start_review_workflow", self.start)
        monkeypatch.setattr(temporal, "signal_workflow", self.signal)

    def start(
        self,
        review_id: str,
        *,
        workflow_id: str,
        arguments: dict[str, object],
        found_by: dict[str, str],
        again: bool,
    ) -> None:
        self._answer()
        self.found_by.append(found_by)
        assert workflow_id == f"kyc-review-{review_id}"
        self.started.append(arguments)

    def signal(self, workflow_id: str, signal: str, payload: dict[str, object]) -> None:
        self._answer()
        self.signals.append((workflow_id, signal, payload))

    def _answer(self) -> None:
        if self.answers:
            raise self.answers.pop(0)
