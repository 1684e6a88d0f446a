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

from integrations.signatures import SignatureInvalid, check_signature
from integrations.simulator import NAME, BuliSimulator, SimulatorForbidden
from integrations.simulator_desk import Desk
from integrations.simulator_faults import Fault
from tests.integrations.conftest import API_KEY, SECRET
from tests.stack import wait_for

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
    monkeypatch.setattr("integrations.simulator_callbacks.CALLBACK_WAITS", (0.01, 0.01, 0.01))
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
    [
        ("503:3", Fault("503", 3)),
        ("429=2:1", Fault("429", 1, 2.0)),
        ("slow=20", Fault("slow", 1, 20.0)),
        ("slow=0.5:2", Fault("slow", 2, 0.5)),
        ("status.after-500:2", Fault("after-500", 2, door="status")),
        ("cancel.slow=0.5:1", Fault("slow", 1, 0.5, "cancel")),
    ],
)
def test_a_fault_is_read(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault


@pytest.mark.parametrize("text", ["", "199:1", "fast:1", "503:x", "slow=x:1", "999", "after-cut:1", "desk.503:1"])
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
    assert (served[0].decide_as, served[0].decide_after) == ("approved", 1)
    assert served[0].script.faults == [Fault("503", 2)]


def test_a_fault_after_the_work_has_done_it_and_one_before_has_not(simulator: BuliSimulator) -> None:
    simulator.fail("503:1", "after-503:1")
    body = submission()
    for done in (0, 1):
        assert submit(simulator, body).status_code == 503
        assert len(list(simulator.desk.effects_of(body["reviewId"], "submitted"))) == done


def test_the_other_doors_fail_by_script_too(simulator: BuliSimulator) -> None:
    ticket = submit(simulator, submission()).json()["taskId"]
    simulator.fail("status.500:1", "cancel.429=3:1")
    status, cancel = (
        f"{simulator.url}/internal/reviews/{ticket}/status",
        f"{simulator.url}/internal/reviews/{ticket}/cancel",
    )
    assert [requests.get(status, headers=KEY, timeout=TIMEOUT).status_code for _ in range(2)] == [500, 200]
    answers = [requests.post(cancel, json={"reason": "x"}, headers=KEY, timeout=TIMEOUT) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [429, 200]
    assert answers[0].headers["Retry-After"] == "3"


def test_it_remembers_after_a_restart_what_it_held_and_calls_back_what_it_owes(
    tmp_path: Path, receiver: Receiver
) -> None:
    file = tmp_path / "journal.jsonl"
    decided, cancelled, waiting = submission(receiver), submission(receiver), submission(receiver)
    with BuliSimulator(api_key=API_KEY, desk=Desk(secret=SECRET, log_file=file)) as simulator:
        tickets = [submit(simulator, body).json()["taskId"] for body in (decided, cancelled, waiting)]
        receiver.answers = [503] * 99
        simulator.desk.decide(tickets[0], "rejected")
        simulator.desk.cancel(tickets[1])
    receiver.answers = []
    with file.open("a") as journal:
        journal.write('{"effect": "cut o')
    with BuliSimulator(api_key=API_KEY, desk=Desk(secret=SECRET, log_file=file)) as again:
        assert receiver.settled.wait(TIMEOUT), "the callback that nobody took"
        assert [again.desk.get(ticket).status for ticket in tickets] == ["completed", "cancelled", "pending"]
        assert submit(again, waiting).json()["taskId"] == tickets[2], "its key is known"
        assert len(list(again.desk.effects_of(waiting["reviewId"], "submitted"))) == 1


def test_it_decides_by_the_score(receiver: Receiver) -> None:
    desk = Desk(secret=SECRET, decide_as="score:70")
    with BuliSimulator(api_key=API_KEY, desk=desk) as simulator:
        tickets = {
            score: submit(simulator, {**submission(receiver), "score": score}).json()["taskId"]
            for score in ("69", "70")
        }
        wait_for("both decisions", lambda: all(desk.get(ticket).decision for ticket in tickets.values()))
    assert [desk.get(ticket).decision for ticket in tickets.values()] == ["rejected", "approved"]


def test_it_calls_back_before_it_has_answered_the_submission(receiver: Receiver) -> None:
    desk = Desk(secret=SECRET, decide_as="approved", early=True)
    with BuliSimulator(api_key=API_KEY, desk=desk) as simulator:
        submit(simulator, submission(receiver))
        assert len(receiver.got) == 1


def test_it_repeats_contradicts_and_signs_with_either_secret_in_every_spelling(receiver: Receiver) -> None:
    desk = Desk(secret=SECRET)
    desk.change({"repeat": 4, "contrary": True, "mixed": True, "other_secret": "the-older-one"})
    review = desk.submit("k", submission(receiver))
    desk.decide(review.ticket, "approved", at_once=True)
    said = [json.loads(raw)["decision"] for _, raw in receiver.got]
    assert said == ["approved"] * 4 + ["rejected"] * 4
    used = set()
    for headers, raw in receiver.got:
        fits = [secret for secret in (SECRET, "the-older-one") if accepted(headers, raw, secret)]
        used.add((*fits, headers["x-buli2-signature"].startswith("sha256=")))
    assert {secret for secret, _ in used} == {SECRET, "the-older-one"}
    assert {prefixed for _, prefixed in used} == {True, False}


def accepted(headers: dict[str, str], raw: bytes, secret: str) -> bool:
    try:
        check_signature(
            body=raw,
            signature=headers["x-buli2-signature"],
            timestamp=headers["x-buli2-timestamp"],
            secrets=[secret],
            require_timestamp=True,
            now=time.time(),
        )
    except SignatureInvalid:
        return False
    return True


def test_it_sends_what_it_held_back_the_last_first(receiver: Receiver) -> None:
    desk = Desk(secret=SECRET)
    desk.change({"hold": 0.3})
    bodies = [submission(receiver) for _ in range(3)]
    for number, body in enumerate(bodies):
        desk.decide(desk.submit(str(number), body).ticket, "approved")
    wait_for("all of them", lambda: len(receiver.got) == 3)
    assert [json.loads(raw)["reviewId"] for _, raw in receiver.got] == [body["reviewId"] for body in reversed(bodies)]


def test_its_habits_are_changed_over_http_by_who_has_the_key(simulator: BuliSimulator) -> None:
    def change(habits: object, headers: dict[str, str] = KEY) -> int:
        return requests.post(f"{simulator.url}/script", json=habits, headers=headers, timeout=TIMEOUT).status_code

    assert change({"faults": ["503:1"]}, headers={}) == 401
    assert change({"faults": ["nonsense"]}) == 400
    assert change({"no such": 1}) == 400
    assert change({"faults": ["503:1"], "repeat": 2}) == 200
    assert submit(simulator, submission()).status_code == 503
    assert simulator.desk.callbacks.repeat == 2
    assert change({"clear": True}) == 200
    assert submit(simulator, submission()).status_code == 201


@pytest.mark.parametrize("rule", ["maybe", "score:", "score:x"])
def test_an_unknown_rule_is_refused(rule: str) -> None:
    with pytest.raises(CommandError, match="no rule"):
        call_command("buli2_simulator", "--port", "0", "--decide", rule)
