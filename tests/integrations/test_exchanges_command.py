"""`manage.py buli2_exchanges`: what is stuck, sent again or given up from a terminal."""

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from documents.models import AuditEntry
from integrations.models import Buli2Exchange
from tests.integrations.test_admin import exchange

pytestmark = pytest.mark.django_db


def said(*words: str) -> str:
    output = io.StringIO()
    call_command("buli2_exchanges", *words, stdout=output, stderr=io.StringIO())
    return output.getvalue()


def state_of(row: Buli2Exchange) -> str:
    return str(Buli2Exchange.objects.get(pk=row.pk).state)


def test_the_dead_ones_are_listed_with_ids_and_codes_only() -> None:
    dead, _ = exchange("dead"), exchange("done")
    listed = [json.loads(line) for line in said("--json").splitlines()]
    assert [one["id"] for one in listed] == [str(dead.pk)]
    assert (listed[0]["reviewId"], listed[0]["error"]) == (str(dead.review_id), "timeout")
    assert "SPECIMEN" not in said()


@pytest.mark.parametrize(("verb", "after"), [("--resend", "pending"), ("--cancel", "withdrawn")])
def test_one_or_all_of_them_are_sent_again_or_given_up(verb: str, after: str) -> None:
    one, two, waiting = exchange(), exchange(), exchange("pending")
    assert "1 of 1" in said(verb, str(one.pk), "--reason", "mended")
    assert (state_of(one), state_of(two)) == (after, "dead")
    assert "1 of 1" in said(verb, "all", "--reason", "mended")
    assert (state_of(two), state_of(waiting)) == (after, "pending")


def test_a_list_says_how_much_it_leaves_out_and_an_act_leaves_out_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.management.commands.buli2_exchanges.SHOWN", 2)
    rows = [exchange() for _ in range(3)]
    errors = io.StringIO()
    call_command("buli2_exchanges", stdout=io.StringIO(), stderr=errors)
    assert "and 1 more" in errors.getvalue()
    assert "3 of 3" in said("--resend", "all", "--reason", "mended")
    assert {state_of(row) for row in rows} == {"pending"}


def test_a_poll_that_was_refused_is_not_among_what_is_stuck() -> None:
    stuck, poll = exchange("refused"), exchange("refused", kind="status")
    assert [json.loads(line)["id"] for line in said("--state", "refused", "--json").splitlines()] == [str(stuck.pk)]
    assert "1 of 1" in said("--state", "refused", "--resend", "all", "--reason", "mended")
    assert (state_of(stuck), state_of(poll)) == ("pending", "refused")


@pytest.mark.parametrize(("verb", "action"), [("--resend", "exchange.resent"), ("--cancel", "exchange.given_up")])
def test_each_act_needs_a_reason_and_stands_in_the_audit_trail(verb: str, action: str) -> None:
    row = exchange()
    with pytest.raises(CommandError, match="say why"):
        said(verb, str(row.pk))
    assert state_of(row) == "dead"

    said(verb, str(row.pk), "--reason", "partner_asked")

    entry = AuditEntry.objects.get(subject=str(row.pk))
    assert (entry.action, entry.actor, entry.facts["reason"]) == (action, "system:buli2_exchanges", "partner_asked")


@pytest.mark.parametrize("word", ["no-uuid", "00000000-0000-4000-8000-000000000000"])
def test_an_id_that_nothing_has_is_an_error(word: str) -> None:
    with pytest.raises(CommandError, match="no exchange"):
        said("--resend", word)


def test_what_can_not_be_sent_again_is_said_and_left(settings: Any) -> None:
    done = exchange("done")
    with pytest.raises(CommandError, match="no state"):
        said("--resend", str(done.pk), "--reason", "mended")
    assert state_of(done) == "done"
