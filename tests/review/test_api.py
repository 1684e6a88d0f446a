"""The judgement of a document as its owner's client reads it."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from documents.models import Document
from documents.status import WIRE, Status
from filot.models import User
from review import api as review_api
from review import services
from review.models import Review
from tests.conftest import client_of
from tests.review.cases import case_of, document_in, judged
from verification.models import RunOutcome


@pytest.fixture(autouse=True)
def hints(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    rung: list[str] = []
    monkeypatch.setattr(review_api, "ring_default", rung.append)
    return rung


UNCLEAR = "Some details on the card could not be confirmed."


def evaluate(api: APIClient, document: Document) -> Any:
    return api.post("/verification/evaluate", {"documentId": str(document.pk)}, format="json")


def status_of(api: APIClient, document: Document) -> dict[str, Any]:
    answer = api.get(f"/verification/status/{document.pk}")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def decided(review: Review, decision: str = "approved", **facts: Any) -> Review:
    facts = {"source": "console", "decided_by": "staff-1", **facts}
    accepted = services.decide(review_id=review.pk, decision=decision, **facts)
    services.record_decision(accepted.pk)
    return review


# Evaluate -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.uploaded, Status.processing])
def test_before_it_was_read_there_is_nothing_to_evaluate(api: APIClient, owner: User, status: Status) -> None:
    answer = evaluate(api, document_in(owner, status, ai_score=None, ai_decision=""))
    assert answer.status_code == 409
    assert answer.json()["currentStatus"] == WIRE[status].status
    assert answer.json()["error"]["code"] == "not_read_yet"


@pytest.mark.usefixtures("published_policy")
def test_a_document_that_was_read_is_judged_by_the_call(api: APIClient, owner: User) -> None:
    document = document_in(owner, Status.ocr_completed, ai_score=None, ai_decision="")
    run = judged(document, fields={}, lines=[], reasons=[])
    type(run).objects.filter(pk=run.pk).update(outcome=RunOutcome.read)
    answer = evaluate(api, document)
    assert answer.status_code == 200
    body = answer.json()
    assert body == {
        "documentId": str(document.pk),
        "score": 4,
        "decision": "auto_reject",
        "verificationStatus": "auto_rejected",
        "reasons": body["reasons"],
    }
    assert body["reasons"][-1] == "The document can't be accepted."
    assert evaluate(api, document).json() == {**body, "message": "Document has already been evaluated"}


def test_a_doubtful_document_is_answered_with_its_review(
    api: APIClient, owner: User, hints: list[str], django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    document = document_in(owner, Status.needs_review)
    judged(document)
    with django_capture_on_commit_callbacks(execute=True):
        answer = evaluate(api, document)
    review = Review.objects.get(document=document)
    assert answer.json() == {
        "documentId": str(document.pk),
        "score": 61,
        "decision": "needs_review",
        "verificationStatus": "pending_manual_review",
        "reviewId": str(review.pk),
        "reasons": [UNCLEAR, "A person will look at this document."],
        "message": "Document has already been evaluated",
    }
    assert hints == ["review.deliver"]
    assert evaluate(api, document).json() == answer.json()


def test_a_document_that_nobody_could_read_is_answered_without_a_score(api: APIClient, owner: User) -> None:
    document = document_in(owner, Status.needs_review, ai_score=None, ai_decision="")
    body = evaluate(api, document).json()
    assert (body["score"], body["decision"], body["reasons"]) == (
        None,
        "needs_review",
        ["A person will look at this document."],
    )


def test_a_sender_is_told_in_indonesian_who_asks_for_it(api: APIClient, owner: User) -> None:
    document = document_in(owner, Status.needs_review)
    judged(document)
    asked = api.post(
        "/verification/evaluate", {"documentId": str(document.pk)}, format="json", headers={"Accept-Language": "id-ID"}
    )
    assert asked["Content-Language"] == "id"
    assert asked.json()["reasons"][-1] == "Petugas akan memeriksa dokumen ini."


def test_a_sender_is_never_told_the_reviewers_reasons(api: APIClient, owner: User) -> None:
    document = document_in(owner, Status.needs_review)
    reason = {"code": "number_elsewhere", "message": "Another owner has sent the same number.", "client": ""}
    judged(document, reasons=[reason])
    assert evaluate(api, document).json()["reasons"] == ["A person will look at this document."]


@pytest.mark.parametrize("body", [{}, {"documentId": "no-uuid"}, {"documentId": None}, {"documentId": [7]}, [], "x"])
def test_a_body_that_names_no_document_is_400(api: APIClient, body: Any) -> None:
    answer = api.post("/verification/evaluate", body, format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "validation_error")


# Status ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "word", "decision"),
    [
        (Status.uploaded, "pending", None),
        (Status.processing, "pending", None),
        (Status.ocr_completed, "ocr_completed", None),
        (Status.ai_evaluated, "ai_evaluated", "needs_review"),
        (Status.auto_approve, "auto_approved", "auto_approve"),
        (Status.auto_reject, "auto_rejected", "auto_reject"),
        (Status.needs_review, "pending_manual_review", "needs_review"),
    ],
)
def test_until_somebody_decides_the_status_is_the_verification_status(
    api: APIClient, owner: User, status: Status, word: str, decision: str | None
) -> None:
    score = 61 if decision else None
    document = document_in(owner, status, ai_score=score, ai_decision=decision or "")
    assert status_of(api, document) == {
        "documentId": str(document.pk),
        "status": word,
        "verificationStatus": word,
        "aiScore": score,
        "aiDecision": decision,
        "buli2TicketId": None,
        "result": None,
    }


@pytest.mark.parametrize(("decision", "word"), [("approved", "manually_approved"), ("rejected", "manually_rejected")])
def test_a_decision_turns_the_status_to_review_result(api: APIClient, owner: User, decision: str, word: str) -> None:
    review = case_of(owner)
    Review.objects.filter(pk=review.pk).update(buli2_ticket_id="task-1")
    decided(review, decision, source="buli2", decided_by="buli2", note="as on the card")
    body = status_of(api, review.document)
    result = body.pop("result")
    assert body == {
        "documentId": str(review.document_id),
        "status": "review_result",
        "verificationStatus": word,
        "aiScore": 61,
        "aiDecision": "needs_review",
        "buli2TicketId": "task-1",
    }
    assert set(result) == {"reviewId", "status", "decision", "notes", "createdAt", "updatedAt"}
    assert (result["reviewId"], result["status"]) == (str(review.pk), "completed")
    assert (result["decision"], result["notes"]) == (decision, "as on the card")
    assert result["createdAt"].endswith("Z")
    assert len(result["updatedAt"]) == len("2026-01-01T00:00:00.000Z")


def test_a_decision_on_its_way_is_not_told_yet(api: APIClient, owner: User) -> None:
    review = case_of(owner)
    services.decide(review_id=review.pk, decision="approved", source="console", decided_by="staff-1")
    body = status_of(api, review.document)
    assert (body["status"], body["result"]) == ("pending_manual_review", None)


def test_a_decision_that_lands_while_the_status_is_read_is_told_whole_or_not_at_all(
    api: APIClient, owner: User
) -> None:
    review, landed = case_of(owner), []

    def land(execute: Any, sql: str, *rest: Any) -> Any:
        done = execute(sql, *rest)
        if "documents_document" in sql and not landed:
            landed.append(sql)
            decided(review)
        return done

    with connection.execute_wrapper(land):
        body = status_of(api, review.document)
    assert landed
    assert (body["status"], body["verificationStatus"], body["result"]) == (*["pending_manual_review"] * 2, None)
    assert status_of(api, review.document)["status"] == "review_result"


def test_a_reviewers_own_note_never_reaches_the_client(api: APIClient, owner: User) -> None:
    review = decided(case_of(owner), "rejected", reason_code="unreadable", note="looks like the cousin's card")
    assert status_of(api, review.document)["result"]["notes"] == "The card can't be read. Take the picture again."
    review = decided(case_of(owner), "approved", note="called them")
    assert status_of(api, review.document)["result"]["notes"] is None


# Escalate -------------------------------------------------------------------------------------------------------------


def escalate(api: APIClient, document: Document) -> Any:
    return api.post(f"/verification/{document.pk}/escalate")


def test_escalating_is_accepted_once_and_answered_the_same_again(api: APIClient, owner: User) -> None:
    document = document_in(owner, Status.needs_review)
    answer = escalate(api, document)
    review = Review.objects.get(document=document)
    assert answer.status_code == 202
    assert answer.json() == {
        "message": answer.json()["message"],
        "ticketId": str(review.pk),
        "status": "completed",
        "verificationStatus": "pending_manual_review",
    }
    first = review.escalated_at
    assert first is not None
    assert escalate(api, document).json() == answer.json()
    review.refresh_from_db()
    assert (review.escalated_at, review.escalation_reason) == (first, "client")


def test_with_a_partner_the_ticket_is_the_partners(api: APIClient, owner: User) -> None:
    review = case_of(owner)
    Review.objects.filter(pk=review.pk).update(buli2_ticket_id="task-5")
    assert escalate(api, review.document).json()["ticketId"] == "task-5"


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.needs_review}))
def test_only_a_document_that_waits_for_a_person_can_be_escalated(api: APIClient, owner: User, status: Status) -> None:
    answer = escalate(api, document_in(owner, status))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_in_review")
    assert not Review.objects.exists()


def test_a_review_whose_decision_is_on_its_way_is_not_escalated(api: APIClient, owner: User) -> None:
    review = case_of(owner)
    services.decide(review_id=review.pk, decision="approved", source="console", decided_by="staff-1")
    assert escalate(api, review.document).status_code == 409


# Who may --------------------------------------------------------------------------------------------------------------


def test_somebody_elses_document_does_not_exist(owner: User, stranger: User) -> None:
    document, other = document_in(owner, Status.needs_review), client_of(stranger)
    answers = [
        evaluate(other, document),
        escalate(other, document),
        other.get(f"/verification/status/{document.pk}"),
        other.get(f"/verification/status/{uuid.uuid4()}"),
        other.get("/verification/status/no-uuid"),
        other.post("/verification/no-uuid/escalate"),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert {answer.json()["error"]["code"] for answer in answers} == {"not_found"}
    assert not Review.objects.exists()


def test_without_a_token_nothing_is_told(owner: User) -> None:
    document, nobody = document_in(owner, Status.needs_review), APIClient()
    for answer in (
        evaluate(nobody, document),
        escalate(nobody, document),
        nobody.get(f"/verification/status/{document.pk}"),
    ):
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
