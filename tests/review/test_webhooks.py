"""BULI2's callbacks: what is believed, and that it has one effect."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.response import Response
from rest_framework.test import APIClient

from documents.models import Document
from documents.status import Status
from filot.models import User
from integrations.models import Buli2Exchange, Direction, ExchangeState
from integrations.signatures import sign
from review import services, webhooks
from review.models import Review, ReviewDecision
from review.partner import keep_ticket
from tests.review.cases import NIK, case_of
from tests.review.test_services import at_once

SECRET = "test-signature-secret"
TICKET = "task-77"


@pytest.fixture
def review(owner: User) -> Review:
    review = case_of(owner)
    Review.objects.filter(pk=review.pk).update(buli2_ticket_id=TICKET)
    return review


@pytest.fixture(autouse=True)
def hints(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that were rung for, in place of the broker."""
    rung: list[str] = []
    monkeypatch.setattr(webhooks, "ring_default", rung.append)
    return rung


def send(path: str, body: bytes, **headers: str) -> Any:
    named = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return APIClient().generic("POST", path, body, content_type="application/json", **named)


def call_back(review: Review, body: Any, *, secret: str = SECRET, **headers: str) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"x_buli2_signature": sign(raw, secret), **headers}
    return send(f"/internal/reviews/{review.pk}/callback", raw, **headers)


def code(answer: Response) -> str:
    return str(answer.json()["error"]["code"])


def state_of(review: Review) -> str:
    return Review.objects.get(pk=review.pk).decision


# What is believed -----------------------------------------------------------------------------------------------------


def submission_under_way(owner: User) -> Review:
    """BULI2 has it, and its answer has not come, or has not been written."""
    review = case_of(owner)
    facts = {"kind": "submit", "method": "POST", "path": "/internal/reviews", "body": {}, "review_id": review.pk}
    Buli2Exchange.objects.create(
        direction=Direction.outbound, state=ExchangeState.pending, attempt=1, maybe_received=True, **facts
    )
    return review


def call_by_ticket(**more: str) -> Any:
    body = json.dumps({"decision": "approved", "taskId": "task-early", **more}).encode()
    return send("/internal/buli2/callback", body, x_buli2_signature=sign(body, SECRET))


def test_a_callback_by_a_ticket_that_we_are_still_to_hear_of_is_asked_to_come_again(owner: User) -> None:
    review = submission_under_way(owner)
    early = call_by_ticket()
    assert (early.status_code, code(early), early["Retry-After"]) == (503, "TICKET_UNKNOWN_YET", "2")
    assert Buli2Exchange.objects.get(direction=Direction.inbound).http_status == 503
    keep_ticket(review.pk, "task-early")
    assert call_by_ticket().status_code == 200
    assert state_of(review) == "approved"


def test_a_ticket_that_nobody_waits_for_is_404(owner: User, review: Review) -> None:
    assert call_by_ticket().status_code == 404


def test_an_early_callback_that_names_the_document_too_counts_at_once(owner: User) -> None:
    review = submission_under_way(owner)
    assert call_by_ticket(documentId=str(review.document_id)).status_code == 200
    assert Review.objects.get(pk=review.pk).buli2_ticket_id == "task-early"


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), ("  ,\n", " :\t")])
@pytest.mark.parametrize("prefix", ["", "sha256="])
def test_a_signed_callback_decides_however_its_json_is_spaced(
    review: Review, separators: tuple[str, str], prefix: str
) -> None:
    body = json.dumps({"decision": "approved", "notes": "clear"}, separators=separators).encode()
    answer = call_back(review, body, x_buli2_signature=prefix + sign(body, SECRET))
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "status": "success", "documentId": str(review.document_id)}
    accepted = ReviewDecision.objects.get()
    assert (accepted.decision, accepted.source, accepted.decided_by) == ("approved", "buli2", "buli2")
    assert accepted.note == "clear"


def test_the_general_path_finds_the_review_by_any_of_its_ids(review: Review) -> None:
    for name, value in [("reviewId", review.pk), ("taskId", TICKET), ("documentId", review.document_id)]:
        body = json.dumps({"decision": "rejected", name: str(value)}).encode()
        answer = send("/internal/buli2/callback", body, x_buli2_signature=sign(body, SECRET))
        assert answer.status_code == 200, name
    assert state_of(review) == "rejected"
    assert ReviewDecision.objects.count() == 1


