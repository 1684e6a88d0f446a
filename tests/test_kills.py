"""Parts die while a card is on its way: the card is settled all the same, once."""

import itertools
import os
import signal
import time
from pathlib import Path

import pytest
import redis

from documents.status import LEGAL_MOVES, Status
from tests.stack import Stack, wait_for
from tests.test_the_walk import card

pytestmark = pytest.mark.xdist_group("stack")


def settled_once(stack: Stack, token: str, document_id: str, decision: str) -> list[str]:
    why = "SELECT reason, reasons FROM verification_verificationrun WHERE document_id = %s ORDER BY attempt"
    assert stack.settled(token, document_id, 90)["aiDecision"] == decision, stack.rows(why, document_id)
    chain = stack.chain(document_id)
    assert all(Status(after) in LEGAL_MOVES[Status(before)] for before, after in itertools.pairwise(chain))
    assert chain.count("ai_evaluated") == 1
    return chain


def test_a_worker_killed_in_mid_card_leaves_it_to_another(stack: Stack) -> None:
    token = stack.token()
    stack.signal("ocr", signal.SIGSTOP)
    document_id = stack.upload(token, card("ktp", 501))
    stack.signal("ocr", signal.SIGCONT)
    held = "SELECT 1 FROM documents_document WHERE id = %s AND status = 'processing'"
    wait_for("the claim", lambda: stack.rows(held, document_id), pause=0.005)
    stack.kill("ocr")
    assert stack.chain(document_id) == ["uploaded", "processing"]
    stack.start("ocr")
    chain = settled_once(stack, token, document_id, "auto_approve")
    assert chain[:4] == ["uploaded", "processing", "uploaded", "processing"]
    runs = "SELECT outcome FROM verification_verificationrun WHERE document_id = %s ORDER BY attempt"
    assert [outcome for (outcome,) in stack.rows(runs, document_id)] == ["lost", "judged"]


def test_a_worker_killed_while_idle_takes_no_document_along(stack: Stack) -> None:
    """Frozen first: the broker has handed it the message by then, and the message dies with it."""
    token = stack.token()
    wait_for("an idle worker", lambda: not stack.rows("SELECT 1 FROM documents_document WHERE status = 'processing'"))
    stack.signal("ocr", signal.SIGSTOP)
    document_id = stack.upload(token, card("ktp", 502))
    time.sleep(1)
    stack.kill("ocr")
    stack.start("ocr")
    settled_once(stack, token, document_id, "auto_approve")


def test_a_worker_whose_beat_was_killed_ends_for_both_to_be_started_again(stack: Stack) -> None:
    """Without its clock no sweep would come again, and what a dead worker held would wait for ever."""
    worker = stack.processes["default"]
    (beat,) = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    os.kill(int(beat), signal.SIGKILL)
    assert worker.wait(20) == os.EX_SOFTWARE
    stack.start("default")


def test_a_zombie_that_wakes_after_its_claim_was_taken_is_refused(stack: Stack) -> None:
    token = stack.token()
    stack.signal("ocr", signal.SIGSTOP)
    document_id = stack.upload(token, card("ktp", 503))
    stack.signal("ocr", signal.SIGCONT)
    held = "SELECT 1 FROM documents_document WHERE id = %s AND status = 'processing'"
    wait_for("the claim", lambda: stack.rows(held, document_id), pause=0.005)
    stack.signal("ocr", signal.SIGSTOP)
    zombie = stack.processes.pop("ocr")
    said = stack.logs["ocr"]
    stack.start("ocr")
    try:
        settled_once(stack, token, document_id, "auto_approve")
    finally:
        zombie.send_signal(signal.SIGCONT)

    def refused() -> bool:
        return any("claim_lost" in line and document_id in line for line in said.read_text().splitlines())

    try:
        wait_for("the refused write", refused)
    finally:
        zombie.kill()
        zombie.wait()
    settled_once(stack, token, document_id, "auto_approve")
    runs = "SELECT outcome FROM verification_verificationrun WHERE document_id = %s ORDER BY attempt"
    assert [outcome for (outcome,) in stack.rows(runs, document_id)] == ["lost", "judged"]


def test_redis_down_during_an_upload_delays_the_card_and_loses_nothing(stack: Stack) -> None:
    token = stack.token()
    stack.valkey.kill()
    started = time.monotonic()
    document_id = stack.upload(token, card("npwp", 504, fmt="png"), "NPWP", "image/png")
    assert time.monotonic() - started < 10, "an upload must not hang on Redis"
    assert stack.status(token, document_id)["verificationStatus"] == "pending"
    stack.start_valkey_again()
    settled_once(stack, token, document_id, "auto_approve")


def test_redis_emptied_forgets_no_document(stack: Stack) -> None:
    token = stack.token()
    stack.signal("ocr", signal.SIGSTOP)
    document_ids = [stack.upload(token, card("blank", 505 + number), "NPWP") for number in range(3)]
    redis.Redis.from_url(stack.valkey.url).flushall()
    stack.signal("ocr", signal.SIGCONT)
    for document_id in document_ids:
        settled_once(stack, token, document_id, "auto_reject")
