import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from documents import pressure
from documents.models import Document, DocumentEvent
from documents.status import Status
from filot.models import User
from tests.conftest import client_of
from tests.documents.build import make_document
from tests.documents.test_api import send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]


def forget() -> None:
    for kept in (pressure.waiting_now, pressure.late_now, pressure.pace):
        kept.forget()


@pytest.fixture(autouse=True)
def _measured_anew(settings: Any) -> Iterator[None]:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "all": 1000, "action": 1000}
    forget()
    yield
    forget()


@pytest.fixture
def full(owner: User, stranger: User, settings: Any) -> None:
    """A queue at its limit, with others' documents."""
    settings.QUEUE_MAX_DEPTH = 3
    for _ in range(3):
        make_document(stranger)


def were_read(owner: User, count: int, *, seconds_ago: float = 10) -> None:
    """Documents that workers have settled of late."""
    at = timezone.now() - timedelta(seconds=seconds_ago)
    done = make_document(owner, status=Status.auto_approve)
    DocumentEvent.objects.create(document=done, after=Status.uploaded, actor="x", at=at)
    for _ in range(count):
        DocumentEvent.objects.create(
            document=done, before=Status.processing, after=Status.ocr_completed, actor="w", at=timezone.now()
        )


def a_copy_of(document: Document) -> Document:
    document.pk, document.storage_key = uuid.uuid4(), str(uuid.uuid4())
    return document


def refused(reason: str) -> float:
    return float(pressure.REFUSED.labels(reason)._value.get())


@pytest.mark.usefixtures("full")
def test_a_full_queue_refuses_an_upload_and_stores_nothing(api: APIClient, originals_in: Path) -> None:
    before = refused("queue_full")
    answer = send(api)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
    assert answer.headers["Retry-After"].isdigit()
    assert Document.objects.count() == 3
    assert not [path for path in originals_in.rglob("*") if path.is_file()]
    assert refused("queue_full") == before + 1


@pytest.mark.usefixtures("full")
def test_a_file_is_not_decoded_while_the_queue_is_full(api: APIClient, monkeypatch: Any) -> None:
    monkeypatch.setattr("documents.services.check_file", lambda *args, **facts: 1 / 0)
    assert send(api, b"no picture").json()["error"]["code"] == "busy"


@pytest.mark.usefixtures("full")
def test_nobody_learns_without_a_token_that_the_queue_is_full(settings: Any) -> None:
    assert send(APIClient()).status_code == 401


@pytest.mark.usefixtures("full")
def test_a_queue_with_room_again_takes_the_next_upload(api: APIClient) -> None:
    assert send(api).status_code == 503
    Document.objects.filter(pk=Document.objects.first().pk).update(status=Status.auto_approve)
    forget()
    assert send(api).status_code == 201


def test_the_accepted_upload_is_answered_again_while_the_queue_is_full(api: APIClient, settings: Any) -> None:
    key = {"Idempotency-Key": "k-1"}
    accepted = send(api, **key)
    settings.QUEUE_MAX_DEPTH = 1
    forget()
    again = send(api, **key)
    assert (again.status_code, again.json()["documentId"]) == (201, accepted.json()["documentId"])
    assert send(api, **{"Idempotency-Key": "k-2"}).status_code == 503


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.uploaded, Status.processing}))
def test_what_has_been_read_does_not_fill_the_queue(api: APIClient, owner: User, settings: Any, status: str) -> None:
    settings.QUEUE_MAX_DEPTH = settings.OWNER_MAX_WAITING = 1
    make_document(owner, status=status)
    assert send(api).status_code == 201


def test_what_its_client_has_not_asked_to_read_does_not_fill_the_queue(
    api: APIClient, owner: User, settings: Any
) -> None:
    settings.QUEUE_MAX_DEPTH = settings.OWNER_MAX_WAITING = 1
    make_document(owner, queue="", queued_at=None)
    assert send(api).status_code == 201


def test_both_queues_count_together(api: APIClient, stranger: User, settings: Any) -> None:
    settings.QUEUE_MAX_DEPTH = 2
    make_document(stranger, queue="ocr.gpu")
    make_document(stranger)
    assert send(api).status_code == 503


