"""Keys are changed beside readers and writers; what dies half-way goes on where it ended."""

import io
import json
import os
import uuid
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from documents import keys, resealing
from documents.encrypted import EncryptedJSONField, Sealed
from documents.models import AuditEntry, Document
from documents.resealing import reseal, rewrap_all
from documents.sealed_rows import OF_A_DOCUMENT, columns, count_before_data_keys
from documents.sealing import CannotOpen, SubjectErased
from documents.status import Status
from documents.storage import originals, page_key, read_original, read_page, write_original, write_page
from filot.models import AppKey, User
from integrations.models import Buli2Exchange, Direction, ExchangeState
from review.models import ReviewDecision
from tests.review.cases import FIELDS, case_of
from verification.models import VerificationRun

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]
NOW = timedelta(0)
APPLICANT = {"name": "BUDI SPECIMEN"}


def everything_of(owner: User) -> Document:
    """A document with something in each sealed column, an original and a page."""
    review = case_of(owner, applicant=APPLICANT)
    document = review.document
    write_original(document.storage_key, b"the original")
    write_page(document.storage_key, b"the page")
    ReviewDecision.objects.create(
        review=review, decision="approved", source="console", decided_by="x", accepted=True, note="a note"
    )
    Buli2Exchange.objects.create(
        direction=Direction.outbound,
        kind="submit",
        method="POST",
        path="/",
        review_id=review.pk,
        subject=owner.pk,
        state=ExchangeState.done,
        body={"name": "BUDI SPECIMEN"},
        answer={"taskId": "1"},
    )
    return document


def check_all_opens(document: Document) -> None:
    keys.forget_kept()
    assert Document.objects.get().applicant == APPLICANT
    run = VerificationRun.objects.get()
    assert run.fields == FIELDS and run.lines
    assert ReviewDecision.objects.get().note == "a note"
    exchange = Buli2Exchange.objects.get()
    assert exchange.body == {"name": "BUDI SPECIMEN"} and exchange.answer == {"taskId": "1"}
    assert read_original(document.storage_key) == b"the original"
    assert read_page(document.storage_key) == b"the page"


def sealed_values(owner: User) -> list[bytes]:
    found = [
        bytes(value)
        for column in columns()
        for value in column.of(owner.pk).values_list(column.field.attname, flat=True)
    ]
    for key in Document.objects.filter(owner=owner).values_list("storage_key", flat=True):
        for name in (key, page_key(key)):
            with originals().open(name) as stored:
                found.append(stored.read())
    return found


def versions_used(owner: User) -> set[int]:
    return {int.from_bytes(value[17:19], "big") for value in sealed_values(owner)}


def test_every_sealed_column_of_every_app_says_whose_it_is() -> None:
    sealed = [
        field for model in apps.get_models() for field in model._meta.fields if isinstance(field, EncryptedJSONField)
    ]
    assert len(sealed) >= 6
    assert [str(field) for field in sealed if not field.subject] == []
    for column in columns():
        assert list(column.of(uuid.uuid4())) == []


def test_every_sealed_column_is_reached_by_an_erasure() -> None:
    """By its document, as a message by its review, or by its user; and it can be empty, or its row goes."""
    reached = [column for column in columns() if column.field.subject.endswith(OF_A_DOCUMENT)]
    others = {column.model for column in columns()} - {column.model for column in reached}
    assert others == {Document, Buli2Exchange, User, AppKey}
    assert [column.model for column in columns() if not column.field.null] == [AppKey]


def test_all_that_is_a_subjects_is_sealed_under_their_own_key(owner: User) -> None:
    everything_of(owner)
    values = sealed_values(owner)
    assert len(values) == 8
    assert {value[1:17] for value in values} == {owner.pk.bytes}


