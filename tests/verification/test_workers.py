"""The rows of workers, and what is judged by them."""

import json
import os
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from filot.models import User
from tests.documents.build import make_document
from verification import workers
from verification.models import Worker
from verification.tasks import sweep
from verification.workers import Presence, state_of

pytestmark = pytest.mark.django_db(transaction=True)


def ago(seconds: float) -> Any:
    return timezone.now() - timedelta(seconds=seconds)


def a_worker(name: str = "w", queue: str = "ocr.cpu", **facts: Any) -> Worker:
    made: Worker = Worker.objects.create(name=name, queue=queue, host="host", pid=2, loop_pid=1, **facts)
    return made


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"doing": "idle"}, "idle"),
        ({"doing": "idle", "progress_at": 4000}, "idle"),
        ({"doing": "reading", "progress_at": 200}, "working"),
        ({"doing": "reading", "progress_at": 301}, "stuck"),
        ({"doing": "resting", "progress_at": 400}, "resting"),
        ({"doing": "reading", "seen_at": 61}, "silent"),
        ({"doing": "idle", "seen_at": 59}, "idle"),
    ],
)
def test_the_state_of_a_worker_is_told_by_its_progress(facts: dict[str, Any], state: str) -> None:
    times = {name: ago(value) for name, value in facts.items() if name.endswith("_at")}
    assert state_of(a_worker(**{**facts, **times})) == state


@pytest.mark.parametrize(
    ("waits", "moved", "stalled"),
    [
        (None, 4000, []),  # nothing waits
        (10, 4000, []),  # nothing waits for long
        (400, 10, []),  # a long queue that moves
        (400, 400, ["ocr.cpu"]),
        (400, None, ["ocr.cpu"]),  # no worker at all
    ],
)
def test_a_queue_is_stalled_when_a_document_waits_and_no_worker_moves(
    owner: User, waits: int | None, moved: int | None, stalled: list[str]
) -> None:
    if waits is not None:
        make_document(owner, queued_at=ago(waits))
    if moved is not None:
        a_worker(progress_at=ago(moved))
    a_worker("gpu", "ocr.gpu")
    assert workers.stalled_queues(300) == stalled


def test_a_document_that_was_put_off_does_not_stall_a_queue(owner: User) -> None:
    make_document(owner, queued_at=ago(-60))
    assert workers.stalled_queues(300) == []


def test_figures_count_every_state_and_give_the_youngest_progress() -> None:
    a_worker("one", progress_at=ago(50))
    a_worker("two", progress_at=ago(20), doing="idle")
    figures = workers.worker_figures()
    assert (figures["states"]["ocr.cpu", "working"], figures["states"]["ocr.cpu", "idle"]) == (1, 1)
    assert figures["states"]["ocr.gpu", "idle"] == 0
    assert 20 <= figures["progress_age"]["ocr.cpu"] < 40
    assert "ocr.gpu" not in figures["progress_age"]


def test_a_row_is_written_once_a_second_and_when_the_loop_runs() -> None:
    presence = Presence("ocr@host", "ocr.cpu", loop_pid=1)
    presence.note("loading", held=1)
    presence.note("reading")
    assert Worker.objects.get().doing == "loading"
    presence.seen()
    row = Worker.objects.get()
    assert (row.doing, row.held, row.pid, row.host) == ("reading", 1, os.getpid(), "host")


def test_a_row_that_was_swept_comes_back_with_the_next_word() -> None:
    presence = Presence("ocr@host", "ocr.cpu", loop_pid=1)
    presence.note("idle", now=True)
    Worker.objects.all().delete()
    presence.seen()
    assert Worker.objects.count() == 1
    presence.end()
    assert Worker.objects.count() == 0


def test_nothing_is_written_inside_somebody_elses_transaction() -> None:
    with transaction.atomic():
        Presence("ocr@host", "ocr.cpu", loop_pid=1).note("taking", now=True)
    assert Worker.objects.count() == 0


def test_a_loop_speaks_for_the_living_processes_of_its_pool_and_sweeps_the_dead() -> None:
    for name, pid, loop_pid in (("a@h q 1", 11, 1), ("a@h q 2", 12, 1), ("b@h q 3", 11, 9)):
        Worker.objects.create(name=name, queue="ocr.cpu", host="h", pid=pid, loop_pid=loop_pid, seen_at=ago(100))
    workers.loop_runs("a@h", 1, [11])
    seen = {row.name: row.seen_at > ago(50) for row in Worker.objects.all()}
    assert seen == {"a@h q 1": True, "b@h q 3": False}


def test_the_sweep_forgets_workers_that_are_gone_for_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    a_worker("gone", seen_at=ago(90_000))
    a_worker("silent", seen_at=ago(3600))
    assert sweep()["workers_forgotten"] == 1
    assert [row.name for row in Worker.objects.all()] == ["silent"]


@pytest.mark.parametrize(
    ("visible", "device", "label"),
    [("", "cpu", "cpu"), ("", "cuda:1", "cuda:1"), ("3", "cuda:0", "cuda:3"), ("2,5", "cuda:1", "cuda:5")],
)
def test_a_pinned_device_is_named_as_the_machine_names_it(visible: str, device: str, label: str, settings: Any) -> None:
    settings.VISIBLE_GPUS = [name for name in visible.split(",") if name]
    assert workers.device_label(device) == label


def test_the_command_prints_who_works_where_and_since_when(owner: User) -> None:
    a_worker("ocr-cpu@host ocr.cpu 2", device="cpu", engine="rapidocr", doing="reading", held=1, done=7)
    a_worker("gpu", "ocr.gpu", device="cuda:1", doing="resting", reason="gpu_unusable: hangs", progress_at=ago(90))
    out = StringIO()
    call_command("workers", stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[1].split()[:4] == ["worker", "queue", "device", "engine"]
    assert "resting (gpu_unusable: hangs)" in out.getvalue()
    out = StringIO()
    call_command("workers", "--json", stdout=out)
    told = {row["name"]: row for row in json.loads(out.getvalue())}
    assert told["gpu"]["state"] == "resting"
    assert 90 <= told["gpu"]["progress_age"] < 120
    assert (told["ocr-cpu@host ocr.cpu 2"]["held"], told["ocr-cpu@host ocr.cpu 2"]["done"]) == (1, 7)


def test_the_command_complains_of_a_queue_that_stands_still(owner: User) -> None:
    make_document(owner, queued_at=ago(4000))
    out, complaint = StringIO(), StringIO()
    call_command("workers", stdout=out, stderr=complaint)
    assert (out.getvalue().strip(), "ocr.cpu" in complaint.getvalue()) == ("no worker", True)
