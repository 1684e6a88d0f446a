"""What was erased is gone, what the law holds is restricted and dated, and a death in between changes neither."""

import io
import uuid
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from documents import keys
from documents.audit import check_chain
from documents.models import AuditEntry, Document, DocumentEvent
from documents.sealed_rows import columns
from documents.sealing import CannotOpen, SubjectErased, seal, unseal
from documents.status import FINAL, Status
from documents.storage import OriginalMissing, page_key, read_original
from filot.models import AppKey, User
from integrations.models import Buli2Exchange, ExchangeState
from privacy import erasure
from privacy.closing import close
from privacy.erasure import due_subjects, erase_subject, forget_documents, purge_batch
from privacy.models import LegalHold, PersonalRequest, RequestKind, RequestState, Subject
from privacy.requests import ask
from review.models import Review, ReviewDecision
from tests.conftest import client_of
from tests.documents.build import make_document
from tests.privacy.people import NAME, document_of
from verification.models import VerificationRun

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]
LONG_AGO = timezone.now() - timedelta(days=6 * 366)


def nothing_is_left_of(owner: User, originals: Path) -> None:
    """No sealed value, no object, no index, no name in the account."""
    for column in columns():
        assert list(column.of(owner.pk)) == [], column
    kept = Document.objects.filter(owner_id=owner.pk)
    for document in kept:
        assert document.erased_at
        assert (document.number_index, document.sha256, document.idempotency_key) == ("", "", "")
        assert (document.fingerprint, document.picture_bands) == (None, None)
        assert not (originals / document.storage_key).exists()
        assert not (originals / page_key(document.storage_key)).exists()


