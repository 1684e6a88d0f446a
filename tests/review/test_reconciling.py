"""Every way in which the database and a real Temporal server may differ is found, reported and mended."""

import asyncio
import io
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from documents.models import Document
from documents.status import Status
from filot.embedded.program import free_port
from filot.embedded.temporal import Temporal as TemporalServer
from filot.embedded.throwaway import new_folder
from filot.models import User
from integrations import temporal, temporal_runs
from review import delivery, services
from review import workflow_words as words
from review.models import Review, ReviewDecision
from tests.review.cases import case_of, document_in
from tests.review.test_temporal import TemporalWorker, decided, moved_to
from tests.stack import wait_for

QUEUE = "reviews-to-reconcile"


@pytest.fixture(scope="module")
def own_server() -> Iterator[str]:
    """Nobody else's workflows, which would be unknown to this database."""
    with TemporalServer(new_folder() / "temporal", throwaway=True) as server:
        yield server.address


@pytest.fixture
def worker(transactional_db: None, own_server: str, settings: Any, tmp_path: Path) -> Iterator[TemporalWorker]:
    settings.TEMPORAL_ADDRESS, settings.TEMPORAL_TASK_QUEUE = own_server, QUEUE
    running = TemporalWorker(tmp_path / "worker.log", TEMPORAL_ADDRESS=own_server, TEMPORAL_TASK_QUEUE=QUEUE)
    running.says("temporal_worker_started")
    yield running
    running.stop()


@workflow.defn(name=words.WORKFLOW)
class AnotherWorkflow:
    """What is deployed by mistake: it does something else at once than the runs under way have in their histories."""

    @workflow.run
    async def run(self, arguments: dict[str, Any]) -> None:
        await workflow.execute_activity("something_else", start_to_close_timeout=timedelta(seconds=1))


@contextmanager
def deployed_by_mistake(address: str) -> Iterator[None]:
    over = threading.Event()

    async def serve() -> None:
        client = await Client.connect(address)
        runner = UnsandboxedWorkflowRunner()  # this module imports Django
        async with Worker(client, task_queue=QUEUE, workflows=[AnotherWorkflow], workflow_runner=runner):
            await asyncio.to_thread(over.wait)

    serving = threading.Thread(target=lambda: asyncio.run(serve()))
    serving.start()
    try:
        yield
    finally:
        over.set()
        serving.join()


def reconcile(*words: str) -> tuple[list[dict[str, str]], int]:
    """What was found, and the command's status."""
    output = io.StringIO()
    try:
        call_command("reconcile_workflows", "--json", "--older-than", "0", *words, stdout=output, stderr=io.StringIO())
        status = 0
    except CommandError as error:
        status = error.returncode
    return [json.loads(line) for line in output.getvalue().splitlines()], status


def kinds(found: list[dict[str, str]]) -> dict[str, str]:
    return {line["id"]: line["kind"] for line in found}


def terminate(review: Review) -> None:
    temporal.call(lambda client: client.get_workflow_handle(review.workflow_id).terminate("by an operator"), 5)


def is_known_as_running(*reviews: Review) -> bool:
    return {review.workflow_id for review in reviews} == set(temporal_runs.running(words.STAGE))


def test_drift_of_every_kind_is_found_both_ways_and_mended(worker: TemporalWorker) -> None:
    owner = User.objects.create_user("owner")
    ended, undelivered, unrecorded, unaware, erased, fine = (case_of(owner) for _ in range(6))
    delivery.deliver()
    wait_for("all of them in Temporal's search", lambda: is_known_as_running(*Review.objects.all()))
    unstarted, missing = case_of(owner), case_of(owner)
    Review.objects.filter(pk=missing.pk).update(workflow_started_at=timezone.now())
    no_review = document_in(owner, Status.needs_review)
    terminate(ended)
    decided(undelivered, "approved")
    decided(unrecorded, "rejected")
    ReviewDecision.objects.filter(review=unrecorded).update(delivered_at=timezone.now())
    services.record_decision(decided(unaware, "approved").pk)
    ReviewDecision.objects.filter(review=unaware).update(delivered_at=timezone.now())
    erased.document.delete()
    still_there = [undelivered, unrecorded, unaware, erased, fine]
    wait_for("the terminated one out of it", lambda: is_known_as_running(*still_there))
    expected = {
        str(ended.pk): "ended_early",
        str(undelivered.pk): "undelivered",
        str(unrecorded.pk): "unrecorded",
        str(unaware.pk): "unaware",
        str(erased.pk): "unknown_review",
        str(unstarted.pk): "not_started",
        str(missing.pk): "workflow_missing",
        str(no_review.pk): "review_missing",
    }

    found, status = reconcile()
    assert (kinds(found), status) == (expected, 1)
    assert {line["outcome"] for line in found} == {"found"}
    assert Document.objects.get(pk=undelivered.document_id).state is Status.needs_review, "it only looked"

    found, status = reconcile("--fix")
    assert (kinds(found), status) == (expected, 0)
    assert {line["outcome"] for line in found} == {"mended"}

    wait_for("the approved", moved_to(undelivered, Status.approved))
    wait_for("the rejected", moved_to(unrecorded, Status.rejected))
    waiting = [fine, ended, unstarted, missing, Review.objects.get(document=no_review)]
    wait_for("the ends of the others", lambda: is_known_as_running(*waiting))
    assert reconcile() == ([], 0)


