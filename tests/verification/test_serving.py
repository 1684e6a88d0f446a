"""A worker at work: signs of life that come out of the work, an orderly stop, a device that fails."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone

from documents.models import Document
from filot.models import User
from ocr_gpu import progress
from ocr_gpu.engine import DeviceLost, EngineUnavailable
from tests.documents.build import make_document, store_original
from tests.documents.test_api import picture
from tests.verification.build import ScriptedEngine
from verification import services, serving, workers
from verification.models import VerificationRun, Worker
from verification.serving import QueueWorker
from verification.stopping import Stopping, sign
from verification.sweeping import reap_stuck

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("originals_in", "published_policy")]


@pytest.fixture(autouse=True)
def _nothing_is_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """And every step counts: no time has to go by between two."""
    monkeypatch.setattr(serving, "BEAT_SECONDS", 0.0)
    monkeypatch.setattr(workers, "WRITE_SECONDS", 0.0)
    sign.clear()
    yield
    sign.clear()


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Who was told that documents wait."""
    told: list[tuple[str, int]] = []
    monkeypatch.setattr(serving, "ring", lambda queue, count=1: told.append((queue, count)) if count else None)
    return told


class Cuda(ScriptedEngine):
    """A scripted engine on a device whose trouble the test makes."""

    def __init__(self, act: Callable[[], None] | None = None) -> None:
        super().__init__(act=act, device="cuda:0")
        self.code, self.asked = "", 0

    def trouble(self) -> str:
        self.asked += 1
        return self.code


def worker_with(engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch, queue: str = "ocr.cpu") -> QueueWorker:
    for module in (serving, services):
        monkeypatch.setattr(module, "engine_of", lambda queue: engine)
    presence = workers.Presence("ocr@host", queue, loop_pid=workers.os.getpid())
    made = QueueWorker(queue, presence)
    made.start()
    return made


def waiting(owner: User, queue: str = "ocr.cpu") -> Document:
    return store_original(make_document(owner, queue=queue), picture())


def put_back(document: Document, seconds: float) -> None:
    """As if the last sign of life had been given so long ago."""
    Document.objects.filter(pk=document.pk).update(heartbeat_at=timezone.now() - timedelta(seconds=seconds))


