"""Against what is known besides the card: other documents, the owner's other card, what the client declared."""

from typing import Any

import pytest

from tests.verification.judged import BORN, NIK, OLD, card, failed, field, outcomes
from verification.checks import Outcome
from verification.evidence import Applicant, Evidence, Known
from verification.known_checks import CHECKS
from verification.nik import compose_nik
from verification.npwp_number import compose_npwp15, format_npwp15

PASSED, FAILED, UNKNOWN = Outcome.passed, Outcome.failed, Outcome.unknown
OTHER_NIK = compose_nik("327606", BORN, woman=True, serial=77)
OTHER_OLD = compose_npwp15(12345678, office=1)
OF_NUMBERS = {"number_elsewhere", "picture_altered", "number_other_name", "rejected_before"}
COUNTS = {
    "number_elsewhere": "number_elsewhere",
    "file_elsewhere": "file_elsewhere",
    "picture_elsewhere": "picture_elsewhere",
    "picture_with_other_number": "picture_altered",
    "number_with_other_name": "number_other_name",
    "number_rejected": "rejected_before",
    "sent_before": "sent_before",
    "name_with_other_number": "name_other_number",
    "numbers_of_owner": "one_number",
}


def says(code: str, evidence: Evidence) -> Outcome | None:
    return CHECKS[code].look(evidence)


def declared(document_type: str, applicant: Applicant, **values: object) -> Evidence:
    return card(document_type, **values, other={"applicant": applicant})


def test_in_a_house_without_other_documents_everything_passes() -> None:
    assert outcomes(CHECKS, card()) == dict.fromkeys(COUNTS.values(), PASSED)


@pytest.mark.parametrize(("count", "code"), COUNTS.items())
def test_each_count_fails_its_check_and_no_other(count: str, code: str) -> None:
    known = Known.from_json({count: 2})
    assert failed(CHECKS, card(other={"known": known})) == {code}


def test_of_a_number_that_was_not_read_nothing_is_known() -> None:
    found = outcomes(CHECKS, card(nik=field(None, raw="3276")))
    assert {code for code, outcome in found.items() if outcome is UNKNOWN} == OF_NUMBERS


@pytest.mark.parametrize("code", ["other_card_number", "other_card_name"])
def test_the_other_card_agrees_differs_or_leaves_it_open(code: str) -> None:
    for agreement, outcome in (("agrees", PASSED), ("differs", FAILED), ("unclear", UNKNOWN), (None, None)):
        assert says(code, card(other={"known": Known.from_json({code: agreement})})) is outcome


def test_what_was_not_declared_is_not_asked() -> None:
    assert not {"declared_number", "declared_name", "declared_birth_date"} & set(outcomes(CHECKS, card()))


@pytest.mark.parametrize(
    ("nik", "read", "outcome"),
    [
        (NIK, NIK, PASSED),
        (OTHER_NIK, NIK, FAILED),
        (NIK, None, UNKNOWN),
        (NIK, field(None, raw=NIK), UNKNOWN),
    ],
)
def test_the_declared_nik_of_an_identity_card(nik: str, read: object, outcome: Outcome) -> None:
    assert says("declared_number", declared("KTP", Applicant(nik=nik), nik=read)) is outcome


def test_a_declared_npwp_says_nothing_of_an_identity_card() -> None:
    assert says("declared_number", declared("KTP", Applicant(npwp=NIK))) is None


