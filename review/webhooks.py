"""BULI2's callbacks: a decision comes in. Believed only with its signature, and whatever came is kept as a row."""

import functools
import hmac
import time
import uuid

import structlog
from django.conf import settings
from django.db import transaction
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from structlog.contextvars import bind_contextvars

from documents.queue import ring_default
from integrations.buli2 import body_digest
from integrations.models import Buli2Exchange, Direction, ExchangeState
from integrations.signatures import SecretMissing, SignatureInvalid, SignatureMissing, check_signature
from review.callbacks import Callback, UnknownTicket, find_review, read_callback
from review.models import Review
from review.partner import decide_for_buli2, keep_ticket, ticket_is_on_its_way
from review.tasks import DELIVER

log = structlog.get_logger(__name__)

MAX_BODY = 64 * 1024  # bytes
PATH_LENGTH, ERROR_LENGTH = 200, 64  # columns of the exchange


class MissingSignature(APIException):
    status_code = status.HTTP_401_UNAUTHORIZED
    default_code = "MISSING_SIGNATURE"
    default_detail = "The header x-buli2-signature is missing."


class InvalidSignature(APIException):
    status_code = status.HTTP_401_UNAUTHORIZED
    default_code = "INVALID_SIGNATURE"
    default_detail = "The signature does not fit this body, or its time is past."


class InvalidServiceKey(APIException):
    status_code = status.HTTP_401_UNAUTHORIZED
    default_code = "INVALID_SERVICE_KEY"
    default_detail = "The header x-service-key is missing or wrong."


class NoSecret(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "SIGNATURE_SECRET_MISSING"
    default_detail = "Callbacks can't be checked at the moment."


class BodyTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = f"The body may have at most {MAX_BODY} bytes."


class TicketUnknownYet(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "TICKET_UNKNOWN_YET"
    default_detail = "Our own submission has not been answered yet. Call again, or say which review by its reviewId."
    retry_after = 2


class ContraryDecision(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "ALREADY_DECIDED"
    default_detail = "The contrary was decided before."


class Arrival:
    """One callback on its way in, and the row that is kept of it."""

    def __init__(self, request: Request) -> None:
        self.started = time.monotonic()
        self.row = Buli2Exchange(
            direction=Direction.inbound,
            kind="callback",
            method=request.method or "",
            path=request.path[:PATH_LENGTH],
            attempt=1,
            correlation_id=str(getattr(request, "correlation_id", ""))[:64],
        )
        self.request = request._request

    def believe(self, callback: Callback, review: Review) -> None:
        """Only what is genuine and about a review of ours is kept; of anything else no more than that it came."""
        self.row.review_id, self.row.subject = review.pk, review.document.owner_id
        self.follow(review.document.correlation_id)
        self.row.body = callback.model_dump(mode="json", by_alias=True, exclude_none=True)

    def follow(self, correlation_id: str) -> None:
        """BULI2 sent no id of its own: then this is the way back of what the document's client began."""
        if correlation_id and not getattr(self.request, "correlation_given", False):
            self.row.correlation_id = correlation_id
            self.request.correlation_id = correlation_id  # type: ignore[attr-defined]
            bind_contextvars(correlation_id=correlation_id)

    def keep(self, http_status: int, error: str = "") -> None:
        self.row.state = ExchangeState.refused if error else ExchangeState.done
        self.row.http_status, self.row.error = http_status, error[:ERROR_LENGTH]
        self.row.last_attempt_at = timezone.now()
        self.row.duration_ms = round((time.monotonic() - self.started) * 1000)
        self.row.save(force_insert=True)
        log.info("buli2_callback", http_status=http_status, error=error)


class ReviewCallbackView(APIView):
    """`POST /internal/reviews/{reviewId}/callback`. Safe to repeat: the same decision again has no second effect."""

    authentication_classes = []
    permission_classes = []
    throttle_scope = "webhook"

    @extend_schema(exclude=True)
    def post(self, request: Request, review_id: uuid.UUID | None = None) -> Response:
        arrival = Arrival(request)
        try:
            callback = read_callback(_genuine_body(request, arrival))
            return _take(callback, review_id, arrival)
        except Http404:
            arrival.keep(status.HTTP_404_NOT_FOUND, "not_found")
            raise
        except ContraryDecision:
            raise  # kept, in one transaction with the refused decision
        except APIException as refused:
            arrival.keep(refused.status_code, refused.default_code)
            raise


class Buli2CallbackView(ReviewCallbackView):
    """`POST /internal/buli2/callback`: the same, the review being named in the body."""


def _genuine_body(request: Request, arrival: Arrival) -> bytes:
    """The body as it was signed. Raises one of the exceptions above; reads no JSON."""
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if not declared.isdecimal() or int(declared) > MAX_BODY:
        raise BodyTooLarge
    body: bytes = request.body
    arrival.row.body_sha256 = body_digest(body)
    try:
        check_signature(
            body=body,
            signature=request.headers.get("x-buli2-signature"),
            timestamp=request.headers.get("x-buli2-timestamp"),
            secrets=settings.BULI2_SIGNATURE_SECRETS,
            require_timestamp=settings.BULI2_REQUIRE_TIMESTAMP,
            now=time.time(),
        )
    except SecretMissing as missing:
        raise NoSecret from missing
    except SignatureMissing as missing:
        raise MissingSignature from missing
    except SignatureInvalid as invalid:
        raise InvalidSignature from invalid
    key = settings.SERVICE_INTERNAL_KEY
    if key and not hmac.compare_digest(request.headers.get("x-service-key", "").encode(), key.encode()):
        raise InvalidServiceKey
    return body


@transaction.atomic
def _decided(callback: Callback, review_id: uuid.UUID | None, arrival: Arrival) -> tuple[uuid.UUID, bool]:
    """The document's id, and whether the callback's decision is the one that counts."""
    try:
        review = find_review(callback, review_id)
    except UnknownTicket:
        if ticket_is_on_its_way():
            raise TicketUnknownYet from None
        raise
    arrival.believe(callback, review)
    if callback.task_id:
        keep_ticket(review.pk, callback.task_id)
    correlation_id = arrival.row.correlation_id
    accepted = decide_for_buli2(review, callback.decision, callback.text, correlation_id)
    agrees = accepted.decision == callback.decision
    if agrees:
        arrival.keep(status.HTTP_200_OK)
    else:
        arrival.keep(ContraryDecision.status_code, ContraryDecision.default_code)
    if accepted.delivered_at is None:
        transaction.on_commit(functools.partial(ring_default, DELIVER))
    return review.document_id, agrees


def _take(callback: Callback, review_id: uuid.UUID | None, arrival: Arrival) -> Response:
    document_id, agrees = _decided(callback, review_id, arrival)
    if not agrees:
        raise ContraryDecision
    return Response({"success": True, "status": "success", "documentId": str(document_id)})
