from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from documents.models import Document
from filot.models import User
from tests.documents.build import make_document, store_original
from tests.documents.test_api import picture
from tests.verification.build import KTP_LINES, ScriptedEngine
from verification import ktp, services

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in", "published_policy")]


@pytest.fixture
def document(owner: User) -> Document:
    return store_original(make_document(owner), picture())


def read(monkeypatch: Any, texts: list[str] = KTP_LINES) -> None:
    monkeypatch.setattr(services, "engine_of", lambda queue: ScriptedEngine(texts))
    services.verify_waiting("ocr.cpu", "w1")


def test_before_it_was_read_there_is_no_result(api: APIClient, document: Document) -> None:
    answer = api.get(f"/documents/{document.pk}/result")
    assert answer.json() == {"status": "uploaded", "result": None, "fields": {}, "kind": None, "quality": []}


def test_the_result_has_every_field_and_null_for_what_was_not_found(
    api: APIClient, document: Document, monkeypatch: Any
) -> None:
    read(monkeypatch)
    body = api.get(f"/documents/{document.pk}/result").json()
    assert body["status"] == "completed"
    assert set(body["result"]) == set(body["fields"]) == set(ktp.FIELDS)
    assert body["result"]["name"] == "SITI CONTOH"
    assert body["result"]["birthDate"] == "1990-07-01"
    assert body["result"]["district"] is None
    assert set(body["fields"]["nik"]) == {"value", "confidence", "box"}
    assert 0 <= body["fields"]["nik"]["confidence"] <= 1
    assert len(body["fields"]["nik"]["box"]) == 4


def test_an_unchanged_result_is_304(api: APIClient, document: Document, monkeypatch: Any) -> None:
    before = api.get(f"/documents/{document.pk}/result").headers["ETag"]
    assert api.get(f"/documents/{document.pk}/result", headers={"If-None-Match": before}).status_code == 304
    read(monkeypatch)
    changed = api.get(f"/documents/{document.pk}/result", headers={"If-None-Match": before})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != before


def test_processing_again_what_is_queued_or_running_is_202(api: APIClient, document: Document) -> None:
    for _ in range(2):
        assert api.post(f"/documents/{document.pk}/process").status_code == 202
    services.claim("ocr.cpu", "w1")
    assert api.post(f"/documents/{document.pk}/process").status_code == 202
    document.refresh_from_db()
    assert document.status == "processing"


def test_processing_what_waits_for_a_person_is_409_since_nothing_will_run(
    api: APIClient, document: Document, monkeypatch: Any
) -> None:
    read(monkeypatch, [line for line in KTP_LINES if not line.startswith("NIK")])
    answer = api.post(f"/documents/{document.pk}/process")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "in_review")


def test_processing_what_is_final_is_409(api: APIClient, document: Document, monkeypatch: Any) -> None:
    read(monkeypatch)
    answer = api.post(f"/documents/{document.pk}/process")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "already_final")


def test_the_result_says_what_the_picture_is_and_what_is_wrong_with_it_in_two_languages(
    api: APIClient, document: Document, monkeypatch: Any
) -> None:
    read(monkeypatch)
    document.runs.update(kind="ktp", quality={"measures": {"glare": 0.2}, "issues": ["glare", "too_blurred"]})
    etags = []
    for asked, language, said in [
        ("", "en", "Take it again without the lamp"),
        ("id-ID,id;q=0.9,en;q=0.8", "id", "Foto lagi tanpa lampu"),
        ("fr, en;q=0.5, id;q=0.4", "en", "Take it again without the lamp"),
        ("id;q=0", "en", "Take it again without the lamp"),
    ]:
        answer = api.get(f"/documents/{document.pk}/result", headers={"Accept-Language": asked})
        body = answer.json()
        assert body["kind"] == "ktp"
        assert [issue["code"] for issue in body["quality"]] == ["glare", "too_blurred"]
        assert set(body["quality"][0]) == {"code", "message"}
        assert said in body["quality"][0]["message"]
        assert answer.headers["Content-Language"] == language
        assert "Accept-Language" in answer.headers["Vary"]
        etags.append(answer.headers["ETag"])
    assert len(set(etags)) == 2


def test_an_issue_that_this_version_has_no_sentence_for_is_told_by_its_code(
    api: APIClient, document: Document, monkeypatch: Any
) -> None:
    read(monkeypatch)
    document.runs.update(quality={"issues": ["of_another_version"]})
    body = api.get(f"/documents/{document.pk}/result").json()
    assert body["quality"] == [{"code": "of_another_version", "message": "of_another_version"}]


def test_a_run_written_by_the_version_before_has_neither_kind_nor_quality(
    api: APIClient, document: Document, monkeypatch: Any
) -> None:
    read(monkeypatch)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE verification_verificationrun SET kind = DEFAULT, quality = DEFAULT, turn = DEFAULT")
    body = api.get(f"/documents/{document.pk}/result").json()
    assert (body["kind"], body["quality"]) == (None, [])
    assert document.runs.get().turn == 0