def test_one_document_that_waits_too_long_refuses_an_upload(api: APIClient, stranger: User) -> None:
    before = refused("queue_old")
    make_document(stranger, queued_at=timezone.now() - timedelta(seconds=901))
    assert (send(api).status_code, send(api).json()["error"]["code"]) == (503, "busy")
    assert refused("queue_old") == before + 2


def test_an_attempt_that_was_put_off_is_not_late(api: APIClient, stranger: User) -> None:
    then = timezone.now() - timedelta(days=1)
    make_document(stranger, created_at=then, queued_at=timezone.now() + timedelta(seconds=300))
    assert send(api).status_code == 201


def test_limits_of_nothing_refuse_nobody(api: APIClient, owner: User, settings: Any) -> None:
    settings.QUEUE_MAX_DEPTH = settings.QUEUE_MAX_AGE = settings.OWNER_MAX_WAITING = settings.OWNER_FAST_LANE = 0
    for _ in range(3):
        make_document(owner, queued_at=timezone.now() - timedelta(days=1))
    assert send(api).status_code == 201


@pytest.mark.parametrize(
    ("read", "over", "seconds"),
    [
        (10, 10, 10),  # one a second
        (10, 29, 29),
        (20, 40, 20),  # two a second
        (20, 1, 5),  # never shorter
        (1, 200, 300),  # never longer
        (0, 1, 300),  # nothing was read of late: nobody knows
    ],
)
def test_retry_after_is_how_long_the_workers_take_for_what_is_too_much(
    api: APIClient, stranger: User, settings: Any, read: int, over: int, seconds: int
) -> None:
    settings.QUEUE_MAX_DEPTH = 2
    with time_machine.travel(timezone.now(), tick=False):
        for _ in range(over + 1):
            make_document(stranger)
        were_read(stranger, read)
        assert int(send(api).headers["Retry-After"]) == seconds


def test_the_pace_is_that_of_the_last_two_minutes(stranger: User) -> None:
    now = timezone.now()
    with time_machine.travel(now - timedelta(seconds=130), tick=False):
        were_read(stranger, 12)
    with time_machine.travel(now, tick=False):
        were_read(stranger, 60)
        assert pressure.measured_pace() == 60 / 120


def test_an_attempt_that_was_given_back_is_no_progress(stranger: User) -> None:
    document = make_document(stranger)
    DocumentEvent.objects.create(document=document, before=Status.processing, after=Status.uploaded, actor="w")
    assert pressure.measured_pace() == 0


def test_an_owner_at_the_quota_is_refused_and_nobody_else(
    api: APIClient, owner: User, stranger: User, settings: Any
) -> None:
    settings.OWNER_MAX_WAITING = 2
    before = refused("owner_quota")
    assert [send(api).status_code for _ in range(3)] == [201, 201, 429]
    answer = send(api)
    assert answer.json()["error"]["code"] == "quota_exceeded"
    assert answer.headers["Retry-After"] == answer.headers["RateLimit-Reset"]
    assert (answer.headers["RateLimit-Limit"], answer.headers["RateLimit-Remaining"]) == ("2", "0")
    assert send(client_of(stranger)).status_code == 201
    assert refused("owner_quota") == before + 2


def test_what_is_being_read_counts_against_the_quota_until_it_is_read(
    api: APIClient, owner: User, settings: Any
) -> None:
    settings.OWNER_MAX_WAITING = 1
    send(api)
    document: Document = Document.objects.get()
    document.move_to(Status.processing, actor="w", claim_token="6f9619ff-8b86-4011-b42d-00c04fc964ff")
    assert send(api).status_code == 429
    document.move_to(Status.ocr_completed, actor="w")
    assert send(api).status_code == 201


def test_an_owners_wait_is_told_by_their_share_of_the_queue(
    api: APIClient, owner: User, stranger: User, settings: Any
) -> None:
    settings.OWNER_MAX_WAITING = 2
    with time_machine.travel(timezone.now(), tick=False):
        for _ in range(2):
            make_document(owner)
        for _ in range(18):
            make_document(stranger)
        were_read(stranger, 10)  # one a second, every tenth of them this owner's
        assert send(api).headers["Retry-After"] == "10"