def test_everything_is_sealed_anew_and_the_older_key_destroyed(owner: User) -> None:
    document = everything_of(owner)
    before = sealed_values(owner)
    done = reseal(owner.pk, by="ops", settled_after=NOW)
    assert (done.values, done.objects, done.left) == (6, 2, 0.0)
    assert versions_used(owner) == {2}
    assert keys.versions_of(owner.pk) == [2]
    check_all_opens(document)
    with pytest.raises(CannotOpen):
        keys.opened(uuid.UUID(bytes=before[0][1:17]), 1)
    assert AuditEntry.objects.get(action="key.destroyed").subject == str(owner.pk)


def test_the_older_key_stays_while_another_process_may_seal_under_it(owner: User) -> None:
    document = everything_of(owner)
    first = reseal(owner.pk, by="ops")
    assert 100 < first.left <= 150
    assert keys.versions_of(owner.pk) == [1, 2]
    VerificationRun.objects.update(fields=_sealed_under_the_first_key(owner))
    again = reseal(owner.pk, by="ops")
    assert (again.values, again.objects) == (1, 0)
    last = reseal(owner.pk, by="ops", settled_after=NOW)
    assert (last.values, last.left, keys.versions_of(owner.pk)) == (0, 0.0, [2])
    check_all_opens(document)


def _sealed_under_the_first_key(owner: User) -> Sealed:
    """As a process writes that still believes the older key to be the newest."""
    run = VerificationRun.objects.get()
    field: Any = VerificationRun._meta.get_field("fields")
    head = b"\x02" + owner.pk.bytes + b"\x00\x01"
    nonce = os.urandom(12)
    plain = json.dumps(FIELDS).encode()
    return Sealed(
        head + nonce + keys.opened(owner.pk, 1).cipher.encrypt(nonce, plain, head + field.place(run).encode())
    )


