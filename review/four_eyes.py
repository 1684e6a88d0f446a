"""When one person is not enough. The same rules stand in the database, as a trigger of accepted decisions."""

from typing import Any

from documents.models import Document
from review.models import UNKNOWN_RISK, Decision, Review
from verification.runs import read_run

HIGH_RISK = 70
# Of these checks only how the picture was taken is at fault: one pair of eyes on it is what the machine lacked.
OF_THE_PICTURE = ("in_colour", "large_enough", "one_card", "whole_card")
HIGH, DUPLICATE, OVERRIDE, NUMBER = "high_risk", "duplicate_number", "override", "number_corrected"


def risk_number(document: Document) -> int:
    """The score turned round, so that a high figure asks for attention."""
    return UNKNOWN_RISK if document.ai_score is None else max(0, UNKNOWN_RISK - document.ai_score)


def standing_reasons(document: Document) -> list[str]:
    """Why two have to agree whatever they say. One query."""
    reasons = [HIGH] if risk_number(document) >= HIGH_RISK else []
    return [*reasons, DUPLICATE] if is_duplicate(document) else reasons


def is_duplicate(document: Document, number_index: str | None = None) -> bool:
    """Whether another owner sent a card with this number, also one who asked for erasure, while the law keeps it."""
    index = document.number_index if number_index is None else number_index
    others = Document.objects.filter(type=document.type, number_index=index).exclude(owner=document.owner_id)
    return bool(index) and others.exists()


def reasons_for_two(review: Review, decision: str) -> list[str]:
    """Why this decision needs two: what stands, what was found since, and an override of the machine."""
    reasons = dict.fromkeys([*review.two_because, *standing_reasons(review.document)])
    if decision == Decision.approved and forbids_approval(review):
        reasons[OVERRIDE] = None
    if review.needs_two and not reasons:
        reasons[HIGH] = None
    return list(reasons)


def forbids_approval(review: Review) -> list[str]:
    """The checks by which something speaks against the card and the machine may not approve it, in the light of all
    corrections: whoever approves it overrides them."""
    corrected = review.corrections.order_by("-created_at").first()
    run = None if corrected else read_run(review.document)
    findings: list[dict[str, Any]] = corrected.findings if corrected else (run.findings if run else [])
    failed = [found["code"] for found in findings if found["gate"] and found["outcome"] == "failed"]
    return [code for code in failed if code not in OF_THE_PICTURE]
