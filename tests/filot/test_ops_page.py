"""The page of operations: what is stuck is given back for a reason, which the audit trail keeps."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from documents.models import AuditEntry, Document
from filot import ops
from filot.models import User
from tests.documents.build import make_document
from tests.review.admin_cases import logged_in, staff

pytestmark = pytest.mark.django_db

PAGE = "/admin/ops/"


@pytest.fixture
def stuck(owner: User) -> Document:
    long_ago = timezone.now() - timedelta(hours=3)
    facts = {"claim_token": uuid.uuid4(), "claimed_by": "w", "claimed_at": long_ago, "heartbeat_at": long_ago}
    return make_document(owner, status="processing", attempts=1, **facts)


def status_of(document: Document) -> str:
    return Document.objects.values_list("status", flat=True).get(pk=document.pk)


def test_looking_lists_what_is_stuck_and_gives_nothing_back(stuck: Document) -> None:
    assert stuck.ref in logged_in(staff("ops")).get(PAGE).content.decode()
    assert status_of(stuck) == "processing"


def test_what_is_stuck_is_given_back_with_its_reason_in_the_audit_trail_and_its_queue_is_told(
    stuck: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[tuple[str, int]] = []
    monkeypatch.setattr(ops, "ring", lambda queue, count: rung.append((queue, count)))
    user = staff("ops")

    answer = logged_in(user).post(PAGE, {"reason": "worker_died"}, follow=True)

    assert "1 document was given back." in answer.content.decode()
    assert status_of(stuck) == "uploaded"
    entry = AuditEntry.objects.get(action="reaper.run")
    assert (entry.actor, entry.facts) == (str(user.pk), {"reason": "worker_died", "count": 1})
    assert rung == [(stuck.queue, 1)]


@pytest.mark.parametrize("reason", ["", "because"])
def test_without_a_reason_that_is_known_nothing_is_given_back(stuck: Document, reason: str) -> None:
    logged_in(staff("ops")).post(PAGE, {"reason": reason})

    assert status_of(stuck) == "processing"
    assert not AuditEntry.objects.filter(action="reaper.run").exists()


def test_nothing_is_given_back_when_the_entry_can_not_be_written(
    stuck: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object, **facts: object) -> None:
        raise RuntimeError("no trail")

    monkeypatch.setattr(ops, "note", fails)
    with pytest.raises(RuntimeError):
        logged_in(staff("ops")).post(PAGE, {"reason": "worker_died"})

    assert status_of(stuck) == "processing"


@pytest.mark.parametrize(("role", "seen"), [("auditor", 200), ("compliance", 200), ("senior", 200), ("reviewer", 403)])
def test_others_may_at_most_look(stuck: Document, role: str, seen: int) -> None:
    client = logged_in(staff(role))

    assert client.get(PAGE).status_code == seen
    assert client.post(PAGE, {"reason": "worker_died"}).status_code == 403
    assert status_of(stuck) == "processing"
