import http.server
import json
import threading
import time
import uuid
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command

from integrations.signatures import check_signature
from integrations.simulator import NAME, BuliSimulator, SimulatorForbidden
from integrations.simulator_desk import Desk, Fault
from tests.integrations.conftest import API_KEY, SECRET

KEY = {"Authorization": f"Bearer {API_KEY}"}
TIMEOUT = 5


class Receiver(http.server.ThreadingHTTPServer):
    """Notes every callback and answers with the next of `answers`, in the end always 200."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.settled = threading.Event()
        super().__init__(("127.0.0.1", 0), Noting)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/internal/buli2/callback"


class Noting(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        status = self.server.answers.pop(0) if self.server.answers else 200
        self.send_response(status)
        self.end_headers()
        if status == 200:
            self.server.settled.set()

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def submission(receiver: Receiver | None = None) -> dict[str, str]:
    return {
        "reviewId": str(uuid.uuid4()),
        "documentId": str(uuid.uuid4()),
        "documentType": "KTP",
        "callbackUrl": receiver.url if receiver else "",
        "parsedData": "SITI SPECIMEN",
    }


def submit(simulator: BuliSimulator, body: dict[str, str], key: str = "") -> requests.Response:
    headers = {**KEY, "Idempotency-Key": key or body["reviewId"]}
    return requests.post(f"{simulator.url}/internal/reviews", json=body, headers=headers, timeout=TIMEOUT)


def test_the_wrong_key_is_401(simulator: BuliSimulator) -> None:
    wrong = {"Authorization": "Bearer another"}
    answer = requests.post(f"{simulator.url}/internal/reviews", json={}, headers=wrong, timeout=TIMEOUT)
    assert answer.status_code == 401
    assert simulator.desk.reviews == {}


def test_one_key_is_one_review_however_often_it_is_sent(simulator: BuliSimulator) -> None:
    body = submission()
    tickets = {submit(simulator, body).json()["taskId"] for _ in range(3)}
    assert len(tickets) == 1
    assert [line["effect"] for line in simulator.desk.effects] == ["submitted"]


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"documentId":"d"}', b"\xff"])
def test_a_submission_that_is_no_review_is_400(simulator: BuliSimulator, raw: bytes) -> None:
    headers = {**KEY, "Idempotency-Key": "k"}
    answer = requests.post(f"{simulator.url}/internal/reviews", data=raw, headers=headers, timeout=TIMEOUT)
    assert answer.status_code == 400


@pytest.mark.parametrize("path", ["/nothing", "/internal/reviews/x/decide", "/internal/reviews/unknown/status"])
def test_an_unknown_path_or_ticket_is_404(simulator: BuliSimulator, path: str) -> None:
    assert requests.get(simulator.url + path, headers=KEY, timeout=TIMEOUT).status_code == 404


def test_every_answer_says_that_it_is_a_simulator(simulator: BuliSimulator) -> None:
    for answer in (requests.get(simulator.url, timeout=TIMEOUT), submit(simulator, submission())):
        assert NAME in answer.headers["Server"]
        assert answer.headers["X-Simulator"] == NAME
        assert "simulator" in answer.text.lower()


def test_it_decides_nothing_by_itself(simulator: BuliSimulator) -> None:
    ticket = submit(simulator, submission()).json()["taskId"]
    status = requests.get(f"{simulator.url}/internal/reviews/{ticket}/status", headers=KEY, timeout=TIMEOUT)
    assert status.json() == {"taskId": ticket, "status": "pending", "simulator": True}


def test_a_button_of_the_page_sends_a_callback_that_our_check_accepts(
    simulator: BuliSimulator, receiver: Receiver
) -> None:
    body = submission(receiver)
    ticket = submit(simulator, body).json()["taskId"]
    page = requests.get(simulator.url, timeout=TIMEOUT).text
    assert body["reviewId"] in page
    assert "SPECIMEN" not in page
    form = {"ticket": ticket, "decision": "approved"}
    assert requests.post(f"{simulator.url}/decide", data=form, timeout=TIMEOUT).history[0].status_code == 303
    assert receiver.settled.wait(TIMEOUT)
    headers, raw = receiver.got[0]
    check_signature(
        body=raw,
        signature=headers["x-buli2-signature"],
        timestamp=headers["x-buli2-timestamp"],
        secrets=[SECRET],
        require_timestamp=True,
        now=time.time(),
    )
    said = json.loads(raw)
    assert (said["decision"], said["taskId"], said["reviewId"]) == ("approved", ticket, body["reviewId"])


def test_another_site_cannot_press_the_buttons(simulator: BuliSimulator) -> None:
    ticket = submit(simulator, submission()).json()["taskId"]
    form = {"ticket": ticket, "decision": "approved"}
    elsewhere = {"Origin": "https://elsewhere.example"}
    answer = requests.post(f"{simulator.url}/decide", data=form, headers=elsewhere, timeout=TIMEOUT)
    assert answer.status_code == 403
    assert simulator.desk.get(ticket).decision is None


def test_a_decision_is_final(simulator: BuliSimulator) -> None:
    ticket = submit(simulator, submission()).json()["taskId"]
    for status in (200, 409):
        form = {"ticket": ticket, "decision": "rejected"}
        assert requests.post(f"{simulator.url}/decide", data=form, timeout=TIMEOUT).status_code == status


def test_a_rule_decides_every_review(receiver: Receiver) -> None:
    desk = Desk(secret=SECRET, decide_as="rejected", send_timestamp=False, service_key="a-service-key")
    with BuliSimulator(api_key=API_KEY, desk=desk) as simulator:
        submit(simulator, submission(receiver))
        assert receiver.settled.wait(TIMEOUT)
    headers, raw = receiver.got[0]
    assert json.loads(raw)["decision"] == "rejected"
    assert headers["x-service-key"] == "a-service-key"
    assert "x-buli2-timestamp" not in headers


def test_a_callback_is_sent_again_until_it_is_taken(
    simulator: BuliSimulator, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.simulator_desk.CALLBACK_WAITS", (0.01, 0.01, 0.01))
    receiver.answers = [503, 429]
    review = simulator.desk.submit("k", submission(receiver))
    review.decision = "approved"
    assert simulator.desk.send_callback(review) is True
    assert len(receiver.got) == 3


def test_a_callback_that_is_refused_is_not_repeated(simulator: BuliSimulator, receiver: Receiver) -> None:
    receiver.answers = [401]
    review = simulator.desk.submit("k", submission(receiver))
    assert simulator.desk.send_callback(review) is False
    assert len(receiver.got) == 1


def test_the_log_of_effects_holds_ids_only(tmp_path: Path) -> None:
    file = tmp_path / "effects.jsonl"
    with BuliSimulator(api_key=API_KEY, desk=Desk(secret=SECRET, log_file=file)) as simulator:
        body = submission()
        submit(simulator, body)
    line = json.loads(file.read_text())
    assert (line["effect"], line["reviewId"]) == ("submitted", body["reviewId"])
    assert "SPECIMEN" not in file.read_text()


@pytest.mark.parametrize(
    ("text", "fault"),
    [("503:3", Fault("503", 3)), ("429=2:1", Fault("429", 1, 2.0)), ("slow=20", Fault("slow", 1, 20.0))],
)
def test_a_fault_is_read(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault


@pytest.mark.parametrize("text", ["", "200:1", "fast:1", "503:x", "slow=x:1", "999"])
def test_an_unknown_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Fault.parse(text)


def test_it_does_not_run_in_production(settings: Any) -> None:
    settings.PRODUCTION = True
    with pytest.raises(SimulatorForbidden):
        BuliSimulator(api_key=API_KEY)
    with pytest.raises(CommandError, match="production"):
        call_command("buli2_simulator", port=0)


def test_the_command_says_what_is_wrong(settings: Any, simulator: BuliSimulator) -> None:
    taken = int(simulator.url.rsplit(":", 1)[1])
    with pytest.raises(CommandError, match="in use"):
        call_command("buli2_simulator", port=taken)
    with pytest.raises(CommandError, match="unknown fault"):
        call_command("buli2_simulator", port=0, fail=["nonsense"])
    settings.BULI2_SIGNATURE_SECRETS = []
    with pytest.raises(CommandError, match="BULI2_SIGNATURE_SECRET"):
        call_command("buli2_simulator", port=0)


def test_the_command_announces_a_simulator_and_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Desk] = []
    monkeypatch.setattr(BuliSimulator, "serve_forever", lambda self: served.append(self.desk))
    output = StringIO()
    call_command("buli2_simulator", port=0, decide="approved", after=1, fail=["503:2"], stdout=output)
    assert "SIMULATOR" in output.getvalue()
    assert (served[0].decide_as, served[0].decide_after, served[0].faults) == ("approved", 1, [Fault("503", 2)])
