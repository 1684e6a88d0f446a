"""The page of an exchange with BULI2: who may send it again, and what that does."""

import re
import uuid
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from structlog.testing import capture_logs

from documents.models import AuditEntry
from filot.models import User
from integrations.buli2 import send_due
from integrations.models import Buli2Exchange
from integrations.simulator import BuliSimulator
from tests.review.admin_cases import logged_in, staff

pytestmark = pytest.mark.django_db
LIST = "/admin/integrations/buli2exchange/"
BUTTON = "Send again"
INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=\"|javascript:|<script(?![^>]*\ssrc=)", re.IGNORECASE)


def exchange(state: str = "dead", **facts: Any) -> Buli2Exchange:
    long_ago = timezone.now() - timedelta(hours=30)
    defaults = {
        "direction": "outbound",
        "kind": "submit",
        "method": "POST",
        "path": "/internal/reviews",
        "review_id": uuid.uuid4(),
        "error": "timeout",
        "attempt": 90,
        "body": {"parsedData": {"name": "SITI SPECIMEN"}},
        "created_at": long_ago,
        "waiting_since": long_ago,
    }
    return Buli2Exchange.objects.create(**{**defaults, "state": state, **facts})


def page(row: Buli2Exchange) -> str:
    return f"{LIST}{row.pk}/change/"


def resend(client: Client, row: Buli2Exchange, **more: Any) -> Any:
    return client.post(f"{LIST}{row.pk}/resend/", {"reason": "mended"}, **more)


def give_up(client: Client, row: Buli2Exchange, **more: Any) -> Any:
    return client.post(f"{LIST}{row.pk}/cancel/", {"reason": "not_needed"}, **more)


def is_due(row: Buli2Exchange) -> bool:
    row.refresh_from_db()
    return row.state == "pending" and row.next_attempt_at is not None and row.next_attempt_at <= timezone.now()


@pytest.mark.parametrize("state", ["dead", "refused"])
def test_ops_make_a_stopped_exchange_due_again_for_another_day(state: str, settings: Any) -> None:
    settings.BULI2_MODE = "sandbox"
    row, client = exchange(state), logged_in(staff("ops"))
    shown = client.get(page(row)).content.decode()

    answer = resend(client, row, follow=True)

    assert BUTTON in shown
    assert f'action="{LIST}{row.pk}/resend/"' in shown
    assert is_due(row)
    assert timezone.now() - row.waiting_since < timedelta(minutes=1)
    text = answer.content.decode()
    assert answer.redirect_chain == [(page(row), 302)]
    assert "tried again for 24 hours" in text
    assert BUTTON not in text


def test_what_was_made_due_is_delivered_by_the_next_round(simulator: BuliSimulator) -> None:
    row = exchange()
    row.body = {"reviewId": str(row.review_id), "parsedData": {}, "callbackUrl": ""}
    row.save()

    assert send_due() == []
    resend(logged_in(staff("ops")), row)

    assert [sent.state for sent in send_due()] == ["done"]


def test_who_sent_it_again_is_logged_with_ids_only() -> None:
    row, user = exchange(), staff("ops")

    with capture_logs() as logged:
        resend(logged_in(user), row)

    (event,) = [line for line in logged if line["event"] == "exchange_resend"]
    assert event == {
        "event": "exchange_resend",
        "log_level": "info",
        "user_id": str(user.pk),
        "exchange_id": str(row.pk),
        "review_id": str(row.review_id),
    }
    assert "SPECIMEN" not in str(logged)


@pytest.mark.parametrize(("door", "action"), [("resend", "exchange.resent"), ("cancel", "exchange.given_up")])
@pytest.mark.parametrize("reason", ["partner_asked", "", "because"])
def test_an_act_needs_a_reason_that_is_known_and_leaves_an_audit_entry(door: str, action: str, reason: str) -> None:
    row, user = exchange(), staff("ops")

    answer = logged_in(user).post(f"{LIST}{row.pk}/{door}/", {"reason": reason}, follow=True)

    row.refresh_from_db()
    entries = [(entry.action, entry.actor, entry.facts) for entry in AuditEntry.objects.filter(subject=str(row.pk))]
    facts = {"kind": "submit", "review": str(row.review_id), "reason": reason}
    known = reason == "partner_asked"
    assert entries == ([(action, str(user.pk), facts)] if known else [])
    assert (row.state != "dead") is known
    assert ("Say why" in answer.content.decode()) is not known


def test_the_list_says_whether_buli2_is_called_and_what_waits(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.BULI2_MODE = "sandbox"
    exchange("dead")
    client = logged_in(staff("ops"))
    assert ">answers<" in client.get(LIST).content.decode()

    broken = SimpleNamespace(state="open", failures=5, seconds_left=21)
    monkeypatch.setattr("integrations.buli2.buli2_breaker", lambda: broken)
    text = client.get(LIST).content.decode()

    assert "does not answer; tried again in 21 seconds" in text
    assert "5 of 5 failures in a row" in text
    assert '<a href="?state__exact=dead">Dead</a>: <strong>1</strong>' in text


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ("", "valid"),
        ("ALREADY_DECIDED", "valid"),
        ("INVALID_SERVICE_KEY", "valid"),
        ("MISSING_SIGNATURE", "missing"),
        ("INVALID_SIGNATURE", "invalid"),
        ("SIGNATURE_SECRET_MISSING", "no secret to check with"),
        ("too_large", "not looked at"),
    ],
)
def test_a_callback_is_listed_with_what_its_signature_was_worth(error: str, shown: str) -> None:
    exchange("refused" if error else "done", direction="inbound", kind="callback", error=error)

    text = logged_in(staff("ops")).get(LIST).content.decode()

    assert re.search(rf'<td class="field-signature_shown"><span class="pill \w+">{shown}</span>', text)


