"""One card through everything: token, upload, OCR worker, policy, workflow, a reviewer's click, the client's answer."""

import html.parser
import re
import uuid
from typing import Any

import pytest
import requests

from tests.stack import PASSWORD, TIMEOUTS, Stack, wait_for
from verification.specimens import encode, render

pytestmark = pytest.mark.xdist_group("stack")


def card(kind: str, seed: int, level: str = "clean", fmt: str = "jpeg") -> bytes:
    picture, _ = render(kind, level, seed)
    return encode(picture, fmt)


class Form(html.parser.HTMLParser):
    """The hidden inputs of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("type") == "hidden" and given.get("name"):
            self.values[str(given["name"])] = given.get("value") or ""


class Browser:
    """A reviewer in the admin, as far as cookies and forms go."""

    def __init__(self, stack: Stack, user: str) -> None:
        self.stack, self.session = stack, requests.Session()
        login = self.get("/admin/login/")
        step = self.post("/admin/login/?next=/admin/", login.text, username=user, password=PASSWORD)
        (code,) = re.findall(r"data-demo-code>(\d{6})<", step.text)
        answer = self.post("/admin/second-step/?next=/admin/", step.text, code=code)
        assert "FiLot" in answer.text
        assert "/admin/login" not in answer.url

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.stack.url + path, timeout=TIMEOUTS)

    def post(self, path: str, page: str, **values: Any) -> requests.Response:
        hidden = Form(page).values
        headers = {"Referer": self.stack.url + path}
        data = {name: hidden[name] for name in ("csrfmiddlewaretoken", "version") if name in hidden} | values
        return self.session.post(self.stack.url + path, data=data, headers=headers, timeout=TIMEOUTS)

    def take(self, review_id: Any) -> str:
        """The page of a case that is in one's own hands then."""
        case = f"/admin/review/review/{review_id}"
        self.post(f"{case}/claim/", self.get(f"{case}/change/").text)
        return self.get(f"{case}/change/").text


@pytest.mark.parametrize(
    ("seed", "click", "form", "decision", "notes"),
    [
        (401, "approve", {"note": "the number is legible by eye"}, "approved", None),
        (402, "reject", {"reason_code": "unreadable"}, "rejected", "The card can't be read. Take the picture again."),
    ],
)
def test_a_doubtful_card_goes_to_a_reviewer_and_the_client_reads_the_decision(
    stack: Stack, seed: int, click: str, form: dict[str, str], decision: str, notes: str | None
) -> None:
    token = stack.token()
    document_id = stack.upload(token, card("ktp-doubtful", seed))
    answer = stack.settled(token, document_id)
    assert (answer["aiDecision"], answer["verificationStatus"]) == ("needs_review", "pending_manual_review")

    started = "SELECT id FROM review_review WHERE document_id = %s AND workflow_started_at IS NOT NULL"
    ((review_id,),) = wait_for("the workflow", lambda: stack.rows(started, document_id))
    ticket = "SELECT buli2_ticket_id FROM review_review WHERE id = %s AND buli2_ticket_id <> ''"
    assert wait_for("BULI2's ticket", lambda: stack.rows(ticket, review_id))

    reviewer = Browser(stack, "reviewer")
    queue = reviewer.get("/admin/review/review/")
    assert str(review_id) in queue.text
    page = reviewer.get(f"/admin/review/review/{review_id}/change/")
    assert page.status_code == 200
    picture = re.search(r'"(/admin/review/review/[^"]+\.png[^"]*)"', page.text)
    assert picture is not None
    assert reviewer.get(picture[1]).headers["Content-Type"] == "image/png"
    assert "Alamat" in page.text
    assert 'class="findings"' in page.text
    assert "number" in page.text
    # The number could not be read: whoever decides against that, or at so high a risk, needs a second person.
    for username in ("reviewer", "senior"):
        person = reviewer if username == "reviewer" else Browser(stack, username)
        person.post(f"/admin/review/review/{review_id}/{click}/", person.take(review_id), **form)
        if stack.rows("SELECT 1 FROM review_review WHERE id = %s AND decision <> ''", review_id):
            break

    def decided() -> Any:
        answer = stack.status(token, document_id)
        return answer if answer["status"] == "review_result" else None

    answer = wait_for("the decision", decided)
    assert answer["verificationStatus"] == f"manually_{decision}"
    assert answer["result"]["reviewId"] == str(review_id)
    assert (answer["result"]["decision"], answer["result"]["notes"]) == (decision, notes)
    assert stack.chain(document_id) == [
        *("uploaded", "processing", "ocr_completed", "ai_evaluated", "needs_review", decision)
    ]
    told = "SELECT 1 FROM review_reviewdecision WHERE review_id = %s AND accepted AND delivered_at IS NOT NULL"
    assert wait_for("the signal's delivery", lambda: stack.rows(told, review_id))
    history = "SELECT actor FROM documents_documentevent WHERE document_id = %s AND after = %s"
    ((actor,),) = stack.rows(history, document_id, decision)
    ((user_id,),) = stack.rows("SELECT id FROM filot_user WHERE username = %s", username)
    assert str(user_id) in actor


