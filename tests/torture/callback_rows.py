"""Callbacks as a partner sends them when it is not sure: many copies of one at once, and then the contrary."""

import http.client
import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from integrations.signatures import sign
from tests.torture.house import Needs
from tests.torture.reviews import DOUBTFUL, PARTS, Case, closed, judge_partner, opened, steer
from tests.torture.rows import Run, row

OLD = "the-older-secret-of-this-run-of-torture"
NEEDS = Needs(
    parts=PARTS,
    reading=DOUBTFUL,
    variables=(f"BULI2_SIGNATURE_SECRET={OLD}", "RATE_LIMIT_WEBHOOK_PER_MINUTE=1000000"),
)
Sent = tuple[int, float]  # status, 0 when no answer came; seconds


def body_of(case: Case, decision: str, chance: random.Random) -> bytes:
    said = {"decision": decision, "reviewId": case.id, "taskId": case.ticket, "documentId": case.document_id}
    return json.dumps(said, separators=chance.choice([(",", ":"), (", ", ": ")])).encode()


def headers_of(body: bytes, secret: str, chance: random.Random) -> dict[str, str]:
    stamp = str(int(time.time())) if chance.random() < 0.5 else None
    headers = {"x-buli2-signature": chance.choice(["", "sha256="]) + sign(body, secret, stamp)}
    return headers | ({"x-buli2-timestamp": stamp} if stamp else {})


def send(run: Run, case: Case, body: bytes, headers: dict[str, str]) -> Sent:
    path = run.chance.choice([f"/internal/reviews/{case.id}/callback", "/internal/buli2/callback"])
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", run.house.port, timeout=60)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        answer.read()
        return answer.status, time.monotonic() - began
    except (OSError, http.client.HTTPException):
        return 0, time.monotonic() - began
    finally:
        connection.close()


def counted(answers: list[Sent]) -> dict[str, int]:
    statuses = sorted(str(status) for status, _ in answers)
    return {status: statuses.count(status) for status in dict.fromkeys(statuses)}


@row(
    "callback-copies",
    "100 copies of one callback at one instant, five times over, and then the contrary",
    "1 effect each",
    NEEDS,
)
def callback_copies(run: Run) -> None:
    steer(run.house)
    found = opened(run, run.size(5, 2))
    copies = run.size(100, 30)
    answers: list[Sent] = []
    for case in found:
        body = body_of(case, "approved", run.chance)
        start = threading.Barrier(copies)
        headers = headers_of(body, OLD, run.chance)

        def one(case: Case = case, body: bytes = body, headers: dict[str, str] = headers) -> Sent:
            start.wait(60)  # noqa: B023 - of this turn
            return send(run, case, body, headers)

        with ThreadPoolExecutor(copies) as threads:
            answers += [future.result() for future in [threads.submit(one) for _ in range(copies)]]
        contrary = body_of(case, "rejected", run.chance)
        status, _ = send(run, case, contrary, headers_of(contrary, OLD, run.chance))
        run.expect(status == 409, f"the contrary was answered {status}")
    run.figures["answers to copies"] = counted(answers)
    run.expect(set(counted(answers)) == {"200"}, "a copy was not answered by 200")
    closed(run, len(found), 60)
    kept = "SELECT count(*) FROM review_reviewdecision WHERE review_id = ANY(%s::uuid[])"
    ((rows,),) = run.house.rows(kept, [case.id for case in found])
    run.expect(rows == 2 * len(found), f"{rows} decisions are kept: one accepted and one refused for each was to be")
    judge_partner(run, submitted=len(found))
