"""What `standard` decides: under every combination of outcomes, and of cards laid out by hand."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verification.judged import KTP_VALUES, NIK, OLD, card, field
from verification import policy as module
from verification.checks import Outcome
from verification.evidence import Applicant, Known
from verification.kinds import Kind
from verification.policy import CHECKS, POLICIES, DataPolicy, Worth, load_policy
from verification.scoring import HIGHEST_SCORE, Thresholds, Verdict

PASSED, FAILED, UNKNOWN = Outcome.passed, Outcome.failed, Outcome.unknown
REJECTING = {"another_document", "some_card", "readable"}
# What the machine may not do without. Each is a gate, or worth so much that the rest falls short of the threshold.
NEEDED = {
    "KTP": {"number", "name", "kind", "birth_date", "sex", "region", "valid"},
    "NPWP": {"number", "npwp_structure", "name", "kind"},
}
CONTRADICTIONS = {
    "KTP": {"birth_date", "sex", "region", "region_code", "serial", "number_possible", "age"},
    "NPWP": {"npwp_structure", "npwp_numbers_agree", "number_possible"},
}
TYPES = ("KTP", "NPWP")


def standard() -> DataPolicy:
    policy = load_policy("standard")
    assert isinstance(policy, DataPolicy)
    return policy


def worths(document_type: str) -> Mapping[str, Worth]:
    return standard().worths[document_type]


class Told:
    """Checks that say what they are told, in the place of those that look; all others pass."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.outcomes: Mapping[str, Outcome | None] = {}
        stand_ins = {code: replace(check, look=self._look(code)) for code, check in CHECKS.items()}
        monkeypatch.setattr(module, "CHECKS", stand_ins)

    def _look(self, code: str) -> Any:
        return lambda evidence: self.outcomes.get(code, PASSED)

    def judge(self, document_type: str, outcomes: Mapping[str, Outcome | None]) -> Verdict:
        self.outcomes = outcomes
        return standard().judge(card(document_type), Thresholds())


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    return Told(monkeypatch)


def earning(document_type: str) -> list[str]:
    """The checks that points can be had for: with all others passed the score is as high as it gets."""
    return [code for code, worth in worths(document_type).items() if max(worth.points.values(), default=0) > 0]


def combinations(codes: list[str]) -> Iterator[dict[str, Outcome]]:
    for outcomes in product(Outcome, repeat=len(codes)):
        yield dict(zip(codes, outcomes, strict=True))


@pytest.mark.parametrize("document_type", TYPES)
def test_no_combination_of_outcomes_approves_without_what_is_needed(told: Told, document_type: str) -> None:
    """Every combination of the checks that earn points, all others passed. Those can only take points away or forbid,
    as the next test says, so what is not approved here is approved in no other combination either.
    """
    count = approved = 0
    for outcomes in combinations(earning(document_type)):
        verdict = told.judge(document_type, outcomes)
        count += 1
        if verdict.decision == "auto_approve":
            approved += 1
            assert all(outcomes.get(code, PASSED) is PASSED for code in NEEDED[document_type]), outcomes
        assert verdict.decision != "auto_reject", outcomes  # whatever contradicts and however little was read
    assert count == 3 ** len(earning(document_type)) >= 3**7
    assert 0 < approved <= 27


@pytest.mark.parametrize("document_type", TYPES)
def test_nothing_but_a_pass_earns_points(document_type: str) -> None:
    for code, worth in worths(document_type).items():
        for outcome in (FAILED, UNKNOWN):
            assert worth.points.get(outcome, 0) <= 0, code
        assert PASSED not in worth.gate, code


@pytest.mark.parametrize("document_type", TYPES)
def test_one_check_that_does_not_pass_approves_only_where_it_is_no_more_than_a_note(
    told: Told, document_type: str
) -> None:
    notes = {
        code
        for code, outcome in product(worths(document_type), (FAILED, UNKNOWN))
        if told.judge(document_type, {code: outcome}).decision == "auto_approve"
    }
    assert not NEEDED[document_type] & notes
    assert not CONTRADICTIONS[document_type] & {
        code for code in notes if told.judge(document_type, {code: FAILED}).decision == "auto_approve"
    }


