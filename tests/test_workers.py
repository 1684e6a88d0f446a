"""Real workers: an orderly end in the middle of a card, and being alive without taking work."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from PIL import Image

from tests.stack import PROJECT, Stack, wait_for
from tests.test_the_walk import card

pytestmark = pytest.mark.xdist_group("stack")

STOP_LIMIT = 30  # seconds: what a supervisor gives
HELD = "SELECT claimed_by FROM documents_document WHERE id = %s AND status = 'processing'"
ROWS = "SELECT name FROM verification_worker"


def long_card(seed: int) -> bytes:
    """Five pages, so that reading takes several seconds."""
    page = Image.open(io.BytesIO(card("ktp", seed))).convert("RGB")
    file = io.BytesIO()
    page.save(file, "PDF", save_all=True, append_images=[page] * 4)
    return file.getvalue()


class OwnWorker:
    """The only worker of ocr.cpu, with settings of this test's own."""

    def __init__(self, stack: Stack, *words: str, **variables: str) -> None:
        self.log = stack.folder / f"own-{time.time_ns()}.log"
        command = [sys.executable, "manage.py", "ocr_worker", "cpu", "--name", f"own-{time.time_ns()}", *words]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=PROJECT, env=stack.env | variables, stdout=log, stderr=log, start_new_session=True
            )
        wait_for("the worker", lambda: " ready." in self.log.read_text())

    def end(self, *, all_of_it: bool = True) -> int:
        """As a supervisor does: by a signal to the first process, or to `all_of_it`."""
        (os.killpg if all_of_it else os.kill)(self.process.pid, signal.SIGTERM)
        return self.process.wait(STOP_LIMIT)


@pytest.fixture(scope="module")
def alone(stack: Stack) -> Iterator[Stack]:
    """The stack without its own OCR worker."""
    stack.stop("ocr")
    stack.rows("DELETE FROM verification_worker RETURNING name")  # of those that other tests have killed
    yield stack
    stack.start("ocr")
    wait_for("the OCR worker", lambda: "ready." in stack.log("ocr"))


def held_by(stack: Stack, document_id: str) -> str:
    [(name,)] = wait_for("the claim", lambda: stack.rows(HELD, document_id), pause=0.005)
    return str(name)


def workers_of(stack: Stack, **variables: str) -> tuple[list[dict[str, Any]], str]:
    """What `manage.py workers` says, and what it complains of."""
    command = [sys.executable, "manage.py", "workers", "--json"]
    done = subprocess.run(command, cwd=PROJECT, env=stack.env | variables, capture_output=True, text=True, check=True)
    return json.loads(done.stdout), done.stderr


@pytest.mark.parametrize(
    ("words", "all_of_it"),
    [((), True), (("--processes", "2"), True), (("--processes", "2"), False)],
    ids=["one process", "a pool, all of it", "a pool, its first process"],
)
def test_sigterm_in_the_middle_of_a_card_gives_it_back_uncounted_for_another_to_claim_at_once(
    alone: Stack, words: tuple[str, ...], all_of_it: bool
) -> None:
    token = alone.token()
    worker = OwnWorker(alone, *words, OCR_STOP_SECONDS="0")
    document_id = alone.upload(token, long_card(521), content_type="application/pdf")
    held_by(alone, document_id)
    assert worker.end(all_of_it=all_of_it) == 0
    assert alone.chain(document_id) == ["uploaded", "processing", "uploaded"]
    [(attempts, queued)] = alone.rows(
        "SELECT attempts, queued_at <= now() FROM documents_document WHERE id = %s", document_id
    )
    assert (attempts, queued) == (0, True)
    assert alone.rows(ROWS) == [], "who ends in order leaves no row behind"
    another = OwnWorker(alone)
    assert alone.settled(token, document_id, 60)["aiDecision"]
    assert another.end() == 0


def test_sigterm_lets_a_card_end_that_is_nearly_read(alone: Stack) -> None:
    token = alone.token()
    worker = OwnWorker(alone, OCR_STOP_SECONDS="25")
    document_id = alone.upload(token, card("ktp", 522))
    held_by(alone, document_id)
    assert worker.end() == 0
    assert alone.chain(document_id)[:3] == ["uploaded", "processing", "ocr_completed"]
    assert alone.status(token, document_id)["aiDecision"]


def test_a_worker_that_lives_and_takes_nothing_is_told_from_one_that_works(alone: Stack) -> None:
    token = alone.token()
    worker = OwnWorker(alone)
    [before], complaint = workers_of(alone)
    assert (before["state"], before["device"], before["engine"], complaint) == ("idle", "cpu", "rapidocr", "")
    control = Celery(broker=alone.valkey.url).control
    try:
        [answer] = control.cancel_consumer("ocr.cpu", destination=[before["name"].split()[0]], reply=True, timeout=5)
        assert "ok" in str(answer)
        document_id = alone.upload(token, card("ktp", 523))

        def complained() -> str:
            return workers_of(alone, OCR_STALLED_AFTER="6")[1]

        assert "ocr.cpu" in wait_for("the complaint", complained)
        [now], _ = workers_of(alone)
        assert now["progress_at"] == before["progress_at"]
        assert now["seen_at"] > before["seen_at"], "its loop runs all the same"
        control.add_consumer("ocr.cpu", destination=[before["name"].split()[0]], reply=True, timeout=5)
        assert alone.settled(token, document_id, 60)["aiDecision"]
        [after], complaint = workers_of(alone, OCR_STALLED_AFTER="6")
        assert (after["done"], complaint) == (1, "")
        assert after["progress_at"] > now["progress_at"]
    finally:
        assert worker.end() == 0


def test_a_frozen_worker_shows_no_sign_of_life(alone: Stack) -> None:
    worker = OwnWorker(alone)

    def seen() -> Any:
        [(at,)] = alone.rows("SELECT seen_at FROM verification_worker")
        return at

    first = seen()
    os.killpg(worker.process.pid, signal.SIGSTOP)
    try:
        frozen = seen()
        time.sleep(7)
        assert seen() == frozen
    finally:
        os.killpg(worker.process.pid, signal.SIGCONT)
    wait_for("a sign of life", lambda: seen() > frozen >= first)
    assert worker.end() == 0