def test_a_run_that_ended_by_itself_without_a_decision_is_no_drift(worker: TemporalWorker) -> None:
    review = case_of(User.objects.create_user("owner"))
    delivery.deliver()
    delivery.fail_review_workflow(review, reason="test")
    wait_for("its end", lambda: (run := temporal_runs.find(review.workflow_id)) and run.status == "completed")
    wait_for("its end in the search", lambda: review.workflow_id not in temporal_runs.running(words.STAGE))
    found, _ = reconcile()
    assert str(review.pk) not in kinds(found)


def test_without_temporal_it_says_so_and_mends_nothing(db: None, settings: Any) -> None:
    settings.TEMPORAL_ADDRESS = f"127.0.0.1:{free_port()}"
    assert reconcile("--fix") == ([], 2)


def test_a_run_that_the_deployed_code_does_not_fit_is_said_to_be_stuck_until_the_right_one_is_back(
    worker: TemporalWorker, own_server: str, tmp_path: Path
) -> None:
    owner = User.objects.create_user("owner")
    waits, decided_there = case_of(owner), case_of(owner)
    both = (waits, decided_there)
    delivery.deliver()
    mine = {review.workflow_id for review in both}
    wait_for("both in Temporal's search", lambda: mine <= set(temporal_runs.running(words.STAGE)))
    for review in both:
        wait_for("its first steps", lambda review=review: status_of(review) == "awaiting_decision")  # type: ignore[misc]
    worker.stop()
    with deployed_by_mistake(own_server):
        decided(decided_there, "approved")
        delivery.deliver()
        temporal.signal_workflow(waits.workflow_id, "noSuchSignal", {})  # so that it has a step to make
        wait_for("Temporal to give up for now", lambda: all(is_stuck(review) for review in both))

        found, status = reconcile_only(*both)
        assert (kinds(found), len(found), status) == ({str(review.pk): "stuck" for review in both}, 2, 1)

        found, status = reconcile_only(*both, fix=True)
        outcomes = [(line["id"], line["kind"], line["outcome"]) for line in found]
        assert (
            outcomes
            == [
                (str(decided_there.pk), "stuck", "mended"),  # its document was moved, without the workflow
                *[(line["id"], "stuck", "left") for line in found[1:]],  # the runs themselves can't go on
            ]
        )
        assert {line["id"] for line in found[1:]} == {str(review.pk) for review in both}
        assert status == 1
        assert Document.objects.get(pk=decided_there.document_id).state is Status.approved
        assert Document.objects.get(pk=waits.document_id).state is Status.needs_review

    right = TemporalWorker(tmp_path / "right.log", TEMPORAL_ADDRESS=own_server, TEMPORAL_TASK_QUEUE=QUEUE)
    try:
        wait_for("the end of the decided one", lambda: has_ended(decided_there), 90)
        wait_for("the other to go on", lambda: not is_stuck(waits), 90)
        assert reconcile_only(*both)[0] == []
    finally:
        right.stop()


def reconcile_only(*reviews: Review, fix: bool = False) -> tuple[list[dict[str, str]], int]:
    """What is said of these: the server holds runs of other tests too."""
    found, status = reconcile(*["--fix"][:fix])
    return [line for line in found if line["id"] in {str(review.pk) for review in reviews}], status


def has_ended(review: Review) -> bool:
    found = temporal_runs.find(review.workflow_id)
    return found is not None and not found.is_running


def status_of(review: Review) -> str:
    return str(temporal.query_workflow(review.workflow_id, words.QUERY_STATE)["status"])


def is_stuck(review: Review) -> bool:
    found = temporal_runs.find(review.workflow_id)
    return found is not None and found.stuck


def test_one_that_can_not_be_mended_does_not_keep_the_others(
    worker: TemporalWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = User.objects.create_user("owner")
    broken, other = case_of(owner), case_of(owner)
    start = delivery.start_kyc_workflow

    def start_the_other(review: Review, *, again: bool = False) -> None:
        if review == broken:
            raise ValueError("no")
        start(review, again=again)

    monkeypatch.setattr(delivery, "start_kyc_workflow", start_the_other)
    found, status = reconcile("--fix")
    mine = {line["id"]: line["outcome"] for line in found if line["id"] in (str(broken.pk), str(other.pk))}
    assert mine == {str(broken.pk): "ValueError", str(other.pk): "mended"}
    assert status == 1
    assert os.environ["TEMPORAL_ADDRESS"]
