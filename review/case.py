"""One case as a reviewer sees it: the picture, the fields, why it is here, and what happened to it."""

import base64
import hashlib
from typing import Any, NamedTuple

import structlog
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from documents.models import Document
from documents.sealing import CannotOpen
from documents.storage import OriginalMissing, StoreUnavailable, read_original, read_page
from integrations.models import Buli2Exchange
from ocr_gpu.images import UnreadableFile, check_file, page_png
from ocr_gpu.pictures import as_png
from ocr_gpu.sandbox import SandboxUnavailable
from review import console
from review.console import number_fields, opened, run_of
from review.masking import Area, hide, last_four, number_areas, without_numbers
from review.models import Review
from review.reasons import in_force
from verification.checks import Outcome
from verification.kinds import CARDS
from verification.models import VerificationRun
from verification.policy import CHECKS
from verification.reading import document_type as type_module

log = structlog.get_logger(__name__)

SURE = 90  # percent
FAIRLY_SURE = 70
SAME_NUMBER_SHOWN = 10
EXCHANGES_SHOWN = 20
PDF = "application/pdf"
KINDS: dict[str, str | Promise] = {
    "ktp": _("KTP"),
    "npwp15": _("NPWP, old, of 15 digits"),
    "npwp16": _("NPWP, new, of 16 digits"),
    "npwp_back": _("the back of an NPWP"),
    "sim": _("driving licence (SIM)"),
    "passport": _("passport"),
    "kk": _("family card (KK)"),
    "two_cards": _("two cards"),
    "other_text": _("no card, but other writing"),
    "none": _("nothing that can be read"),
}
DECLARED: dict[str, str | Promise] = {"name": _("Name"), "nik": "NIK", "npwp": "NPWP", "birthDate": _("Birth date")}
DECLARED_NUMBERS = ("nik", "npwp")
STORE_AWAY = _("The store of the originals does not answer.")


class FieldRow(NamedTuple):
    name: str
    label: str
    value: str
    proposed: str
    percent: int | None
    word: str | Promise
    tone: str
    box: tuple[float, float, float, float] | None


def field_rows(review: Review, *, revealed: bool) -> list[FieldRow]:
    """Every field of the latest reading in the order of the card; numbers cut to four digits unless `revealed`."""
    numbers = number_fields(review.document.type)
    fields = opened(run_of(review), "fields") or {}
    labels = type_module(review.document.type).CARD_LABELS
    return [
        _field_row(name, labels.get(name, name), field or {}, name in numbers, revealed)
        for name, field in fields.items()
    ]


def _field_row(name: str, label: str, field: dict[str, Any], is_number: bool, revealed: bool) -> FieldRow:
    def shown(text: str | None) -> str:
        if revealed or not text:
            return text or ""
        return last_four(text) if is_number else without_numbers(text)

    value, proposed = field.get("value"), field.get("proposed")
    percent = round(100 * field.get("confidence", 0.0)) if value else None
    word, tone = _confidence(percent)
    return FieldRow(
        name=name,
        label=label,
        value=shown(value),
        proposed=shown(proposed),
        percent=percent,
        word=word,
        tone=tone,
        box=tuple(field["box"]) if field.get("box") else None,
    )


def _confidence(percent: int | None) -> tuple[str | Promise, str]:
    if percent is None:
        return _("not read"), "none"
    if percent >= SURE:
        return _("sure"), "low"
    return (_("fairly sure"), "medium") if percent >= FAIRLY_SURE else (_("unsure"), "high")


def same_number(review: Review) -> list[Document]:
    """Other documents with the same number on them, the newest first."""
    document = review.document
    if not document.number_index:
        return []
    others = Document.objects.filter(number_index=document.number_index).exclude(pk=document.pk)
    return list(others.order_by("-created_at")[:SAME_NUMBER_SHOWN])


def exchanges_of(review: Review) -> list[Buli2Exchange]:
    """Messages with BULI2 about this case, without their bodies."""
    exchanges = Buli2Exchange.objects.filter(review_id=review.pk).defer("body", "answer")
    return list(exchanges.order_by("created_at")[:EXCHANGES_SHOWN])


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


def findings_of(run: VerificationRun | None, document_type: str) -> list[FindingRow]:
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
        for found in (run.findings if run else [])
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


# The picture ---------------------------------------------------------------------------------------------------------


class NoPicture(Exception):
    """The original can't be shown now; the text is for a person, the status for the browser."""

    def __init__(self, message: str | Promise, status: int) -> None:
        super().__init__(str(message))
        self.status = status


