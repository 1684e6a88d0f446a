"""Receiving an upload, and sweeping originals and pages that no row names."""

import hashlib
import re
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.core.files.storage import Storage
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from documents.clamd import check_clean
from documents.in_flight import alone_with
from documents.models import Document, DocumentEvent
from documents.pressure import check_owner, check_queue, check_stored
from documents.queue import first_queue
from documents.sealing import blind_index
from documents.status import Status
from documents.storage import PAGE, UNFINISHED, originals, write_original
from ocr_gpu.images import check_file
from ocr_gpu.metadata import without_metadata

log = structlog.get_logger(__name__)

EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "application/pdf": "pdf"}
ORPHAN_AGE = timedelta(hours=1)  # far longer than an upload takes between its object and its row
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_OUR_KEY = re.compile(rf"({_UUID}/[A-Z0-9]+_{_UUID})\.({'|'.join(EXTENSIONS.values())})")
_OUR_PAGE = re.compile(rf"({_UUID}/[A-Z0-9]+_{_UUID}){re.escape(PAGE)}(?:\.{_UUID}({re.escape(UNFINISHED)}))?")


class KeyReused(Exception):
    """The idempotency key was used before for another file, type or applicant."""


class NotAskedFor(Exception):
    """The document that the upload says it replaces waits for none: nobody asked, or another one came."""


class Upload(NamedTuple):
    """What came, and what is to be kept of it."""

    owner: Any
    type: str
    data: bytes
    kept: bytes  # without EXIF and what else a camera writes beside the pixels
    digest: str  # of what is kept
    applicant: dict[str, str] | None
    idempotency_key: str  # a blind index of it
    correlation_id: str
    replaces: Document | None


def receive_upload(
    *,
    owner: Any,
    type: str,
    data: bytes,
    declared_type: str | None,
    idempotency_key: str = "",
    correlation_id: str = "",
    applicant: Mapping[str, str] | None = None,
    replaces: Document | None = None,
) -> Document:
    """Check the file, strip it of EXIF, seal and store it, then commit its row, already queued when AUTO_PROCESS is on.

    The object comes before the row: a row without its object would be a lost document, an object without its row is
    swept. With an idempotency key, safe to repeat, also while no upload is taken. `replaces` is the owner's document
    for which a reviewer asked for another file. Raises NotAskedFor, QueueBusy, QuotaExceeded, StorageFull,
    UnreadableFile, ScannerUnavailable, KeyReused, KeyInFlight, StoreUnavailable.
    """
    kept = without_metadata(data)
    digest = hashlib.sha256(kept).hexdigest()
    # Clients make keys of what they have at hand, a card's number too: the column holds none of it.
    idempotency_key = blind_index("idempotency key", idempotency_key) if idempotency_key else ""
    told = dict(applicant or {}) or None
    upload = Upload(owner, type, data, kept, digest, told, idempotency_key, correlation_id, replaces)
    if not idempotency_key:
        return _received(upload, declared_type)
    if earlier := _earlier(upload):
        return earlier
    with alone_with(owner.pk, idempotency_key):
        return _earlier(upload) or _received(upload, declared_type)  # it may have been answered just now


def _received(upload: Upload, declared_type: str | None) -> Document:
    check_replaced(upload.replaces)
    check_queue()
    lane = check_owner(upload.owner.pk)
    check_stored(upload.owner.pk, len(upload.kept))
    facts = check_file(upload.data, declared=declared_type, kept=upload.kept)
    check_clean(upload.data)
    key = f"{upload.owner.pk}/{upload.type}_{uuid.uuid4()}.{EXTENSIONS[facts.kind]}"
    write_original(key, upload.kept)
    document = Document(
        owner=upload.owner,
        type=upload.type,
        storage_key=key,
        content_type=facts.kind,
        size=len(upload.kept),
        sha256=upload.digest,
        idempotency_key=upload.idempotency_key,
        applicant=upload.applicant,
        correlation_id=upload.correlation_id,
        replaces=upload.replaces,
        lane=lane,
        **_queued(),
    )
    try:
        _commit(document)
    except IntegrityError:
        # A request with this key that lost its connection, and the lock with it, was faster: our object is swept.
        if upload.idempotency_key and (earlier := _earlier(upload)):
            return earlier
        check_replaced(upload.replaces)  # another one was faster
        raise
    size = len(upload.kept)
    log.info("document_received", document_id=str(document.pk), type=document.type, size=size, queue=document.queue)
    return document


def check_replaced(replaced: Document | None) -> None:
    """Raises NotAskedFor; a constraint of the table decides between two at the same moment."""
    if replaced and (not replaced.new_upload or Document.objects.filter(replaces=replaced).exists()):
        raise NotAskedFor


def _queued() -> dict[str, Any]:
    return {"queue": first_queue(), "queued_at": Now()} if settings.AUTO_PROCESS else {}


def _commit(document: Document) -> None:
    with transaction.atomic():
        document.save(force_insert=True)
        DocumentEvent.objects.create(
            document=document,
            after=Status.uploaded,
            actor=str(document.owner_id),
            correlation_id=document.correlation_id,
        )
    if document.queue:
        del document.queued_at  # whoever wants it asks the database, whose clock it is


def _earlier(upload: Upload) -> Document | None:
    """The document that was made of this key before. Raises KeyReused when it was made of something else."""
    earlier: Document | None = Document.objects.filter(
        owner=upload.owner, idempotency_key=upload.idempotency_key
    ).first()
    replaced = upload.replaces.pk if upload.replaces else None
    asked = (upload.digest, upload.type, upload.applicant, replaced)
    if earlier and (earlier.sha256, earlier.type, earlier.applicant, earlier.replaces_id) != asked:
        raise KeyReused
    return earlier


def sweep_originals(*, older_than: timedelta = ORPHAN_AGE) -> int:
    """Delete stored objects that no row names and that are older than an upload can take. Safe to repeat.

    Only what is named as an original or as its page: a MEDIA_ROOT or bucket that holds other things too must not lose
    them.
    """
    storage, swept = originals(), 0
    for folder in _folders(storage):
        names = storage.listdir(folder)[1]
        swept += sum(_swept(storage, key, older_than) for key in _orphans({f"{folder}/{name}" for name in names}))
    if swept:
        log.info("originals_swept", count=swept)
    return swept


def _orphans(keys: set[str]) -> set[str]:
    """Of `keys` the originals that no row names, the pages of no original that a row names, and unfinished pages."""
    found = {key for key in keys if _OUR_KEY.fullmatch(key)}
    pages = {key: page for key in keys if (page := _OUR_PAGE.fullmatch(key))}
    asked = found | {f"{page[1]}.{ending}" for page in pages.values() for ending in EXTENSIONS.values()}
    known = set(Document.objects.filter(storage_key__in=asked).values_list("storage_key", flat=True))
    stems = {key.rpartition(".")[0] for key in known}
    return (found - known) | {key for key, page in pages.items() if page[2] or page[1] not in stems}


def _folders(storage: Storage) -> list[str]:
    try:
        return storage.listdir("")[0]
    except FileNotFoundError:  # the folder is made with the first original
        return []


def _swept(storage: Storage, key: str, older_than: timedelta) -> bool:
    try:
        if timezone.now() - storage.get_modified_time(key) < older_than:
            return False
        storage.delete(key)
    except FileNotFoundError:  # another sweep was faster
        return False
    return True
