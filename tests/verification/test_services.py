import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from documents.models import Document
from documents.sealing import blind_index
from documents.status import Status
from documents.storage import StoreUnavailable
from filot.models import User
from ocr_gpu.engine import EngineUnavailable, UnknownEngine
from tests.documents.build import make_document, store_original
from tests.documents.test_api import picture
from tests.verification.build import KTP_LINES, ScriptedEngine
from verification import claims, services
from verification.evidence import Evidence
from verification.metrics import REFUSED_WRITES
from verification.models import VerificationRun
from verification.runs import evidence_of
from verification.scoring import Verdict

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in", "published_policy")]


@pytest.fixture
def waiting(owner: User) -> Document:
    return store_original(make_document(owner), picture())


def reads_with(monkeypatch: Any, engine: ScriptedEngine) -> ScriptedEngine:
    monkeypatch.setattr(services, "engine_of", lambda queue: engine)
    return engine


def chain(document: Document) -> list[str]:
    return [event.after for event in document.events.all()]


def test_a_good_card_is_claimed_read_judged_and_settled(waiting: Document, monkeypatch: Any) -> None:
    reads_with(monkeypatch, ScriptedEngine())
    assert services.verify_waiting("ocr.cpu", "w1") == 1
    waiting.refresh_from_db()
    assert (waiting.status, waiting.ai_decision, waiting.ai_score) == ("auto_approve", "auto_approve", 100)
    assert chain(waiting) == ["processing", "ocr_completed", "ai_evaluated", "auto_approve"]
    assert waiting.number_index == blind_index("KTP", "3273014107900001")


def test_a_run_keeps_the_versions_points_and_thresholds_that_decided(waiting: Document, monkeypatch: Any) -> None:
    reads_with(monkeypatch, ScriptedEngine())
    services.verify_waiting("ocr.cpu", "w1")
    run = VerificationRun.objects.get()
    assert (run.engine, run.engine_version, run.policy, run.outcome) == ("scripted", "0", "baseline", "judged")
    assert run.parser_version
    assert run.policy_version
    assert run.thresholds == {"approve": 85, "reject": 35}
    assert sum(run.points.values()) == run.score == 100
    assert run.fields["nik"]["value"] == "3273014107900001"
    assert run.fields["religion"]["value"] == "ISLAM"
    assert run.fields["district"] == {**run.fields["district"], "value": None, "box": None}


def test_what_is_judged_at_once_is_what_the_stored_run_says(waiting: Document, monkeypatch: Any) -> None:
    reads_with(monkeypatch, ScriptedEngine())
    seen, judge = [], services.judge

    def judging(document: Document, evidence: Evidence, run: VerificationRun) -> Verdict:
        seen.append(evidence)
        return judge(document, evidence, run)

    monkeypatch.setattr(services, "judge", judging)
    services.verify_waiting("ocr.cpu", "w1")
    waiting.refresh_from_db()
    assert seen == [evidence_of(waiting, VerificationRun.objects.get(), seen[0].known)]


def test_a_card_without_its_address_line_or_name_goes_to_a_person(waiting: Document, monkeypatch: Any) -> None:
    reads_with(monkeypatch, ScriptedEngine([line for line in KTP_LINES if not line.startswith(("Nama", "NIK"))]))
    services.verify_waiting("ocr.cpu", "w1")
    waiting.refresh_from_db()
    assert waiting.state is Status.needs_review
    assert waiting.number_index == ""
    codes = [reason["code"] for reason in VerificationRun.objects.get().reasons]
    assert codes
    assert waiting.events.last().reason == codes[0]


def test_no_card_at_all_is_rejected(waiting: Document, monkeypatch: Any) -> None:
    reads_with(monkeypatch, ScriptedEngine([]))
    services.verify_waiting("ocr.cpu", "w1")
    waiting.refresh_from_db()
    assert waiting.state is Status.auto_reject


def test_an_empty_queue_is_no_work(owner: User) -> None:
    make_document(owner, queue="")
    make_document(owner, queue="ocr.gpu")
    assert services.verify_waiting("ocr.cpu", "w1") == 0