@given(st.data())
def test_only_what_is_surely_no_card_is_rejected_whatever_else_is_found(data: st.DataObject) -> None:
    """Any outcomes of all checks at once."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        told = Told(monkeypatch)
        document_type = data.draw(st.sampled_from(TYPES))
        codes = list(worths(document_type))
        outcomes = dict(zip(codes, data.draw(st.tuples(*[st.sampled_from(Outcome)] * len(codes))), strict=True))
        verdict = told.judge(document_type, outcomes)
    failed = {code for code, outcome in outcomes.items() if outcome is FAILED}
    if verdict.decision == "auto_reject":
        assert failed & REJECTING
    if failed & REJECTING:
        assert verdict.decision != "auto_approve"
    if verdict.decision == "auto_approve":
        assert all(outcomes.get(code, PASSED) is PASSED for code in NEEDED[document_type])
    assert verdict.score == max(0, min(HIGHEST_SCORE, sum(verdict.points.values())))


@pytest.mark.parametrize("document_type", TYPES)
@pytest.mark.parametrize("code", sorted(REJECTING))
def test_surely_no_card_is_rejected_though_the_picture_is_clear(told: Told, document_type: str, code: str) -> None:
    nothing = dict.fromkeys((*NEEDED[document_type], "address"), UNKNOWN) | {"number": FAILED, "name": FAILED}
    assert told.judge(document_type, {**nothing, code: FAILED}).decision == "auto_reject"
    assert told.judge(document_type, {**nothing, code: UNKNOWN}).decision == "needs_review"


@pytest.mark.parametrize("document_type", TYPES)
def test_only_the_checks_that_may_reject_do(document_type: str) -> None:
    assert {code for code, worth in worths(document_type).items() if worth.rejects} == REJECTING


@pytest.mark.parametrize("document_type", TYPES)
def test_a_gate_forbids_at_score_100(told: Told, document_type: str) -> None:
    gates = [(code, outcome) for code, worth in worths(document_type).items() for outcome in worth.gate]
    lenient = Thresholds(approve=1, reject=0)
    for code, outcome in gates:
        told.outcomes = {code: outcome}
        verdict = standard().judge(card(document_type), lenient)
        assert verdict.decision == "needs_review", code
        assert verdict.gates == [code]
        assert verdict.reasons[-1].code == "gate"
    assert len(gates) > 20


@pytest.mark.parametrize("document_type", TYPES)
def test_every_finding_with_its_points_is_in_the_verdict_and_they_add_up(told: Told, document_type: str) -> None:
    verdict = told.judge(document_type, {"address": UNKNOWN, "one_number": FAILED})
    assert {finding.code for finding in verdict.findings} == set(worths(document_type))
    assert verdict.score == sum(finding.points for finding in verdict.findings) == sum(verdict.points.values()) < 100
    assert (verdict.policy, verdict.policy_version) == ("standard", POLICIES["standard"])
    assert told.judge(document_type, {}).score == HIGHEST_SCORE


def test_a_question_that_does_not_arise_is_no_finding(told: Told) -> None:
    verdict = told.judge("KTP", {"declared_name": None})
    assert "declared_name" not in {finding.code for finding in verdict.findings}
    assert verdict.decision == "auto_approve"


def test_the_thresholds_are_reached_by_a_point(told: Told) -> None:
    told.outcomes = {"address": UNKNOWN}
    score = standard().judge(card(), Thresholds()).score
    assert standard().judge(card(), Thresholds(approve=score)).decision == "auto_approve"
    assert standard().judge(card(), Thresholds(approve=score + 1)).decision == "needs_review"
    told.outcomes = {"some_card": FAILED, "number": FAILED, "name": FAILED}
    score = standard().judge(card(), Thresholds()).score
    assert standard().judge(card(), Thresholds(reject=score + 1)).decision == "auto_reject"
    assert standard().judge(card(), Thresholds(reject=score)).decision == "needs_review"


def test_reasons_begin_with_what_weighs_most_and_hold_no_value(told: Told) -> None:
    verdict = told.judge("KTP", {"address": UNKNOWN, "birth_date": FAILED, "some_card": UNKNOWN, "sent_before": FAILED})
    assert [reason.code for reason in verdict.reasons] == ["some_card", "birth_date", "address", "sent_before", "gate"]
    assert [reason.client for reason in verdict.reasons[:3]] == [
        "unclear_picture",
        "details_unclear",
        "details_unclear",
    ]
    assert told.judge("KTP", {}).reasons[0].code == "complete"


@pytest.mark.parametrize("document_type", TYPES)
def test_a_card_that_was_read_whole_has_100_points_and_is_approved(document_type: str) -> None:
    verdict = standard().judge(card(document_type), Thresholds())
    assert (verdict.score, verdict.decision, verdict.gates) == (100, "auto_approve", [])
    assert [reason.code for reason in verdict.reasons] == ["complete", "score_approves"]


ALTERED: dict[str, tuple[str, dict[str, Any]]] = {
    "a digit of the day": ("KTP", {"nik": f"{NIK[:7]}2{NIK[8:]}"}),
    "a digit of the month": ("KTP", {"nik": f"{NIK[:9]}8{NIK[10:]}"}),
    "a digit of the year": ("KTP", {"nik": f"{NIK[:11]}1{NIK[12:]}"}),
    "a digit of the province": ("KTP", {"nik": f"31{NIK[2:]}"}),
    "a digit of the regency": ("KTP", {"nik": f"3275{NIK[4:]}"}),
    "a digit of the district": ("KTP", {"nik": f"327605{NIK[6:]}"}),
    "a serial of zeros": ("KTP", {"nik": f"{NIK[:12]}0000"}),
    "the birth date": ("KTP", {"birthDate": "1990-07-11"}),
    "the sex": ("KTP", {"gender": "LAKI-LAKI"}),
    "the region": ("KTP", {"province": "BANTEN", "regency": "KOTA SERANG", "district": "CURUG"}),
    "no birth date": ("KTP", {"birthDate": None}),
    "no sex": ("KTP", {"gender": None}),
    "no district": ("KTP", {"district": None}),
    "a number only proposed": ("KTP", {"nik": field(None, raw=f"{NIK[:4]}O{NIK[5:]}")}),
    "a number not sure": ("KTP", {"nik": field(NIK, confidence=0.89)}),
    "a date of issue after today": ("KTP", {"issuedDate": field(None, raw="DEPOK 12-03-2065")}),
    "a date of issue before the birth": ("KTP", {"issuedDate": "1985-03-12"}),
    "an expired foreigner": ("KTP", {"nationality": "WNA", "validUntil": "2020-01-01"}),
    "a foreigner without an end": ("KTP", {"nationality": "WNA", "validUntil": None}),
    "neither nationality nor end": ("KTP", {"nationality": None, "validUntil": None}),
    "a check digit": ("NPWP", {"npwpNumber": "38.513.519.8-256.000"}),
    "two numbers that differ": ("NPWP", {"npwp16": "0385135180256000"}),
    "a name not sure": ("NPWP", {"name": field("PUSPARINI", confidence=0.5)}),
}


@pytest.mark.parametrize("case", ALTERED)
def test_an_altered_or_half_read_card_goes_to_a_person(case: str) -> None:
    document_type, values = ALTERED[case]
    assert standard().judge(card(document_type, **values), Thresholds()).decision == "needs_review"


HONEST: dict[str, tuple[str, dict[str, Any]]] = {
    "an older card with a printed end": ("KTP", {"validUntil": "2017-07-01"}),
    "a foreigner whose card is valid": ("KTP", {"nationality": "JEPANG", "validUntil": "2028-01-31"}),
    "no address": ("KTP", {"address": None}),
    "a short address": ("KTP", {"address": "DUSUN II"}),
    "no province, no regency": ("KTP", {"province": None, "regency": None}),
    "no religion": ("KTP", {"religion": None}),
    "a resident's new number": ("NPWP", {"npwpNumber": None, "npwp16": NIK}),
    "both numbers of a resident": ("NPWP", {"npwp16": NIK}),
    "an old number and a NIK": ("NPWP", {"nik": NIK}),
    "a firm": ("NPWP", {"npwpNumber": None, "npwp16": f"0{OLD}", "name": "PT MAJU JAYA"}),
    "no tax office, no address": ("NPWP", {"taxOffice": None, "address": None}),
}


@pytest.mark.parametrize("case", HONEST)
def test_an_honest_card_is_approved(case: str) -> None:
    document_type, values = HONEST[case]
    verdict = standard().judge(card(document_type, **values), Thresholds())
    assert verdict.decision == "auto_approve", verdict.points


@pytest.mark.parametrize("known", [{"number_elsewhere": 1}, {"picture_with_other_number": 1}, {"number_rejected": 1}])
def test_a_duplicate_goes_to_a_person_and_its_sender_learns_nothing(known: dict[str, int]) -> None:
    verdict = standard().judge(card(other={"known": Known.from_json(known)}), Thresholds())
    assert verdict.decision == "needs_review"
    assert {reason.client for reason in verdict.reasons} == {""}


def test_what_was_declared_must_be_comparable_and_the_same() -> None:
    for applicant, decision in (
        (Applicant(nik=NIK, name="Pusparini Kusumalaga"), "auto_approve"),
        (Applicant(nik=f"{NIK[:12]}0001"), "needs_review"),
        (Applicant(name="Pusparini"), "needs_review"),
    ):
        assert standard().judge(card(other={"applicant": applicant}), Thresholds()).decision == decision


def test_a_chat_about_a_card_or_nothing_at_all() -> None:
    nothing: dict[str, Any] = dict.fromkeys(KTP_VALUES)
    chat = card(**nothing, other={"kind": Kind("other_text", 0.5, ("NIK", "Nama"))})
    blank = card(**nothing, other={"kind": Kind("none", 1.0, ())})
    assert standard().judge(chat, Thresholds()).decision == "needs_review"
    assert standard().judge(blank, Thresholds()).decision == "auto_reject"
