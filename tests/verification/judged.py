"""Evidence of cards laid out by hand: what a policy is given to judge."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from ocr_gpu.engine import Box, OcrLine
from verification.checks import Check, Outcome
from verification.evidence import Evidence
from verification.fields import FieldValue
from verification.kinds import Kind
from verification.nik import compose_nik
from verification.npwp_number import compose_npwp15, format_npwp15

TODAY = date(2026, 8, 17)
BORN = date(1990, 7, 1)
NIK = compose_nik("327606", BORN, woman=True, serial=9001)
OLD = compose_npwp15(38513519, office=256)  # fifteen digits
KTP_VALUES: Mapping[str, str] = {
    "nik": NIK,
    "name": "PUSPARINI KUSUMALAGA",
    "birthPlace": "DEPOK",
    "birthDate": BORN.isoformat(),
    "gender": "PEREMPUAN",
    "address": "JL. KENANGA NO. 12",
    "village": "BEJI TIMUR",
    "district": "BEJI",
    "religion": "ISLAM",
    "maritalStatus": "BELUM KAWIN",
    "nationality": "WNI",
    "validUntil": "SEUMUR HIDUP",
    "province": "JAWA BARAT",
    "regency": "KOTA DEPOK",
    "issuedDate": "2015-03-02",
}
NPWP_VALUES: Mapping[str, str] = {
    "npwpNumber": format_npwp15(OLD),
    "name": "PUSPARINI KUSUMALAGA",
    "address": "JL. KENANGA NO. 12 BEJI KOTA DEPOK",
    "taxOffice": "KPP PRATAMA DEPOK",
    "registeredDate": "2012-02-29",
}
VALUES = {"KTP": KTP_VALUES, "NPWP": NPWP_VALUES}
KINDS = {"KTP": Kind("ktp", 0.95, ("NIK", "PROVINSI")), "NPWP": Kind("npwp15", 0.9, ("KPP PRATAMA", "TERDAFTAR"))}


def field(value: str | None, raw: str | None = None, confidence: float = 0.98) -> FieldValue:
    return FieldValue(value, (value or "") if raw is None else raw, confidence, None)


def card(document_type: str = "KTP", *, other: Mapping[str, Any] | None = None, **values: Any) -> Evidence:
    """A card of which everything was read, with some fields changed: a text, a FieldValue, or None for one that is not
    there. `other` is for what of the evidence is no field.
    """
    read = {name: field(value) for name, value in VALUES[document_type].items()}
    read |= {name: given if isinstance(given, FieldValue) else field(given) for name, given in values.items()}
    kept = {name: each for name, each in read.items() if values.get(name, each) is not None}
    evidence = Evidence(document_type, kept, (), KINDS[document_type], TODAY)
    return replace(evidence, **(other or {}))


def lines(*texts: str, confidence: float = 0.97) -> Sequence[OcrLine]:
    return [OcrLine(text, confidence, Box(0.1, 0.1 * row, 0.5, 0.04)) for row, text in enumerate(texts)]


def outcomes(checks: Mapping[str, Check], evidence: Evidence) -> dict[str, Outcome]:
    """What each check says; those whose question does not arise are left out."""
    found = {code: check.look(evidence) for code, check in checks.items()}
    return {code: outcome for code, outcome in found.items() if outcome is not None}


def failed(checks: Mapping[str, Check], evidence: Evidence) -> set[str]:
    return {code for code, outcome in outcomes(checks, evidence).items() if outcome is Outcome.failed}
