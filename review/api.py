"""What an API client learns of the judgement of its documents, and asking for a person."""

import functools
import uuid
from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from documents.api import own_document
from documents.models import Document
from documents.queue import ring_default
from documents.status import Status, wire_time
from review.models import Review, ReviewDecision, Source
from review.reasons import public_text
from review.services import escalate, open_review
from review.tasks import DELIVER
from verification.api import LANGUAGES, language_of
from verification.client_reasons import CLIENT_REASONS, IN_REVIEW
from verification.runs import read_run
from verification.services import evaluate

AGAIN = "Document has already been evaluated"
ESCALATED = "The document was handed to a person"
REVIEW_RESULT = "review_result"
BY_A_CLIENT = "client"  # reason of an escalation
PUBLIC_LANGUAGE = "en"  # of the texts of the API


class NotReadYet(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "not_read_yet"
    default_detail = "The document has not been read yet. Ask again soon."

    def __init__(self, document: Document) -> None:
        super().__init__()
        self.extra = {"currentStatus": document.words.status}


class NotInReview(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "not_in_review"
    default_detail = "The document does not wait for a person."

    def __init__(self, document: Document) -> None:
        super().__init__()
        self.extra = {"currentStatus": document.words.status}


class EvaluateSerializer(serializers.Serializer[Any]):
    documentId = serializers.UUIDField()


class EvaluatedSerializer(serializers.Serializer[Any]):
    documentId = serializers.UUIDField()
    score = serializers.IntegerField(
        min_value=0, max_value=100, allow_null=True, help_text="null: nobody could read it"
    )
    decision = serializers.ChoiceField(["auto_approve", "auto_reject", "needs_review"])
    verificationStatus = serializers.CharField()
    reviewId = serializers.UUIDField(required=False, help_text="once a person has to look")
    reasons = serializers.ListField(
        child=serializers.CharField(),
        help_text="sentences for the sender, in English, or in Indonesian by Accept-Language",
    )
    message = serializers.CharField(required=False, help_text="when it was evaluated before this call")


class NewUploadSerializer(serializers.Serializer[Any]):
    reasonCode = serializers.CharField()
    reason = serializers.CharField(help_text="for the client")
    replacedBy = serializers.UUIDField(allow_null=True, help_text="the document that was sent since with `replaces`")


class ReviewResultSerializer(serializers.Serializer[Any]):
    reviewId = serializers.UUIDField()
    status = serializers.CharField(help_text="completed")
    decision = serializers.ChoiceField(["approved", "rejected"])
    notes = serializers.CharField(allow_null=True, help_text="for the client; a reviewer's own note is never shown")
    newUpload = NewUploadSerializer(required=False, help_text="a new upload is asked for: send it with `replaces`")
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()


class StatusSerializer(serializers.Serializer[Any]):
    documentId = serializers.UUIDField()
    status = serializers.CharField(help_text="review_result once it was decided, else as verificationStatus")
    verificationStatus = serializers.CharField()
    aiScore = serializers.IntegerField(min_value=0, max_value=100, allow_null=True)
    aiDecision = serializers.CharField(allow_null=True)
    buli2TicketId = serializers.CharField(allow_null=True)
    result = ReviewResultSerializer(allow_null=True)


class EscalatedSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()
    ticketId = serializers.CharField(help_text="BULI2's ticket, or the review's id while there is none")
    status = serializers.CharField()
    verificationStatus = serializers.CharField()


class EvaluateView(APIView):
    throttle_scope = "action"

    @extend_schema(
        operation_id="evaluateDocument",
        request=EvaluateSerializer,
        responses=EvaluatedSerializer,
        parameters=[OpenApiParameter("Accept-Language", str, OpenApiParameter.HEADER, enum=LANGUAGES)],
    )
    def post(self, request: Request) -> Response:
        asked = EvaluateSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        document = own_document(request, asked.validated_data["documentId"], "review")
        again = document.is_evaluated
        if not again:
            evaluate(document)
            document = own_document(request, document.pk, "review")
        if not document.is_evaluated:
            raise NotReadYet(document)
        language = language_of(request)
        answer = _judgement(document, language)
        if document.state is Status.needs_review:
            answer["reviewId"] = str(open_review(document).pk)
            transaction.on_commit(functools.partial(ring_default, DELIVER))
        headers = {"Content-Language": language, "Vary": "Accept-Language"}
        return Response({**answer, "message": AGAIN} if again else answer, headers=headers)


class StatusView(APIView):
    @extend_schema(operation_id="getVerificationStatus", responses=StatusSerializer)
    def get(self, request: Request, document_id: uuid.UUID) -> Response:
        # In one query: read one after the other, the review may be closed where the document still waits.
        document = own_document(request, document_id, "review")
        review = _review_of(document)
        result = _result(review) if review else None
        answer = {
            "documentId": str(document.pk),
            "status": REVIEW_RESULT if result else document.words.verification_status,
            "verificationStatus": document.words.verification_status,
            "aiScore": document.ai_score,
            "aiDecision": _ai_decision(document),
            "buli2TicketId": (review.buli2_ticket_id if review else "") or None,
            "result": result,
        }
        return Response(answer)


class EscalateView(APIView):
    throttle_scope = "action"

    @extend_schema(operation_id="escalateDocument", request=None, responses={202: EscalatedSerializer})
    def post(self, request: Request, document_id: uuid.UUID) -> Response:
        document = own_document(request, document_id)
        if document.state is not Status.needs_review:
            raise NotInReview(document)
        review = escalate(open_review(document), by=str(request.user.pk), reason=BY_A_CLIENT)
        if review.decision:
            raise NotInReview(document)
        transaction.on_commit(functools.partial(ring_default, DELIVER))
        answer = {
            "message": ESCALATED,
            "ticketId": review.buli2_ticket_id or str(review.pk),
            "status": document.words.status,
            "verificationStatus": document.words.verification_status,
        }
        return Response(answer, status=status.HTTP_202_ACCEPTED)


def _judgement(document: Document, language: str) -> dict[str, Any]:
    """`reviewId` stays after a person decided: it is how the case is named to them.

    The reasons are those for its sender: the full ones are the reviewer's and BULI2's.
    """
    review, run = _review_of(document), read_run(document)
    unread = [CLIENT_REASONS[IN_REVIEW].in_language(language)]
    return {
        "documentId": str(document.pk),
        "score": document.ai_score,
        "decision": _ai_decision(document),
        "verificationStatus": document.words.verification_status,
        **({"reviewId": str(review.pk)} if review else {}),
        "reasons": run.client_reasons(language) if run else unread,
    }


def _review_of(document: Document) -> Review | None:
    review: Review | None = getattr(document, "review", None)
    return review


def _ai_decision(document: Document) -> str | None:
    """A document that nobody could read has none of its own: it came to a person."""
    if document.state in (Status.needs_review, Status.approved, Status.rejected):
        return Status.needs_review.value
    if document.is_final:  # decided by the machine, and the state says what it was
        return document.state.value
    return document.ai_decision or None


def _result(review: Review) -> dict[str, Any] | None:
    """What was decided, once the document was moved; before that it may still be on its way."""
    if review.closed_at is None:
        return None
    accepted = ReviewDecision.objects.get(review=review, accepted=True)
    return {
        "reviewId": str(review.pk),
        "status": "completed",
        "decision": accepted.decision,
        "notes": _public_notes(accepted),
        "createdAt": wire_time(review.created_at),
        "updatedAt": wire_time(review.closed_at),
        **_new_upload(review, accepted),
    }


def _new_upload(review: Review, decision: ReviewDecision) -> dict[str, Any]:
    """Only where one was asked for: the answers of all other documents are what clients have always known."""
    if not decision.new_upload:
        return {}
    newer = Document.objects.filter(replaces=review.document_id).values_list("pk", flat=True).first()
    asked = {
        "reasonCode": decision.reason_code,
        "reason": public_text(decision.reason, PUBLIC_LANGUAGE),
        "replacedBy": str(newer) if newer else None,
    }
    return {"newUpload": asked}


def _public_notes(decision: ReviewDecision) -> str | None:
    """BULI2's notes are meant for the client. A reviewer's note is internal: the client gets the reason's text."""
    if decision.source == Source.buli2:
        return decision.note or None
    return public_text(decision.reason, PUBLIC_LANGUAGE)
