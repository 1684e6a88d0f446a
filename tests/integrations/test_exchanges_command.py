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
