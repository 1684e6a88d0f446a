import uuid
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from documents.models import Document, DocumentEvent, MovedMeanwhile
from documents.status import IllegalMove, Status
from filot.models import User
from tests.documents.build import make_document
from verification.models import VerificationRun

pytestmark = pytest.mark.django_db


def claimed(document: Document) -> uuid.UUID:
    token, now = uuid.uuid4(), timezone.now()
    claim = {"claim_token": token, "claimed_by": "w1", "claimed_at": now, "heartbeat_at": now}
    document.move_to(Status.processing, actor="w1", **claim)
    return token


def test_a_move_writes_its_event_in_the_same_transaction(owner: User) -> None:
    document = make_document(owner)
    with pytest.raises(RuntimeError), transaction.atomic():
        claimed(document)
        raise RuntimeError
    assert not DocumentEvent.objects.exists()
    document.refresh_from_db()
    claimed(document)
    event = DocumentEvent.objects.get()
    assert (event.before, event.after, event.actor, event.correlation_id) == ("uploaded", "processing", "w1", "test")


def test_a_move_from_where_the_row_no_longer_stands_writes_nothing(owner: User) -> None:
    document = make_document(owner)
    stale: Document = Document.objects.get(pk=document.pk)
    claimed(document)
    with pytest.raises(MovedMeanwhile):
        claimed(stale)
    assert DocumentEvent.objects.count() == 1


def test_a_worker_without_the_claim_is_refused(owner: User) -> None:
    document = make_document(owner)
    claimed(document)
    with pytest.raises(MovedMeanwhile):
        document.move_to(Status.ocr_completed, actor="zombie", guard={"claim_token": uuid.uuid4()})
    document.refresh_from_db()
    assert document.state is Status.processing


def test_an_illegal_move_is_refused_before_the_database_is_asked(owner: User) -> None:
    with pytest.raises(IllegalMove):
        make_document(owner).move_to(Status.approved, actor="x")


def test_states_on_the_way_have_their_events_in_order_and_no_row_stands_there(owner: User) -> None:
    document = make_document(owner)
    token = claimed(document)
    way = [Status.ocr_completed, Status.ai_evaluated]
    with CaptureQueriesContext(connection) as asked:
        document.move_to(Status.needs_review, through=way, actor="w1", reason="why", guard={"claim_token": token})
    assert sum(query["sql"].startswith(("UPDATE", "INSERT")) for query in asked) == 2
    events = DocumentEvent.objects.order_by("pk")[1:]
    assert [(event.before, event.after, event.reason) for event in events] == [
        ("processing", "ocr_completed", ""),
        ("ocr_completed", "ai_evaluated", ""),
        ("ai_evaluated", "needs_review", "why"),
    ]
    document.refresh_from_db()
    assert (document.state, document.claim_token) == (Status.needs_review, None)


def test_a_way_with_an_illegal_step_is_refused_whole(owner: User) -> None:
    document = make_document(owner)
    claimed(document)
    with pytest.raises(IllegalMove):
        document.move_to(Status.auto_approve, through=[Status.ocr_completed], actor="x")
    assert DocumentEvent.objects.count() == 1


def test_leaving_processing_gives_up_the_claim(owner: User) -> None:
    document = make_document(owner)
    token = claimed(document)
    document.move_to(Status.ocr_completed, actor="w1", guard={"claim_token": token})
    document.refresh_from_db()
    assert (document.claim_token, document.claimed_by, document.heartbeat_at) == (None, "", None)


def test_a_heartbeat_counts_only_under_the_claim(owner: User) -> None:
    document = make_document(owner)
    token = claimed(document)
    assert document.beat(token)
    assert not document.beat(uuid.uuid4())


def test_the_database_itself_refuses_an_unknown_status(owner: User) -> None:
    document = make_document(owner)
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute("UPDATE documents_document SET status = 'failed' WHERE id = %s", [document.pk])


def test_the_database_itself_refuses_processing_without_a_claim(owner: User) -> None:
    document = make_document(owner)
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute("UPDATE documents_document SET status = 'processing' WHERE id = %s", [document.pk])


def test_an_encrypted_column_holds_no_plain_value_and_reads_back(owner: User) -> None:
    fields = {"name": {"value": "BUDI CONTOH"}}
    document = make_document(owner)
    run = VerificationRun.objects.create(document=document, attempt=1, queue="ocr.cpu", worker="w", fields=fields)
    with connection.cursor() as cursor:
        cursor.execute("SELECT fields FROM verification_verificationrun WHERE id = %s", [run.pk])
        ((column,),) = cursor.fetchall()
    assert b"BUDI" not in bytes(column)
    assert VerificationRun.objects.get(pk=run.pk).fields == fields
    assert VerificationRun.objects.defer("fields").get(pk=run.pk).fields == fields


def test_an_encrypted_column_is_not_written_without_its_row(owner: User) -> None:
    VerificationRun.objects.create(document=make_document(owner), attempt=1, queue="ocr.cpu", worker="w")
    with pytest.raises(TypeError, match="never update"):
        VerificationRun.objects.update(fields={"name": "x"})


def test_saving_an_unopened_row_keeps_its_sealed_value(owner: User) -> None:
    made = VerificationRun.objects.create(
        document=make_document(owner), attempt=1, queue="ocr.cpu", worker="w", lines=[{"text": "NIK"}]
    )
    again: Any = VerificationRun.objects.get(pk=made.pk)
    again.worker = "other"
    again.save()
    assert VerificationRun.objects.get(pk=made.pk).lines == [{"text": "NIK"}]
