import itertools
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from documents.models import BULK_LANE, FAST_LANE, Document, DocumentQuerySet
from documents.services import receive_upload
from documents.status import Status
from filot.models import User
from tests.documents.build import make_document
from tests.documents.test_api import picture
from verification import claims, services, sweeping

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _first_claim_of_a_process(monkeypatch: Any) -> None:
    monkeypatch.setattr(claims, "_claims", itertools.count(1))


def ask_for(owner: User, count: int = 1) -> list[Document]:
    """Documents that their owner asks to be read, one after the other."""
    documents = [make_document(owner, queue="", queued_at=None) for _ in range(count)]
    for document in documents:
        services.request_verification(document)
    return documents


def claimed() -> Document:
    [held] = claims.claim("ocr.cpu", "w")
    return held.document


def test_one_document_behind_the_bulk_of_another_owner_is_among_the_next(owner: User, stranger: User) -> None:
    ask_for(owner, 500)
    for _ in range(20):  # while some of the bulk is read
        claimed()
    [single] = ask_for(stranger)
    assert single in [claimed() for _ in range(2)]


def test_the_first_few_of_an_owner_go_before_and_the_rest_are_bulk(owner: User) -> None:
    documents = ask_for(owner, 7)
    assert [document.lane for document in documents] == [FAST_LANE] * 5 + [BULK_LANE] * 2


def test_an_owner_whose_bulk_was_read_is_in_the_fast_lane_again(owner: User) -> None:
    ask_for(owner, 7)
    Document.objects.update(status=Status.auto_approve)
    assert ask_for(owner)[0].lane == FAST_LANE


@pytest.mark.usefixtures("originals_in")
def test_an_upload_is_given_its_lane(owner: User, settings: Any) -> None:
    settings.OWNER_FAST_LANE = 1
    sent = [receive_upload(owner=owner, type="KTP", data=picture(), declared_type="image/jpeg") for _ in range(2)]
    assert [document.lane for document in sent] == [FAST_LANE, BULK_LANE]


def test_bulk_is_read_while_the_fast_lane_never_empties(owner: User, stranger: User) -> None:
    now = timezone.now()
    bulk = [make_document(owner, lane=BULK_LANE, queued_at=now - timedelta(seconds=60 - place)) for place in range(10)]
    taken = []
    for _ in range(4 * len(bulk)):
        make_document(stranger)
        taken.append(claimed())
    assert [document for document in taken if document.lane == BULK_LANE] == bulk
    assert taken[3::4] == bulk


def test_within_a_lane_what_waits_longest_is_first(owner: User) -> None:
    now = timezone.now()
    for lane in (BULK_LANE, FAST_LANE):
        for seconds in (10, 30, 20):
            make_document(owner, lane=lane, queued_at=now - timedelta(seconds=seconds))
    taken = [claimed() for _ in range(3)]
    assert [document.lane for document in taken] == [FAST_LANE] * 3
    assert [round((now - document.queued_at).total_seconds()) for document in taken] == [30, 20, 10]


def test_a_batch_is_filled_from_the_bulk_lane(owner: User) -> None:
    for lane in (BULK_LANE, FAST_LANE, BULK_LANE):
        make_document(owner, lane=lane)
    assert [held.document.lane for held in claims.claim("ocr.cpu", "w", 8)] == [FAST_LANE, BULK_LANE, BULK_LANE]


def test_what_was_put_off_in_the_fast_lane_holds_up_no_bulk(owner: User) -> None:
    make_document(owner, queued_at=timezone.now() + timedelta(seconds=60))
    bulk = make_document(owner, lane=BULK_LANE)
    assert claimed() == bulk
    assert claims.claim("ocr.cpu", "w") == []


def test_a_document_keeps_its_lane_when_it_is_given_back_handed_over_or_reaped(owner: User, settings: Any) -> None:
    settings.OCR_GPU_ENABLED = True
    document = make_document(owner, queue="ocr.gpu", lane=BULK_LANE)
    [held] = claims.claim("ocr.gpu", "w")
    claims.give_back(held, "ocr_failed", -1)
    [held] = claims.claim("ocr.gpu", "w")
    claims.hand_over(held, "gpu_lost", 0)
    claims.claim("ocr.cpu", "w")
    Document.objects.update(heartbeat_at=timezone.now() - timedelta(days=1))
    assert len(sweeping.reap_stuck()) == 1
    document.refresh_from_db()
    assert (document.state, document.queue, document.lane) == (Status.uploaded, "ocr.cpu", BULK_LANE)
    Document.objects.update(queue="ocr.gpu", queued_at=timezone.now() - timedelta(days=1))
    assert sweeping.hand_over_to_cpu() == 1
    document.refresh_from_db()
    assert (document.queue, document.lane) == ("ocr.cpu", BULK_LANE)


def test_hints_are_missed_for_both_lanes(owner: User, monkeypatch: Any) -> None:
    monkeypatch.setattr(sweeping, "hints_waiting", lambda queue: 1)
    for lane in (FAST_LANE, BULK_LANE, BULK_LANE):
        make_document(owner, lane=lane, queued_at=timezone.now() - timedelta(seconds=10))
    assert sweeping.missing_hints() == {"ocr.cpu": 2}


def test_a_row_of_the_version_before_which_knows_no_lanes_is_claimed(owner: User) -> None:
    pattern = make_document(owner, status=Status.auto_approve)
    columns = [f'"{field.column}"' for field in Document._meta.concrete_fields if field.name != "lane"]
    changed = {'"id"': "gen_random_uuid()", '"storage_key"': "'another'", '"status"': "'uploaded'"}
    values = ", ".join(changed.get(column, column) for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO documents_document ({', '.join(columns)}) SELECT {values} FROM documents_document")  # noqa: S608
    assert claimed().storage_key == "another"
    assert pattern.state is Status.auto_approve


@pytest.mark.parametrize(("oldest_first", "index"), [(False, "document_waiting_in_lane"), (True, "document_waiting")])
def test_a_claim_walks_an_index_and_sorts_nothing(owner: User, oldest_first: bool, index: str) -> None:
    waiting: DocumentQuerySet = Document.objects.waiting("ocr.cpu", oldest_first=oldest_first)
    with connection.cursor() as cursor:
        # Of a handful of rows a sort is as cheap as an index: what counts is that an index can give the order.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")
    plan = waiting.select_for_update(skip_locked=True)[:1].explain()
    assert f"Index Scan using {index} " in plan
    assert "Sort" not in plan
