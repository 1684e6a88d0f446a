"""What a callback of BULI2 says, and which review it is about. It is genuine by now: `review.webhooks` checked that."""

import uuid
from typing import Annotated, Literal

from django.http import Http404
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic import ValidationError as BadShape
from rest_framework.exceptions import ValidationError

from integrations.buli2_answers import BadAnswer, read_object
from review.models import Review

MAX_NOTES = 1000  # characters

# A NUL has no place in a text of PostgreSQL, nor on a page.
Notes = Annotated[str, StringConstraints(max_length=MAX_NOTES), AfterValidator(lambda text: text.replace("\0", ""))]
TicketId = Annotated[
    str,
    BeforeValidator(lambda given: str(given) if type(given) is int else given),
    StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$"),
]


class Callback(BaseModel):
    """The body. Other keys are BULI2's own business, the `timestamp` too: the signed one is a header."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    decision: Literal["approved", "rejected"]
    notes: Notes | None = None
    reviewer_notes: Notes | None = Field(None, alias="reviewerNotes")
    review_id: uuid.UUID | None = Field(None, alias="reviewId")
    task_id: TicketId | None = Field(None, alias="taskId")
    document_id: uuid.UUID | None = Field(None, alias="documentId")
    user_id: uuid.UUID | None = Field(None, alias="userId")

    @property
    def text(self) -> str:
        return self.notes or self.reviewer_notes or ""


def read_callback(body: bytes) -> Callback:
    """Raises DRF's ValidationError for whatever is no JSON object of this shape, also for a key that stands twice."""
    try:
        return Callback.model_validate(read_object(body))
    except BadAnswer as error:
        raise ValidationError({"": "The body is not a JSON object."}) from error
    except BadShape as error:
        raise ValidationError({str(e["loc"][0]): e["msg"] for e in error.errors()}) from error


class UnknownTicket(Http404):
    """The review is named by its ticket alone, and none has it."""


def find_review(callback: Callback, review_id: uuid.UUID | None) -> Review:
    """The review that is meant. Raises Http404 or UnknownTicket, and ValidationError unless every id that is given fits
    it.
    """
    reviews = Review.objects.select_related("document")
    review_id = review_id or callback.review_id
    if review_id:
        review = reviews.filter(pk=review_id).first()
    elif callback.document_id:
        review = reviews.filter(document=callback.document_id).first()
    elif callback.task_id:
        review = reviews.filter(buli2_ticket_id=callback.task_id).first()
        if review is None:
            raise UnknownTicket
    else:
        raise ValidationError({"reviewId": "Say which review: reviewId, taskId or documentId."})
    if review is None or review.document.erased_at:
        raise Http404
    if problems := dict.fromkeys(_unfit(callback, review), "Is not the one of this review."):
        raise ValidationError(problems)
    return review


def _unfit(callback: Callback, review: Review) -> list[str]:
    # BULI2 may be faster than our own commit of its ticket: then any ticket fits.
    ticket = review.buli2_ticket_id or callback.task_id
    pairs = {
        "reviewId": (callback.review_id, review.pk),
        "taskId": (callback.task_id, ticket),
        "documentId": (callback.document_id, review.document_id),
        "userId": (callback.user_id, review.document.owner_id),
    }
    return [name for name, (given, known) in pairs.items() if given is not None and given != known]
