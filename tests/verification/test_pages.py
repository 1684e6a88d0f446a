"""The upright page that is stored for people with a reading, and what the run keeps about the picture."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy
import pytest
import structlog
from django.db import connection
from django.utils import timezone
from PIL import Image

from documents.models import Document
from documents.status import Status
from documents.storage import OriginalMissing, StoreUnavailable, read_page
from filot.models import User
from ocr_gpu.engine import Box, OcrLine
from tests.documents.build import make_document, store_original
from tests.documents.test_api import picture
from tests.verification.build import ScriptedEngine
from verification import services
from verification.claims import claim
from verification.models import VerificationRun
from verification.quality import MESSAGES, QualityIssue
from verification.reading import Reading, read_batch

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in", "published_policy")]

SIDEWAYS = Box(0.2, 0.1, 0.05, 0.6)  # of a number, on a page that has to be turned to the right to be read


class TurnedEngine(ScriptedEngine):
    """Reads every page as one that was taken sideways."""

    def read(self, pages: Sequence[Any], *, fine: bool = False) -> list[list[OcrLine]]:
        return [[replace(line, box=SIDEWAYS, turn=90) for line in lines] for lines in super().read(pages, fine=fine)]


@pytest.fixture
def waiting(owner: User) -> Document:
    return store_original(make_document(owner), picture(size=(320, 200)))


def verify(monkeypatch: Any, engine: ScriptedEngine | None = None) -> None:
    monkeypatch.setattr(services, "engine_of", lambda queue: engine or ScriptedEngine())
    Document.objects.update(queued_at=timezone.now())
    services.verify_waiting("ocr.cpu", "w1")


def raises(error: BaseException) -> Any:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error

    return fail


def size_of(page: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(page)).size


def kept(document: Document) -> VerificationRun:
    run = services.read_run(document)
    assert run
    return run


def is_of(run: VerificationRun) -> bool:
    """Whether the stored page is the one that this run's boxes lie on."""
    return hashlib.sha256(read_page(run.document.storage_key)).hexdigest() == run.picture_sha256


class Died(BaseException):
    """A process that was killed runs no `except Exception`."""


def test_a_reading_leaves_its_page_upright_and_its_boxes_on_it(waiting: Document, monkeypatch: Any) -> None:
    verify(monkeypatch, TurnedEngine())
    run = kept(waiting)
    assert run.turn == 90
    assert is_of(run)
    assert size_of(read_page(waiting.storage_key)) == (200, 320)
    upright = [pytest.approx(side) for side in (1 - SIDEWAYS.y - SIDEWAYS.h, SIDEWAYS.x, SIDEWAYS.h, SIDEWAYS.w)]
    assert run.lines[0]["box"] == upright
    left, top, width, height = run.fields["nik"]["box"]
    assert [top, height] == [upright[1], upright[3]]
    assert 0.3 < left < left + width < 0.91  # its value: the right part of the line


def test_a_store_that_refuses_the_page_alone_holds_up_no_document(waiting: Document, monkeypatch: Any) -> None:
    monkeypatch.setattr(services, "write_page", raises(StoreUnavailable("EndpointConnectionError")))
    with structlog.testing.capture_logs() as logged:
        verify(monkeypatch)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.attempts) == (Status.auto_approve, 1)
    assert kept(waiting).picture_sha256 == ""
    assert [line["document_id"] for line in logged if line["event"] == "page_not_stored"] == [str(waiting.pk)]
    with pytest.raises(OriginalMissing):
        read_page(waiting.storage_key)


def test_a_page_that_cannot_be_encoded_holds_up_no_document(waiting: Document, monkeypatch: Any) -> None:
    monkeypatch.setattr(services, "page_jpeg", raises(MemoryError()))
    verify(monkeypatch)
    waiting.refresh_from_db()
    assert waiting.state is Status.auto_approve


def dies_before_its_commit(document: Document, monkeypatch: Any) -> None:
    """A worker that reads the page as sideways, stores it, and is killed; its document goes back to the queue."""
    with monkeypatch.context() as dying:
        dying.setattr(Document, "move_to", _dying_at(Status.ocr_completed))
        with pytest.raises(Died):
            verify(dying, TurnedEngine())
    document.refresh_from_db()
    assert (document.state, services.read_run(document)) == (Status.processing, None)
    assert size_of(read_page(document.storage_key)) == (200, 320)
    document.move_to(Status.uploaded, actor="reaper", queued_at=timezone.now())


def _dying_at(status: Status) -> Any:
    move_to = Document.move_to

    def move(document: Document, to: Status, **more: Any) -> None:
        if to is status:
            raise Died
        move_to(document, to, **more)

    return move


