"""Callbacks as a partner and an attacker send them: copies of one, and changed ones."""

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from integrations.signatures import sign
from tests.torture.house import WEB
from tests.torture.partner import decide_there, judge_partner, steer
from tests.torture.reviews import NEEDS, NEW, OLD, Case, cases, closed, opened
from tests.torture.rows import Run, row

SENDERS = 8
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
    closed(run, found, 60)
    kept = "SELECT count(*) FROM review_reviewdecision WHERE review_id = ANY(%s::uuid[])"
    ((rows,),) = run.house.rows(kept, [case.id for case in found])
    run.expect(rows == 2 * len(found), f"{rows} decisions are kept: one accepted and one refused for each was to be")
    judge_partner(run, submitted=len(found), decided_here="approved")


@row(
    "callback-mutated",
    "20,000 callbacks whose signature, timestamp or body was changed, eight at a time",
    "0 accepted, 0 5xx",
    NEEDS,
)
def callback_mutated(run: Run) -> None:
    steer(run.house)
    (case,) = opened(run, 1)
    body = body_of(case, "approved", run.chance)
    good = {"x-buli2-signature": sign(body, OLD)}
    count = run.size(20_000, 300)
    seeds = [run.chance.getrandbits(64) for _ in range(count)]

    def one(seed: int) -> Sent:
        chance = random.Random(seed)
        changed, headers = chance.choice(MUTATIONS)(chance, body, good["x-buli2-signature"])
        return send(run, case, changed, headers)

    with ThreadPoolExecutor(SENDERS) as threads:
        answers = list(threads.map(one, seeds))
    run.figures["answers"] = counted(answers)
    run.expect(not any(status == 200 for status, _ in answers), "a changed callback was believed")
    run.expect(not any(status >= 500 for status, _ in answers), "a changed callback was answered by a 5xx")
    refused = sum(status in (400, 401) for status, _ in answers)
    # A header that is no header is refused by the web server itself, without an answer of ours.
    run.expect(refused >= 0.9 * count, f"only {refused} of {count} were refused by FiLot")
    run.expect(not cases(run)[0].decision, "a changed callback decided")
    status, _ = send(run, case, body, good)
    run.expect(status == 200, f"the genuine one is then answered {status}")
    closed(run, [case], 60)
    judge_partner(run, submitted=1, decided_here="approved")


@row(
    "callback-rotation",
    "the signature secret is rotated while BULI2 calls back for 90 cases: both secrets are deployed, BULI2 changes over"
    " callback by callback, the older one is taken out",
    "0 refused; afterwards the older secret opens nothing",
    NEEDS,
)
def callback_rotation(run: Run) -> None:
    steer(run.house, secret=OLD)
    found = opened(run, run.size(90, 6))
    old, both, new = (found[number::3] for number in range(3))
    with _deciding(run, old):
        _deploy(run, BULI2_SIGNATURE_SECRET=NEW, BULI2_SIGNATURE_SECRET_PREVIOUS=OLD)
    steer(run.house, secret=OLD, other_secret=NEW, mixed=True)
    with _deciding(run, both):
        time.sleep(1)
    steer(run.house, secret=NEW, mixed=True)
    with _deciding(run, new):
        _deploy(run, BULI2_SIGNATURE_SECRET=NEW)
    closed(run, found, 60)
    judge_partner(run, submitted=len(found))
    answers = Counter(each.said for each in run.partner or () if each.effect == "callback")
    run.figures["answers to callbacks"] = dict(sorted(answers.items()))
    run.expect(not set(answers) & {"400", "401", "403", "404", "409", "429", "500", "503"}, "a callback was refused")
    body = body_of(found[0], "approved", run.chance)
    # What BULI2 has decided of this case was by chance: a believed callback is a copy of it, or contrary to it.
    for secret, expected in ((OLD, {401}), (NEW, {200, 409})):
        status, _ = send(run, found[0], body, {"x-buli2-signature": sign(body, secret)})
        run.expect(status in expected, f"then a callback with the {'older' if secret == OLD else 'newer'} got {status}")


@contextmanager
def _deciding(run: Run, found: list[Case]) -> Iterator[None]:
    """BULI2 decides them one after the other meanwhile, ten a second, and to the end of them before it goes on."""

    def decide() -> None:
        for case in found:
            decide_there(run.house, case.ticket, run.chance.choice(("approved", "rejected")))
            time.sleep(0.1)

    with ThreadPoolExecutor(1) as thread:
        deciding = thread.submit(decide)
        yield
        deciding.result()


def _deploy(run: Run, **secrets: str) -> None:
    """The web server ends as a supervisor ends it, and another one begins with these."""
    kept = [each for each in run.house.needs.variables if not each.startswith("BULI2_SIGNATURE_SECRET")]
    variables = (*kept, *(f"{name}={value}" for name, value in secrets.items()))
    run.house.needs = replace(run.house.needs, variables=variables)
    run.house.end(WEB)
    run.house.start(WEB)
    run.house.wait_until_ready(WEB)


def _other_byte(chance: random.Random, text: str) -> str:
    at = chance.randrange(len(text))
    new = chance.choice([c for c in "0123456789abcdefABCDEFxyz -_=+/\t" if c.lower() != text[at]])
    return text[:at] + new + text[at + 1 :]


def _noise(chance: random.Random) -> str:
    """Any letters that may stand in a header at all."""
    return "".join(chr(chance.choice([*range(33, 127), *range(161, 256)])) for _ in range(40))


Mutation = Callable[[random.Random, bytes, str], tuple[bytes, dict[str, str]]]
MUTATIONS: tuple[Mutation, ...] = (
    lambda chance, body, mark: (body, {"x-buli2-signature": _other_byte(chance, mark)}),
    lambda chance, body, mark: (body, {"x-buli2-signature": mark[: chance.randrange(64)]}),
    lambda chance, body, mark: (body, {"x-buli2-signature": mark + chance.choice("0af=")}),
    lambda chance, body, mark: (body, {"x-buli2-signature": mark.upper() if mark.upper() != mark else "0" * 64}),
    lambda chance, body, mark: (
        body,
        {"x-buli2-signature": chance.choice(["sha1=", "SHA256=", "sha256=sha256="]) + mark},
    ),
    lambda chance, body, mark: (body, {"x-buli2-signature": chance.randbytes(32).hex()}),
    lambda chance, body, mark: (body, {"x-buli2-signature": _noise(chance)}),
    lambda chance, body, mark: (body, {"x-buli2-signature": "f" * chance.randrange(65, 4000)}),
    lambda chance, body, mark: (body, {}),
    lambda chance, body, mark: (body.replace(b"approved", b"rejected"), {"x-buli2-signature": mark}),
    lambda chance, body, mark: (body + chance.choice([b" ", b"\n", b"\0"]), {"x-buli2-signature": mark}),
    lambda chance, body, mark: (
        body,
        {"x-buli2-signature": mark, "x-buli2-timestamp": str(int(time.time()) + chance.randrange(-400, 400))},
    ),
    lambda chance, body, mark: (
        body,
        {
            "x-buli2-signature": mark,
            "x-buli2-timestamp": chance.choice(["", "-1", "1e9", "nan", "9" * 40, "٣"]).encode().decode("latin-1"),
        },
    ),
    lambda chance, body, mark: (body, {"x-buli2-signature": sign(body, chance.choice(["", "secret", NEW]))}),
)
