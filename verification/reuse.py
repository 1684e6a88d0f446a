"""The same file again: what was read from it once is what would be read from it now, so it is read once.

Only a reading counts that this engine and this parser made of the very same bytes, not long ago, and that is whole: its
fields can be opened and its upright page is the one that was stored with it. Whatever is missing, or fails, means that
the file is read like any other. Judging is never reused.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.db.models import QuerySet
from django.utils import timezone

from documents.models import Document
from documents.sealing import CannotOpen
from documents.storage import StoreUnavailable, read_page
from ocr_gpu.engine import OcrEngine
from verification.fields import FieldValue
from verification.models import RunOutcome, VerificationRun
from verification.runs import fields_of

log = structlog.get_logger(__name__)

# The measures of a picture and the marks against it have no version of their own: a reading is trusted for so long.
BELIEVED = timedelta(days=7)
NEWEST = 10  # documents with this file that are asked: somebody may have sent it a thousand times


@dataclass(frozen=True, slots=True)
class StoredReading:
    """A run that read the same file, its document, and the upright page (a JPEG) that was stored with it."""

    run: VerificationRun
    picture: bytes

    @property
    def fields(self) -> dict[str, FieldValue]:
        return fields_of(self.run)

    @property
    def fingerprint(self) -> bytes:
        return bytes(self.run.document.fingerprint or b"")

    def copy_to(self, run: VerificationRun) -> None:
        """Write into `run` all that was read, and from which run; not when, how long or by whom."""
        read = self.run
        run.outcome = RunOutcome.read
        run.engine, run.engine_version, run.device = read.engine, read.engine_version, read.device
        run.parser_version, run.page, run.turn, run.kind = read.parser_version, read.page, read.turn, read.kind
        run.lines, run.fields, run.quality = read.lines, read.fields, read.quality
        run.reused_from = read.pk


def stored_reading(document: Document, data: bytes, engine: OcrEngine, parser_version: str) -> StoredReading | None:
    """What was read from the same bytes as `data`, the original of `document`; None when they are to be read.

    Never raises.
    """
    try:
        if hashlib.sha256(data).hexdigest() != document.sha256:
            return None
        for run in _runs_of(document, engine, parser_version):
            if picture := _whole(run):
                return StoredReading(run, picture)
    except Exception:  # reading anew is always right
        log.exception("reuse_failed", document_id=str(document.pk))
    return None


def _runs_of(document: Document, engine: OcrEngine, parser_version: str) -> QuerySet[VerificationRun]:
    """Runs that themselves read this file, the newest first. Of a document no more than one read anything."""
    documents = Document.objects.in_use().filter(sha256=document.sha256, type=document.type, fingerprint__isnull=False)
    counting = VerificationRun.objects.filter(outcome__in=[RunOutcome.read, RunOutcome.judged])
    runs = counting.filter(document__in=documents.order_by("-created_at").values("pk")[:NEWEST])
    same = counting.filter(
        pk__in={copied or read for read, copied in runs.values_list("pk", "reused_from")},
        engine=engine.name,
        engine_version=engine.version,
        parser_version=parser_version,
        started_at__gt=timezone.now() - BELIEVED,
    )
    return same.exclude(picture_sha256="").select_related("document").order_by("-started_at")


def _whole(run: VerificationRun) -> bytes | None:
    """The page that was stored with this run, if its texts can be opened and the page is still that one."""
    try:
        if run.lines is None or run.fields is None:
            return None
        picture = read_page(run.document.storage_key)
    except (CannotOpen, StoreUnavailable) as error:
        log.info("reading_not_reused", run_id=str(run.pk), error=type(error).__name__)
        return None
    return picture if hashlib.sha256(picture).hexdigest() == run.picture_sha256 else None