def say(command: str, *arguments: str) -> str:
    out = io.StringIO()
    call_command(command, *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_a_person_is_erased_and_only_ids_states_and_times_stay(owner: User, originals_in: Path) -> None:
    User.objects.filter(pk=owner.pk).update(email="budi@example.org", display_name=NAME, subject="sub-1", issuer="i")
    owner.profile = {"display_name": NAME, "email": "budi@example.org"}
    owner.save(update_fields=["profile"])
    AppKey.objects.create(user=owner, key="00" * 20)  # who was staff once
    document = document_of(owner)
    ticket = Review.objects.get().buli2_ticket_id
    said = say("erase_subject", str(owner.pk), "--by", "dpo-1")
    assert not AppKey.objects.exists()
    assert f"{owner.pk}: erased, 1 documents" in said
    assert f"Ask it to: {ticket}" in said
    nothing_is_left_of(owner, originals_in)
    owner.refresh_from_db()
    assert owner.username == f"erased-{owner.pk.hex}"
    assert set(owner.told.values()) == {""}
    assert {owner.email, owner.display_name, owner.subject, owner.issuer, owner.first_name} == {""}
    assert not owner.is_active
    document.refresh_from_db()
    assert document.state is Status.rejected
    entry = AuditEntry.objects.get(action="subject.erased")
    assert (entry.actor, entry.subject, entry.facts) == ("dpo-1", str(owner.pk), {"documents": 1, "because": "asked"})
    assert check_chain() == []
    with pytest.raises(SubjectErased):
        seal(b"x", subject=owner.pk, belongs_to="x")


def test_erasing_twice_is_once(owner: User, originals_in: Path) -> None:
    document_of(owner)
    say("erase_subject", str(owner.pk))
    say("erase_subject", str(owner.pk))
    assert AuditEntry.objects.filter(action="subject.erased").count() == 1
    nothing_is_left_of(owner, originals_in)


HELD = (Status.approved, Status.auto_approve)


@pytest.mark.parametrize("status", [status for status in Status if status not in HELD])
def test_a_document_in_any_state_is_closed_by_legal_moves(owner: User, originals_in: Path, status: Status) -> None:
    document = document_of(owner, status)
    before = status in FINAL
    erase_subject(owner.pk, by="dpo-1")
    document.refresh_from_db()
    assert document.state in FINAL
    assert bool(DocumentEvent.objects.filter(document=document, reason="erased").exists()) is not before
    nothing_is_left_of(owner, originals_in)


def test_a_worker_that_reads_it_loses_its_claim(owner: User) -> None:
    document = document_of(owner, Status.processing)
    token = document.claim_token
    assert token
    close(document, actor="dpo-1")
    assert not document.beat(token)


def test_what_was_to_be_sent_to_buli2_is_not_sent(owner: User) -> None:
    document_of(owner, Status.needs_review)
    Buli2Exchange.objects.update(state=ExchangeState.pending, next_attempt_at=timezone.now())
    erase_subject(owner.pk, by="dpo-1")
    exchange = Buli2Exchange.objects.get()
    assert (exchange.state, exchange.body, exchange.next_attempt_at) == (ExchangeState.withdrawn, None, None)


def test_another_persons_data_stays(owner: User, stranger: User) -> None:
    document_of(owner)
    other = document_of(stranger)
    erase_subject(owner.pk, by="dpo-1")
    keys.forget_kept()
    other.refresh_from_db()
    assert other.applicant == {"name": NAME, "nik": "3171012505900001"}
    assert read_original(other.storage_key)


def test_what_the_law_holds_is_restricted_and_dated(owner: User, originals_in: Path) -> None:
    customer, refused = document_of(owner, Status.approved), document_of(owner, Status.rejected)
    done = erase_subject(owner.pk, by="dpo-1", today=date(2026, 11, 28))
    assert (done.erased, done.due_on) == (1, date(2031, 11, 28))
    assert [hold.because for hold in done.held] == ["KTP.approved"]
    subject = Subject.objects.get()
    assert subject.restricted_at and subject.erase_due_on == date(2031, 11, 28) and not subject.erased_at
    for document in (customer, refused):
        document.refresh_from_db()
    assert customer.restricted_at and not customer.erased_at
    assert read_original(customer.storage_key)
    assert refused.erased_at
    with pytest.raises(OriginalMissing):
        read_original(refused.storage_key)
    assert AuditEntry.objects.get(action="subject.restricted").facts["held"] == ["KTP.approved"]
    said = say("purge_expired")
    assert "0 subjects erased, 1 still held" in said


def test_it_is_erased_once_the_hold_is_over(owner: User, originals_in: Path) -> None:
    document_of(owner, Status.approved)
    LegalHold.objects.create(owner=owner, reason_code="court", placed_by="x")
    Subject.objects.create(owner=owner, relationship_ended_on=date(2020, 1, 1))
    said = say("erase_subject", str(owner.pk))
    assert "restricted until a day that is not known yet, held by court" in said
    say("legal_hold", str(owner.pk), "--lift")
    assert "1 subjects erased, 0 still held" in say("purge_expired")
    nothing_is_left_of(owner, originals_in)


def test_a_restricted_person_cannot_log_in_and_a_restricted_document_is_not_read(owner: User) -> None:
    api = client_of(owner)
    waiting = document_of(owner, Status.approved)
    assert api.get(f"/documents/{waiting.pk}").status_code == 200
    erase_subject(owner.pk, by="dpo-1")
    assert api.get(f"/documents/{waiting.pk}").status_code == 401
    late = make_document(owner, restricted_at=timezone.now())
    assert list(Document.objects.waiting("ocr.cpu").filter(pk=late.pk)) == []


def test_an_erased_document_is_not_found_by_its_owner(owner: User) -> None:
    document = document_of(owner)
    api = client_of(owner)
    link = api.get(f"/documents/{document.pk}/download").json()["url"]
    forget_documents(owner.pk, [document], by="x", because="retention")
    for path in (f"documents/{document.pk}", f"documents/{document.pk}/result", f"verification/status/{document.pk}"):
        assert api.get(f"/{path}").status_code == 404
    assert api.get(link).status_code == 404
    assert api.get("/documents").json()["results"] == []


def test_an_account_of_staff_is_not_erased(reviewer: User) -> None:
    with pytest.raises(CommandError, match="account of staff"):
        say("erase_subject", str(reviewer.pk))
    with pytest.raises(CommandError, match="no account"):
        say("erase_subject", str(uuid.uuid4()))


def test_a_request_for_erasure_is_answered_by_it(owner: User, stranger: User) -> None:
    asked, new = ask(owner, RequestKind.erasure)
    assert new and ask(owner, RequestKind.erasure) == (asked, False)
    document_of(owner)
    erase_subject(owner.pk, by="dpo-1")
    asked.refresh_from_db()
    assert (asked.state, asked.outcome) == (RequestState.done, "erased")
    ask(stranger, RequestKind.erasure)
    document_of(stranger, Status.approved)
    erase_subject(stranger.pk, by="dpo-1")
    assert PersonalRequest.objects.get(owner=stranger).state == RequestState.waits


STEPS = ["close", "delete_original", "_blank", "_anonymise", "_close_requests"]


@pytest.mark.parametrize("step", STEPS)
def test_a_death_at_any_step_is_found_by_the_next_purge(
    owner: User, originals_in: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    document_of(owner, Status.needs_review)
    document_of(owner, Status.auto_reject)
    with monkeypatch.context() as dying:
        dying.setattr(erasure, step, lambda *args, **facts: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            erase_subject(owner.pk, by="dpo-1")
    assert due_subjects() == [owner.pk]
    assert "1 subjects erased" in say("purge_expired")
    nothing_is_left_of(owner, originals_in)
    assert due_subjects() == []


def test_a_document_that_came_in_while_its_owner_was_erased_is_found(owner: User, originals_in: Path) -> None:
    erase_subject(owner.pk, by="dpo-1")
    make_document(owner)
    assert "1 subjects erased" in say("purge_expired")
    nothing_is_left_of(owner, originals_in)


# What is past its time -----------------------------------------------------------------------------------------------


def test_what_is_past_its_time_is_erased_in_batches_and_the_rest_stays(owner: User, stranger: User) -> None:
    old = [document_of(owner, Status.rejected, status_since=LONG_AGO) for _ in range(3)]
    old.append(document_of(stranger, Status.auto_reject, status_since=LONG_AGO))
    fresh = document_of(owner, Status.rejected)
    assert "4 documents and 0 subjects would be looked at" in say("purge_expired", "--dry-run")
    assert not Document.objects.filter(erased_at__isnull=False).exists()
    assert "2 documents erased" in say("purge_expired", "--batch", "1", "--limit", "2")
    assert "2 documents erased" in say("purge_expired", "--batch", "1")
    assert "0 documents erased" in say("purge_expired")
    assert Document.objects.filter(erased_at__isnull=False).count() == 4
    fresh.refresh_from_db()
    assert fresh.applicant and read_original(fresh.storage_key)
    owner.refresh_from_db()
    assert owner.is_active
    audited = AuditEntry.objects.filter(action="document.erased").values_list("document_id", flat=True)
    assert set(audited) == {document.pk for document in old}


def test_a_death_in_a_batch_is_made_good_by_the_next(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        document_of(owner, Status.rejected, status_since=LONG_AGO)
    real, left = erasure.delete_original, [2]

    def dies(key: str) -> None:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        real(key)

    with monkeypatch.context() as dying:
        dying.setattr(erasure, "delete_original", dies)
        with pytest.raises(KeyboardInterrupt):
            purge_batch(10, by="x")
    assert purge_batch(10, by="x") == 3
    assert purge_batch(10, by="x") == 0


def test_the_key_of_what_was_erased_goes_too_and_the_rest_is_under_a_fresh_one(owner: User) -> None:
    gone, kept = document_of(owner, Status.rejected, status_since=LONG_AGO), document_of(owner, Status.rejected)
    before = bytes(Document.objects.values_list("applicant", flat=True).get(pk=gone.pk))
    said = say("purge_expired")
    assert "1 documents erased" in said and "0 older keys gone" in said
    assert keys.versions_of(owner.pk) == [1, 2]
    assert "1 older keys gone" in say("purge_expired", "--key-days", "0")
    assert keys.versions_of(owner.pk) == [2]
    keys.forget_kept()
    place: Any = Document._meta.get_field("applicant")
    with pytest.raises(CannotOpen):
        unseal(before, belongs_to=place.place(gone))
    kept.refresh_from_db()
    assert kept.applicant and VerificationRun.objects.get(document=kept).fields
    assert ReviewDecision.objects.get(review__document=kept).note
