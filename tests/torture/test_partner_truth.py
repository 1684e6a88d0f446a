"""The checker sees every breach between the partner's journal and our rows that is planted in them."""

from dataclasses import replace

import pytest

from tests.torture.partner_truth import PartnerEffect, ReviewRow, Try, breaker_faults, partner_faults, times_opened

SUBMITTED = PartnerEffect("submitted", "r1", "SIM-1")
DECIDED = PartnerEffect("decided", "r1", "SIM-1", "approved")
ANSWERED = PartnerEffect("callback", "r1", "SIM-1", "200")
CANCELLED = PartnerEffect("cancelled", "r1", "SIM-1")
THEIRS = ReviewRow("r1", "SIM-1", "approved", "buli2", exchanges=[("submit", "done")])
OURS = ReviewRow("r1", "SIM-1", "rejected", "console", exchanges=[("submit", "done"), ("cancel", "done")])


def faults(row: ReviewRow, *effects: PartnerEffect) -> list[str]:
    return list(partner_faults(effects, {row.id: row}))


def only(found: list[str], word: str) -> None:
    assert len(found) == 1, found
    assert word in found[0]


def test_nothing_is_said_of_what_is_sound() -> None:
    assert faults(THEIRS, SUBMITTED, DECIDED, ANSWERED) == []
    assert faults(OURS, SUBMITTED, CANCELLED) == []


def test_a_partner_that_was_too_late_was_told_so_and_nothing_is_left_to_take_back() -> None:
    late = replace(OURS, refused=[("buli2", "approved")], exchanges=[("submit", "done"), ("cancel", "refused")])
    assert faults(late, SUBMITTED, DECIDED, replace(ANSWERED, said="409")) == []


@pytest.mark.parametrize("effect", [SUBMITTED, DECIDED, CANCELLED])
def test_an_effect_that_the_partner_had_twice(effect: PartnerEffect) -> None:
    assert any(" times: " in fault for fault in faults(THEIRS, SUBMITTED, DECIDED, effect, effect))


def test_two_answers_to_copies_of_a_callback_are_no_two_effects() -> None:
    assert faults(THEIRS, SUBMITTED, DECIDED, ANSWERED, ANSWERED) == []


def test_a_ticket_that_we_lost_or_never_got() -> None:
    only(faults(replace(THEIRS, ticket=""), SUBMITTED, DECIDED), "its row says nothing")
    only(faults(replace(THEIRS, ticket="SIM-2"), SUBMITTED, DECIDED), "its row says SIM-2")
    only(list(partner_faults([SUBMITTED], {})), "there is no review")
    assert any("never heard" in fault for fault in faults(THEIRS, DECIDED))


@pytest.mark.parametrize("state", ["pending", "dead", "refused"])
def test_an_exchange_that_never_got_through(state: str) -> None:
    only(faults(replace(THEIRS, exchanges=[("submit", state)]), SUBMITTED, DECIDED), f"still {state}")


def test_an_exchange_that_is_called_done_and_had_no_effect() -> None:
    only(faults(OURS, SUBMITTED), "the partner did nothing")


def test_a_decision_of_the_partner_that_got_lost() -> None:
    open_still = replace(THEIRS, decision="", source="")
    only(faults(open_still, SUBMITTED, DECIDED), "undecided")
    only(faults(replace(OURS, exchanges=[("submit", "done")]), SUBMITTED, DECIDED), "decided approved")


def test_a_decision_that_the_partner_never_made() -> None:
    only(faults(THEIRS, SUBMITTED), "decided nothing")


def test_a_partner_that_was_told_the_contrary_of_what_counts() -> None:
    only(faults(THEIRS, SUBMITTED, DECIDED, replace(ANSWERED, said="409")), "was told 409")


def failing(*began: float) -> list[Try]:
    return [Try(at, at + 0.1, failed=True) for at in began]


FIVE = failing(0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    "after",
    [
        failing(34.2, 64.4),  # one probe each 30 s
        [Try(34.2, 34.3, failed=False), *failing(34.4, 34.5)],  # it is well again, and closed
        failing(3.9),  # was under way when it opened
    ],
)
def test_a_breaker_as_the_contract_has_it(after: list[Try]) -> None:
    assert list(breaker_faults([*FIVE, *after])) == []


def test_a_success_or_a_refusal_starts_the_count_again() -> None:
    assert list(breaker_faults([*FIVE[:4], Try(3.2, 3.3, failed=False), *failing(5, 6, 7, 8)])) == []
    assert times_opened([*FIVE[:4], Try(3.2, 3.3, failed=False), *failing(5, 6, 7, 8)]) == 0


def test_a_breaker_that_lets_tries_through() -> None:
    only(list(breaker_faults([*FIVE, *failing(14)])), "after the breaker had opened")
    only(list(breaker_faults([*FIVE, Try(34.2, 44.2, failed=True), Try(36, 36.1, failed=False)])), "beside a probe")
    assert times_opened(FIVE) == 1
