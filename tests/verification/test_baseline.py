"""The vectors of the published policy, to the number."""

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_gpu.engine import Box, OcrLine
from verification import baseline
from verification.evidence import Applicant, Evidence, Known
from verification.fields import FieldValue
from verification.kinds import Kind, kind_of
from verification.policy import load_policy
from verification.scoring import Thresholds, Verdict

TEXT = [
    "PROVINSI JAWA BARAT",
    "KOTA DEPOK",
    "NIK : 3276014107909001",
    "Nama : PUSPARINI",
    "Tempat/Tgl Lahir : DEPOK, 01-07-1990",
    "Jenis Kelamin : PEREMPUAN",
    "Alamat : JL. KENANGA NO. 12",
    "RT/RW : 003/007",
    "Kel/Desa : BEJI TIMUR",
    "Agama : ISLAM",
    "Status Perkawinan : KAWIN",
    "Berlaku : SEUMUR HIDUP",
]
KTP = {"nik": "3276014107909001", "name": "PUSPARINI", "birthDate": "1990-07-01", "address": "JL. KENANGA NO. 12"}
NPWP = {"npwpNumber": "38.513.519.9-256.000", "name": "PUSPARINI"}


def lines(texts: list[str]) -> list[OcrLine]:
    return [OcrLine(text, 0.9, Box(0, 0, 0.1, 0.1)) for text in texts]


def fields(values: dict[str, str]) -> dict[str, FieldValue]:
    return {name: FieldValue(value, value, 0.9, None) for name, value in values.items()}


def judge_fields(
    kind: str, read: dict[str, FieldValue], texts: list[str], thresholds: Thresholds | None = None
) -> Verdict:
    evidence = Evidence(kind, read, lines(texts), kind_of(lines(texts)), date(2026, 8, 17))
    return baseline.judge(evidence, thresholds or Thresholds())


def judge(kind: str, values: dict[str, str], texts: list[str]) -> Verdict:
    return judge_fields(kind, fields(values), texts)


def test_the_text_of_the_vectors_has_confidence_98() -> None:
    assert len(TEXT) == 12
    assert baseline.ocr_confidence(lines(TEXT)) == 98


@pytest.mark.parametrize(
    ("kind", "values", "texts", "score", "decision"),
    [
        ("KTP", KTP, TEXT, 100, "auto_approve"),
        ("KTP", {n: v for n, v in KTP.items() if n != "address"}, TEXT, 85, "auto_approve"),
        ("KTP", {"nik": KTP["nik"]}, TEXT, 50, "needs_review"),
        ("KTP", {}, [], 4, "auto_reject"),
        ("KTP", {"name": "ABC"}, [], 24, "auto_reject"),
        ("NPWP", NPWP, TEXT, 99, "auto_approve"),
        ("NPWP", NPWP, ["NPWP : 38.513.519.9-256.000"], 76, "needs_review"),
        ("NPWP", {}, [], 6, "auto_reject"),
        ("NPWP", {"npwp16": "3276014107909001", "name": "PUSPARINI"}, TEXT, 99, "auto_approve"),
    ],
)
def test_the_published_vectors_hold(
    kind: str, values: dict[str, str], texts: list[str], score: int, decision: str
) -> None:
    verdict = judge(kind, values, texts)
    assert (verdict.score, verdict.decision) == (score, decision)
    assert sum(verdict.points.values()) == score


@pytest.mark.parametrize(
    ("texts", "confidence"),
    [
        ([], 20),
        (["A" * 49], 20),
        (["A" * 50], 80),
        (["." * 50], 50),
        (["A" * 25 + "." * 25], 65),
        (["A" * 39 + "." * 21], 70),  # 19.5 of 30 rounds up
        (["ABCDEF"] * 3 + ["A" * 40], 95),
        (["ABCDE"] * 12, 80),  # five characters are not longer than five
        (["A" * 70] * 3, 100),
        (["A" * 201], 85),
        (["A" * 200], 80),
        (["é" * 50], 50),  # no ASCII letter
        ([" " * 60], 20),
    ],
)
def test_the_ocr_confidence_follows_its_formula(texts: list[str], confidence: int) -> None:
    assert baseline.ocr_confidence(lines(texts)) == confidence


