import uuid
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from documents.models import Document, DocumentEvent, MovedMeanwhile
from documents.services import receive_upload
from documents.status import Status
from filot.models import User
from ocr_gpu.pictures import page_jpeg
from ocr_gpu.sample_page import sample_page
from tests.verification.build import ScriptedEngine
from verification import claims, services
from verification.claims import claim, passing
from verification.models import VerificationRun


@pytest.fixture
def waiting(owner: User, originals_in: Any) -> Document:
    return receive_upload(owner=owner, type="KTP", data=page_jpeg(sample_page()), declared_type="image/jpeg")


def waits_for_the_disk() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        return bool(cursor.fetchone()[0] != "off")


@pytest.mark.django_db(transaction=True)
def test_only_what_can_be_done_again_is_not_waited_for() -> None:
    with passing():
        assert not waits_for_the_disk()
    with transaction.atomic():
        assert waits_for_the_disk()


@pytest.mark.django_db(transaction=True)
def test_a_decision_is_on_the_disk_when_it_is_told(waiting: Document, monkeypatch: Any) -> None:
    monkeypatch.setattr(services, "engine_of", lambda queue: ScriptedEngine())
    (held,) = claim("ocr.cpu", "w1")
    with CaptureQueriesContext(connection) as asked:
        services.verify([held], "ocr.cpu")
    said = [query["sql"] for query in asked]
    commits = [at for at, sql in enumerate(said) if sql == "COMMIT"]
    light = [at for at, sql in enumerate(said) if "synchronous_commit" in sql]
    assert len(light) == 1, "the reading"
    assert "ai_evaluated" in " ".join(said[commits[-2] : commits[-1]])
    assert not any(commits[-2] < at < commits[-1] for at in light)


def test_a_claim_that_was_made_just_now_is_looked_at_and_not_written_again(waiting: Document) -> None:
    (held,) = claim("ocr.cpu", "w1")
    with CaptureQueriesContext(connection) as asked:
        assert held.beat()
    assert [query["sql"].partition(" ")[0] for query in asked] == ["SELECT"]


def test_a_claim_that_was_lost_just_now_is_found_out(waiting: Document) -> None:
    (held,) = claim("ocr.cpu", "w1")
    Document.objects.update(claim_token=uuid.uuid4())
    assert not held.beat()


def test_a_claim_that_has_been_silent_shows_progress(waiting: Document) -> None:
    (held,) = claim("ocr.cpu", "w1")
    held.beaten_at -= claims.BEAT_SECONDS
    before = Document.objects.get().heartbeat_at
    with CaptureQueriesContext(connection) as asked:
        assert held.beat()
    assert [query["sql"].partition(" ")[0] for query in asked] == ["UPDATE"]
    assert Document.objects.get().heartbeat_at >= before
    assert held.was_beaten


def test_all_that_a_judgement_notes_is_kept(waiting: Document, monkeypatch: Any) -> None:
    monkeypatch.setattr(services, "engine_of", lambda queue: ScriptedEngine())
    (held,) = claim("ocr.cpu", "w1")
    services.verify([held], "ocr.cpu")
    fresh = VerificationRun.objects.get()
    names = [column.attname for column in VerificationRun._meta.concrete_fields]
    assert {name: getattr(held.run, name) for name in names} == {name: getattr(fresh, name) for name in names}
    assert fresh.decision and fresh.lines


def test_a_move_that_came_too_late_spoils_no_transaction_around_it(waiting: Document) -> None:
    late = Document.objects.get()
    claim("ocr.cpu", "w1")
    with transaction.atomic():
        with pytest.raises(MovedMeanwhile):
            late.move_to(Status.processing, actor="w2", claim_token=uuid.uuid4())
        assert Document.objects.count() == 1
    assert list(DocumentEvent.objects.values_list("after", flat=True)) == ["uploaded", "processing"]