def _original(document: Document) -> bytes:
    try:
        return read_original(document.storage_key)
    except StoreUnavailable:
        raise NoPicture(STORE_AWAY, 503) from None
    except CannotOpen:
        log.error("original_cannot_be_opened", document_id=str(document.pk))
        raise NoPicture(_("The original can't be opened: it was changed or its key is missing."), 500) from None


def page_count(document: Document) -> int:
    """Pages of the original; only a PDF has to be read for it. One when it can't be told."""
    if document.content_type != PDF:
        return 1
    try:
        return check_file(_original(document), declared=None).pages
    except (NoPicture, UnreadableFile, SandboxUnavailable):
        return 1


def picture(review: Review, page: int, *, revealed: bool = False) -> bytes:
    """A page as PNG, the card's upright, with its numbers painted over, or as it is when `revealed`. Raises NoPicture.

    Where a number stands is known on the page that was read: every other page is blurred.
    """
    run = run_of(review)
    if page != card_page(review) or run is None:
        shown, areas = _from_original(review.document, page), None
    else:
        shown = _stored_page(review.document, run) or as_png(_from_original(review.document, page), run.turn)
        areas = _known_areas(review)
    return as_png(shown) if revealed else hide(shown, areas)


def _stored_page(document: Document, run: VerificationRun) -> bytes | None:
    """The upright page as it was stored with this run, or None when it has to be made from the original again."""
    if not run.picture_sha256:
        return None
    try:
        stored = read_page(document.storage_key)
    except (OriginalMissing, CannotOpen):
        log.warning("page_missing", document_id=str(document.pk))
        return None
    except StoreUnavailable:
        raise NoPicture(STORE_AWAY, 503) from None
    # Of another reading: this run's boxes do not lie on it, and its number would be seen beside its cover.
    return stored if hashlib.sha256(stored).hexdigest() == run.picture_sha256 else None


def _from_original(document: Document, page: int) -> bytes:
    try:
        return page_png(_original(document), page)
    except UnreadableFile as unreadable:
        raise NoPicture(unreadable.message, 404) from None
    except SandboxUnavailable:
        raise NoPicture(_("Too many pictures are being opened. Reload the page in a moment."), 503) from None


def card_page(review: Review) -> int:
    """The page whose reading counted."""
    run = run_of(review)
    return run.page if run else 0


def _known_areas(review: Review) -> list[Area] | None:
    run = run_of(review)
    return number_areas(opened(run, "fields") or {}, opened(run, "lines") or [], number_fields(review.document.type))


def picture_as_address(png: bytes) -> str:
    """For a picture that may be seen in one answer only: no address leads to it."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


# All of it -----------------------------------------------------------------------------------------------------------


def _revealed(review: Review, page: int) -> tuple[str, str]:
    """The uncovered picture for one answer, or why there is none."""
    try:
        return picture_as_address(picture(review, page, revealed=True)), ""
    except NoPicture as problem:
        return "", str(problem)


def context(review: Review, user: Any, *, page: int, revealed: bool = False) -> dict[str, Any]:
    """What the case page shows to this user."""
    run, rows = run_of(review), field_rows(review, revealed=revealed)
    pages = page_count(review.document)
    shown, unseen = _revealed(review, page) if revealed else ("", "")
    is_open = not review.decision
    own = console.is_own(user, review)
    return {
        "review": review,
        "on_its_way": review.decision and not review.closed_at,
        "document": review.document,
        "run": run,
        "risk": console.risk_of(review.document.ai_score),
        "rows": rows,
        "kind": KINDS.get(run.kind, run.kind) if run else "",
        "kind_fits": run is not None and run.kind in CARDS.get(review.document.type, ()),
        "picture_issues": run.issues(get_language() or "") if run else [],
        "boxes": [row for row in rows if row.box] if page == card_page(review) else [],
        "reasons": console.reasons_of(run),
        "points": points_of(run),
        "findings": findings_of(run, review.document.type),
        "declared": declared_rows(review, revealed=revealed),
        "events": list(review.document.events.all()),
        "decisions": list(review.decisions.select_related("user")),
        "exchanges": exchanges_of(review),
        "same_number": same_number(review),
        "picture_url": shown or reverse("admin:review_review_page", args=[review.pk, page]),
        "away_text": STORE_AWAY,
        "blurred": page != card_page(review) or _known_areas(review) is None,
        "picture_problem": unseen,
        "page": page,
        "pages": range(pages),
        "revealed": revealed,
        "is_own": own,
        "may_decide": is_open and not own and console.allowed(user, "decide_review"),
        "may_escalate": is_open and not review.escalated_at and console.allowed(user, "escalate_review"),
        "may_reveal": console.allowed(user, "reveal_number"),
        "reject_reasons": list(in_force().values()),
        "escalation_reasons": console.ESCALATION_REASONS,
        "reveal_reasons": console.REVEAL_REASONS,
    }
