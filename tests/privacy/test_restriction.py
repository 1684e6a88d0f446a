"""What the law keeps of somebody who asked to be erased is not shown, taken or sent. It hides no second account."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone, translation

from documents.models import Document
from documents.pressure import counted_late, counted_waiting
from filot.models import User
from filot.queues import queue_figures
from filot.service_figures import service_figures
from integrations.buli2 import Buli2Refused
from integrations.models import Buli2Exchange, ExchangeState
from privacy.erasure import erase_subject
from privacy.models import LegalHold
from review.bulk import BulkRefused, in_bulk
from review.case import same_number
from review.dashboard import figures
from review.deciding import Said, decide_case
from review.four_eyes import is_duplicate
from review.looks import take_look
from review.lost import what_happened
from review.models import BlindLook, Decision, Review, ReviewDecision, Source
from review.partner import submit
from review.queue import listed
from review.taking import CaseLost, NotTaken, queue_state, take, take_next
from tests.documents.build import make_document
from tests.privacy.people import NAME
from tests.review.admin_cases import logged_in, open_case, staff
from verification.fields import FieldValue
from verification.known import known_of
from verification.replaying import counted_runs, judge_again

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("originals_in")]
CASE = "/admin/review/review/{}/"


def restrict(owner: User) -> None:
    LegalHold.objects.create(owner=owner, reason_code="court", placed_by="x")
    assert erase_subject(owner.pk, by="dpo-1").held


def test_a_restricted_case_is_in_no_queue_and_on_no_page(owner: User, stranger: User) -> None:
    case, other = open_case(owner), open_case(stranger, number="3171012505900001")
    senior = staff("senior")
    restrict(owner)

    for state in ("", "all", "today", "decided"):
        assert case not in listed({"state": state}, senior).reviews
    page = listed({}, senior)
    assert (page.reviews, page.total) == ([other], 1)
    assert figures().waiting == 1
    assert queue_state(senior).waiting == 1
    client = logged_in(senior)
    for address in ("change/", "page/0.png"):
        assert client.get(CASE.format(case.pk) + address).status_code == 404
    for door in ("claim", "approve", "reject", "correct", "reveal", "escalate"):
        assert client.post(CASE.format(case.pk) + f"{door}/").status_code == 404


def test_nobody_takes_a_restricted_case_by_any_way(owner: User) -> None:
    case, senior = open_case(owner), staff("senior")
    restrict(owner)

    assert take_next(senior) is None
    with pytest.raises(NotTaken) as refused:
        take(case.pk, senior)
    assert refused.value.code == "restricted"
    with pytest.raises(BulkRefused, match="restricted"):
        in_bulk("assign", [case.pk], senior, person=str(senior.pk))
    assert in_bulk("new_upload", [case.pk], senior, reason_code="unreadable") == 0
    case.refresh_from_db()
    assert (case.holder, case.assigned_to, case.decision) == (None, None, "")


def test_a_case_that_is_restricted_under_somebodys_hands_is_not_decided_by_them(owner: User) -> None:
    case, senior = open_case(owner), staff("senior")
    version = take(case.pk, senior).version
    restrict(owner)

    with pytest.raises(CaseLost) as lost:
        decide_case(case.pk, senior, Said(Decision.rejected, version, "unreadable"))
    with translation.override("en"):
        assert "asked for erasure" in " ".join(what_happened(lost.value.review, senior))
    assert not ReviewDecision.objects.exists()


def test_a_restriction_hides_no_second_account_and_shows_nothing_of_the_first(owner: User, stranger: User) -> None:
    facts = {"sha256": "a" * 64}
    theirs, ours = open_case(owner), open_case(stranger)
    Document.objects.update(**facts)
    ours.refresh_from_db()
    assert is_duplicate(ours.document)
    assert same_number(ours) == [theirs.document]
    known = known_of(ours.document, {})
    assert (known.number_elsewhere, known.file_elsewhere) == (1, 1)
    restrict(owner)

    assert is_duplicate(ours.document)
    assert same_number(ours) == []
    known = known_of(ours.document, {"name": FieldValue(value=NAME, raw=NAME, confidence=1.0, box=None)})
    assert known.as_json() == {"number_elsewhere": 1, "file_elsewhere": 1}, "counted, and no sealed name opened"
    client = logged_in(staff("senior"))
    compare = CASE.format(ours.pk) + f"compare/{theirs.document_id}/"
    assert client.get(compare).status_code == 404
    page = client.get(CASE.format(ours.pk) + "change/").content.decode()
    assert "1 document whose sender asked for erasure" in page
    assert theirs.document.ref not in page and str(theirs.document_id) not in page


def test_the_rule_of_two_in_the_database_counts_it_too(owner: User, stranger: User) -> None:
    open_case(owner)
    ours, reviewer = open_case(stranger, needs_two=False, two_because=[]), staff("reviewer")
    facts: dict[str, Any] = {
        "review": ours,
        "decision": Decision.rejected,
        "source": Source.console,
        "decided_by": str(reviewer.pk),
        "user": reviewer,
        "accepted": True,
    }
    restrict(owner)
    with pytest.raises(IntegrityError, match="two people"), transaction.atomic():
        ReviewDecision.objects.create(**facts)
    assert erase_subject(owner.pk, by="dpo-1").held
    LegalHold.objects.update(lifted_at=timezone.now())
    assert not erase_subject(owner.pk, by="dpo-1").held
    ReviewDecision.objects.create(**facts)


def test_a_restricted_document_is_looked_at_no_second_time(owner: User) -> None:
    case, reviewer = open_case(owner), staff("reviewer")
    BlindLook.objects.create(review=case, kind=BlindLook.Kind.second, expected=Decision.approved)
    held = take_look(reviewer)
    assert held and held.review == case
    client = logged_in(reviewer)
    page = "/admin/review/blindlook/"
    assert case.document.ref in client.get(page).content.decode()
    restrict(owner)
    assert case.document.ref not in client.get(page).content.decode()
    BlindLook.objects.update(user=None, lease_until=None)
    assert take_look(reviewer) is None


def test_a_restricted_case_is_sent_to_nobody_new(owner: User) -> None:
    case, sent = open_case(owner), open_case(owner, number="")
    waiting = Buli2Exchange.objects.create(
        direction="outbound",
        kind="submit",
        method="POST",
        path="/internal/reviews",
        review_id=sent.pk,
        subject=owner.pk,
        state=ExchangeState.pending,
        body={"parsedData": {"name": NAME}},
        body_sha256="0" * 64,
    )
    restrict(owner)
    with pytest.raises(Buli2Refused, match="restricted"):
        submit(case.pk)
    waiting.refresh_from_db()
    assert waiting.state == ExchangeState.withdrawn


def test_a_note_about_a_restricted_document_is_not_listed(owner: User) -> None:
    case = open_case(owner)
    ReviewDecision.objects.create(
        review=case, decision="approved", source="buli2", decided_by="buli2", accepted=True, note="a note"
    )
    client = logged_in(staff("auditor"))
    listing = "/admin/review/reviewdecision/"
    assert case.document.ref in client.get(listing).content.decode()
    restrict(owner)
    assert case.document.ref not in client.get(listing).content.decode()


def test_what_was_read_of_a_restricted_document_is_not_judged_again(owner: User) -> None:
    open_case(owner)
    assert len(list(judge_again(counted_runs()))) == 1
    restrict(owner)
    assert list(judge_again(counted_runs())) == []


def test_what_is_restricted_keeps_no_alert_awake(owner: User) -> None:
    long_ago = timezone.now() - timedelta(days=3)
    make_document(owner, queued_at=long_ago, created_at=long_ago)
    open_case(owner, due_at=long_ago)
    before = service_figures()
    assert (before["overdue"], before["reviews"]["open"], before["reviews"]["overdue"]) == (1, 1, 1)
    assert (counted_waiting(), counted_late()) == (1, 1)
    restrict(owner)

    after = service_figures()
    assert (after["overdue"], after["reviews"]["open"], after["reviews"]["overdue"]) == (0, 0, 0)
    assert sum(queue_figures()["length"].values()) == 0
    assert (counted_waiting(), counted_late()) == (0, 0)


def test_restricted_documents_are_left_out_of_lists_by_an_index_of_their_own() -> None:
    """Few are restricted: their ids are read once, not looked up for each case."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'document_restricted'")
        assert "restricted_at IS NOT NULL" in cursor.fetchone()[0]
    assert str(Review.objects.in_use().query).count("restricted_at") == 1
