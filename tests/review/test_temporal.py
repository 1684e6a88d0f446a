"""Reviews on a real Temporal server, with the real activities and the real worker command."""

import base64
import io
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connection

from documents.models import Document
from documents.status import Status
from filot.embedded.program import free_port
from filot.embedded.temporal import Temporal as TemporalServer
from filot.embedded.temporal import temporal_binary
from filot.embedded.throwaway import new_folder
from filot.models import User
from integrations import temporal
from integrations.models import Buli2Exchange
from integrations.simulator import BuliSimulator
from integrations.simulator_desk import Desk
from review import delivery, services
from review import workflow_words as words
from review.management.commands.temporal_worker import PARTNER_THREADS
from review.models import Review, ReviewDecision
from tests.review.cases import NIK, case_of
from tests.stack import wait_for

PROJECT = Path(__file__).resolve().parent.parent.parent
STOP_WITHIN = 10


class TemporalWorker:
    """`manage.py temporal_worker` on the test's database."""

    def __init__(self, log: Path, **variables: str) -> None:
        self.log_file = log
        database = connection.settings_dict
        url = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database)
        env = {**os.environ, "DATABASE_URL": url, "LOG_FORMAT": "json", **variables}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "temporal_worker"], cwd=PROJECT, env=env, stdout=output, stderr=output
            )

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def says(self, event: str) -> None:
        wait_for(f"{event} of the worker", lambda: event in self.log or self.process.poll() is not None)
        assert event in self.log, self.log[-3000:]

    def stop(self) -> float:
        """Seconds that it took to stop on SIGTERM."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        return time.monotonic() - started


@pytest.fixture
def worker(transactional_db: None, tmp_path: Path) -> Iterator[TemporalWorker]:
    running = TemporalWorker(tmp_path / "worker.log", TEMPORAL_TASK_QUEUE=django_settings.TEMPORAL_TASK_QUEUE)
    running.says("temporal_worker_started")
    yield running
    if running.process.poll() is None:
        running.stop()


def moved_to(review: Review, status: Status) -> Callable[[], bool]:
    return lambda: bool(Document.objects.filter(pk=review.document_id, status=status).exists())


def decided(review: Review, decision: str) -> ReviewDecision:
    return services.decide(review_id=review.pk, decision=decision, source="console", decided_by="staff-1")


def state_of(review: Review) -> dict[str, Any]:
    return temporal.query_workflow(review.workflow_id, words.QUERY_STATE)


def test_a_review_goes_from_its_start_to_the_moved_document(worker: TemporalWorker) -> None:
    review = case_of(User.objects.create_user("owner"))
    assert delivery.deliver() == (1, 0)
    assert state_of(review)["status"] == "awaiting_decision"
    accepted = decided(review, "rejected")
    assert delivery.deliver() == (0, 1)
    wait_for("the moved document", moved_to(review, Status.rejected))
    wait_for("the end", lambda: state_of(review)["status"] == "completed")
    delivery.complete_manual_review_workflow(accepted)
    assert Document.objects.get(pk=review.document_id).events.count() == 1
    assert worker.stop() < STOP_WITHIN
    assert worker.process.returncode == 0
    assert "temporal_worker_stopped" in worker.log


def test_a_cancelled_workflow_is_over_and_a_later_decision_still_counts(worker: TemporalWorker) -> None:
    review = case_of(User.objects.create_user("owner"))
    delivery.deliver()
    delivery.fail_review_workflow(review, reason="test")
    wait_for("the end", lambda: state_of(review)["status"] == "cancelled")
    wait_for("its closing", lambda: _is_gone(review))
    decided(review, "approved")
    assert delivery.deliver() == (0, 1)
    assert moved_to(review, Status.approved)()


RUNBOOKS = PROJECT / "docs" / "runbooks"
COMMAND = re.compile(r"(?:`|^ {4})(temporal (?:workflow|task-queue|operator) [^`\n]+)", re.MULTILINE)


def test_what_the_runbooks_have_people_type_is_understood_by_temporal_itself(worker: TemporalWorker) -> None:
    review = case_of(User.objects.create_user("owner"))
    delivery.deliver()
    state_of(review)
    written = [found for page in RUNBOOKS.glob("*.md") for found in COMMAND.findall(page.read_text())]
    assert len(written) >= 4
    for text in written:
        words_typed = shlex.split(text.replace("REVIEW_ID", str(review.pk)))[1:]
        env = {**os.environ, "TEMPORAL_ADDRESS": django_settings.TEMPORAL_ADDRESS}
        done = subprocess.run(
            [str(temporal_binary()), *words_typed], env=env, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, f"{text}: {done.stderr}"


def test_where_nobody_may_add_search_attributes_it_is_said_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporal, "missing_search_attributes", lambda names: list(names)[:2])
    with pytest.raises(CommandError) as told:
        call_command("temporal_search_attributes", stdout=io.StringIO())
    _, cloud, _, own = str(told.value).splitlines()
    first, second = words.SEARCH_ATTRIBUTES[:2]
    pairs = f"--search-attribute {first}=Keyword --search-attribute {second}=Keyword"
    assert cloud == f"tcld namespace search-attributes add --namespace default {pairs}"
    assert own.endswith(f"create --namespace default --type Keyword --name {first} --name {second}")
    env = {**os.environ, "TEMPORAL_ADDRESS": django_settings.TEMPORAL_ADDRESS}
    typed = [str(temporal_binary()), *shlex.split(own)[1:]]
    subprocess.run(typed, env=env, check=True, capture_output=True, timeout=60)  # known already, or added now


def _is_gone(review: Review) -> bool:
    try:
        temporal.signal_workflow(review.workflow_id, "noSuchSignal", {})
    except temporal.WorkflowGone:
        return True
    return False


def test_a_decision_before_any_worker_runs_is_applied_by_the_first_one(
    transactional_db: None, tmp_path: Path, settings: Any
) -> None:
    settings.TEMPORAL_TASK_QUEUE = f"{django_settings.TEMPORAL_TASK_QUEUE}-late"
    review = case_of(User.objects.create_user("owner"))
    delivery.deliver()
    decided(review, "approved")
    assert delivery.deliver() == (0, 1)
    assert Document.objects.get(pk=review.document_id).state is Status.needs_review
    late = TemporalWorker(tmp_path / "late.log", TEMPORAL_TASK_QUEUE=settings.TEMPORAL_TASK_QUEUE)
    try:
        wait_for("the moved document", moved_to(review, Status.approved))
    finally:
        late.stop()


def test_a_worker_without_a_server_says_so_waits_and_stops_when_told(tmp_path: Path, db: None) -> None:
    address = f"127.0.0.1:{free_port()}"
    lonely = TemporalWorker(tmp_path / "lonely.log", TEMPORAL_ADDRESS=address)
    lonely.says("temporal_unavailable")
    assert f'"server": "{address}"' in lonely.log
    assert lonely.process.poll() is None
    assert lonely.stop() < STOP_WITHIN
    assert lonely.process.returncode == 0


def test_an_activity_that_hangs_in_a_read_does_not_keep_the_worker_from_stopping(
    transactional_db: None, tmp_path: Path, settings: Any
) -> None:
    settings.BULI2_MODE, settings.TEMPORAL_TASK_QUEUE = "sandbox", "reviews-that-hang"
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        hanging = TemporalWorker(
            tmp_path / "hanging.log",
            TEMPORAL_TASK_QUEUE="reviews-that-hang",
            BULI2_MODE="sandbox",
            BULI2_API_URL=url,
        )
        review = case_of(User.objects.create_user("owner"))
        delivery.deliver()
        begun = Buli2Exchange.objects.filter(review_id=review.pk, attempt=1)
        wait_for("the call to BULI2", begun.exists)
        assert hanging.stop() < STOP_WITHIN
    assert hanging.process.returncode == 0


def test_a_partner_that_hangs_in_every_thread_delays_no_decision(
    transactional_db: None, tmp_path: Path, settings: Any
) -> None:
    settings.BULI2_MODE, settings.TEMPORAL_TASK_QUEUE = "sandbox", "reviews-beside-a-deaf-partner"
    with socket.create_server(("127.0.0.1", 0), backlog=64) as deaf:
        running = TemporalWorker(
            tmp_path / "beside.log",
            TEMPORAL_TASK_QUEUE=settings.TEMPORAL_TASK_QUEUE,
            BULI2_MODE="sandbox",
            BULI2_API_URL=f"http://127.0.0.1:{deaf.getsockname()[1]}",
        )
        owner = User.objects.create_user("owner")
        reviews = [case_of(owner) for _ in range(PARTNER_THREADS + 4)]
        delivery.deliver()
        hanging = Buli2Exchange.objects.filter(attempt__gte=1)
        wait_for("calls in every thread", lambda: hanging.count() == PARTNER_THREADS)
        began = time.monotonic()
        for review in reviews:
            decided(review, "approved")
        delivery.deliver()
        for review in reviews:
            wait_for("the moved document", moved_to(review, Status.approved))
        assert time.monotonic() - began < 15, "one call to BULI2 hangs for 30 s"
        running.stop()


def test_nothing_of_a_card_is_in_temporals_store_whatever_goes_wrong(
    transactional_db: None, tmp_path: Path, settings: Any
) -> None:
    """Canaries: a partner that repeats the card in its errors, a note of the reviewer, a decision, a real server."""
    folder = new_folder()
    server = TemporalServer(folder / "temporal")
    server.start()
    settings.TEMPORAL_ADDRESS, settings.TEMPORAL_TASK_QUEUE, settings.BULI2_MODE = server.address, "canary", "sandbox"
    spellings = [NIK, "BUDI SPECIMEN", "BUDI", "dia mirip kakaknya"]
    with BuliSimulator(api_key="k", desk=Desk(secret="s")) as simulator:
        simulator.fail("503:1", "422:1", "garbage:1")
        running = TemporalWorker(
            tmp_path / "canary.log",
            TEMPORAL_ADDRESS=server.address,
            TEMPORAL_TASK_QUEUE="canary",
            BULI2_MODE="sandbox",
            BULI2_API_URL=simulator.url,
            BULI2_API_KEY="k",
        )
        owner = User.objects.create_user("owner")
        reviews = [case_of(owner) for _ in range(3)]
        delivery.deliver()
        wait_for("its submissions", lambda: Buli2Exchange.objects.exclude(attempt=0).count() == 3)
        for review in reviews:
            services.decide(
                review_id=review.pk,
                decision="rejected",
                source="console",
                decided_by="staff-1",
                note=f"{NIK}: dia mirip kakaknya",
            )
        delivery.deliver()
        for review in reviews:
            wait_for("the moved document", moved_to(review, Status.rejected))
        running.stop()
    server.stop()
    stored = b"".join(file.read_bytes() for file in (folder / "temporal").rglob("*.db*"))
    assert str(reviews[0].pk).encode() in stored, "else the search finds nothing because it looks at nothing"
    for text in spellings:
        for spelling in {text, text.replace(" ", ""), " ".join(text), f"{text[:4]} {text[4:8]}"}:
            encoded = spelling.encode()
            assert encoded not in stored
            assert base64.b64encode(encoded)[:-4] not in stored