def test_after_the_commit_the_delivery_is_rung_for(
    review: Review, hints: list[str], django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        call_back(review, {"decision": "approved"})
        assert hints == []
    assert hints == ["review.deliver"]


@pytest.mark.parametrize("secrets", [[SECRET, "older"], ["newer", SECRET]])
def test_either_secret_is_good_during_a_rotation(review: Review, settings: Any, secrets: list[str]) -> None:
    settings.BULI2_SIGNATURE_SECRETS = secrets
    assert call_back(review, {"decision": "approved"}).status_code == 200


def test_a_timestamp_that_is_sent_is_part_of_what_was_signed(review: Review) -> None:
    body, now = b'{"decision":"approved"}', str(int(time.time()))
    signed = sign(body, SECRET, now)
    replayed = call_back(review, body, x_buli2_timestamp=str(int(now) + 1), x_buli2_signature=signed)
    assert (replayed.status_code, code(replayed)) == (401, "INVALID_SIGNATURE")
    assert call_back(review, body, x_buli2_timestamp=now, x_buli2_signature=signed).status_code == 200


def test_an_old_or_missing_timestamp_is_refused_where_one_is_required(review: Review, settings: Any) -> None:
    settings.BULI2_REQUIRE_TIMESTAMP = True
    body, old = b'{"decision":"approved"}', str(int(time.time()) - 301)
    assert code(call_back(review, body)) == "INVALID_SIGNATURE"
    answer = call_back(review, body, x_buli2_timestamp=old, x_buli2_signature=sign(body, SECRET, old))
    assert code(answer) == "INVALID_SIGNATURE"
    assert state_of(review) == ""


def test_a_missing_signature_has_its_own_code(review: Review) -> None:
    answer = send(f"/internal/reviews/{review.pk}/callback", b'{"decision":"approved"}')
    assert (answer.status_code, code(answer)) == (401, "MISSING_SIGNATURE")
    assert state_of(review) == ""


@pytest.mark.parametrize("signature", ["0" * 64, "sha256=", "x" * 64, "sha256=sha256=" + "0" * 64, "é", "0" * 5000])
def test_a_wrong_signature_is_refused_and_the_body_not_even_read(review: Review, signature: str) -> None:
    answer = call_back(review, b"{not json", x_buli2_signature=signature)
    assert (answer.status_code, code(answer)) == (401, "INVALID_SIGNATURE")


def test_without_a_secret_of_ours_the_door_is_shut_and_not_open(review: Review, settings: Any) -> None:
    settings.BULI2_SIGNATURE_SECRETS = []
    answer = call_back(review, {"decision": "approved"}, secret="")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert state_of(review) == ""


def test_the_service_key_is_checked_where_one_is_set(review: Review, settings: Any) -> None:
    settings.SERVICE_INTERNAL_KEY = "internal-key"
    for headers in ({}, {"x_service_key": "wrong"}, {"x_service_key": "schlüssel"}):
        answer = call_back(review, {"decision": "approved"}, **headers)
        assert (answer.status_code, code(answer)) == (401, "INVALID_SERVICE_KEY")
    assert call_back(review, {"decision": "approved"}, x_service_key="internal-key").status_code == 200


# What it says ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"approved"',
        b"{",
        b'{"decision":"approved"',
        b'{"decision":"approved"}{}',
        b'{"decision":"maybe"}',
        b'{"decision":null}',
        b'{"decision":["approved"]}',
        b"{}",
        b'{"decision":"approved","decision":"rejected"}',
        b'{"decision":"approved","decision":"approved"}',
        b'{"decision":"approved","extra":{"a":1,"a":2}}',
        b'{"decision":"approved","notes":' + json.dumps("x" * 1001).encode() + b"}",
        b'{"decision":"approved","reviewerNotes":7}',
        b'{"decision":"approved","notes":"\\ud800"}',
        b'{"decision":"approved","score":NaN}',
        b'{"decision":"approved","reviewId":"no-uuid"}',
        b'{"decision":"approved","taskId":"a\\u0000b"}',
        b'{"decision":"approved","n":' + b"9" * 5000 + b"}",
        b"\xff\xfe\x00",
        '{"decision":"approved"}'.encode("utf-16"),
        b"[" * 30_000,
    ],
)
def test_a_body_that_says_nothing_clear_is_400_and_decides_nothing(review: Review, body: bytes) -> None:
    answer = call_back(review, body)
    assert (answer.status_code, code(answer)) == (400, "validation_error")
    assert state_of(review) == ""


def test_a_body_over_the_limit_is_refused_before_it_is_read(review: Review) -> None:
    body = json.dumps({"decision": "approved", "x": "y" * webhooks.MAX_BODY}).encode()
    assert call_back(review, body).status_code == 413
    assert state_of(review) == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [("reviewId", uuid.uuid4()), ("documentId", uuid.uuid4()), ("userId", uuid.uuid4()), ("taskId", "task-78")],
)
def test_an_id_that_is_not_the_reviews_is_refused(review: Review, name: str, value: object) -> None:
    answer = call_back(review, {"decision": "approved", name: str(value)})
    assert answer.status_code == 400
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [name]
    assert state_of(review) == ""


def test_ids_that_fit_and_keys_that_are_unknown_do_no_harm(review: Review, owner: User) -> None:
    body = {
        "decision": "approved",
        "reviewId": str(review.pk),
        "taskId": TICKET,
        "documentId": str(review.document_id),
        "userId": str(owner.pk),
        "timestamp": "2026-01-01T00:00:00Z",
        "notes": None,
        "reviewerNotes": "seen",
        "somethingNew": [1, 2],
    }
    assert call_back(review, body).status_code == 200
    assert ReviewDecision.objects.get().note == "seen"


