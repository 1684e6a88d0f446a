"""Corrections: a row of their own with the value before and after; OCR's stays. Each has the checks run again."""

import re
import uuid
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from documents.audit import note
from documents.models import Document
from review.four_eyes import DUPLICATE, NUMBER, is_duplicate
from review.models import Correction, Review
from review.rights import rights_of
from review.taking import CaseLost
from verification.correcting import judge_corrected
from verification.judging import findings_as_json
from verification.models import VerificationRun
from verification.reading import document_type
from verification.runs import read_run

VALUE_LENGTH = 200
REASONS = ("misread", "not_read", "wrong_place", "not_on_card")
DATES = ("birthDate", "issuedDate", "registeredDate")
_SEPARATORS = re.compile(r"[\s.\-]")
_NUMBER = re.compile(r"[0-9]{15,16}")


class CorrectionRefused(Exception):
    """`code` says why: no_right, own, unknown_field, unknown_reason, bad_value, same or not_read."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def corrected(review: Review) -> dict[str, Correction]:
    """The corrections that count, the latest of each field; one query."""
    return {each.field: each for each in review.corrections.select_related("user").order_by("created_at")}


def correct(review_id: uuid.UUID, user: Any, *, field: str, value: str, why: str, version: int) -> Correction:
    """Put one field right; an empty value says that it is not on the card. The checks run again, and decide nothing.

    A correction of the number makes the case one for two people. A verdict that was given before is taken back: it was
    of other facts. Raises Review.DoesNotExist, CorrectionRefused, CaseLost, CannotOpen.
    """
    review = Review.objects.select_related("document").get(pk=review_id)
    rights = rights_of(user)
    run = _correctable(review, user, rights, why)
    new = checked(review.document.type, field, value)
    before = corrected(review)
    old = before[field].new if field in before else ((run.fields or {}).get(field) or {}).get("value")
    if new == old:
        raise CorrectionRefused("same")
    values: dict[str, str | None] = {name: each.new for name, each in before.items()} | {field: new}
    number_index = review.document.number_index
    verdict = judge_corrected(review.document, run, values)
    row = Correction(
        review=review,
        field=field,
        old=old,
        new=new,
        user=user,
        why=why,
        policy=f"{verdict.policy}@{verdict.policy_version}",
        score=verdict.score,
        decision="needs_review" if verdict.decision == "auto_approve" else verdict.decision,
        findings=findings_as_json(verdict),
    )
    is_number = field in document_type(review.document.type).NUMBER_FIELDS
    because = _because(review, review.document) if is_number else review.two_because
    review.document.number_index = number_index
    with transaction.atomic():
        _guard(review, user, version, any_case="correct_any" in rights, because=because)
        review.given.filter(undone_at=None).update(undone_at=Now())
        row.save(force_insert=True)
        _note(row, number=is_number)
    return row


def _note(row: Correction, *, number: bool) -> None:
    about, review = {"field": row.field, "why": row.why, "number": number, "score": row.score}, row.review
    note("field.corrected", actor=str(row.user_id), document=review.document_id, subject=str(review.pk), **about)


def _correctable(review: Review, user: Any, rights: AbstractSet[str], why: str) -> VerificationRun:
    """What was read and judged, if this person may correct it. Raises CorrectionRefused."""
    if not rights & {"correct_field", "correct_any"}:
        raise CorrectionRefused("no_right")
    if review.document.owner_id == user.pk:
        raise CorrectionRefused("own")
    if why not in REASONS:
        raise CorrectionRefused("unknown_reason")
    run = read_run(review.document)
    if run is None or run.fields is None or not run.policy:
        raise CorrectionRefused("not_read")
    return run


def checked(type: str, field: str, value: str) -> str | None:
    """The value as the field's parser would write it. Raises CorrectionRefused."""
    module = document_type(type)
    if field not in module.FIELDS:
        raise CorrectionRefused("unknown_field")
    plain = " ".join(value.split())
    if not plain:
        return None
    if len(plain) > VALUE_LENGTH or not plain.isprintable():
        raise CorrectionRefused("bad_value")
    if field in module.NUMBER_FIELDS or field == "nik":
        digits = _SEPARATORS.sub("", plain)
        if not _NUMBER.fullmatch(digits):
            raise CorrectionRefused("bad_value")
        return digits
    if field in DATES:
        try:
            return date.fromisoformat(plain).isoformat()
        except ValueError:
            raise CorrectionRefused("bad_value") from None
    return plain.upper()


def _because(review: Review, document: Document) -> list[str]:
    """Two people from here on; `document` has the corrected number's index."""
    found = [*review.two_because, NUMBER, *([DUPLICATE] if is_duplicate(document) else [])]
    return list(dict.fromkeys(found))


def _guard(review: Review, user: Any, version: int, *, any_case: bool, because: list[str]) -> None:
    """The guarded write. Raises CaseLost."""
    held = Q(holder=user.pk, lease_until__gt=Now())
    mine = held | Q(lease_until=None) | Q(lease_until__lte=Now()) if any_case else held
    changes: dict[str, Any] = {"verdicts": 0, "first_verdict_by": None, "two_because": because}
    if because:
        changes["needs_two"] = True
    waiting = Review.objects.filter(mine, pk=review.pk, decision="", version=version)
    if not waiting.update(**changes, version=F("version") + 1, updated_at=Now()):
        raise CaseLost(Review.objects.select_related("document", "holder").get(pk=review.pk))
