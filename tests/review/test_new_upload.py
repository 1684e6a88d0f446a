"""A new upload that a reviewer asks for: its sender reads why, and the new document names the old one."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from documents.models import Document
from filot.models import User
from review import taking
from review.deciding import Said, decide_case
from review.models import Decision, Review
from review.services import record_decision
from tests.conftest import client_of
from tests.documents.test_api import picture
from tests.review.admin_cases import open_case
from tests.review.people import person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]


def asked(owner: User, *, new_upload: bool = True) -> Review:
    """A case that was rejected, and its document moved."""
    review, user = open_case(owner), person("reviewer")
    taking.take(review.pk, user)
    review.refresh_from_db()
    said = Said(Decision.rejected, review.version, "unreadable", "my own words", new_upload)
    outcome = decide_case(review.pk, user, said)
    record_decision(outcome.decision.pk)
    return review


def send(owner: User, replaces: Any) -> Any:
    file = SimpleUploadedFile("card.jpg", picture(), "image/jpeg")
    form = {"type": "KTP", "file": file, "replaces": str(replaces)}
    return client_of(owner).post("/documents/upload", form, format="multipart")


def test_the_sender_reads_the_reason_and_the_new_document_names_the_old_one(owner: User) -> None:
    review = asked(owner)
    status = client_of(owner).get(f"/verification/status/{review.document_id}").json()
    assert status["result"]["newUpload"] == {
        "reasonCode": "unreadable",
        "reason": "The card can't be read. Take the picture again.",
        "replacedBy": None,
    }
    assert "my own words" not in str(status)

    answer = send(owner, review.document_id)

    assert answer.status_code == 201
    newer = answer.json()["documentId"]
    assert Document.objects.get(pk=newer).replaces_id == review.document_id
    assert client_of(owner).get(f"/documents/{newer}").json()["replaces"] == str(review.document_id)
    status = client_of(owner).get(f"/verification/status/{review.document_id}").json()
    assert status["result"]["newUpload"]["replacedBy"] == newer


def test_a_new_upload_that_nobody_asked_for_or_that_came_already_is_409(owner: User, stranger: User) -> None:
    plain = asked(owner, new_upload=False)
    assert client_of(owner).get(f"/verification/status/{plain.document_id}").json()["result"].get("newUpload") is None
    assert send(owner, plain.document_id).status_code == 409
    review = asked(owner)
    assert send(stranger, review.document_id).status_code == 404
    assert send(owner, review.document_id).status_code == 201
    answer = send(owner, review.document_id)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "no_new_upload_asked"
    assert send(owner, "no id").status_code == 400
