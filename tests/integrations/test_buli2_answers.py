from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.buli2_answers import BadAnswer, Buli2Status, Ticket, read_object, read_status, read_ticket


@pytest.mark.parametrize("name", ["taskId", "ticketId"])
def test_a_ticket_is_read_by_either_name(name: str) -> None:
    assert read_ticket({name: "T-1", "status": "pending"}) == Ticket("T-1", "pending")


def test_a_numeric_ticket_becomes_text() -> None:
    assert read_ticket({"taskId": 17}) == Ticket("17", "")


@pytest.mark.parametrize("ticket", ["", None, "..", ".", "a\nb", "é", "x" * 129, "/" * 100, ["T-1"], {"id": 1}])
def test_an_id_that_could_not_be_stored_or_put_into_a_path_is_refused(ticket: Any) -> None:
    with pytest.raises(BadAnswer):
        read_ticket({"taskId": ticket, "status": "pending"})


def test_a_status_with_a_decision_is_read() -> None:
    answer = {"status": "completed", "decision": "approved", "notes": "fine\x00" + "x" * 2000}
    assert read_status(answer) == Buli2Status("completed", "approved", "fine" + "x" * 996)


@pytest.mark.parametrize("decision", ["APPROVED", "maybe", 1, None, ["approved"], {"approved": 1}])
def test_a_word_that_is_no_decision_is_none(decision: Any) -> None:
    assert read_status({"status": "pending", "decision": decision}).decision is None


@pytest.mark.parametrize("status", [None, 7, "", "x" * 33, "a\x00b"])
def test_a_poll_without_a_status_is_refused(status: Any) -> None:
    with pytest.raises(BadAnswer):
        read_status({"status": status})


@pytest.mark.parametrize(
    "raw",
    [
        *(b"[]", b"null", b"{", b"<html>", b'{"a": NaN}', b"\xff\xfe", b"[" * 50_000, b"1" * 5_000, b'"text"'),
        b'{"decision": "approved", "decision": "rejected"}',
        '{"taskId": "t"}'.encode("utf-16"),
    ],
)
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(BadAnswer):
        read_object(raw)


def test_an_empty_body_is_an_empty_object() -> None:
    assert read_object(b" \n") == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(raw=st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_bad_answer(raw: bytes) -> None:
    with suppress(BadAnswer):
        assert isinstance(read_object(raw), dict)


@settings(max_examples=150, deadline=None)
@given(taskId=JSON, status=JSON, decision=JSON, notes=JSON)
def test_any_object_is_read_or_a_bad_answer(**answer: Any) -> None:
    for read in (read_ticket, read_status):
        with suppress(BadAnswer):
            read(answer)


def test_notes_that_nothing_could_hold_do_not_cost_the_decision() -> None:
    said = read_status(read_object(rb'{"status": "done", "decision": "rejected", "notes": "a\ud800b\u0000c"}'))
    assert (said.decision, said.notes) == ("rejected", "a?bc")
