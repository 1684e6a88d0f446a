"""The published policy: points for what was read, and nothing else.

The text is the OCR lines joined by newlines. Its confidence c: 20 when it has under 50 characters (blank ends not
counted), else 50 + 30 x the share of ASCII letters, digits and white space (the newlines too) + 15 with at least three
lines longer than 5 characters + 5 over 200 characters, rounded, at most 100. Halves round up everywhere.
A field scores by its value alone; a number that was only proposed is a missing one. An NPWP number is valid with 15
digits in npwpNumber or 16 in npwp16. "name >= 3 letters" counts letters, "address >= 10 characters" counts all.
A name or number that does not score is a missing critical field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ocr_gpu.engine import OcrLine
from verification.evidence import Evidence
from verification.fields import FieldValue
from verification.nik import is_nik
from verification.npwp_number import is_printed_npwp15
from verification.scoring import Decision, Reason, Thresholds, Verdict

NAME = "baseline"
VERSION = "1"

SHORT_TEXT, SHORT_TEXT_CONFIDENCE = 50, 20
LONG_TEXT, LONG_LINE, LONG_LINES = 200, 5, 3
MOST_CONFIDENCE = 100
SHORTEST_NAME, SHORTEST_ADDRESS = 3, 10
Fields = Mapping[str, FieldValue]
Check = tuple[str, int, Callable[[Fields], bool]]  # name of the points, how many, when


def ocr_confidence(lines: Sequence[OcrLine]) -> int:
    """c of the contract, 20..100."""
    text = "\n".join(line.text for line in lines).strip()
    if len(text) < SHORT_TEXT:
        return SHORT_TEXT_CONFIDENCE
    plain = sum(character.isspace() or (character.isascii() and character.isalnum()) for character in text)
    long_lines = sum(len(line.strip()) > LONG_LINE for line in text.split("\n"))
    extra = (15 if long_lines >= LONG_LINES else 0) + (5 if len(text) > LONG_TEXT else 0)
    share = _half_up(30 * plain, len(text))
    return min(50 + share + extra, MOST_CONFIDENCE)


def _half_up(numerator: int, denominator: int) -> int:
    """A fraction rounded without the surprises of binary ones: a half goes up."""
    return (2 * numerator + denominator) // (2 * denominator)


def _value(fields: Fields, name: str) -> str:
    field = fields.get(name)
    return field.value or "" if field else ""


def _has_nik(fields: Fields) -> bool:
    return is_nik(_value(fields, "nik"))


def _has_npwp(fields: Fields) -> bool:
    return is_printed_npwp15(_value(fields, "npwpNumber")) or is_nik(_value(fields, "npwp16"))


def _has_name(fields: Fields) -> bool:
    return sum(character.isalpha() for character in _value(fields, "name")) >= SHORTEST_NAME


def _has_birth_date(fields: Fields) -> bool:
    return bool(_value(fields, "birthDate"))


def _has_address(fields: Fields) -> bool:
    return len(_value(fields, "address")) >= SHORTEST_ADDRESS


CHECKS: dict[str, tuple[Check, ...]] = {
    "KTP": (
        ("nik", 30, _has_nik),
        ("name", 20, _has_name),
        ("birthDate", 15, _has_birth_date),
        ("address", 15, _has_address),
    ),
    "NPWP": (("npwpNumber", 40, _has_npwp), ("name", 30, _has_name)),
}
CRITICAL = {"KTP": ("nik", "name"), "NPWP": ("npwpNumber", "name")}
NUMBERS = {"KTP": ("nik",), "NPWP": ("npwpNumber", "npwp16")}
CONFIDENCE_TENTHS = {"KTP": 2, "NPWP": 3}  # of c

MISSING = {
    "nik": Reason("nik_missing", "No NIK was found on the card.", "number_unreadable"),
    "npwpNumber": Reason("npwp_number_missing", "No NPWP number was found on the card.", "number_unreadable"),
    "name": Reason("name_missing", "No name was found on the card.", "name_unreadable"),
    "birthDate": Reason("birth_date_missing", "No date of birth was found on the card.", "details_unclear"),
    "address": Reason("address_missing", "No complete address was found on the card.", "details_unclear"),
}
UNCLEAR = {
    "nik": Reason("nik_unclear", "A NIK stands on the card but could not be read with certainty.", "number_unreadable"),
    "npwpNumber": Reason(
        "npwp_number_unclear",
        "An NPWP number stands on the card but could not be read with certainty.",
        "number_unreadable",
    ),
}
LITTLE_TEXT = Reason("little_text", "Hardly any text could be read from the picture.", "nothing_readable")
COMPLETE = Reason("complete", "Everything that counts was read from the card.")
DECIDED: dict[Decision, Reason] = {
    "auto_approve": Reason("score_approves", "The score reaches the threshold for approval."),
    "auto_reject": Reason(
        "score_rejects", "The score is below the threshold for rejection and the card is incomplete."
    ),
    "needs_review": Reason("score_undecided", "The evidence is not enough for a decision without a person."),
}


def judge(evidence: Evidence, thresholds: Thresholds) -> Verdict:
    """See scoring.Policy. Of the evidence only the fields and the lines count."""
    document_type, fields = evidence.document_type, evidence.values
    if document_type not in CHECKS:
        raise ValueError(f"the baseline policy knows no document type {document_type!r}")
    confidence = ocr_confidence(evidence.lines)
    points = {name: worth if holds(fields) else 0 for name, worth, holds in CHECKS[document_type]}
    lacking = [name for name, earned in points.items() if not earned]
    points["ocrConfidence"] = _half_up(CONFIDENCE_TENTHS[document_type] * confidence, 10)
    score = sum(points.values())
    decision = _decide(score, thresholds, complete=not set(lacking) & set(CRITICAL[document_type]))
    reasons = [_reason(name, document_type, fields) for name in lacking] or [COMPLETE]
    if confidence <= SHORT_TEXT_CONFIDENCE:
        reasons.append(LITTLE_TEXT)
    return Verdict(score, decision, [*reasons, DECIDED[decision]], points, NAME, VERSION, thresholds)


def _decide(score: int, thresholds: Thresholds, *, complete: bool) -> Decision:
    if complete and score >= thresholds.approve:
        return "auto_approve"
    if not complete and score < thresholds.reject:
        return "auto_reject"
    return "needs_review"


def _reason(name: str, document_type: str, fields: Fields) -> Reason:
    numbers = NUMBERS[document_type]
    if name in numbers and any(number in fields for number in numbers):
        return UNCLEAR[name]
    return MISSING[name]
