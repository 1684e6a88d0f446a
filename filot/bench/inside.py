"""What a process of `bench_pipeline_part` does when it is asked: read as the engine alone, or go the way of a document
step by step, without a server in between.
"""

import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone

from documents.models import BULK_LANE, Document
from documents.pressure import counted_late, counted_waiting, measured_pace, unread_of
from documents.queue import ring
from documents.services import receive_upload
from documents.storage import originals
from filot.bench.counts import StoreCalls, cpu_of_tree
from filot.console_data import fill
from filot.queues import queue_figures
from filot.tokens import AccessToken
from ocr_gpu.decoding import facts
from ocr_gpu.engine import OcrEngine
from ocr_gpu.images import check_file
from verification import services, sweeping
from verification.claims import Claimed, claim
from verification.reading import engine_of, read_file

T = TypeVar("T")

OWNERS_OF_ROWS = 1000
LOOKS_BEFORE = 20  # files, which start the process that forks a child for each
WORKER = "bench"
READING = "reading"  # the engine's own step, which is not what is looked at
VACUUM = "VACUUM (ANALYZE) documents_document, documents_documentevent"  # as autovacuum does sooner or later
INSERTED = {
    "id": "gen_random_uuid()",
    "owner_id": "(ARRAY[{owners}]::uuid[])[1 + n % {many}]",
    "storage_key": "gen_random_uuid() || '/KTP_' || gen_random_uuid() || '.jpg'",
    "sha256": "encode(sha256(gen_random_uuid()::text::bytea), 'hex')",
    "queued_at": "now() - interval '10 minutes' * (1 - n::float / {rows})",
    "lane": str(BULK_LANE),
}


class Engine:
    """Does what `verification.services.verify` does between loading and keeping, and nothing else."""

    def __init__(self) -> None:
        self.ways: dict[str, Callable[..., Any]] = {"load": self.load, "read": self.read}

    def load(self) -> str:
        engine = _engine()
        return f"{engine.version} on {engine.device}"

    def read(self, file: str, type: str) -> float:
        """Decode, read and parse; how many seconds that took."""
        began = time.perf_counter()
        read_file(_engine(), type, Path(file).read_bytes())
        return time.perf_counter() - began


class Rows:
    """Fills a fresh database, under the keys of the process that asks for it."""

    def __init__(self) -> None:
        self.ways: dict[str, Callable[..., Any]] = {"fill": fill}


@dataclass(slots=True)
class Step:
    seconds: float = 0.0
    queries: int = 0
    store: int = 0

    def as_json(self) -> dict[str, float]:
        return {"seconds": self.seconds, "queries": self.queries, "store": self.store}


@dataclass(slots=True)
class Walk:
    """The steps of one document in their order, with what each took and asked for."""

    store: StoreCalls
    steps: dict[str, Step] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        asked: Counter[str] = Counter()

        def counting(execute: Any, sql: str, *args: Any) -> Any:
            asked["queries"] += 1
            return execute(sql, *args)

        before = self.store.calls.total()
        began = time.perf_counter()
        with connection.execute_wrapper(counting):
            yield
        seconds = time.perf_counter() - began
        self.steps[name] = Step(seconds, asked["queries"], self.store.calls.total() - before)


