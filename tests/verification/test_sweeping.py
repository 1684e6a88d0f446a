from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone

from documents import queue
from documents.models import Document
from documents.status import Status
from filot.models import User
from tests.documents.build import make_document
from verification import claims, sweeping
from verification.models import VerificationRun
from verification.tasks import sweep

pytestmark = pytest.mark.django_db


def silent(owner: User, *, seconds: int = 400, attempts: int = 0, **facts: Any) -> Document:
    """A document whose worker showed no progress for `seconds`."""
    document = make_document(owner, attempts=attempts, **facts)
    claims.claim(document.queue, "dead-worker")
    Document.objects.filter(pk=document.pk).update(heartbeat_at=timezone.now() - timedelta(seconds=seconds))
    document.refresh_from_db()
    return document


def test_a_silent_claim_goes_back_to_the_queue(owner: User) -> None:
    document = silent(owner)
    assert [reaped.pk for reaped in sweeping.reap_stuck()] == [document.pk]
    document.refresh_from_db()
    assert (document.state, document.queue, document.attempts) == (Status.uploaded, "ocr.cpu", 1)
    assert VerificationRun.objects.get().outcome == "lost"
    assert document.events.last().reason == "worker_lost"


def test_a_claim_with_a_heartbeat_is_left_alone(owner: User) -> None:
    silent(owner, seconds=10)
    assert sweeping.reap_stuck() == []


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_clock_that_is_wrong_makes_no_living_worker_dead_and_no_dead_one_alive(owner: User, ahead: timedelta) -> None:
    """Whether the worker's or the sweep's: the database has the only clock that counts."""
    dead, living = silent(owner), make_document(owner)
    with time_machine.travel(timezone.now() + ahead):
        assert claims.claim(living.queue, "worker with a wrong clock")
        assert [reaped.pk for reaped in sweeping.reap_stuck()] == [dead.pk]
    assert sweeping.reap_stuck() == []


def test_a_claim_that_beats_but_never_ends_is_reaped(owner: User, settings: Any) -> None:
    document = silent(owner, seconds=0)
    Document.objects.update(claimed_at=timezone.now() - timedelta(seconds=settings.OCR_GPU_LOCK_TTL + 1))
    assert [reaped.pk for reaped in sweeping.reap_stuck()] == [document.pk]


def test_after_the_last_attempt_a_person_looks_and_the_reason_says_why(owner: User) -> None:
    document = silent(owner, attempts=2)
    sweeping.reap_stuck()
    document.refresh_from_db()
    assert (document.state, document.ai_decision) == (Status.needs_review, "needs_review")
    assert document.events.last().reason == "attempts_spent"


def test_a_dry_run_names_the_stuck_and_changes_nothing(owner: User, capsys: Any) -> None:
    document = silent(owner)
    call_command("reap_stuck", "--dry-run")
    said = capsys.readouterr().out
    assert str(document.pk) in said
    assert "1 would be reaped" in said
    document.refresh_from_db()
    assert document.state is Status.processing


def test_the_command_reaps_and_rings(owner: User, capsys: Any, monkeypatch: Any) -> None:
    rung: list[str] = []
    monkeypatch.setattr("verification.management.commands.reap_stuck.ring", rung.append)
    silent(owner)
    call_command("reap_stuck")
    assert "1 reaped" in capsys.readouterr().out
    assert rung == ["ocr.cpu"]


def test_what_waits_too_long_for_a_gpu_goes_to_the_cpu_queue_with_its_reason(owner: User, settings: Any) -> None:
    settings.OCR_GPU_ENABLED = True
    old = make_document(owner, queue="ocr.gpu", queued_at=timezone.now() - timedelta(seconds=121))
    young = make_document(owner, queue="ocr.gpu")
    assert sweeping.hand_over_to_cpu() == 1
    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.queue, old.fallback_reason) == ("ocr.cpu", "no_gpu_worker")
    assert young.queue == "ocr.gpu"