@pytest.mark.django_db(transaction=True)
def test_eight_workers_never_claim_the_same_document(owner: User) -> None:
    for _ in range(40):
        make_document(owner)
    taken: list[list[str]] = [[] for _ in range(8)]

    def work(mine: list[str]) -> None:
        while held := claims.claim("ocr.cpu", "w"):
            mine.extend(str(claimed.document.pk) for claimed in held)
        connections.close_all()

    threads = [threading.Thread(target=work, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    claimed = [document_id for mine in taken for document_id in mine]
    assert len(claimed) == len(set(claimed)) == 40


def test_a_failed_reading_is_tried_again_and_then_goes_to_a_person(waiting: Document, monkeypatch: Any) -> None:
    def fail() -> None:
        raise RuntimeError("out of memory")

    engine = reads_with(monkeypatch, ScriptedEngine(act=fail))
    for attempt in (1, 2, 3):
        Document.objects.update(queued_at=timezone.now())
        assert services.verify_waiting("ocr.cpu", "w1") == 1
        waiting.refresh_from_db()
        assert waiting.attempts == attempt
    assert engine.reads == 3
    assert waiting.state is Status.needs_review
    assert waiting.ai_decision == "needs_review"
    assert waiting.events.last().reason == "ocr_failed"
    assert [run.outcome for run in waiting.runs.all()] == ["failed"] * 3


def test_a_retry_waits_before_it_is_claimed_again(waiting: Document, monkeypatch: Any) -> None:
    def fail() -> None:
        raise RuntimeError

    reads_with(monkeypatch, ScriptedEngine(act=fail))
    assert services.verify_waiting("ocr.cpu", "w1") == 1
    assert services.verify_waiting("ocr.cpu", "w1") == 0


def verify_five_times(document: Document) -> None:
    for _ in range(5):
        Document.objects.update(queued_at=timezone.now())
        services.verify_waiting("ocr.cpu", "w1")
    document.refresh_from_db()


def raises(error: Exception) -> Any:
    def fail(*args: Any) -> Any:
        raise error

    return fail


def test_a_store_that_is_down_costs_no_attempt(waiting: Document, monkeypatch: Any) -> None:
    reads_with(monkeypatch, ScriptedEngine())
    monkeypatch.setattr(services, "read_original", raises(StoreUnavailable()))
    verify_five_times(waiting)
    assert (waiting.state, waiting.attempts) == (Status.uploaded, 0)
    assert waiting.events.last().reason == "storage_unavailable"


def test_a_document_whose_original_is_gone_comes_to_a_person(owner: User, monkeypatch: Any) -> None:
    document = make_document(owner)  # its original is in no store
    reads_with(monkeypatch, ScriptedEngine())
    verify_five_times(document)
    assert (document.state, document.attempts) == (Status.needs_review, 3)
    assert document.events.last().reason == "original_missing"


def test_what_nobody_foresaw_while_loading_gives_the_document_back(waiting: Document, monkeypatch: Any) -> None:
    reads_with(monkeypatch, ScriptedEngine())
    monkeypatch.setattr(services, "upright_pages", raises(RuntimeError()))
    services.verify_waiting("ocr.cpu", "w1")
    waiting.refresh_from_db()
    assert (waiting.state, waiting.attempts) == (Status.uploaded, 1)
    assert waiting.events.last().reason == "loading_failed"


@pytest.mark.parametrize("error", [EngineUnavailable("no model"), UnknownEngine("typo"), RuntimeError("no memory")])
def test_a_cpu_worker_with_a_broken_engine_sends_nothing_to_a_person(
    waiting: Document, monkeypatch: Any, error: Exception
) -> None:
    monkeypatch.setattr(services, "engine_of", raises(error))
    verify_five_times(waiting)
    assert (waiting.state, waiting.queue, waiting.attempts) == (Status.uploaded, "ocr.cpu", 0)
    assert waiting.queued_at > timezone.now()


def test_a_document_that_cannot_be_settled_holds_up_none_of_its_batch(owner: User, monkeypatch: Any) -> None:
    documents = [store_original(make_document(owner, queue="ocr.gpu"), picture()) for _ in range(2)]
    reads_with(monkeypatch, ScriptedEngine(device="cuda:0"))
    settle = services.settle

    def settle_all_but_the_first(document: Document, *read: Any) -> bool:
        return raises(RuntimeError())() if document == documents[0] else settle(document, *read)

    monkeypatch.setattr(services, "settle", settle_all_but_the_first)
    services.verify_waiting("ocr.gpu", "w1")
    assert [Document.objects.get(pk=document.pk).status for document in documents] == ["ocr_completed", "auto_approve"]


def test_a_batch_shows_progress_while_its_neighbours_load(owner: User, monkeypatch: Any) -> None:
    for _ in range(2):
        store_original(make_document(owner, queue="ocr.gpu"), picture())
    seen: list[int] = []

    def old_before_the_second() -> list[Any]:
        old = timezone.now() - timedelta(seconds=400)
        seen.append(Document.objects.stuck(silent_seconds=300, held_seconds=900).count())
        Document.objects.update(heartbeat_at=old)
        return []

    reads_with(monkeypatch, ScriptedEngine(device="cuda:0"))
    monkeypatch.setattr(services, "upright_pages", lambda data: old_before_the_second())
    monkeypatch.setattr(services, "read", lambda engine, loaded: old_before_the_second())
    services.verify_waiting("ocr.gpu", "w1")
    assert seen == [0, 0, 0]


def test_an_original_that_was_tampered_with_goes_to_a_person(
    waiting: Document, originals_in: Path, monkeypatch: Any
) -> None:
    path = originals_in / waiting.storage_key
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    reads_with(monkeypatch, ScriptedEngine())
    services.verify_waiting("ocr.cpu", "w1")
    waiting.refresh_from_db()
    assert waiting.state is Status.needs_review
    assert waiting.events.last().reason == "original_cannot_be_opened"


def test_an_unusable_gpu_hands_its_documents_to_the_cpu_queue(owner: User, monkeypatch: Any) -> None:
    document = make_document(owner, queue="ocr.gpu")

    def unusable(queue: str) -> ScriptedEngine:
        raise EngineUnavailable("no device")

    monkeypatch.setattr(services, "engine_of", unusable)
    services.verify_waiting("ocr.gpu", "w1")
    document.refresh_from_db()
    assert (document.state, document.queue, document.attempts) == (Status.uploaded, "ocr.cpu", 0)
    assert document.fallback_reason == "engine_unavailable"


def test_a_gpu_worker_reads_a_batch_in_one_pass(owner: User, monkeypatch: Any) -> None:
    for _ in range(3):
        store_original(make_document(owner, queue="ocr.gpu"), picture())
    engine = reads_with(monkeypatch, ScriptedEngine(device="cuda:0"))
    assert services.verify_waiting("ocr.gpu", "w1") == 3
    assert engine.reads == 1
    assert set(Document.objects.values_list("status", flat=True)) == {"auto_approve"}


def test_the_gpu_queue_on_a_cpu_is_read_one_by_one(owner: User, monkeypatch: Any) -> None:
    for _ in range(2):
        store_original(make_document(owner, queue="ocr.gpu"), picture())
    reads_with(monkeypatch, ScriptedEngine(device="cpu"))
    assert services.verify_waiting("ocr.gpu", "w1") == 1


def test_a_bad_page_does_not_fail_its_neighbours(owner: User, monkeypatch: Any) -> None:
    documents = [store_original(make_document(owner, queue="ocr.gpu"), picture()) for _ in range(3)]
    engine = reads_with(monkeypatch, ScriptedEngine(device="cuda:0"))

    def fail_for_batches_and_the_second() -> None:
        if engine.reads in {1, 3}:
            raise RuntimeError

    engine.act = fail_for_batches_and_the_second
    services.verify_waiting("ocr.gpu", "w1")
    assert [Document.objects.get(pk=document.pk).status for document in documents] == [
        *("auto_approve", "uploaded", "auto_approve")
    ]


def test_a_worker_that_lost_its_claim_is_refused_when_it_writes(waiting: Document, monkeypatch: Any) -> None:
    def reaped_meanwhile() -> None:
        document = Document.objects.get(pk=waiting.pk)
        document.move_to(Status.uploaded, actor="reaper", queued_at=timezone.now())

    before = REFUSED_WRITES._value.get()
    reads_with(monkeypatch, ScriptedEngine(act=reaped_meanwhile))
    services.verify_waiting("ocr.cpu", "zombie")
    waiting.refresh_from_db()
    assert waiting.state is Status.uploaded
    assert VerificationRun.objects.get().fields is None
    assert REFUSED_WRITES._value.get() == before + 1


def test_a_reading_whose_worker_died_before_judging_is_judged_from_what_was_kept(
    waiting: Document, monkeypatch: Any
) -> None:
    reads_with(monkeypatch, ScriptedEngine())
    monkeypatch.setattr(services, "settle", lambda *args: False)
    services.verify_waiting("ocr.cpu", "w1")
    monkeypatch.undo()
    waiting.refresh_from_db()
    assert waiting.state is Status.ocr_completed
    for _ in range(2):
        services.evaluate(waiting)
        assert waiting.state is Status.auto_approve
    assert chain(waiting).count("ai_evaluated") == 1


def test_judging_twice_at_once_has_one_effect(waiting: Document, monkeypatch: Any) -> None:
    reads_with(monkeypatch, ScriptedEngine())
    monkeypatch.setattr(services, "settle", lambda *args: False)
    services.verify_waiting("ocr.cpu", "w1")
    monkeypatch.undo()
    stale: Document = Document.objects.get(pk=waiting.pk)
    services.evaluate(Document.objects.get(pk=waiting.pk))
    services.evaluate(stale)
    assert stale.state is Status.auto_approve
    assert chain(waiting).count("auto_approve") == 1


def test_a_request_queues_an_upload_once(owner: User) -> None:
    document = make_document(owner, queue="", queued_at=None)
    services.request_verification(document)
    queued = document.queued_at
    services.request_verification(document)
    assert (document.queue, document.queued_at) == ("ocr.cpu", queued)


def test_no_transaction_is_open_while_the_engine_reads(waiting: Document, monkeypatch: Any) -> None:
    depth = len(connection.savepoint_ids)
    seen: list[int] = []
    reads_with(monkeypatch, ScriptedEngine(act=lambda: seen.append(len(connection.savepoint_ids))))
    services.verify_waiting("ocr.cpu", "w1")
    assert set(seen) == {depth}  # a finer pass too
