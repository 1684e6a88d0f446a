"""Cards with values that nobody else has go through real processes; then everything that was written is searched.

A few documents in `make test`; `make canaries` sends 200.
"""

import base64
import json
import os
import re
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from filot.embedded.temporal import Temporal, temporal_binary
from filot.embedded.throwaway import new_folder
from integrations.signatures import sign
from tests.canaries import Hit, Search, everything_in_redis, spellings
from tests.privacy.dumps import binary
from tests.stack import TIMEOUTS, Stack, wait_for
from verification.specimens import encode, render

pytestmark = pytest.mark.xdist_group("stack")
DOCUMENTS = int(os.environ.get("FILOT_TEST_CANARIES", "3"))
FIRST_SEED = 71_000
TOLD = {"name": "WIRATNO KENARI SPECIMEN", "nik": "3273014107904321", "birthDate": "1990-07-01"}
NOTE = "pemilik bernama SULASTRI KENARI, telepon 081298765432"
SECRETS = ["kenari-kata-sandi-9f3", "kenari.token.palsu-77"]
EMAIL = "kenari.specimen@example.org"


@pytest.mark.parametrize("value", ["3273014107904321", "WIRATNO KENARI SPECIMEN"])
def test_the_search_finds_every_spelling_wherever_it_stands(value: str) -> None:
    search = Search([value])
    lower, dotted = value.lower(), ".".join(re.findall("..", value))
    for written in (value, lower, f"x{lower}y", json.dumps({"a": value}), "%20".join(value.split())):
        assert search.in_bytes("here", b"..." + written.encode() + b"..."), written
    for shift in range(3):
        assert search.in_bytes("here", base64.b64encode(b"z" * shift + value.encode() + b"and more")), shift
    assert search.in_bytes("here", value.encode().hex().encode())
    if value.isdigit():
        assert search.in_bytes("here", dotted.encode())
    assert search.in_bytes("here", b"nothing of that kind") == []
    assert len(spellings(value)) > 30


class Watched(Stack):
    """A stack with a Temporal of its own, which keeps its store in a file, and that says all it can in its logs."""

    def __init__(self, folder: Path, database: str) -> None:
        self.temporal = Temporal(folder / "temporal")
        self.temporal.start()
        services = {"DATABASE_URL": database, "TEMPORAL_ADDRESS": self.temporal.address}
        super().__init__(folder, services, LOG_LEVEL="DEBUG", METRICS_TOKEN="")
        self.said: list[bytes] = []

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self.temporal.stop()

    def ask(self, method: str, path: str, **facts: Any) -> requests.Response:
        """Whatever the answer says and its headers are searched too."""
        answer = requests.request(method, self.url + path, timeout=TIMEOUTS, **facts)
        self.said.append(str(dict(answer.headers)).encode() + answer.content)
        return answer

    def dump(self) -> bytes:
        command = [binary("pg_dump"), self.env["DATABASE_URL"]]
        return subprocess.run(command, check=True, capture_output=True, timeout=300).stdout


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with Watched(new_folder(), os.environ["DATABASE_URL"]) as running:
        yield running


def ask_badly(stack: Watched, token: str) -> None:
    """Everything that a clumsy or hostile client puts a personal value into."""
    bearer = {"Authorization": f"Bearer {token}"}
    nik, name = TOLD["nik"], TOLD["name"]
    file = {"file": (f"{name} {nik}.jpg", b"no picture of " + name.encode(), "image/jpeg")}
    stack.ask("POST", "/documents/upload", headers=bearer, files=file, data={"type": "KTP"})
    stack.ask("POST", "/documents/upload", headers=bearer, files=file, data={"type": name})
    for applicant in ({"nik": "12", "name": name}, {**TOLD, "phone": nik}, [nik]):
        data = {"type": "KTP", "applicant": json.dumps(applicant)}
        stack.ask("POST", "/documents/upload", headers=bearer, files=file, data=data)
    for path in (
        f"/documents/{nik}",
        f"/documents?status={name}&cursor={nik}",
        f"/nowhere/{name}/{nik}",
        f"/files/{nik}",
    ):
        stack.ask("GET", path, headers={**bearer, "X-Correlation-Id": nik, "User-Agent": f"app of {name}"})
    for body in (f'{{"documentId": "{nik}", "name": "{name}"', json.dumps({"documentId": name}), json.dumps([nik])):
        stack.ask("POST", "/verification/evaluate", headers={**bearer, "Content-Type": "application/json"}, data=body)
    stack.ask("POST", "/auth/token", json={"username": EMAIL, "password": SECRETS[0]})
    stack.ask("POST", "/auth/token", json={"username": {"name": name}, "password": [nik]})
    stack.ask("POST", "/auth/verify", json={"accessToken": SECRETS[1]})
    stack.ask("GET", "/documents", headers={"Authorization": f"Bearer {SECRETS[1]}"})
    stack.ask("POST", "/privacy/requests", headers=bearer, json={"kind": name})
    # Its answer holds the address that the same browser asked for; nothing else may.
    requests.get(f"{stack.url}/admin/login/?next=/admin/{nik}", timeout=TIMEOUTS)
    stack.ask("POST", "/internal/buli2/callback", data=json.dumps({"notes": NOTE, "documentId": nik}))
    signed = json.dumps({"decision": "approved", "notes": NOTE, "documentId": str(uuid.uuid4())}).encode()
    stack.ask("POST", "/internal/buli2/callback", data=signed, headers=signature(stack, signed))