def test_a_busy_gpu_is_not_called_absent(owner: User, settings: Any) -> None:
    settings.OCR_GPU_ENABLED = True
    make_document(owner, queue="ocr.gpu")
    claims.claim("ocr.gpu", "w1")
    old = make_document(owner, queue="ocr.gpu", queued_at=timezone.now() - timedelta(seconds=121))
    sweeping.hand_over_to_cpu()
    old.refresh_from_db()
    assert old.fallback_reason == "gpu_queue_too_long"


def test_without_autofallback_documents_wait_for_their_gpu(owner: User, settings: Any) -> None:
    settings.OCR_GPU_AUTOFALLBACK = False
    make_document(owner, queue="ocr.gpu", queued_at=timezone.now() - timedelta(days=1))
    assert sweeping.hand_over_to_cpu() == 0


def test_the_sweep_rings_for_lost_hints_and_not_for_rows_that_wait_their_turn(owner: User, monkeypatch: Any) -> None:
    name = "ocr.cpu"
    with queue.producers[queue._CONNECTION].acquire(block=True) as producer:
        producer.channel.client.delete(name)
    for _ in range(5):
        make_document(owner, queued_at=timezone.now() - timedelta(seconds=10))
    assert sweep()["rung_ocr.cpu"] == 5
    assert queue.hints_waiting(name) == 5
    assert "rung_ocr.cpu" not in sweep()
    assert queue.hints_waiting(name) == 5


def test_what_was_reaped_is_rung_for_by_the_same_sweep(owner: User) -> None:
    with queue.producers[queue._CONNECTION].acquire(block=True) as producer:
        producer.channel.client.delete("ocr.cpu")
    silent(owner)
    assert sweep()["rung_ocr.cpu"] == 1


def unjudged(owner: User, *, seconds: int) -> Document:
    """A document whose reading was kept and never judged for `seconds`."""
    document = make_document(owner)
    [held] = claims.claim("ocr.cpu", "w1")
    held.run.outcome, held.run.fields, held.run.lines = "read", {}, []
    held.run.save()
    held.document.move_to(Status.ocr_completed, actor="w1", guard={"claim_token": held.token})
    Document.objects.filter(pk=document.pk).update(status_since=timezone.now() - timedelta(seconds=seconds))
    return document


def test_a_reading_that_cannot_be_judged_holds_up_neither_others_nor_the_sweep(owner: User, monkeypatch: Any) -> None:
    bad, good = unjudged(owner, seconds=60), unjudged(owner, seconds=60)
    waiting = make_document(owner, queue="ocr.gpu", queued_at=timezone.now() - timedelta(days=1))
    evaluate = sweeping.evaluate
    monkeypatch.setattr(sweeping, "evaluate", lambda document: 1 / 0 if document == bad else evaluate(document))
    sweep()
    states = [Document.objects.get(pk=document.pk).status for document in (bad, good)]
    assert states == ["ocr_completed", "auto_reject"]
    assert Document.objects.get(pk=waiting.pk).queue == "ocr.cpu"


def test_a_reading_left_by_a_dead_worker_is_judged_as_soon_as_a_worker_counts_as_dead(
    owner: User, settings: Any
) -> None:
    settings.OCR_GPU_STUCK_TIMEOUT = 20
    unjudged(owner, seconds=-60)
    left = unjudged(owner, seconds=25)
    assert sweeping.judge_forgotten() == 1
    left.refresh_from_db()
    assert left.is_evaluated


def test_a_reading_that_cannot_be_judged_for_an_hour_comes_to_a_person(owner: User, monkeypatch: Any) -> None:
    document = unjudged(owner, seconds=3601)
    monkeypatch.setattr(sweeping, "evaluate", lambda document: 1 / 0)
    for _ in range(2):
        sweeping.judge_forgotten()
    document.refresh_from_db()
    assert (document.state, document.ai_decision) == (Status.needs_review, "needs_review")
    assert document.events.last().reason == "judging_failed"


def test_with_the_broker_down_the_sweep_rings_nothing_and_does_not_fail(owner: User, monkeypatch: Any) -> None:
    make_document(owner, queued_at=timezone.now() - timedelta(seconds=10))
    monkeypatch.setattr(sweeping, "hints_waiting", lambda queue: None)
    assert sweeping.missing_hints() == {}