def test_what_we_sent_has_no_signature_to_judge() -> None:
    exchange()
    assert '<td class="field-signature_shown">-</td>' in logged_in(staff("ops")).get(LIST).content.decode()


@pytest.mark.parametrize(("role", "seen"), [("auditor", 200), ("compliance", 200), ("senior", 200), ("reviewer", 403)])
def test_others_have_no_button_and_no_door(role: str, seen: int) -> None:
    row, client = exchange(), logged_in(staff(role))

    shown = client.get(page(row))

    assert shown.status_code == seen
    assert BUTTON not in shown.content.decode()
    assert resend(client, row).status_code == 403
    assert not is_due(row)


def test_a_client_of_the_api_and_a_stranger_are_sent_to_the_login(owner: User, client: Client) -> None:
    row = exchange()

    for caller in (logged_in(owner), client):
        assert "/admin/login/" in resend(caller, row)["Location"]
    assert not is_due(row)


def test_a_get_sends_nothing() -> None:
    row = exchange()

    assert logged_in(staff("ops")).get(f"{LIST}{row.pk}/resend/").status_code == 405
    assert not is_due(row)


def test_a_post_without_its_token_is_refused() -> None:
    row, client = exchange(), Client(enforce_csrf_checks=True)
    client.force_login(staff("ops"))

    assert resend(client, row).status_code == 403
    assert not is_due(row)


@pytest.mark.parametrize(
    "facts",
    [
        {"state": "pending"},
        {"state": "done"},
        {"state": "failed", "kind": "status"},
        {"state": "refused", "kind": "status"},
        {"state": "refused", "kind": "callback", "direction": "inbound"},
    ],
)
def test_what_has_not_stopped_or_has_no_effect_can_not_be_sent_again(facts: dict[str, str]) -> None:
    row, client = exchange(**facts), logged_in(staff("ops"))
    before = Buli2Exchange.objects.values().get()

    with capture_logs() as logged:
        answer = resend(client, row, follow=True)

    assert BUTTON not in answer.content.decode()
    assert "Nothing was changed" in answer.content.decode()
    assert Buli2Exchange.objects.values().get() == before
    assert "exchange_resend" not in str(logged)


def test_pressing_twice_is_once() -> None:
    row, client = exchange(), logged_in(staff("ops"))
    resend(client, row)
    first = Buli2Exchange.objects.values().get()

    resend(client, row)

    assert Buli2Exchange.objects.values().get() == first


def test_an_exchange_that_does_not_exist_is_not_found() -> None:
    assert logged_in(staff("ops")).post(f"{LIST}{uuid.uuid4()}/resend/").status_code == 404


def test_without_a_partner_nothing_is_promised_that_no_one_will_do(settings: Any) -> None:
    settings.BULI2_MODE = "local"

    text = resend(logged_in(staff("ops")), exchange(), follow=True).content.decode()

    assert "once BULI2_MODE names a partner" in text
    assert "within seconds" not in text


def test_the_list_marks_the_dead_ones_and_shows_them_alone_when_asked() -> None:
    dead, done = exchange("dead"), exchange("done")
    client = logged_in(staff("ops"))

    everything = client.get(LIST).content.decode()
    dead_only = client.get(LIST, {"state__exact": "dead"}).content.decode()

    assert "?state__exact=dead" in everything
    assert '<span class="pill high">Dead</span>' in everything
    assert page(dead) in everything
    assert page(done) in everything
    assert page(dead) in dead_only
    assert page(done) not in dead_only
    assert BUTTON not in everything


def test_the_page_with_the_button_holds_nothing_inline_and_nothing_of_the_body() -> None:
    text = logged_in(staff("ops")).get(page(exchange())).content.decode()

    assert BUTTON in text
    assert not INLINE.search(text)
    assert "SPECIMEN" not in text


@pytest.mark.parametrize("state", ["pending", "dead", "refused"])
@pytest.mark.parametrize("arrived", [False, True])
def test_ops_give_an_exchange_up_and_are_told_what_buli2_may_know(state: str, arrived: bool) -> None:
    row, user = exchange(state, maybe_received=arrived), staff("ops")
    client = logged_in(user)
    assert "Give it up" in client.get(page(row)).content.decode()

    with capture_logs() as logged:
        text = give_up(client, row, follow=True).content.decode()

    row.refresh_from_db()
    assert (row.state, row.next_attempt_at) == ("withdrawn", None)
    assert ("may have received it" in text) is arrived
    assert "Give it up" not in text
    assert BUTTON not in text
    (event,) = [line for line in logged if line["event"] == "exchange_cancel"]
    assert (event["user_id"], event["exchange_id"]) == (str(user.pk), str(row.pk))
    assert send_due() == []


@pytest.mark.parametrize("role", ["auditor", "compliance", "reviewer", "senior"])
def test_nobody_else_gives_one_up(role: str) -> None:
    row = exchange()

    assert give_up(logged_in(staff(role)), row).status_code == 403
    row.refresh_from_db()
    assert row.state == "dead"


def test_what_is_done_can_not_be_given_up() -> None:
    row = exchange("done")

    assert "Nothing was changed" in give_up(logged_in(staff("ops")), row, follow=True).content.decode()
    row.refresh_from_db()
    assert row.state == "done"


def test_the_page_lists_every_attempt() -> None:
    row = exchange()
    row.attempts.create(number=1, http_status=503, error="http_503", duration_ms=77)

    assert "http_503" in logged_in(staff("auditor")).get(page(row)).content.decode()
