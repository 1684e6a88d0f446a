"""Whether an upload can be taken now: how much waits in all, how much of one owner, and when there will be room again.

Every question is a count over an index that stops at its limit. What it finds is kept for a second in each process: a
flood of uploads asks the database once a second, and what an upload costs does not grow with what waits.
"""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Generic, TypeVar

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import Error as DatabaseError
from django.db.models import Count, Min, Q, Sum
from django.db.models.functions import Now
from django.utils import timezone
from prometheus_client import Counter

from documents.models import BULK_LANE, FAST_LANE, Document, DocumentEvent
from documents.status import Status

log = structlog.get_logger(__name__)

T = TypeVar("T")

KEPT_SECONDS = 1.0  # for which a measure is believed
# Counting 100,000 rows each second would be felt: far under a limit a count is believed for as long as no flood, of so
# many documents a second, could have reached the limit.
FLOOD = 2000
LONGEST_KEPT = 30.0
COUNTED_OVER = 500  # how far over its limit a queue is counted; with more than that the wait is told as for so much
PACE_SECONDS = 120  # of the past, by which the pace of the workers is told
PACE_EVENTS = 2000  # the most that are looked at for it; a document has about five
SHORTEST_WAIT, LONGEST_WAIT = 5.0, 300.0  # seconds of a Retry-After

FAR = 500  # an owner with room for so many of the largest is far from full, and is not counted again for
FAR_SECONDS = 30

QUEUE_FULL, QUEUE_OLD, OWNER_QUOTA, OWNER_STORED = "queue_full", "queue_old", "owner_quota", "owner_stored"
REFUSED = Counter("filot_uploads_refused_total", "Uploads refused because too much waits", ["reason"])


class UploadRefused(Exception):
    """Too much waits: nothing was stored. `retry_after` seconds from now there should be room."""

    def __init__(self, reason: str, retry_after: float) -> None:
        super().__init__(reason)
        self.reason, self.retry_after = reason, retry_after


class QueueBusy(UploadRefused):
    """So much waits in all, or so long, that nobody's upload is taken."""


class QuotaExceeded(UploadRefused):
    """So much of this owner waits that no more of theirs is taken."""


class StorageFull(Exception):
    """So much of this owner is kept that no more of theirs is taken."""