def test_a_nul_in_the_notes_is_not_kept(review: Review) -> None:
    assert call_back(review, {"decision": "approved", "notes": "se\0en", "reviewerNotes": "\0"}).status_code == 200
    assert ReviewDecision.objects.get().note == "seen"
    assert Buli2Exchange.objects.get().body == {"decision": "approved", "notes": "seen", "reviewerNotes": ""}


def test_a_callback_that_overtakes_our_own_commit_brings_its_ticket_along(owner: User) -> None:
    review = case_of(owner)
    assert call_back(review, {"decision": "approved", "taskId": "task-99"}).status_code == 200
    assert Review.objects.get(pk=review.pk).buli2_ticket_id == "task-99"


def test_an_unknown_review_is_404_on_both_paths(review: Review) -> None:
    body = json.dumps({"decision": "approved", "taskId": "nobody-has-it"}).encode()
    for path in (f"/internal/reviews/{uuid.uuid4()}/callback", "/internal/buli2/callback"):
        answer = send(path, body, x_buli2_signature=sign(body, SECRET))
        assert (answer.status_code, code(answer)) == (404, "not_found")
    assert send("/internal/reviews/no-uuid/callback", body).status_code == 404


def test_a_callback_that_names_no_review_is_400(review: Review) -> None:
    body = b'{"decision":"approved"}'
    assert send("/internal/buli2/callback", body, x_buli2_signature=sign(body, SECRET)).status_code == 400


# One effect -----------------------------------------------------------------------------------------------------------


def test_the_same_decision_again_is_200_with_one_effect(review: Review) -> None:
    answers = [call_back(review, {"decision": "approved"}) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert ReviewDecision.objects.count() == 1
    services.record_decision(ReviewDecision.objects.get().pk)
    assert call_back(review, {"decision": "approved"}).status_code == 200
    assert Document.objects.get(pk=review.document_id).events.count() == 1


def test_the_contrary_is_409_also_when_a_person_decided(review: Review) -> None:
    services.decide(review_id=review.pk, decision="rejected", source="console", decided_by="staff-1")
    answer = call_back(review, {"decision": "approved"})
    assert (answer.status_code, code(answer)) == (409, "ALREADY_DECIDED")
    assert state_of(review) == "rejected"
    refused = ReviewDecision.objects.get(accepted=False)
    assert (refused.decision, refused.source) == ("approved", "buli2")


@pytest.mark.django_db(transaction=True)
def test_a_hundred_copies_at_once_have_one_effect() -> None:
    review = case_of(User.objects.create_user("owner"))

    def once() -> str:
        return str(call_back(review, {"decision": "approved"}).status_code)

    answers = [answer for _ in range(5) for answer in at_once([once] * 20)]
    assert answers == ["200"] * 100
    assert ReviewDecision.objects.count() == 1
    assert Buli2Exchange.objects.filter(state=ExchangeState.done).count() == 100


# What is kept ---------------------------------------------------------------------------------------------------------


def test_every_callback_is_a_row_with_what_became_of_it(review: Review) -> None:
    call_back(review, {"decision": "approved", "notes": f"number {NIK} is legible"})
    call_back(review, {"decision": "rejected"})
    kept = list(Buli2Exchange.objects.order_by("created_at"))
    facts = [(row.state, row.http_status, row.error, row.review_id) for row in kept]
    assert facts == [("done", 200, "", review.pk), ("refused", 409, "ALREADY_DECIDED", review.pk)]
    assert {(row.direction, row.kind) for row in kept} == {(Direction.inbound, "callback")}
    assert kept[0].body == {"decision": "approved", "notes": f"number {NIK} is legible"}
    assert kept[0].body_sha256 != kept[1].body_sha256
    assert all(row.correlation_id and row.duration_ms is not None for row in kept)


def test_of_what_was_not_genuine_nothing_is_kept_but_that_it_came(review: Review) -> None:
    call_back(review, {"decision": "approved", "notes": "forged"}, secret="wrong")
    row = Buli2Exchange.objects.get()
    assert (row.state, row.http_status, row.error) == ("refused", 401, "INVALID_SIGNATURE")
    assert (row.review_id, row.body) == (None, None)


def test_a_genuine_callback_for_an_unknown_review_is_a_row_too(review: Review) -> None:
    body = b'{"decision":"approved"}'
    send(f"/internal/reviews/{uuid.uuid4()}/callback", body, x_buli2_signature=sign(body, SECRET))
    row = Buli2Exchange.objects.get()
    assert (row.state, row.http_status, row.error) == ("refused", 404, "not_found")


def test_the_callbacks_need_no_csrf_token_and_no_user(review: Review) -> None:
    client = Client(enforce_csrf_checks=True)
    body = b'{"decision":"approved"}'
    path = reverse("review-callback", kwargs={"review_id": review.pk})
    signature = sign(body, SECRET)
    answer = client.post(path, body, content_type="application/json", headers={"x-buli2-signature": signature})
    assert answer.status_code == 200
    assert client.get(path).status_code == 405


def test_the_document_itself_waits_for_the_workflow(review: Review) -> None:
    call_back(review, {"decision": "approved"})
    assert Document.objects.get(pk=review.document_id).state is Status.needs_review