def test_a_document_is_settled_and_the_row_tells_by_whom(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    document = waiting(owner)
    worker = worker_with(ScriptedEngine(), monkeypatch)
    assert worker.serve() == 1
    document.refresh_from_db()
    assert document.status == "auto_approve"
    row = Worker.objects.get()
    assert (row.engine, row.device, row.doing, row.held, row.done) == ("scripted", "cpu", "idle", 0, 1)
    assert VerificationRun.objects.get().worker == row.name


def test_a_slow_document_that_goes_forward_is_not_reaped_and_the_row_says_what_is_done(
    owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = waiting(owner)
    seen: list[tuple[str, int, int]] = []

    def read_on() -> None:
        for _ in range(3):
            put_back(document, settings.OCR_GPU_STUCK_TIMEOUT + 1)
            progress.step()
            row = Worker.objects.get()
            seen.append((row.doing, row.held, len(reap_stuck())))

    worker_with(ScriptedEngine(act=read_on), monkeypatch).serve()
    assert set(seen) == {("reading", 1, 0)}
    document.refresh_from_db()
    assert document.status == "auto_approve"


def test_a_document_that_hangs_is_reaped_while_its_worker_lives(
    owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = waiting(owner)
    reaped: list[Document] = []

    def hang() -> None:
        progress.step()
        put_back(document, settings.OCR_GPU_STUCK_TIMEOUT + 1)
        reaped.extend(reap_stuck())

    worker_with(ScriptedEngine(act=hang), monkeypatch).serve()
    assert [held.pk for held in reaped] == [document.pk]
    document.refresh_from_db()
    assert document.status == "uploaded", "what the worker wrote after that was refused"


def test_a_step_after_the_claim_was_taken_does_not_beat_for_the_next_owner(
    owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = waiting(owner)

    def lose_it() -> None:
        put_back(document, settings.OCR_GPU_STUCK_TIMEOUT + 1)
        reap_stuck()
        services.claim("ocr.cpu", "another")
        put_back(document, 100)
        progress.step()

    worker_with(ScriptedEngine(act=lose_it), monkeypatch).serve()
    document.refresh_from_db()
    assert document.claimed_by == "another"
    assert document.heartbeat_at < timezone.now() - timedelta(seconds=99)


def test_a_row_and_a_beat_that_cannot_be_written_fail_no_document(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    document = waiting(owner)

    def away(*args: Any, **kwargs: Any) -> None:
        raise DatabaseError

    engine = ScriptedEngine(act=progress.step)
    worker = worker_with(engine, monkeypatch)
    monkeypatch.setattr(serving, "beat_all", away)
    monkeypatch.setattr(Worker, "save", away)
    assert worker.serve() == 1
    document.refresh_from_db()
    assert document.status == "auto_approve"


def stopped_while_reading(document: Document, seconds: int, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.OCR_STOP_SECONDS = seconds

    def told_to_end() -> None:
        sign.set()
        progress.step()

    worker_with(ScriptedEngine(act=told_to_end), monkeypatch).serve()
    document.refresh_from_db()


def test_told_to_end_a_worker_reads_on_for_a_while(owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    document = waiting(owner)
    stopped_while_reading(document, 15, settings, monkeypatch)
    assert document.status == "auto_approve"


def test_after_that_it_gives_back_what_it_reads_for_another_to_claim_at_once_uncounted(
    owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch, rung: list[tuple[str, int]]
) -> None:
    document = waiting(owner)
    stopped_while_reading(document, 0, settings, monkeypatch)
    assert (document.status, document.attempts, document.claim_token) == ("uploaded", 0, None)
    assert document.events.last().reason == "worker_stopping"
    assert rung == [("ocr.cpu", 1)]
    [again] = services.claim("ocr.cpu", "another")
    assert again.document.pk == document.pk


def test_what_was_read_already_is_kept_and_judged(
    owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch, rung: list[tuple[str, int]]
) -> None:
    document = waiting(owner)
    settings.OCR_STOP_SECONDS = 0

    def told_to_end_late() -> None:
        sign.set()
        progress.step(progress.SETTLING)

    worker_with(ScriptedEngine(act=told_to_end_late), monkeypatch).serve()
    document.refresh_from_db()
    assert (document.status, rung) == ("auto_approve", [])


def test_a_worker_that_is_told_to_end_claims_nothing_more(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    document = waiting(owner)
    worker = worker_with(ScriptedEngine(), monkeypatch)
    sign.set()
    assert worker.serve() == 0
    document.refresh_from_db()
    assert document.status == "uploaded"


def test_a_process_of_a_pool_that_is_ended_gives_back_and_ends(
    owner: User, monkeypatch: pytest.MonkeyPatch, rung: list[tuple[str, int]]
) -> None:
    document = waiting(owner)

    def end() -> None:
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        worker_with(ScriptedEngine(act=end), monkeypatch).serve()
    document.refresh_from_db()
    assert (document.status, document.attempts) == ("uploaded", 0)


def test_work_that_breaks_off_leaves_no_document_in_the_row(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting(owner)
    worker = worker_with(ScriptedEngine(), monkeypatch)

    def break_off(*args: Any) -> None:
        raise DatabaseError

    monkeypatch.setattr(services, "verify", break_off)
    with pytest.raises(DatabaseError):
        worker.serve()
    assert (Worker.objects.get().doing, Worker.objects.get().held) == ("idle", 0)


def test_a_failure_of_its_own_still_counts_as_an_attempt(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    document = waiting(owner)

    def fail() -> None:
        raise RuntimeError

    worker_with(ScriptedEngine(act=fail), monkeypatch).serve()
    document.refresh_from_db()
    assert (document.status, document.attempts) == ("uploaded", 1)


def test_an_unusable_gpu_takes_nothing_and_what_waits_goes_to_the_cpu_with_the_reason(
    owner: User, monkeypatch: pytest.MonkeyPatch, rung: list[tuple[str, int]]
) -> None:
    documents = [waiting(owner, "ocr.gpu") for _ in range(2)]
    engine = Cuda()
    worker = worker_with(engine, monkeypatch, "ocr.gpu")
    engine.code = "out_of_memory"
    assert worker.serve() == 0
    for document in documents:
        document.refresh_from_db()
        assert (document.queue, document.status, document.attempts) == ("ocr.cpu", "uploaded", 0)
        assert document.fallback_reason == "gpu_unusable: out_of_memory"
    row = Worker.objects.get()
    assert (row.doing, row.reason, engine.reads) == ("resting", "gpu_unusable: out_of_memory", 0)
    assert rung == [("ocr.cpu", 2)]


def test_it_is_not_tried_again_for_a_while_and_then_works_on(
    owner: User, monkeypatch: pytest.MonkeyPatch, rung: list[tuple[str, int]]
) -> None:
    engine = Cuda()
    worker = worker_with(engine, monkeypatch, "ocr.gpu")
    engine.code = "broken"
    worker.serve()
    engine.code, asked = "", engine.asked
    assert (worker.serve(), engine.asked) == (0, asked)
    worker.rests_until = 0.001  # long ago
    document = waiting(owner, "ocr.gpu")
    assert worker.serve() == 1
    document.refresh_from_db()
    assert (document.status, Worker.objects.get().reason) == ("auto_approve", "")


def test_a_process_of_a_pool_leaves_its_place_to_a_fresh_one_after_its_rest(
    monkeypatch: pytest.MonkeyPatch, rung: list[tuple[str, int]]
) -> None:
    """What a driver has lost is lost to the process for good."""
    worker = worker_with(Cuda(), monkeypatch, "ocr.gpu")
    worker.presence.row.loop_pid = 1
    worker.rests_until = 0.001
    with pytest.raises(SystemExit):
        worker.serve()
    assert rung == [("ocr.gpu", 1)]


def test_with_another_gpu_at_work_its_documents_are_left_to_that_one(
    owner: User, monkeypatch: pytest.MonkeyPatch, rung: list[tuple[str, int]]
) -> None:
    document = waiting(owner, "ocr.gpu")
    Worker.objects.create(name="other", queue="ocr.gpu", host="host", pid=1, loop_pid=1, doing="reading")
    engine = Cuda()
    worker = worker_with(engine, monkeypatch, "ocr.gpu")
    engine.code = "hangs"
    worker.serve()
    document.refresh_from_db()
    assert (document.queue, rung) == ("ocr.gpu", [])


def test_a_gpu_lost_in_the_middle_of_a_batch_costs_no_document_an_attempt(
    owner: User, monkeypatch: pytest.MonkeyPatch, rung: list[tuple[str, int]]
) -> None:
    documents = [waiting(owner, "ocr.gpu") for _ in range(2)]

    def die() -> None:
        raise DeviceLost("broken")

    worker = worker_with(Cuda(act=die), monkeypatch, "ocr.gpu")
    assert worker.serve() == 2
    for document in documents:
        document.refresh_from_db()
        assert (document.queue, document.status, document.attempts) == ("ocr.cpu", "uploaded", 0)
        assert document.fallback_reason == "gpu_unusable: broken"
    assert Worker.objects.get().doing == "resting"


def test_without_a_fallback_they_wait_for_a_gpu(
    owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch, rung: list[tuple[str, int]]
) -> None:
    settings.OCR_GPU_AUTOFALLBACK = False
    document = waiting(owner, "ocr.gpu")

    def die() -> None:
        raise DeviceLost("broken")

    worker_with(Cuda(act=die), monkeypatch, "ocr.gpu").serve()
    document.refresh_from_db()
    assert (document.queue, document.status, document.attempts) == ("ocr.gpu", "uploaded", 0)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (EngineUnavailable("easyocr: no CUDA device", "no_cuda"), "gpu_unusable: no_cuda"),
        (RuntimeError("CUDA error: out of memory"), "engine_unavailable"),
    ],
)
def test_an_engine_that_cannot_be_loaded_rests_too(
    error: Exception, reason: str, owner: User, monkeypatch: pytest.MonkeyPatch, rung: list[tuple[str, int]]
) -> None:
    document = waiting(owner, "ocr.gpu")

    def unavailable(queue: str) -> ScriptedEngine:
        raise error

    worker = worker_with(Cuda(), monkeypatch, "ocr.gpu")
    monkeypatch.setattr(serving, "engine_of", unavailable)
    worker.start()
    assert Worker.objects.get().reason == reason
    assert worker.serve() == 0
    document.refresh_from_db()
    assert (document.queue, document.fallback_reason) == ("ocr.cpu", reason)


def test_stopping_is_no_exception_that_a_reading_could_swallow() -> None:
    assert not issubclass(Stopping, Exception)
    assert not issubclass(DeviceLost, Exception)
