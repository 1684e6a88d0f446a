"""The page that lays two documents of one number side by side."""

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from review import case
from review.compare import differences, other_document
from review.console import risk_of
from review.models import Review

TEMPLATE = "admin/review/review/compare.html"


def compare_page(request: HttpRequest, shown: dict[str, Any], review: Review, document_id: uuid.UUID) -> HttpResponse:
    """`shown` is what every page shows; `review` is one that the user may see. Numbers are covered on both sides."""
    other = other_document(review, document_id)
    sides = [
        {
            "document": one.document,
            "picture_url": address,
            "is_ours": one is review,
            "risk": risk_of(one.document.ai_score),
        }
        for one, address in (
            (review, reverse("admin:review_review_page", args=[review.pk, case.card_page(review)])),
            (other, reverse("admin:review_review_compared", args=[review.pk, document_id])),
        )
    ]
    context = {
        **shown,
        "title": _("%(ref)s beside %(other)s") % {"ref": review.document.ref, "other": other.document.ref},
        "review": review,
        "sides": sides,
        "rows": differences(review, other, revealed=False),
        "same_owner": review.document.owner_id == other.document.owner_id,
        "away_text": case.STORE_AWAY,
    }
    return TemplateResponse(request, TEMPLATE, context)


def compared_picture(review: Review, document_id: uuid.UUID) -> bytes:
    """The other document's page with its number covered. Raises Http404, case.NoPicture."""
    other = other_document(review, document_id)
    return case.picture(other, case.card_page(other))