class Kept(Generic[T]):
    """What a measure found, for as many seconds as `believed` says of it. One thread measures while the others go by
    what was found before; a measure that fails finds `otherwise`: without it uploads are taken as if little waited.
    """

    def __init__(
        self, measure: Callable[[], T], otherwise: T, believed: Callable[[T], float] = lambda found: KEPT_SECONDS
    ) -> None:
        self._measure, self._otherwise, self._found = measure, otherwise, otherwise
        self._believed, self._until = believed, 0.0
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Measure again at the next question."""
        self._until = 0.0

    def __call__(self) -> T:
        if time.monotonic() < self._until or not self._lock.acquire(blocking=False):
            return self._found
        try:
            self._found = self._measure()
        except DatabaseError as error:
            log.warning("pressure_not_measured", error=type(error).__name__)
            self._found = self._otherwise
        finally:
            self._until = time.monotonic() + self._believed(self._found)
            self._lock.release()
        return self._found


def counted_waiting() -> int:
    """How many documents wait, in each queue counted to COUNTED_OVER over the limit; 0 when there is no limit."""
    most = settings.QUEUE_MAX_DEPTH
    return sum(rows[: most + COUNTED_OVER].count() for rows in _rows()) if most else 0


def counted_late() -> int:
    """How many of them wait longer than they may, in each queue counted to COUNTED_OVER."""
    seconds = settings.QUEUE_MAX_AGE
    then = Now() - timedelta(seconds=seconds)
    return sum(rows.filter(queued_at__lt=then)[:COUNTED_OVER].count() for rows in _rows()) if seconds else 0


def _rows() -> list[Any]:
    """What waits in each queue, in no order: one would make the database sort all of it before it stops at a limit."""
    waiting = Document.objects.filter(status=Status.uploaded, restricted_at__isnull=True).order_by().values("queued_at")
    return [waiting.filter(queue=queue) for queue in (settings.OCR_GPU_QUEUE, settings.OCR_CPU_QUEUE)]


def _believed(waiting: int) -> float:
    return float(min(max(KEPT_SECONDS, (settings.QUEUE_MAX_DEPTH - waiting) / FLOOD), LONGEST_KEPT))


def measured_pace() -> float:
    """How many documents a second left the workers of late, read or given to a person."""
    now = timezone.now()
    newest = DocumentEvent.objects.order_by("-pk")[:PACE_EVENTS]
    read = Q(before=Status.processing) & ~Q(after=Status.uploaded) & Q(at__gt=now - timedelta(seconds=PACE_SECONDS))
    found: dict[str, Any] = newest.aggregate(read=Count("pk", filter=read), since=Min("at"))
    if not found["read"]:
        return 0.0
    seen = (now - found["since"]).total_seconds()
    return float(found["read"] / max(1.0, min(seen, PACE_SECONDS)))


waiting_now = Kept(counted_waiting, 0, _believed)
late_now = Kept(counted_late, 0)
pace = Kept(measured_pace, 0.0)


def check_queue() -> None:
    """Raises QueueBusy while more waits, or longer, than the settings allow. Never a database error."""
    waiting = waiting_now()
    if settings.QUEUE_MAX_DEPTH and waiting >= settings.QUEUE_MAX_DEPTH:
        raise _counted(QueueBusy(QUEUE_FULL, _seconds_for(waiting - settings.QUEUE_MAX_DEPTH + 1)))
    if late := late_now():
        raise _counted(QueueBusy(QUEUE_OLD, _seconds_for(late)))


def check_owner(owner_id: Any) -> int:
    """The lane of one more document of this owner. Raises QuotaExceeded when it would be one too many."""
    most = settings.OWNER_MAX_WAITING
    unread = unread_of(owner_id)
    if most and unread >= most:
        # Of what is read meanwhile a part is theirs: as large as theirs is of all that waits.
        among = max(1.0, waiting_now() / unread)
        raise _counted(QuotaExceeded(OWNER_QUOTA, _seconds_for((unread - most + 1) * among)))
    return lane_with(unread)


def check_stored(owner_id: Any, size: int) -> None:
    """Raises StorageFull when one more document of `size` bytes would be more than one owner may keep here.

    Who is far from it is not counted again for a while.
    """
    most, most_bytes = settings.OWNER_MAX_DOCUMENTS, settings.OWNER_MAX_BYTES
    key = f"far-from-full:{owner_id}"
    if not (most or most_bytes) or cache.get(key):
        return
    kept = Document.objects.owned_by(owner_id).aggregate(count=Count("pk"), size=Sum("size", default=0))
    if (most and kept["count"] >= most) or (most_bytes and kept["size"] + size > most_bytes):
        log.warning("upload_refused", reason=OWNER_STORED)
        REFUSED.labels(OWNER_STORED).inc()
        raise StorageFull
    room = most - kept["count"] if most else FAR
    room_bytes = most_bytes - kept["size"] if most_bytes else FAR * settings.MAX_UPLOAD_BYTES
    if room >= FAR and room_bytes >= FAR * settings.MAX_UPLOAD_BYTES:
        cache.set(key, True, FAR_SECONDS)


def lane_with(unread: int) -> int:
    """The lane of one more document of an owner of whose documents so many have not been read."""
    return FAST_LANE if unread < settings.OWNER_FAST_LANE else BULK_LANE


def unread_of(owner_id: Any) -> int:
    """How many of this owner's documents wait or are being read; counted no further than anybody asks for."""
    most = max(settings.OWNER_MAX_WAITING, settings.OWNER_FAST_LANE)
    try:
        # Few rows out of an index: Django takes longer to make a count of a slice than PostgreSQL for either.
        return len(Document.objects.unread().owned_by(owner_id).order_by().values_list("owner_id")[:most])
    except DatabaseError as error:
        log.warning("pressure_not_measured", error=type(error).__name__)
        return 0


def _seconds_for(documents: float) -> float:
    """How long the workers take to read so many, at the pace of late; the longest wait when they read nothing."""
    read_a_second = pace()
    seconds = documents / read_a_second if read_a_second else LONGEST_WAIT
    return min(max(seconds, SHORTEST_WAIT), LONGEST_WAIT)


def _counted(refused: UploadRefused) -> UploadRefused:
    REFUSED.labels(refused.reason).inc()
    log.warning("upload_refused", reason=refused.reason, retry_after=round(refused.retry_after))
    return refused
