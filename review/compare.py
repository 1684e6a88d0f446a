"""Two documents with the same number on them, field by field."""

import uuid
from typing import NamedTuple

from django.db.models import Prefetch
from django.http import Http404

from documents.models import Document
from review.case_fields import FieldRow, field_rows
from review.console import latest_runs
from review.models import Review


class Difference(NamedTuple):
    label: str
    ours: str
    theirs: str
    differs: bool


def other_document(review: Review, document_id: uuid.UUID) -> Review:
    """The other document, looked at as if it had a case of its own: it may never have needed one.

    Raises Http404 unless both carry the same number: nobody leafs through documents this way.
    """
    with_runs = Document.objects.in_use().prefetch_related(
        Prefetch("runs", queryset=latest_runs(), to_attr="latest_runs")
    )
    number = review.document.number_index
    other = with_runs.filter(pk=document_id, number_index=number).exclude(pk=review.document_id).first()
    if not number or other is None:
        raise Http404
    return Review(document=other)


def differences(ours: Review, theirs: Review, *, revealed: bool) -> list[Difference]:
    """In the order of our card, then what only the other has. Whole values are compared, whatever is shown of them."""
    left, whole_left = _by_name(ours, revealed), _by_name(ours, True)
    right, whole_right = _by_name(theirs, revealed), _by_name(theirs, True)
    return [
        Difference(
            (left.get(name) or right[name]).label,
            left[name].value if name in left else "",
            right[name].value if name in right else "",
            _value(whole_left, name) != _value(whole_right, name),
        )
        for name in dict.fromkeys([*left, *right])
    ]


def _by_name(review: Review, revealed: bool) -> dict[str, FieldRow]:
    return {row.name: row for row in field_rows(review, revealed=revealed)}


def _value(rows: dict[str, FieldRow], name: str) -> str:
    return rows[name].value.casefold() if name in rows else ""
