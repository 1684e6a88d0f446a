"""Figures of decisions against examples counted by hand."""

from dataclasses import replace

import pytest

from tests.verification.decisions import card, read_all, read_well
from verification.bench import Share
from verification.decision_bench import Judged, Traded, evidence_of, judged, share, summary, tradeoff
from verification.decision_cards import JUDGED_ON, Sent, declared, picture
from verification.evidence import Known
from verification.policy import load_policy
from verification.scoring import Thresholds

KTP, OTHER = picture("ktp", "clean", 1), picture("ktp", "clean", 2)
STANDARD, USUAL = load_policy("standard@1"), Thresholds(85, 35)


def decided(*scenario: Sent, policy: str = "standard@1", thresholds: Thresholds = USUAL) -> list[Judged]:
    return judged([scenario], read_all([scenario]), load_policy(policy), thresholds)


def test_a_card_is_judged_with_those_before_it_known_and_not_those_after() -> None:
    first, second = decided(Sent(KTP, "A", "honest", "ktp"), Sent(KTP, "B", "faulty", "duplicate"))
    assert (first.outcome, first.stopped) == ("approved", ())
    assert second.outcome == "person"


def test_scenarios_know_nothing_of_one_another() -> None:
    scenarios = [(Sent(KTP, owner, "honest", "ktp"),) for owner in "AB"]
    cards = judged(scenarios, read_all(scenarios), STANDARD, USUAL)
    assert [each.outcome for each in cards] == ["approved", "approved"]


def test_what_is_only_there_to_be_known_is_not_counted() -> None:
    (only,) = decided(Sent(OTHER, "A", "before", "before"), Sent(KTP, "A", "honest", "ktp"))
    assert only.file == KTP.file


def test_an_honest_card_that_is_stopped_names_the_checks_that_forbid_it() -> None:
    lie = declared({**KTP.values, "name": "SOMEBODY ELSE"})
    (stopped,) = decided(Sent(KTP, "A", "honest", "ktp", applicant=lie))
    assert (stopped.outcome, stopped.stopped, stopped.gated) == ("person", ("declared_name",), True)
    assert not stopped.approvable


def test_one_that_lacks_points_alone_names_what_took_them() -> None:
    short = picture("ktp", "clean", 1, {**KTP.values, "address": "JL. A"}, mark="short")
    strict = Thresholds(97, 35)
    (stopped,) = decided(Sent(short, "A", "honest", "ktp"), thresholds=strict)
    assert (stopped.outcome, stopped.stopped, stopped.gated) == ("person", ("address",), False)
    assert stopped.approvable
    assert stopped.score == 96
    (lower,) = decided(Sent(short, "A", "honest", "ktp"), thresholds=Thresholds(stopped.score, 35))
    assert (lower.outcome, lower.stopped) == ("approved", ())


def test_what_the_baseline_lacks_is_named_too() -> None:
    nameless = picture("ktp", "clean", 1, {**KTP.values, "name": ""}, mark="nameless")
    (stopped,) = decided(Sent(nameless, "A", "honest", "ktp"), policy="baseline")
    assert (stopped.stopped, stopped.gated, stopped.approvable) == (("name_missing",), False, False)


def nothing_read(level: str) -> Judged:
    sent = Sent(picture("ktp", level, 1), "A", "honest", "ktp")
    empty = replace(read_well(sent.picture), fields={}, lines=[])
    return judged([(sent,)], {sent.picture.file: empty}, STANDARD, USUAL)[0]


def test_a_rejection_of_what_nobody_can_read_is_apart_and_only_at_the_hardest_level() -> None:
    assert nothing_read("hard").outcome == "unreadable"
    assert nothing_read("phone").outcome == "rejected"


def test_a_file_refused_at_the_door_is_rejected_and_known_to_nobody() -> None:
    first, second = Sent(KTP, "B", "honest", "ktp"), Sent(KTP, "A", "honest", "ktp")
    reads = {KTP.file: replace(read_well(KTP), fields={}, lines=[], fingerprint=None, error="UNREADABLE")}
    one, two = judged([(first, second)], reads, STANDARD, USUAL)
    assert (one.outcome, two.outcome) == ("rejected", "rejected")
    assert not one.approvable


def test_a_picture_without_its_reading_is_an_error() -> None:
    with pytest.raises(KeyError):
        judged([(Sent(KTP, "A", "honest", "ktp"),)], {}, STANDARD, USUAL)


def test_the_evidence_is_that_of_the_fixed_day_with_what_was_declared() -> None:
    sent = Sent(KTP, "A", "honest", "ktp", applicant=declared(dict(KTP.values)))
    evidence = evidence_of(sent, replace(read_well(KTP), issues=("glare",)), Known(sent_before=1))
    assert (evidence.today, evidence.issues, evidence.known.sent_before) == (JUDGED_ON, ("glare",), 1)
    assert evidence.applicant.nik == KTP.values["nik"]
    assert evidence.kind.code == "ktp"


MIXED = [
    card(),
    card(outcome="person", score=70),
    card(level="scan", outcome="person", score=84),
    card(level="phone", outcome="rejected", score=10, approvable=False),
    card(level="phone", score=90),
    card(level="hard", outcome="unreadable", score=0, approvable=False),
    card(truth="faulty", outcome="approved", score=95),
    card(truth="faulty", outcome="person", score=80),
    card(truth="faulty", outcome="person", score=99, approvable=False),
    card(truth="faulty", outcome="rejected", score=5, approvable=False),
    card(truth="apart", outcome="approved"),
]


def test_the_summary_counts_what_matters_and_leaves_those_apart_out() -> None:
    assert summary(MIXED) == {
        "honest": 6,
        "faulty": 4,
        "wrong_approvals": 1,
        "wrong_rejections": 1,
        "unreadable": 1,
        "auto_clean_scan": 0.3333,
        "auto_phone": 0.5,
        "apart": 1,
        "apart_approved": 1,
    }
    assert share(MIXED, "person") == Share(4, 11)


def test_lower_thresholds_approve_more_but_never_what_a_gate_forbids() -> None:
    traded = tradeoff(MIXED)
    assert len(traded) == 101
    assert traded[85] == Traded(85, Share(2, 6), Share(1, 4))
    assert traded[84] == Traded(84, Share(3, 6), Share(1, 4))
    assert traded[80] == Traded(80, Share(3, 6), Share(2, 4))
    assert traded[0] == Traded(0, Share(4, 6), Share(2, 4))
    assert traded[100] == Traded(100, Share(1, 6), Share(0, 4))


@pytest.mark.parametrize("policy", ["standard@1", "baseline"])
@pytest.mark.parametrize("approve", [50, 85, 100])
def test_the_tradeoff_at_a_threshold_is_what_judging_under_it_gives(policy: str, approve: int) -> None:
    moved = picture("ktp", "clean", 1, {**KTP.values, "district": "TEMPAT LAIN SEKALI"}, mark="moved")
    short = picture("ktp", "clean", 2, {**OTHER.values, "address": "JL"}, mark="short")
    scenario = [(Sent(each, "A", "honest", "ktp"),) for each in (KTP, moved, short)]
    reads = read_all(scenario)
    at_usual = judged(scenario, reads, load_policy(policy), USUAL)
    under_it = judged(scenario, reads, load_policy(policy), Thresholds(approve, 35))
    assert tradeoff(at_usual)[approve].honest == share(under_it, "approved")
