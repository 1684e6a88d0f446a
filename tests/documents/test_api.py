import base64
import io
import re
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from rest_framework.test import APIClient

from documents import queue
from documents.models import Document
from documents.storage import StoreUnavailable
from filot.models import User
from tests.conftest import client_of
from tests.documents.build import make_document

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]


def picture(fmt: str = "JPEG", size: tuple[int, int] = (320, 200)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "white").save(buffer, fmt)
    return buffer.getvalue()


def send(
    api: APIClient, data: bytes | None = None, type: str = "KTP", content_type: str = "image/jpeg", **headers: str
) -> Any:
    file = SimpleUploadedFile("../../etc/passwd", picture() if data is None else data, content_type)
    return api.post("/documents/upload", {"file": file, "type": type}, format="multipart", headers=headers)


def test_an_upload_answers_201_with_where_it_lies(api: APIClient, owner: User) -> None:
    answer = send(api)
    body = answer.json()
    assert answer.status_code == 201
    assert body["success"] is True
    assert body["document"] == {**body["document"], "id": body["documentId"], "type": "KTP", "status": "uploaded"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["document"]["createdAt"])
    assert answer.headers["Location"] == f"/documents/{body['documentId']}"
    assert api.get(answer.headers["Location"]).json()["verificationStatus"] == "pending"


def test_the_storage_key_is_ours_and_never_the_clients_name(api: APIClient, owner: User, originals_in: Path) -> None:
    send(api)
    document = Document.objects.get()
    assert document.storage_key.startswith(f"{owner.pk}/KTP_")
    assert document.storage_key.endswith(".jpg")
    assert [path.relative_to(originals_in).as_posix() for path in originals_in.rglob("*.*")] == [document.storage_key]


def test_an_upload_is_queued_in_its_own_row_and_rings_after_the_commit(
    api: APIClient, monkeypatch: Any, django_capture_on_commit_callbacks: Any
) -> None:
    rung: list[str] = []
    monkeypatch.setattr("documents.api.ring", rung.append)
    with django_capture_on_commit_callbacks(execute=True):
        send(api)
        assert not rung
    assert rung == [Document.objects.get().queue] == ["ocr.cpu"]


def test_without_auto_process_an_upload_waits_for_its_client(api: APIClient, settings: Any) -> None:
    settings.AUTO_PROCESS = False
    document_id = send(api).json()["documentId"]
    assert not Document.objects.get().queue
    for _ in range(2):
        answer = api.post(f"/documents/{document_id}/process")
        assert (answer.status_code, answer.json()) == (202, {"queued": True, "documentId": document_id})
    assert Document.objects.get().queue == "ocr.cpu"


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"", "image/jpeg", 422),
        (b"<html><body>a card</body></html>", "application/pdf", 415),
        (b"GIF89a" + bytes(40), "image/gif", 415),
        (picture("PNG"), "image/jpeg", 415),
        (picture()[:300], "image/jpeg", 422),
    ],
)
def test_a_file_that_is_not_a_readable_picture_is_refused_and_stored_nowhere(
    api: APIClient, originals_in: Path, data: bytes, content_type: str, status: int
) -> None:
    answer = send(api, data, content_type=content_type)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"]
    assert error["message"]
    assert not Document.objects.exists()
    assert not [path for path in originals_in.rglob("*") if path.is_file()]


def test_a_file_over_the_limit_is_413(api: APIClient, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 100
    answer = send(api)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "file_too_large")


@pytest.mark.parametrize("body", [{}, {"type": "KTP"}, {"type": "SIM"}, {"type": ""}])
def test_a_missing_file_or_unknown_type_is_400_with_the_field(api: APIClient, body: dict[str, str]) -> None:
    answer = api.post("/documents/upload", body, format="multipart")
    assert answer.status_code == 400
    assert {detail["field"] for detail in answer.json()["error"]["details"]} >= {"file"}


def test_the_same_idempotency_key_stores_once(api: APIClient) -> None:
    key = {"Idempotency-Key": "k-1"}
    first, again = send(api, **key), send(api, **key)
    assert first.status_code == again.status_code == 201
    assert first.json()["documentId"] == again.json()["documentId"]
    other = send(api, picture("JPEG", (321, 200)), **key)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert Document.objects.count() == 1


def test_a_store_that_is_down_is_503_and_leaves_no_row(api: APIClient, settings: Any, tmp_path: Path) -> None:
    blocked = tmp_path / "a-file"
    blocked.write_bytes(b"")
    stores = {**settings.STORAGES}
    stores["originals"] = {**stores["originals"], "OPTIONS": {"location": blocked}}
    settings.STORAGES = stores
    answer = send(api)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert not Document.objects.exists()