@pytest.mark.parametrize(
    ("kind", "values", "missing"),
    [
        ("KTP", KTP | {"nik": "327601410790900"}, "nik"),
        ("KTP", KTP | {"nik": "3276O14107909001"}, "nik"),
        ("KTP", KTP | {"name": "A. 1"}, "name"),
        ("KTP", KTP | {"address": "JL. KENAN"}, "address"),
        ("NPWP", NPWP | {"npwpNumber": "385135199256000"}, "npwpNumber"),
        ("NPWP", NPWP | {"name": "AB"}, "name"),
    ],
)
def test_a_field_that_falls_short_earns_nothing(kind: str, values: dict[str, str], missing: str) -> None:
    verdict = judge(kind, values, TEXT)
    assert verdict.points[missing] == 0
    assert verdict.decision == ("auto_approve" if missing == "address" else "needs_review")


def test_a_proposed_number_counts_for_nothing_and_its_digits_stay_secret() -> None:
    read = fields(KTP) | {"nik": FieldValue(None, "3276O14107909001", 0.9, None, proposed="3276014107909001")}
    verdict = judge_fields("KTP", read, TEXT)
    assert (verdict.score, verdict.decision) == (70, "needs_review")
    assert verdict.reasons[0].code == "nik_unclear"
    assert not any(character.isdigit() for reason in verdict.reasons for character in reason.message)


def test_an_incomplete_card_is_never_approved_and_a_complete_one_never_rejected() -> None:
    without_name = {name: value for name, value in KTP.items() if name != "name"}
    lenient = Thresholds(approve=1, reject=0)
    strict = Thresholds(approve=100, reject=99)
    assert judge_fields("KTP", fields(without_name), TEXT, lenient).decision == "needs_review"
    assert judge_fields("KTP", fields({"nik": KTP["nik"], "name": "ABC"}), [], strict).decision == "needs_review"


def test_a_verdict_says_what_it_rests_on() -> None:
    verdict = judge("KTP", {"nik": KTP["nik"]}, [])
    assert verdict.points == {"nik": 30, "name": 0, "birthDate": 0, "address": 0, "ocrConfidence": 4}
    assert (verdict.policy, verdict.policy_version) == ("baseline", baseline.VERSION)
    assert verdict.thresholds == Thresholds(85, 35)
    codes = [reason.code for reason in verdict.reasons]
    assert codes == [
        "name_missing",
        "birth_date_missing",
        "address_missing",
        "little_text",
        "score_rejects",
    ]
    assert all(reason.message.endswith(".") for reason in verdict.reasons)


@pytest.mark.parametrize(("approve", "reject"), [(35, 35), (30, 35), (101, 35)])
def test_thresholds_out_of_order_are_refused(approve: int, reject: int) -> None:
    with pytest.raises(ValueError, match="reject"):
        Thresholds(approve=approve, reject=reject)


def test_the_baseline_is_a_policy_by_its_name_and_has_one_version() -> None:
    policy = load_policy("baseline")
    assert (policy.NAME, policy.VERSION) == ("baseline", "1")
    assert load_policy("baseline@1") is policy
    with pytest.raises(ValueError, match="no version '2'"):
        load_policy("baseline@2")


def test_only_fields_and_lines_count() -> None:
    evidence = Evidence(
        "KTP",
        fields(KTP),
        lines(TEXT),
        Kind("sim", 1.0, ()),
        date(1950, 1, 1),
        issues=("photocopy", "screen_photo"),
        known=Known(number_elsewhere=3, number_rejected=1),
        applicant=Applicant(name="SOMEBODY ELSE"),
    )
    verdict = baseline.judge(evidence, Thresholds())
    assert (verdict.score, verdict.decision, verdict.gates) == (100, "auto_approve", [])


def test_an_unknown_document_type_is_an_error() -> None:
    with pytest.raises(ValueError, match="PASSPORT"):
        judge("PASSPORT", {}, TEXT)


@given(st.lists(st.text(max_size=60), max_size=15))
def test_the_confidence_is_always_within_its_bounds_and_exact(texts: list[str]) -> None:
    confidence = baseline.ocr_confidence(lines(texts))
    assert 20 <= confidence <= 100
    text = "\n".join(texts).strip()
    if len(text) >= 50:
        share = sum(c.isspace() or (c.isascii() and c.isalnum()) for c in text) / len(text)
        extra = 15 * (sum(len(one.strip()) > 5 for one in text.split("\n")) >= 3) + 5 * (len(text) > 200)
        assert abs(confidence - min(100.0, 50 + 30 * share + extra)) <= 0.5 + math.ulp(100)