NPWP_DECLARED: dict[str, tuple[Applicant, dict[str, Any], Outcome]] = {
    "the old number": (Applicant(npwp=OLD), {}, PASSED),
    "the old number as printed": (Applicant(npwp=format_npwp15(OLD)), {}, PASSED),
    "zero and the old number": (Applicant(npwp=f"0{OLD}"), {}, PASSED),
    "another old number": (Applicant(npwp=OTHER_OLD), {}, FAILED),
    "the old number where zero stands before it": (
        Applicant(npwp=OLD),
        {"npwpNumber": None, "npwp16": f"0{OLD}"},
        PASSED,
    ),
    "the old number where the card has the NIK": (Applicant(npwp=OLD), {"npwpNumber": None, "npwp16": NIK}, UNKNOWN),
    "the NIK where the card has the old number": (Applicant(npwp=NIK), {}, UNKNOWN),
    "the NIK where both stand": (Applicant(npwp=NIK), {"npwp16": NIK}, PASSED),
    "the NIK as such": (Applicant(nik=NIK), {"npwpNumber": None, "npwp16": NIK}, PASSED),
    "the NIK that an old card prints": (Applicant(nik=NIK), {"nik": NIK}, PASSED),
    "another NIK": (Applicant(nik=OTHER_NIK), {"nik": NIK}, FAILED),
    "a NIK that the card does not have": (Applicant(nik=NIK), {}, UNKNOWN),
    "both, one to compare": (Applicant(nik=NIK, npwp=OLD), {}, PASSED),
    "both, one of them wrong": (Applicant(nik=OTHER_NIK, npwp=OLD), {"nik": NIK}, FAILED),
    "a number where none was read": (Applicant(npwp=OLD), {"npwpNumber": None}, UNKNOWN),
}


@pytest.mark.parametrize("case", NPWP_DECLARED)
def test_the_declared_numbers_of_a_tax_card(case: str) -> None:
    applicant, values, outcome = NPWP_DECLARED[case]
    assert says("declared_number", declared("NPWP", applicant, **values)) is outcome


@pytest.mark.parametrize(
    ("name", "read", "outcome"),
    [
        ("Pusparini Kusumalaga", "PUSPARINI KUSUMALAGA", PASSED),
        ("Hj. Pusparini Kusumalaga, S.H.", "PUSPARINI KUSUMALAGA", PASSED),
        ("Pusparini", "PUSPARINI KUSUMALAGA", UNKNOWN),
        ("Puspawati Kusumalaga", "PUSPARINI KUSUMALAGA", FAILED),
        ("Pusparini Kusumalaga", None, UNKNOWN),
    ],
)
def test_the_declared_name(name: str, read: object, outcome: Outcome) -> None:
    assert says("declared_name", declared("KTP", Applicant(name=name), name=read)) is outcome


@pytest.mark.parametrize(
    ("document_type", "born", "values", "outcome"),
    [
        ("KTP", BORN.isoformat(), {}, PASSED),
        ("KTP", "1990-07-02", {}, FAILED),
        ("KTP", BORN.isoformat(), {"birthDate": None}, PASSED),  # by the NIK
        ("KTP", BORN.isoformat(), {"birthDate": None, "nik": None}, UNKNOWN),
        ("NPWP", BORN.isoformat(), {"nik": NIK}, PASSED),
        ("NPWP", BORN.isoformat(), {"npwp16": NIK}, PASSED),
        ("NPWP", "1990-07-02", {"npwp16": NIK}, FAILED),
        ("NPWP", BORN.isoformat(), {}, UNKNOWN),
    ],
)
def test_the_declared_birth_date(document_type: str, born: str, values: dict[str, Any], outcome: Outcome) -> None:
    assert says("declared_birth_date", declared(document_type, Applicant(birth_date=born), **values)) is outcome


def test_a_sender_is_told_of_a_difference_only_where_there_is_one() -> None:
    for code in ("declared_number", "declared_name", "declared_birth_date"):
        assert CHECKS[code].told(FAILED) == "details_differ"
        assert CHECKS[code].told(UNKNOWN) == "details_unclear"


def test_a_sender_is_told_nothing_of_other_documents() -> None:
    for code, check in CHECKS.items():
        if not code.startswith("declared"):
            assert {check.told(outcome) for outcome in Outcome} == {""}, code


def test_what_is_known_and_declared_survives_being_stored() -> None:
    known = Known(number_elsewhere=2, other_card_name="unclear")
    assert Known.from_json(known.as_json()) == known
    assert known.as_json() == {"number_elsewhere": 2, "other_card_name": "unclear"}
    assert Known.from_json({"number_elsewhere": 1, "of_a_later_version": 3}) == Known(number_elsewhere=1)
    told = {"name": "A", "nik": NIK, "npwp": OLD, "birthDate": "1990-07-01", "more": "x"}
    assert Applicant.from_json(told) == Applicant("A", NIK, OLD, "1990-07-01")
    assert Applicant.from_json(None) == Applicant()
