"""The reasons to reject, as rows: in force is the newest of each code. Only `review.proposals` adds to them."""

from typing import NamedTuple

from django.utils.translation import get_language

from review.models import RejectKind, RejectReason, RejectReasonText

RETRY, FINAL = RejectKind.retry.value, RejectKind.final.value
DEFAULT_LANGUAGE = "en"


class Reason(NamedTuple):
    row: int
    code: str
    position: int
    kind: str
    text: str
    public: str


def in_force(language: str | None = None) -> dict[str, Reason]:
    """What can be chosen, by code in the order of the keys, in the language of the request. One query."""
    newest = RejectReason.objects.order_by("code", "-id").distinct("code").values("pk")
    told: dict[RejectReason, dict[str, RejectReasonText]] = {}
    for text in RejectReasonText.objects.filter(reason__in=newest).select_related("reason"):
        told.setdefault(text.reason, {})[text.language] = text
    rows = sorted((row for row in told if row.active), key=lambda row: (row.position, row.code))
    return {row.code: _reason(row, _in(language or get_language() or DEFAULT_LANGUAGE, told[row])) for row in rows}


def latest_row(code: str) -> RejectReason | None:
    return RejectReason.objects.filter(code=code).order_by("-id").first() if code else None


def public_text(reason: RejectReason | None, language: str) -> str | None:
    """What the client is told of the reason that a decision was given."""
    if reason is None:
        return None
    return _in(language, {text.language: text for text in reason.texts.all()}).public


def _reason(row: RejectReason, told: RejectReasonText) -> Reason:
    return Reason(row.pk, row.code, row.position, row.kind, told.text, told.public)


def _in(language: str, texts: dict[str, RejectReasonText]) -> RejectReasonText:
    plain = language.partition("-")[0]
    return texts.get(plain) or texts[DEFAULT_LANGUAGE]
