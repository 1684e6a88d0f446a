"""What an owner asks for by right, over HTTP."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from documents.models import AuditEntry, Document, DocumentEvent
from documents.status import Status
from documents.storage import read_original, read_page
from filot.models import User
from privacy.models import PersonalRequest, RequestState
from privacy.second_look import ask_second_look, close_answered
from review.models import Review
from review.services import open_reviews
from tests.conftest import client_of
from tests.privacy.people import NAME, ORIGINAL, PAGE, document_of
from verification.models import VerificationRun

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]


def test_a_person_looks_at_an_automatic_rejection_as_at_a_new_document(api: APIClient, owner: User) -> None:
    rejected = document_of(owner, Status.auto_reject)
    answer = api.post(f"/documents/{rejected.pk}/second-look")
    assert answer.status_code == 201
    body = answer.json()
    fresh = Document.objects.get(pk=body["documentId"])
    assert fresh.pk != rejected.pk
    assert (fresh.state, body["document"]["status"]) == (Status.needs_review, "completed")
    rejected.refresh_from_db()
    assert rejected.state is Status.auto_reject
    moves = list(DocumentEvent.objects.filter(document=fresh).values_list("before", "after"))
    assert moves == [
        ("", "uploaded"),
        ("uploaded", "processing"),
        ("processing", "ocr_completed"),
        ("ocr_completed", "ai_evaluated"),
        ("ai_evaluated", "needs_review"),
    ]
    assert read_original(fresh.storage_key) == ORIGINAL and read_page(fresh.storage_key) == PAGE
    run = VerificationRun.objects.get(document=fresh)
    assert run.fields["name"]["value"] == NAME and run.decision == "needs_review"
    open_reviews()
    assert Review.objects.get().document_id == fresh.pk
    assert AuditEntry.objects.get(action="second_look.asked").document_id == rejected.pk


def test_asking_twice_is_one_look(api: APIClient, owner: User) -> None:
    rejected = document_of(owner, Status.auto_reject)
    first, second = (api.post(f"/documents/{rejected.pk}/second-look").json() for _ in range(2))
    assert first == second
    assert Document.objects.count() == 2


def test_a_rejection_without_a_reading_gets_its_look_too(owner: User) -> None:
    rejected = document_of(owner, Status.auto_reject)
    VerificationRun.objects.all().delete()
    asked = ask_second_look(rejected, by="x")
    assert asked.new_document and asked.new_document.state is Status.needs_review


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.auto_reject])
def test_only_an_automatic_rejection_can_be_looked_at_again(api: APIClient, owner: User, status: Status) -> None:
    document = document_of(owner, status)
    answer = api.post(f"/documents/{document.pk}/second-look")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_rejected_automatically")
    assert Document.objects.count() == 1


def test_somebody_elses_document_is_not_found(owner: User, stranger: User) -> None:
    rejected = document_of(owner, Status.auto_reject)
    assert client_of(stranger).post(f"/documents/{rejected.pk}/second-look").status_code == 404
    assert APIClient().post(f"/documents/{rejected.pk}/second-look").status_code == 401
    assert client_of(stranger).post(f"/documents/{uuid.uuid4()}/second-look").status_code == 404


def test_a_look_is_answered_once_its_document_is_decided(owner: User) -> None:
    asked = ask_second_look(document_of(owner, Status.auto_reject), by="x")
    assert close_answered() == 0
    assert asked.new_document
    asked.new_document.move_to(Status.approved, actor="reviewer")
    assert close_answered() == 1
    asked.refresh_from_db()
    assert (asked.state, asked.outcome) == (RequestState.done, "approved")


@pytest.mark.django_db(transaction=True)
def test_twenty_clicks_at_once_are_one_look(owner: User, originals_in: Path) -> None:
    rejected = document_of(owner, Status.auto_reject)

    def click(_: int) -> uuid.UUID | None:
        try:
            return ask_second_look(Document.objects.get(pk=rejected.pk), by="x").new_document_id
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        assert len(set(pool.map(click, range(20)))) == 1
    assert Document.objects.count() == 2


@pytest.mark.parametrize("kind", ["access", "correction", "restriction", "erasure"])
def test_a_right_is_asked_for_once_and_dated(api: APIClient, kind: str) -> None:
    answer = api.post("/privacy/requests", {"kind": kind}, format="json")
    assert answer.status_code == 201
    assert answer.json()["state"] == "open"
    again = api.post("/privacy/requests", {"kind": kind}, format="json")
    assert (again.status_code, again.json()) == (200, answer.json())
    asked = PersonalRequest.objects.get()
    assert asked.due_at - asked.created_at == pytest.approx(timedelta(hours=72), abs=timedelta(seconds=5))
    assert asked.due_at > timezone.now()
    assert AuditEntry.objects.get().action == f"request.{kind}"
    assert [each["kind"] for each in api.get("/privacy/requests").json()] == [kind]


def test_what_cannot_be_asked_for_is_refused(api: APIClient, stranger: User) -> None:
    for body in ({"kind": "second_look"}, {"kind": "x"}, {}, [], "x"):
        assert api.post("/privacy/requests", body, format="json").status_code == 400
    assert APIClient().post("/privacy/requests", {"kind": "access"}, format="json").status_code == 401
    api.post("/privacy/requests", {"kind": "access"}, format="json")
    assert client_of(stranger).get("/privacy/requests").json() == []
