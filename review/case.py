"""One case as a reviewer sees it: the picture, the fields, why it is here, and what happened to it."""

import hashlib
from datetime import datetime
from typing import Any, NamedTuple

import structlog
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from documents.models import Document
from documents.sealing import CannotOpen
from documents.storage import OriginalMissing, StoreUnavailable, answers, read_original, read_page
from integrations.models import Buli2Exchange
from ocr_gpu.images import UnreadableFile, check_file, page_png
from ocr_gpu.pictures import as_png
from ocr_gpu.sandbox import SandboxUnavailable
from review import console
from review.case_fields import declared_rows, field_rows, findings_of, points_of
from review.console import number_fields, opened, run_of
from review.correcting import corrected
from review.masking import Area, hide, number_areas
from review.models import Review
from review.reasons import RETRY, in_force
from review.revealing import grant_of, may_ask
from review.taking import is_held, why_not
from verification.kinds import CARDS
from verification.models import VerificationRun

log = structlog.get_logger(__name__)

SAME_NUMBER_SHOWN = 10
EXCHANGES_SHOWN = 20
PDF = "application/pdf"
CORRECTION_REASONS: dict[str, str | Promise] = {
    "misread": _("It was misread"),
    "not_read": _("It was not read"),
    "wrong_place": _("It was read from another place"),
    "not_on_card": _("It is not on the card"),
}
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
STORE_AWAY = _("The store of the originals does not answer.")


def same_number(review: Review) -> list[Document]:
    """Other documents with the same number that may be shown, the newest first."""
    return _with_its_number(review)[0]


def _with_its_number(review: Review) -> tuple[list[Document], int]:
    """Those, and how many more are kept by law only: that they exist counts, nothing of them is shown. One query."""
    document = review.document
    if not document.number_index:
        return [], 0
    others = Document.objects.comparable().filter(number_index=document.number_index).exclude(pk=document.pk)
    shown_first = others.order_by(F("restricted_at").asc(nulls_first=True), "-created_at")
    found = list(shown_first[: 2 * SAME_NUMBER_SHOWN])
    shown = [other for other in found if other.restricted_at is None]
    return shown[:SAME_NUMBER_SHOWN], len(found) - len(shown)


def exchanges_of(review: Review) -> list[Buli2Exchange]:
    """Messages with BULI2 about this case, without their bodies."""
    exchanges = Buli2Exchange.objects.filter(review_id=review.pk).defer("body", "answer")
    return list(exchanges.order_by("created_at")[:EXCHANGES_SHOWN])


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


# In whose hands ------------------------------------------------------------------------------------------------------


class Hold(NamedTuple):
    """`state` is decided, mine, other or free; `left` seconds of the lease."""

    state: str
    name: str
    left: int
    until: datetime | None

    @property
    def clock(self) -> str:
        return f"{self.left // 60}:{self.left % 60:02}"


def hold_of(review: Review, user: Any) -> Hold:
    if review.decision:
        return Hold("decided", "", 0, None)
    if not is_held(review) or review.lease_until is None:
        return Hold("free", "", 0, None)
    left = max(0, int((review.lease_until - timezone.now()).total_seconds()))
    return Hold("mine" if review.holder_id == user.pk else "other", _name(review.holder), left, review.lease_until)


def _name(user: Any) -> str:
    return user.display_name or user.get_username() if user else ""


# All of it -----------------------------------------------------------------------------------------------------------


def context(review: Review, user: Any, *, page: int) -> dict[str, Any]:
    """What the case page shows to this user."""
    run, corrections, grant = run_of(review), corrected(review), grant_of(user, review)
    latest = max(corrections.values(), key=lambda each: each.created_at, default=None)
    findings = latest.findings if latest else run.findings if run else []
    revealed = grant is not None
    rows = field_rows(review, revealed=revealed, corrections=corrections, findings=findings)
    same_number_shown, kept_with_number = _with_its_number(review)
    return {
        **_rights(review, user, revealed),
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
        "findings": findings_of(run, review.document.type, findings),
        "score": latest.score if latest else run.score if run else None,
        "declared": declared_rows(review, revealed=revealed),
        "events": list(review.document.events.all()),
        "decisions": list(review.decisions.select_related("user")),
        "exchanges": exchanges_of(review),
        "same_number": same_number_shown,
        "kept_with_number": kept_with_number,
        "corrections": sorted(corrections.values(), key=lambda each: each.created_at),
        "picture_url": reverse("admin:review_review_page", args=[review.pk, page]),
        "away_text": STORE_AWAY,
        "blurred": page != card_page(review) or _known_areas(review) is None,
        "page": page,
        "pages": range(page_count(review.document)),
        "grant": grant,
        "revealed": revealed,
        "escalation_reasons": console.ESCALATION_REASONS,
        "reveal_reasons": console.REVEAL_REASONS,
        "correction_reasons": CORRECTION_REASONS,
    }


def _may_correct(hold: Hold, rights: frozenset[str]) -> bool:
    mine = hold.state == "mine" and bool(rights & {"correct_field", "correct_any"})
    return mine or (hold.state == "free" and "correct_any" in rights)


def _rights(review: Review, user: Any, revealed: bool) -> dict[str, Any]:
    """What this user may do with the case as it stands."""
    hold, rights, own = hold_of(review, user), console.rights_of(user), console.is_own(user, review)
    is_open, mine = not review.decision, hold.state == "mine"
    away = is_open and not answers(review.document.storage_key)
    may_decide = mine and not own and "decide_review" in rights
    reasons = list(in_force().values()) if may_decide and not away else []
    return {
        "hold": hold,
        "away": away,
        "is_own": own,
        "needs_second": is_open and review.needs_two,
        "second_because": review.two_because,
        "first_is_given": is_open and review.verdicts > 0,
        "may_take": hold.state == "free" and not why_not(review, user),
        "may_decide": may_decide,
        "may_escalate": mine and not review.escalated_at and "escalate_review" in rights,
        "may_correct": not own and _may_correct(hold, rights),
        "may_reveal": not revealed and not may_ask(user, review),
        "reject_reasons": reasons,
        "upload_reasons": [reason for reason in reasons if reason.kind == RETRY],
    }