def test_a_broker_that_is_down_does_not_refuse_an_upload(
    api: APIClient, monkeypatch: Any, django_capture_on_commit_callbacks: Any
) -> None:
    limits = {"max_retries": 0, "socket_connect_timeout": 0.2}
    down = queue.Connection("redis://127.0.0.1:9/0", transport_options=limits)
    monkeypatch.setattr(queue, "_CONNECTION", down)
    with django_capture_on_commit_callbacks(execute=True):
        assert send(api).status_code == 201


def test_a_download_link_delivers_the_original_as_an_attachment_and_dies(api: APIClient, client: Any) -> None:
    data = picture()
    document_id = send(api, data).json()["documentId"]
    body = api.get(f"/documents/{document_id}/download").json()
    assert body["expiresIn"] == 300
    path = "/files/" + body["url"].partition("/files/")[2]
    answer = client.get(path)
    assert answer.content == data
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get(path, headers={"Accept": "image/jpeg"}).content == data
    head = client.head(path)
    assert (head.status_code, head.content, head.headers["Content-Type"]) == (200, b"", "image/jpeg")
    assert client.get(path[:-1] + ("A" if path[-1] != "A" else "B")).status_code == 404
    with time_machine.travel(time.time() + 301):
        assert client.get(path).status_code == 404


def test_a_download_from_a_store_that_is_down_is_503_in_the_shape_of_all_errors(
    api: APIClient, client: Any, monkeypatch: Any
) -> None:
    def down(key: str) -> bytes:
        raise StoreUnavailable

    document_id = send(api).json()["documentId"]
    url = api.get(f"/documents/{document_id}/download").json()["url"]
    monkeypatch.setattr("documents.api.read_original", down)
    client.raise_request_exception = False
    answer = client.get("/files/" + url.partition("/files/")[2])
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def test_an_owner_lists_only_their_own_by_status_and_type(api: APIClient, owner: User, stranger: User) -> None:
    mine, other = make_document(owner), make_document(owner, type="NPWP")
    make_document(stranger)
    ids = {row["id"] for row in api.get("/documents").json()["results"]}
    assert ids == {str(mine.pk), str(other.pk)}
    assert [row["id"] for row in api.get("/documents?type=NPWP").json()["results"]] == [str(other.pk)]
    assert api.get("/documents?status=pending_manual_review").json()["results"] == []
    assert len(api.get("/documents?status=uploaded").json()["results"]) == 2
    for query in ("status=nonsense", "type=SIM"):
        assert api.get(f"/documents?{query}").status_code == 400


def cursor(text: str) -> str:
    return quote(base64.b64encode(text.encode()))


@pytest.mark.parametrize(
    "given",
    [
        "nonsense",
        "%00",
        "%FF",
        "a",
        "%C3%A9",
        cursor("o=x"),
        cursor("p=yesterday"),
        cursor("p=\0"),
        cursor("p="),
        cursor("p=0001-01-01T00:00:00+23:59"),
        cursor("p=9999-12-31T23:59:59-23:59"),
    ],
)
def test_a_cursor_that_is_none_of_ours_is_400_and_named(api: APIClient, owner: User, given: str) -> None:
    make_document(owner)
    error = api.get(f"/documents?cursor={given}").json()["error"]
    assert (error["code"], [detail["field"] for detail in error["details"]]) == ("validation_error", ["cursor"])


def test_a_long_list_is_walked_by_cursor(api: APIClient, owner: User) -> None:
    ids = {str(make_document(owner).pk) for _ in range(25)}
    first = api.get("/documents").json()
    second = api.get(first["next"].partition("testserver")[2]).json()
    assert {row["id"] for row in first["results"] + second["results"]} == ids
    assert second["next"] is None


def test_somebody_elses_document_is_404_everywhere(owner: User, stranger: User) -> None:
    document = make_document(owner)
    api = client_of(stranger)
    for path in ("", "/result", "/download"):
        assert api.get(f"/documents/{document.pk}{path}").status_code == 404
    assert api.post(f"/documents/{document.pk}/process").status_code == 404


def test_an_id_that_is_none_is_404_and_no_5xx(api: APIClient) -> None:
    for name in ("1", "not-a-uuid", "%00", str(uuid.uuid4())):
        assert api.get(f"/documents/{name}").status_code == 404


def test_nobody_uploads_without_a_token() -> None:
    answer = send(APIClient())
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
