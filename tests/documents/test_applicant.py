"""What a client declares of the applicant: checked, sealed, and never said back."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from rest_framework.test import APIClient

from documents.models import Document
from tests.documents.test_api import picture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]

TOLD = {"name": "PUSPARINI CONTOH", "nik": "3276014107909001", "birthDate": "1990-07-01"}


def send(api: APIClient, applicant: str, **headers: str) -> Any:
    file = SimpleUploadedFile("card.jpg", picture(), "image/jpeg")
    body = {"file": file, "type": "KTP", "applicant": applicant}
    return api.post("/documents/upload", body, format="multipart", headers=headers)


def test_what_is_declared_is_kept_sealed(api: APIClient) -> None:
    assert send(api, json.dumps(TOLD)).status_code == 201
    document = Document.objects.get()
    assert document.applicant == TOLD
    with connection.cursor() as cursor:
        cursor.execute("SELECT applicant FROM documents_document")
        stored = bytes(cursor.fetchone()[0])
    assert not [value for value in TOLD.values() if value.encode() in stored]


def test_an_upload_without_it_declares_nothing(api: APIClient) -> None:
    file = SimpleUploadedFile("card.jpg", picture(), "image/jpeg")
    api.post("/documents/upload", {"file": file, "type": "KTP"}, format="multipart")
    assert Document.objects.get().applicant is None


@pytest.mark.parametrize(
    ("applicant", "field"),
    [
        ("{", "applicant"),
        ("[]", "applicant"),
        ('"3276014107909001"', "applicant"),
        ("[" * 1500, "applicant"),
        ('{"name": "A", "name": "B"}', "applicant"),
        ('{"nik": "327601410790900"}', "applicant.nik"),
        ('{"nik": "32760141079O9001"}', "applicant.nik"),
        ('{"npwp": "1234"}', "applicant.npwp"),
        ('{"birthDate": "1990-02-30"}', "applicant.birthDate"),
        ('{"name": ""}', "applicant.name"),
        ('{"name": null}', "applicant.name"),
        ('{"phone": "0812"}', "applicant"),
        ('{"name": "%s"}' % ("A" * 3000), "applicant"),
    ],
)
def test_what_is_no_applicant_is_400_with_its_field_and_stores_nothing(
    api: APIClient, applicant: str, field: str
) -> None:
    answer = send(api, applicant)
    assert answer.status_code == 400
    details = answer.json()["error"]["details"]
    assert [detail["field"] for detail in details] == [field]
    assert not [word for word in ("32760", "1234", "0812", "AAAA") if word in json.dumps(details)]
    assert not Document.objects.exists()


@pytest.mark.parametrize("npwp", ["38.513.519.9-256.000", "385135199256000", "3276014107909001"])
def test_an_npwp_is_told_in_any_of_its_forms(api: APIClient, npwp: str) -> None:
    assert send(api, json.dumps({"npwp": npwp})).status_code == 201
    assert Document.objects.get().applicant == {"npwp": npwp}


def test_one_idempotency_key_for_two_applicants_is_refused(api: APIClient) -> None:
    key = {"Idempotency-Key": "k-1"}
    assert send(api, json.dumps(TOLD), **key).status_code == 201
    assert send(api, json.dumps(TOLD), **key).status_code == 201
    other = send(api, json.dumps({**TOLD, "name": "LAINNYA"}), **key)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert Document.objects.count() == 1