@pytest.mark.parametrize(
    ("kind", "seed", "type", "fmt", "content_type", "decision"),
    [
        ("ktp", 411, "KTP", "jpeg", "image/jpeg", "auto_approve"),
        ("ktp", 412, "KTP", "pdf", "application/pdf", "auto_approve"),
        ("npwp", 413, "NPWP", "png", "image/png", "auto_approve"),
        ("receipt", 414, "KTP", "jpeg", "image/jpeg", "auto_reject"),
        ("blank", 415, "NPWP", "png", "image/png", "auto_reject"),
    ],
)
def test_a_clear_case_is_decided_without_a_person(
    stack: Stack, kind: str, seed: int, type: str, fmt: str, content_type: str, decision: str
) -> None:
    token = stack.token()
    document_id = stack.upload(token, card(kind, seed, fmt=fmt), type, content_type)
    answer = stack.settled(token, document_id)
    assert answer["aiDecision"] == decision
    assert stack.chain(document_id)[-1] == decision
    result = stack.call("GET", f"/documents/{document_id}/result", token)
    assert result.status_code == 200
    unchanged = stack.call(
        "GET", f"/documents/{document_id}/result", token, headers={"If-None-Match": result.headers["ETag"]}
    )
    assert unchanged.status_code == 304


def test_the_number_on_the_card_is_the_number_in_the_result(stack: Stack) -> None:
    picture, truth = render("ktp", "clean", 421)
    token = stack.token()
    document_id = stack.upload(token, encode(picture, "jpeg"))
    stack.settled(token, document_id)
    body = stack.call("GET", f"/documents/{document_id}/result", token).json()
    assert body["result"]["nik"] == truth["fields"]["nik"]
    x, y, w, h = body["fields"]["nik"]["box"]
    assert 0 <= x < x + w <= 1
    assert 0 <= y < y + h <= 1


def test_a_stored_original_and_every_personal_column_are_sealed(stack: Stack) -> None:
    data, token = card("ktp", 431), stack.token()
    _, truth = render("ktp", "clean", 431)
    document_id = stack.upload(token, data)
    stack.settled(token, document_id)
    ((key,),) = stack.rows("SELECT storage_key FROM documents_document WHERE id = %s", document_id)
    stored = (stack.folder / "media" / key).read_bytes()
    assert data[:64] not in stored
    columns = "SELECT fields, lines FROM verification_verificationrun WHERE document_id = %s"
    ((fields, lines),) = stack.rows(columns, document_id)
    number = truth["fields"]["nik"].encode()
    assert number not in bytes(fields) + bytes(lines)
    link = stack.call("GET", f"/documents/{document_id}/download", token).json()
    assert requests.get(link["url"], timeout=TIMEOUTS).content == data
    assert all(number.decode() not in stack.log(name) for name in stack.processes)


def test_somebody_elses_document_does_not_exist(stack: Stack) -> None:
    document_id = stack.upload(stack.token(), card("blank", 441))
    stranger = stack.token("auditor")
    for method, path in [
        ("GET", f"/documents/{document_id}"),
        ("GET", f"/documents/{document_id}/result"),
        ("GET", f"/documents/{document_id}/download"),
        ("POST", f"/documents/{document_id}/process"),
        ("GET", f"/verification/status/{document_id}"),
        ("POST", f"/verification/{document_id}/escalate"),
    ]:
        assert stack.call(method, path, stranger).status_code == 404, path
    unknown = stack.call("GET", f"/documents/{uuid.uuid4()}", stranger)
    assert unknown.json()["error"]["code"] == "not_found"


def test_the_same_idempotency_key_gives_the_same_document(stack: Stack) -> None:
    token, data = stack.token(), card("blank", 451)
    headers = {"Idempotency-Key": f"key-{uuid.uuid4()}"}

    def upload(body: bytes) -> requests.Response:
        files = {"file": ("a.jpg", body, "image/jpeg")}
        return stack.call("POST", "/documents/upload", token, files=files, data={"type": "KTP"}, headers=headers)

    first, again = upload(data), upload(data)
    assert first.status_code == again.status_code == 201
    assert first.json()["documentId"] == again.json()["documentId"]
    assert upload(card("blank", 452, "scan")).status_code == 422
