"""Callbacks of BULI2 as `bench_callbacks` sends them: most decide, some are copies, some contrary, some forged."""

import json
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import requests

from filot.bench.load import TIMEOUTS, Answers
from integrations.signatures import PREFIX, sign

DECISION, COPY, CONTRARY, FORGED = "decision", "copy", "contrary", "forged"
COPIES_SHARE, CONTRARY_SHARE, FORGED_SHARE = 0.2, 0.1, 0.05  # of the cases
MOST_COPIES = 3
WORDS = ("approved", "rejected")
# A contrary one may come first, since neighbours are sent at one instant: then it is the other that is too late.
EXPECTED = {DECISION: {200, 409}, COPY: {200, 409}, CONTRARY: {200, 409}, FORGED: {401}}


class Open(NamedTuple):
    """A case that nobody has decided."""

    review_id: str
    document_id: str


@dataclass(frozen=True, slots=True)
class Callback:
    kind: str
    case: Open
    decision: str


def drawn(cases: Sequence[Open], chance: random.Random) -> list[Callback]:
    """For each case its decision; what else is said of it stands beside that, and is sent at nearly the same time."""
    found = []
    for case in cases:
        decision, contrary = chance.sample(WORDS, 2)
        said = [Callback(DECISION, case, decision)]
        if chance.random() < COPIES_SHARE:
            said += [Callback(COPY, case, decision)] * chance.randint(1, MOST_COPIES)
        if chance.random() < CONTRARY_SHARE:
            said.append(Callback(CONTRARY, case, contrary))
        if chance.random() < FORGED_SHARE:
            said.insert(0, Callback(FORGED, case, decision))
        found += said
    return found


def send_all(url: str, secret: str, callbacks: Sequence[Callback], callers: int) -> tuple[Answers, float]:
    """Each caller sends the next one as soon as it has its answer, over a connection that it keeps; and how long all
    of it took.
    """
    answers, turn = Answers(), count()

    def caller() -> None:
        with requests.Session() as session:
            while (number := next(turn)) < len(callbacks):
                _send(session, url, secret, callbacks[number], answers)

    began = time.monotonic()
    with ThreadPoolExecutor(callers) as threads:
        for done in [threads.submit(caller) for _ in range(callers)]:
            done.result()
    return answers, time.monotonic() - began


def _send(session: requests.Session, url: str, secret: str, callback: Callback, answers: Answers) -> None:
    case = callback.case
    body = json.dumps(
        {"decision": callback.decision, "reviewId": case.review_id, "documentId": case.document_id, "notes": "bench"}
    ).encode()
    stamp = str(int(time.time()))
    key = secret if callback.kind != FORGED else secret[::-1]
    headers = {
        "Content-Type": "application/json",
        "x-buli2-signature": PREFIX + sign(body, key, stamp),
        "x-buli2-timestamp": stamp,
    }
    began = time.monotonic()
    try:
        path = f"{url}/internal/reviews/{case.review_id}/callback"
        code = session.post(path, data=body, headers=headers, timeout=TIMEOUTS).status_code
    except requests.RequestException:
        code = 0
    answers.note(callback.kind, time.monotonic() - began, code)