def test_the_page_of_a_worker_that_died_before_its_commit_is_replaced_by_the_next(
    waiting: Document, monkeypatch: Any
) -> None:
    dies_before_its_commit(waiting, monkeypatch)
    verify(monkeypatch)
    assert is_of(kept(waiting))
    assert size_of(read_page(waiting.storage_key)) == (320, 200)


def test_the_page_of_a_worker_that_died_is_not_taken_for_that_of_the_next(waiting: Document, monkeypatch: Any) -> None:
    dies_before_its_commit(waiting, monkeypatch)
    monkeypatch.setattr(services, "write_page", raises(StoreUnavailable()))
    verify(monkeypatch)
    waiting.refresh_from_db()
    run = kept(waiting)
    assert waiting.state is Status.auto_approve
    assert (run.picture_sha256, run.turn) == ("", 0)
    assert not is_of(run)


def test_a_worker_that_lost_its_claim_leaves_the_winners_page_alone(waiting: Document, monkeypatch: Any) -> None:
    (held,) = claim("ocr.cpu", "zombie")
    held.pages = [numpy.full((200, 320, 3), 255, dtype=numpy.uint8)]
    (reading,) = read_batch(TurnedEngine(), [("KTP", held.pages)])
    Document.objects.get(pk=waiting.pk).move_to(Status.uploaded, actor="reaper", queued_at=timezone.now())
    verify(monkeypatch)

    assert services.keep_reading(held, reading) is False

    waiting.refresh_from_db()
    assert waiting.state is Status.auto_approve
    assert is_of(kept(waiting))
    assert size_of(read_page(waiting.storage_key)) == (320, 200)


def test_keeping_a_reading_twice_is_refused_and_changes_nothing(waiting: Document, monkeypatch: Any) -> None:
    (held,) = claim("ocr.cpu", "w1")
    held.pages = [numpy.full((200, 320, 3), 255, dtype=numpy.uint8)]
    (reading,) = read_batch(ScriptedEngine(), [("KTP", held.pages)])
    assert services.keep_reading(held, reading) is True
    written: list[str] = []
    monkeypatch.setattr(services, "write_page", lambda key, data: written.append(key))
    held.document.status = Status.processing
    assert services.keep_reading(held, reading) is False
    assert written == []
    assert is_of(kept(waiting))


def test_a_store_that_hangs_holds_no_lock_on_the_document(waiting: Document, monkeypatch: Any) -> None:
    depth = len(connection.savepoint_ids)
    seen: list[Any] = []

    def hangs(key: str, data: bytes) -> None:
        seen.append((len(connection.savepoint_ids), Document.objects.get(pk=waiting.pk).status))

    monkeypatch.setattr(services, "write_page", hangs)
    verify(monkeypatch)
    assert seen == [(depth, "processing")]


def test_a_batch_shows_progress_while_the_store_hangs_over_its_pages(owner: User, monkeypatch: Any) -> None:
    for _ in range(3):
        store_original(make_document(owner, queue="ocr.gpu"), picture())
    seen: list[int] = []

    def hangs(key: str, data: bytes) -> None:
        seen.append(Document.objects.stuck(silent_seconds=300, held_seconds=900).count())
        Document.objects.filter(status=Status.processing).update(heartbeat_at=timezone.now() - timedelta(seconds=400))

    monkeypatch.setattr(services, "write_page", hangs)
    monkeypatch.setattr(services, "engine_of", lambda queue: ScriptedEngine(device="cuda:0"))
    services.verify_waiting("ocr.gpu", "w1")
    assert seen == [0, 0, 0]


def test_a_run_keeps_what_the_picture_is_and_how_good(waiting: Document, monkeypatch: Any) -> None:
    issue = QualityIssue("glare", *MESSAGES["glare"])
    read = services.read_batch

    def measured(engine: Any, files: Any) -> list[Reading]:
        measures = {"glare": numpy.float32(0.25), "sharpness": 0.123456, "screen": float("inf")}
        return [replace(reading, kind="ktp", measures=measures, issues=[issue]) for reading in read(engine, files)]

    monkeypatch.setattr(services, "read_batch", measured)
    verify(monkeypatch)
    run = kept(waiting)
    assert run.kind == "ktp"
    assert run.quality == {"measures": {"glare": 0.25, "sharpness": 0.1235}, "issues": ["glare"]}
    assert run.issues("id") == [("glare", MESSAGES["glare"][0])]
    assert run.issues("en") == run.issues("fr") == [("glare", MESSAGES["glare"][1])]
