"""Documents and runs as tests want them, built in the open."""

import uuid
from typing import Any

from django.utils import timezone

from documents.models import Document
from documents.storage import write_original
from filot.models import User


def make_document(owner: User, **facts: Any) -> Document:
    """A KTP that waits in ocr.cpu, without a stored original; `facts` replace what they name."""
    now = timezone.now()
    defaults = {
        "type": "KTP",
        "storage_key": f"{owner.pk}/KTP_{uuid.uuid4()}.jpg",
        "content_type": "image/jpeg",
        "size": 3,
        "sha256": 2 * uuid.uuid4().hex,
        "queue": "ocr.cpu",
        "queued_at": now,
        "correlation_id": "test",
    }
    document: Document = Document.objects.create(owner=owner, **{**defaults, **facts})
    return document


def store_original(document: Document, data: bytes) -> Document:
    write_original(document.storage_key, data)
    return document
