"""A person with something in every place where FiLot keeps personal values."""

import uuid
from typing import Any

from documents.models import Document
from documents.sealing import blind_index
from documents.status import Status
from documents.storage import write_original, write_page
from filot.models import User
from integrations.models import Buli2Exchange, Direction, ExchangeState
from review.models import Decision, ReviewDecision, Source
from review.services import open_review
from tests.review.cases import document_in, judged

NAME, NIK, NOTE = "BUDI SPECIMEN", "3171012505900001", "calls himself BUDI SPECIMEN"
ORIGINAL, PAGE = b"the original of BUDI SPECIMEN", b"the page of BUDI SPECIMEN"


def document_of(owner: User, status: Status = Status.rejected, **facts: Any) -> Document:
    """A document with fields, texts, what the client told, original, page, index, fingerprint, note and messages."""
    document = document_in(
        owner,
        status,
        applicant={"name": NAME, "nik": NIK},
        number_index=blind_index("KTP", NIK),
        fingerprint=b"\x01" * 16,
        picture_bands=[1, 2, 3],
        idempotency_key=blind_index("idempotency key", uuid.uuid4().hex),
        **facts,
    )
    write_original(document.storage_key, ORIGINAL)
    write_page(document.storage_key, PAGE)
    judged(document)
    if status in (Status.needs_review, Status.approved, Status.rejected):
        _review(document, status)
    return document


def _review(document: Document, status: Status) -> None:
    Document.objects.filter(pk=document.pk).update(status=Status.needs_review)
    document.status = Status.needs_review
    review = open_review(document)
    if status is not Status.needs_review:
        decision = Decision.approved if status is Status.approved else Decision.rejected
        ReviewDecision.objects.create(
            review=review, decision=decision, source=Source.buli2, decided_by="buli2", accepted=True, note=NOTE
        )
        review.decision, review.decided_at = decision, review.created_at
        review.buli2_ticket_id = f"T-{uuid.uuid4().hex[:6]}"
        review.save()
        Document.objects.filter(pk=document.pk).update(status=status)
        document.status = status
    Buli2Exchange.objects.create(
        direction=Direction.outbound,
        kind="submit",
        method="POST",
        path="/internal/reviews",
        review_id=review.pk,
        subject=document.owner_id,
        state=ExchangeState.done,
        body={"parsedData": {"name": NAME, "nik": NIK}},
        answer={"taskId": review.buli2_ticket_id},
        body_sha256="0" * 64,
    )