def test_a_row_written_meanwhile_is_not_overwritten(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    everything_of(owner)
    real, changed = resealing.reseal_columns.__globals__["unseal"], []

    def written_meanwhile(value: bytes, *, belongs_to: str) -> bytes:
        if ".applicant." in belongs_to and not changed:
            changed.append(belongs_to)
            document = Document.objects.get()
            document.applicant = {"name": "SITI SPECIMEN"}
            document.save(update_fields=["applicant"])
        return real(value, belongs_to=belongs_to)

    monkeypatch.setitem(resealing.reseal_columns.__globals__, "unseal", written_meanwhile)
    reseal(owner.pk, by="ops", settled_after=NOW)
    assert changed
    assert Document.objects.get().applicant == {"name": "SITI SPECIMEN"}


@pytest.mark.parametrize("at", range(1, 10))
def test_a_death_at_any_step_is_made_good_by_repeating(owner: User, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    document = everything_of(owner)
    real, left = resealing.reseal_columns.__globals__["unseal"], [at]

    def dies(value: bytes, *, belongs_to: str) -> bytes:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return real(value, belongs_to=belongs_to)

    with monkeypatch.context() as dying:
        dying.setitem(resealing.reseal_columns.__globals__, "unseal", dies)
        if at <= 8:
            with pytest.raises(KeyboardInterrupt):
                reseal(owner.pk, by="ops", settled_after=NOW)
        else:
            dying.setattr(keys, "destroy_version", lambda *args: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                reseal(owner.pk, by="ops", settled_after=NOW)
    check_all_opens(document)
    reseal(owner.pk, by="ops", settled_after=NOW)
    assert keys.versions_of(owner.pk) == [2]
    check_all_opens(document)


def test_a_document_that_is_being_read_keeps_the_older_key(owner: User) -> None:
    document = everything_of(owner)
    Document.objects.update(status=Status.processing, claim_token=uuid.uuid4())
    assert reseal(owner.pk, by="ops", settled_after=NOW).left > 0
    assert keys.versions_of(owner.pk) == [1, 2]
    Document.objects.update(status=Status.needs_review, claim_token=None)
    assert reseal(owner.pk, by="ops", settled_after=NOW).left == 0
    check_all_opens(document)


def older(owner: User) -> None:
    """Everything as it was sealed before there were data keys."""
    cipher = AESGCM(bytes(range(32)))

    def aged(value: bytes, place: str) -> bytes:
        plain = keys.opened(owner.pk, 1).cipher.decrypt(value[19:31], value[31:], value[:19] + place.encode())
        nonce = os.urandom(12)
        return b"\x01\x02k1" + nonce + cipher.encrypt(nonce, plain, place.encode())

    for column in columns():
        name = column.field.attname
        for pk, value in column.of(owner.pk).values_list("pk", name):
            place = column.field.place(column.model(pk=pk))
            column.model._default_manager.filter(pk=pk).update(**{name: Sealed(aged(value, place))})
    key = Document.objects.get().storage_key
    for name in (key, page_key(key)):
        with originals().open(name) as stored:
            fresh = aged(stored.read(), name)
        originals().replace(name, ContentFile(fresh))  # type: ignore[attr-defined]


def test_what_was_sealed_before_data_keys_opens_and_is_brought_under_one(owner: User) -> None:
    document = everything_of(owner)
    older(owner)
    check_all_opens(document)
    assert count_before_data_keys() == 6
    out = io.StringIO()
    call_command("rotate_master_key", stdout=out)
    assert "6 columns are still sealed under ENCRYPTION_KEYS itself" in out.getvalue()
    call_command("reseal_subject", "--all", "--keep-key", stdout=out)
    assert f"{owner.pk}: 6 values and 2 objects, done" in out.getvalue()
    assert count_before_data_keys() == 0
    check_all_opens(document)
    assert keys.versions_of(owner.pk) == [1]


def test_a_master_key_is_taken_away_after_it_was_rotated(owner: User, settings: Any, tmp_path: Any) -> None:
    settings.KEY_STORE = {"root": tmp_path / "keys"}
    keys.forget_kept()
    document = everything_of(owner)
    settings.ENCRYPTION_KEYS = {"k2": bytes(32), **settings.ENCRYPTION_KEYS}
    out = io.StringIO()
    call_command("rotate_master_key", "--by", "ops-1", stdout=out)
    assert "1 data keys of 1 subjects wrapped under local:k2" in out.getvalue()
    settings.ENCRYPTION_KEYS = {"k2": bytes(32)}
    check_all_opens(document)
    assert AuditEntry.objects.get(action="master_key.rotated").actor == "ops-1"


def test_a_rotation_that_dies_is_repeated_and_one_that_cannot_open_says_so(settings: Any, tmp_path: Any) -> None:
    settings.KEY_STORE = {"root": tmp_path / "keys"}
    keys.forget_kept()
    for _ in range(3):
        keys.current(uuid.uuid4())
    old = dict(settings.ENCRYPTION_KEYS)
    settings.ENCRYPTION_KEYS = {"k2": bytes(32), **old}
    subjects = resealing._subjects()
    keys.rewrap(next(iter(subjects)))
    assert rewrap_all() == (3, 2, [])
    settings.ENCRYPTION_KEYS = {"k3": bytes(32)}
    with pytest.raises(CommandError, match="3 subjects have keys that no known master key opens"):
        call_command("rotate_master_key", stdout=io.StringIO())


def test_an_erased_subject_is_passed_over(owner: User) -> None:
    everything_of(owner)
    keys.destroy(owner.pk)
    with pytest.raises(SubjectErased):
        reseal(owner.pk, by="ops")
    out = io.StringIO()
    call_command("reseal_subject", str(owner.pk), stdout=out)
    assert "erased, nothing to do" in out.getvalue()


def test_the_columns_are_counted_by_the_database(owner: User) -> None:
    everything_of(owner)
    assert count_before_data_keys() == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM documents_document WHERE get_byte(applicant, 0) = 2")
        assert cursor.fetchone() == (1,)