def test_a_flood_of_uploads_asks_only_now_and_then_how_much_waits(monkeypatch: Any) -> None:
    clock = [1000.0]
    monkeypatch.setattr(pressure.time, "monotonic", lambda: clock[0])
    asked = []
    for seconds in (0, 0.5, 0.99, 1.0, 1.5):
        clock[0] = 1000 + seconds
        with CaptureQueriesContext(connection) as queries:
            pressure.check_queue()
        asked.append(len(queries) > 0)
    assert asked == [True, False, False, True, False]


def test_a_count_far_under_its_limit_is_believed_for_as_long_as_no_flood_could_reach_it(
    monkeypatch: Any, settings: Any, stranger: User
) -> None:
    settings.QUEUE_MAX_DEPTH, settings.QUEUE_MAX_AGE = 6000, 0
    make_document(stranger)
    clock = [1000.0]
    monkeypatch.setattr(pressure.time, "monotonic", lambda: clock[0])
    pressure.check_queue()
    Document.objects.bulk_create([a_copy_of(Document.objects.get()) for _ in range(6000)])
    clock[0] += 2.9
    pressure.check_queue()
    clock[0] += 0.1
    with pytest.raises(pressure.QueueBusy):
        pressure.check_queue()


def test_with_the_measure_failing_uploads_are_taken_as_before(api: APIClient, full: None, monkeypatch: Any) -> None:
    def down() -> int:
        raise OperationalError

    monkeypatch.setattr(pressure.waiting_now, "_measure", down)
    monkeypatch.setattr(pressure.late_now, "_measure", down)
    assert send(api).status_code == 201


def test_a_measure_that_hangs_holds_up_one_caller_alone() -> None:
    measuring, go_on = threading.Event(), threading.Event()

    def slow() -> int:
        measuring.set()
        go_on.wait(10)
        return 7

    kept = pressure.Kept(slow, 0)
    first = threading.Thread(target=kept)
    first.start()
    measuring.wait(10)
    assert kept() == 0
    go_on.set()
    first.join()
    assert kept() == 7


def test_the_schema_names_both_refusals(client: Any) -> None:
    schema = client.get("/api/schema", headers={"Accept": "application/vnd.oai.openapi+json"}).json()
    declared = schema["paths"]["/documents/upload"]["post"]["responses"]
    for status, code in (("429", "quota_exceeded"), ("503", "busy")):
        assert code in declared[status]["description"]
        assert declared[status]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


@pytest.mark.parametrize(("setting", "limit"), [("OWNER_MAX_DOCUMENTS", 3), ("OWNER_MAX_BYTES", 9)])
def test_an_owner_who_fills_the_store_is_stopped_and_nobody_else(
    api: APIClient, owner: User, stranger: User, settings: Any, setting: str, limit: int, originals_in: Path
) -> None:
    setattr(settings, setting, limit)
    for _ in range(3):
        make_document(owner, status=Status.auto_approve)
    before = refused("owner_stored")
    answer = send(api)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "storage_quota_exceeded")
    assert not [path for path in originals_in.rglob("*") if path.is_file()]
    assert refused("owner_stored") == before + 1
    settings.OWNER_MAX_BYTES = 10_000
    assert send(client_of(stranger)).status_code == 201


def test_who_is_far_from_full_is_not_counted_for_every_upload(api: APIClient, owner: User) -> None:
    with CaptureQueriesContext(connection) as first:
        pressure.check_stored(owner.pk, 1)
    with CaptureQueriesContext(connection) as second:
        pressure.check_stored(owner.pk, 1)
    assert (len(first), len(second)) == (1, 0)


def test_who_is_nearly_full_is_counted_for_every_upload(owner: User, settings: Any) -> None:
    settings.OWNER_MAX_DOCUMENTS = 2
    for _ in range(2):
        pressure.check_stored(owner.pk, 1)
        make_document(owner)
    with pytest.raises(pressure.StorageFull):
        pressure.check_stored(owner.pk, 1)