class Steps:
    def __init__(self) -> None:
        self.store = StoreCalls(originals())
        self.ways: dict[str, Callable[..., Any]] = {
            "owners": self.owners,
            "fill": self.fill,
            "walk": self.walk,
            "claims": self.claims,
            "questions": self.questions,
            "looks": self.looks,
        }

    def owners(self, count: int) -> list[list[str]]:
        """[id, token] of so many new clients of the API."""
        return [[str(user.pk), str(AccessToken.for_user(user))] for user in _new_users(count)]

    def fill(self, rows: int) -> int:
        """Let so many documents wait, each with its event; returns how many rows the table has then."""
        owners = [user.pk for user in _new_users(min(rows, OWNERS_OF_ROWS))]
        Document.objects.create(
            owner_id=owners[0],
            type="KTP",
            storage_key=f"{owners[0]}/KTP_{uuid.uuid4()}.jpg",
            content_type="image/jpeg",
            size=200_000,
            sha256="0" * 64,
            queue=settings.OCR_CPU_QUEUE,
            queued_at=timezone.now(),
            lane=BULK_LANE,
        )
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            cursor.execute(_inserting(rows - 1, owners))
            cursor.execute(
                "INSERT INTO documents_documentevent (document_id, before, after, actor, reason, correlation_id, at) "
                "SELECT id, '', 'uploaded', owner_id::text, '', '', queued_at FROM documents_document"
            )
            cursor.execute(VACUUM)
        return int(Document.objects.count())

    def looks(self, files: list[str]) -> dict[str, float]:
        """CPU seconds of the look into a file at the door, and of the decoding in it, without the child around it."""
        found = [Path(file).read_bytes() for file in files]
        for data in found[:LOOKS_BEFORE]:
            check_file(data, declared="image/jpeg")
        computed = cpu_of_tree(os.getpid())
        for data in found:
            check_file(data, declared="image/jpeg")
        looked = (cpu_of_tree(os.getpid()) - computed) / os.sysconf("SC_CLK_TCK")
        began = time.process_time()
        for data in found:
            facts(data, kind="image/jpeg")  # by hand, of pictures that were drawn here: nobody else may do that
        return {"look": looked / len(found), "decoding": (time.process_time() - began) / len(found)}

    def walk(self, file: str, type: str, owner: str) -> dict[str, dict[str, float]]:
        """One document from the view's verb to its decision: {step: {"seconds", "queries", "store"}}."""
        walk, engine, user = Walk(self.store), _engine(), get_user_model().objects.get(pk=owner)
        data = Path(file).read_bytes()
        with walk.step("receive"):
            document = receive_upload(owner=user, type=type, data=data, declared_type="image/jpeg")
        with walk.step("ring"):
            ring(document.queue)
        # Before all that waits: a claim takes it, whichever order it goes by.
        Document.objects.filter(pk=document.pk).update(queued_at="2000-01-01T00:00:00Z", lane=0)
        with walk.step("claim"):
            held = claim(document.queue, WORKER)[0]
        if held.document.pk != document.pk:
            raise RuntimeError("the claim took another document than the oldest")
        self._settle(walk, held, engine)
        return {name: step.as_json() for name, step in walk.steps.items()}

    def _settle(self, walk: Walk, held: Claimed, engine: OcrEngine) -> None:
        with walk.step("load"):
            loaded = services.load(held, engine)
        if not loaded:
            raise RuntimeError(f"not loaded: {held.run.reason}")
        with walk.step(READING):
            readings = [] if held.stored else services.read(engine, [held])
        with walk.step("keep"):
            services.keep_reading(held, held.stored or readings[0][1])
        with walk.step("settle"):
            services.settle(held.document, held.run, None if held.stored else readings[0][1].seen)

    def claims(self, count: int) -> list[float]:
        """Seconds of so many claims of what waits longest, one after the other."""
        return [_timed(lambda: claim(settings.OCR_CPU_QUEUE, WORKER)) for _ in range(count)]

    def questions(self) -> dict[str, float]:
        """Seconds of what is asked about all that waits: not for each document, but every second, scrape or sweep."""
        user = Document.objects.values_list("owner_id", flat=True)[:1].get()
        asked: dict[str, Callable[[], Any]] = {
            "depth, at most once a second": counted_waiting,
            "age, at most once a second": counted_late,
            "pace, when an upload is refused": measured_pace,
            "how much of one owner, each upload": lambda: unread_of(user),
            "hints that are missing, each sweep": sweeping.missing_hints,
            "what is stuck, each sweep": sweeping.reap_stuck,
            "all figures of /metrics, each scrape": queue_figures,
        }
        return {name: _timed(question) for name, question in asked.items()}


def _engine() -> OcrEngine:
    return engine_of(settings.OCR_CPU_QUEUE)


def _timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _new_users(count: int) -> list[Any]:
    users = get_user_model().objects
    named = (users.model(username=uuid.uuid4().hex) for _ in range(count))
    return list(users.bulk_create(named))


def _inserting(rows: int, owners: list[Any]) -> str:
    """Copies of the one document that is there, but for what is a row's own. Only values of ours go in."""
    named = {"owners": ",".join(f"'{owner}'" for owner in owners), "many": len(owners), "rows": max(1, rows)}
    columns = [str(column.column) for column in Document._meta.concrete_fields]
    values = [INSERTED[name].format(**named) if name in INSERTED else name for name in columns]
    into, wanted = ", ".join(columns), ", ".join(values)
    source = f"documents_document, generate_series(1, {rows}) n"
    return f"INSERT INTO documents_document ({into}) SELECT {wanted} FROM {source}"  # noqa: S608