def signature(stack: Stack, body: bytes) -> dict[str, str]:
    secret = stack.env["BULI2_SIGNATURE_SECRET"]
    return {"x-buli2-signature": sign(body, secret), "Content-Type": "application/json"}


def send_cards(stack: Watched, token: str) -> tuple[list[str], list[str]]:
    """Upload, wait until each is judged, ask for all that can be asked, and have BULI2 decide. Ids and canaries."""
    ids, canaries = [], []
    for number in range(DOCUMENTS):
        kind = "ktp-doubtful" if number % 2 else "ktp"
        picture, truth = render(kind, "clean", FIRST_SEED + number)
        canaries += [str(truth["fields"][field]) for field in ("nik", "name", "address") if truth["fields"].get(field)]
        applicant = {**TOLD, "name": truth["fields"]["name"]}
        answer = stack.ask(
            "POST",
            "/documents/upload",
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": truth["fields"]["nik"]},
            files={"file": (f"{truth['fields']['name']}.jpg", encode(picture, "jpeg"), "image/jpeg")},
            data={"type": "KTP", "applicant": json.dumps(applicant)},
        )
        assert answer.status_code == 201, answer.text
        ids.append(answer.json()["documentId"])
    for document_id in ids:
        stack.settled(token, document_id, 60 + 5 * DOCUMENTS)
    return ids, canaries


def decide_by_buli2(stack: Watched, ids: list[str]) -> int:
    """A signed callback with a personal note for each case that BULI2 has by now."""

    def submitted() -> list[Any]:
        query = "SELECT document_id FROM review_review WHERE buli2_ticket_id <> ''"
        waiting = "SELECT count(*) FROM documents_document WHERE status = 'needs_review'"
        found = stack.rows(query)
        return found if len(found) >= stack.rows(waiting)[0][0] else []

    cases = wait_for("BULI2 has every case", submitted, 60 + DOCUMENTS)
    for (document_id,) in cases:
        body = json.dumps({"decision": "rejected", "notes": NOTE, "documentId": str(document_id)}).encode()
        answer = stack.ask("POST", "/internal/buli2/callback", data=body, headers=signature(stack, body))
        assert answer.status_code == 200, answer.text
    return len(cases)


def histories(stack: Watched) -> dict[str, bytes]:
    """The history of each review's workflow as Temporal's own tool exports it, by the id of its document."""
    found = {}
    for review_id, document_id in stack.rows("SELECT id, document_id FROM review_review"):
        words = ["workflow", "show", "--workflow-id", f"kyc-review-{review_id}", "--output", "json"]
        command = [str(temporal_binary()), *words, "--address", stack.temporal.address]
        found[str(document_id)] = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    assert found
    return found


def test_no_personal_value_and_no_secret_stands_in_any_store(watched: Watched) -> None:
    stack, token = watched, watched.token()
    ids, canaries = send_cards(stack, token)
    ask_badly(stack, token)
    assert decide_by_buli2(stack, ids) > 0
    read = stack.call("GET", f"/documents/{ids[0]}/result", token).json()["result"]
    assert read["name"] and read["nik"]  # what is searched for was really read
    redis_text = everything_in_redis(stack.env["REDIS_URL"])
    metrics = stack.ask("GET", "/metrics").content
    time.sleep(2)  # what is still being written is written by then

    search = Search([*canaries, *TOLD.values(), NOTE, "SULASTRI KENARI", "081298765432", EMAIL, *SECRETS, token])
    dump = stack.dump()
    assert ids[0].encode() in dump and b"filot_" in metrics and redis_text
    hits: list[Hit] = search.in_bytes("dump", dump) + search.in_bytes("redis", redis_text)
    hits += search.in_bytes("metrics", metrics)
    for said in stack.said:
        hits += search.in_bytes("an answer", said)
    logs = sorted(stack.folder.glob("*.log"))
    assert len(logs) >= len(stack.parts)
    for path in logs:
        hits += search.in_bytes(path.name, path.read_bytes())
    stored = [
        path for name in ("temporal", "media", "keys") for path in (stack.folder / name).rglob("*") if path.is_file()
    ]
    assert any(path.name == "temporal.db" and path.stat().st_size > 100_000 for path in stored)
    for path in stored:
        hits += search.in_bytes(str(path.relative_to(stack.folder)), path.read_bytes())
    kept = [path.read_bytes() for path in stored if path.parent.name == "temporal"]
    for document_id, history in histories(stack).items():
        # It stands in the arguments only: what a payload holds is neither compressed nor hidden from this search.
        argument = Search([document_id])
        assert argument.in_bytes("history", history)
        assert any(argument.in_bytes("temporal", data) for data in kept)
        hits += search.in_bytes(f"history of {document_id}", history)
    assert hits == [], "\n".join(f"{hit.place}: {hit.spelling} in {hit.around!r}" for hit in hits)
