"""The facts of a case as rows: fields with what people corrected, what the checks found, what the client declared."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import structlog
from django.utils.functional import Promise
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _

from documents.sealing import CannotOpen
from review.console import number_fields, opened, run_of
from review.masking import last_four, without_numbers
from review.models import Correction, Review
from verification.checks import Outcome
from verification.models import VerificationRun
from verification.policy import CHECKS
from verification.reading import document_type as type_module

log = structlog.get_logger(__name__)

SURE = 90  # percent
FAIRLY_SURE = 70
DECLARED: dict[str, str | Promise] = {"name": _("Name"), "nik": "NIK", "npwp": "NPWP", "birthDate": _("Birth date")}
DECLARED_NUMBERS = ("nik", "npwp")


class CheckMark(NamedTuple):
    """What one check found of a field."""

    outcome: str
    told: str


class FieldRow(NamedTuple):
    """`editable` is what a correction starts from: nothing where the value is covered, which is never posted back."""

    name: str
    label: str
    value: str
    was: str
    is_corrected: bool
    proposed: str
    editable: str
    percent: int | None
    word: str | Promise
    tone: str
    box: tuple[float, float, float, float] | None
    checks: list[CheckMark]


def field_rows(
    review: Review,
    *,
    revealed: bool,
    corrections: Mapping[str, Correction] | None = None,
    findings: Sequence[dict[str, Any]] = (),
) -> list[FieldRow]:
    """Every field of the latest reading in the order of the card; numbers cut to four digits unless `revealed`."""
    kind, corrected = review.document.type, corrections or {}
    numbers, labels = number_fields(kind), type_module(kind).CARD_LABELS
    fields = opened(run_of(review), "fields") or {}
    checks = _checks_by_field(findings)
    return [
        _field_row(
            name,
            labels.get(name, name),
            field or {},
            corrected.get(name),
            checks.get(name, []),
            covered=not revealed,
            is_number=name in numbers,
        )
        for name, field in fields.items()
    ]


def _field_row(
    name: str,
    label: str,
    field: dict[str, Any],
    correction: Correction | None,
    checks: list[CheckMark],
    *,
    covered: bool,
    is_number: bool,
) -> FieldRow:
    def shown(text: str | None) -> str:
        if not covered or not text:
            return text or ""
        return last_four(text) if is_number else without_numbers(text)

    read, proposed = field.get("value"), field.get("proposed")
    value = correction.new if correction else read
    percent = round(100 * field.get("confidence", 0.0)) if read and not correction else None
    word, tone = (_("by hand"), "low") if correction else _confidence(percent)
    return FieldRow(
        name=name,
        label=label,
        value=shown(value),
        was=shown(read),
        is_corrected=correction is not None,
        proposed=shown(proposed),
        editable=value if value and shown(value) == value else "",
        percent=percent,
        word=word,
        tone=tone,
        box=tuple(field["box"]) if field.get("box") else None,
        checks=checks,
    )


def _checks_by_field(findings: Sequence[dict[str, Any]]) -> dict[str, list[CheckMark]]:
    """What failed, in words; else how many checks the field passed."""
    failed: dict[str, list[CheckMark]] = {}
    passed: Counter[str] = Counter()
    for found in findings:
        check = CHECKS.get(found["code"])
        for name in check.fields if check else ():
            if found["outcome"] == Outcome.failed and check:
                told = check.text(Outcome.failed).in_language(get_language() or "")
                failed.setdefault(name, []).append(CheckMark("failed", told))
            elif found["outcome"] == Outcome.passed:
                passed[name] += 1
    said = {
        name: [CheckMark("passed", ngettext("%(n)d check passed", "%(n)d checks passed", count) % {"n": count})]
        for name, count in passed.items()
    }
    return {**said, **failed}


def _confidence(percent: int | None) -> tuple[str | Promise, str]:
    if percent is None:
        return _("not read"), "none"
    if percent >= SURE:
        return _("sure"), "low"
    return (_("fairly sure"), "medium") if percent >= FAIRLY_SURE else (_("unsure"), "high")


class Point(NamedTuple):
    what: str
    points: int


def points_of(run: VerificationRun | None) -> list[Point]:
    """Of a policy that has no checks with texts of their own."""
    return [Point(what, points) for what, points in run.points.items()] if run and not run.findings else []


class FindingRow(NamedTuple):
    """What a check found: `told` is its text for that, `labels` the fields of the card that it looked at."""

    code: str
    told: str
    outcome: str
    points: int
    gate: bool
    labels: list[str]


def findings_of(
    run: VerificationRun | None, document_type: str, findings: Sequence[dict[str, Any]] | None = None
) -> list[FindingRow]:
    """What did not pass first: what forbids an approval, then what costs most; then all that passed, in order."""
    labels = type_module(document_type).CARD_LABELS
    rows = [
        FindingRow(
            found["code"],
            check.text(Outcome(found["outcome"])).in_language(get_language() or ""),
            found["outcome"],
            found["points"],
            found["gate"],
            [labels[name] for name in check.fields if name in labels],
        )
        for found in (findings if findings is not None else run.findings if run else [])
        if (check := CHECKS.get(found["code"]))
    ]
    return sorted(rows, key=lambda row: (row.outcome == Outcome.passed, not row.gate, min(row.points, 0)))


def declared_rows(review: Review, *, revealed: bool) -> list[tuple[str, str]]:
    """What the client says of the applicant, label and value; numbers cut to four digits unless `revealed`."""
    try:
        told = review.document.applicant or {}
    except CannotOpen:
        log.error("sealed_value_cannot_be_opened", document_id=str(review.document.pk), column="applicant")
        return []
    return [
        (str(label), value if revealed or name not in DECLARED_NUMBERS else last_four(value))
        for name, label in DECLARED.items()
        if (value := told.get(name))
    ]
