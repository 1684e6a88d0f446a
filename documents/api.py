"""Uploading documents, looking at them, downloading their originals."""

import base64
import functools
import math
import uuid
from datetime import UTC, datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpResponse
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from documents.applicant import LONGEST, ApplicantField
from documents.clamd import ScannerUnavailable
from documents.in_flight import KeyInFlight
from documents.links import document_id_of, download_token
from documents.models import Document
from documents.pressure import QueueBusy, StorageFull, UploadRefused
from documents.queue import ring
from documents.services import KeyReused, NotAskedFor, receive_upload
from documents.status import WIRE, Status, wire_time
from documents.storage import StoreUnavailable, read_original
from ocr_gpu.images import UnreadableFile
from ocr_gpu.sandbox import SandboxUnavailable

STORE_RETRY_SECONDS = 10
KEY_RETRY_SECONDS = 1
MAX_KEY_LENGTH = 128
ERROR = {"$ref": "#/components/schemas/Error"}
TOO_MANY = OpenApiResponse(ERROR, "`rate_limited` or, while too many of one's own documents wait, `quota_exceeded`.")
NO_ROOM = OpenApiResponse(ERROR, "`busy` while too many documents wait, or a needed part is down.")


class NotAccepted(APIException):
    """A file that is refused at the door: 415 for its kind, 422 for its content."""

    def __init__(self, refused: UnreadableFile) -> None:
        super().__init__(refused.message, refused.code)
        self.status_code = refused.status


class FileTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "file_too_large"
    default_detail = "The file is too large."


class IdempotencyKeyReused(APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "idempotency_key_reused"
    default_detail = "This Idempotency-Key was used for another upload."


class IdempotencyKeyInFlight(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "idempotency_key_in_flight"
    default_detail = "A request with this Idempotency-Key has not been answered yet. Send it again soon."
    retry_after = KEY_RETRY_SECONDS


class StorageQuotaExceeded(APIException):
    status_code = status.HTTP_403_FORBIDDEN
    default_code = "storage_quota_exceeded"
    default_detail = "No more documents of yours can be kept here."


class NoNewUploadAsked(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "no_new_upload_asked"
    default_detail = "Nobody asked for a new upload of this document, or it was sent already."


class StoreDown(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "storage_unavailable"
    default_detail = "The document store does not answer. Try again soon."
    retry_after = STORE_RETRY_SECONDS


class DecoderDown(APIException):
    """The file is not at fault: this machine could not start what looks into files."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "decoder_unavailable"
    default_detail = "Files cannot be looked into at the moment. Try again soon."
    retry_after = STORE_RETRY_SECONDS


class ScannerDown(APIException):
    """Whether the file is clean is not known: it is not taken, and nothing was stored."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "scanner_unavailable"
    default_detail = "Files cannot be scanned at the moment. Try again soon."
    retry_after = STORE_RETRY_SECONDS


log = structlog.get_logger(__name__)

# What receiving an upload raises, beside what says itself why: the API's word for it.
REFUSALS: dict[type[Exception], type[APIException]] = {
    KeyReused: IdempotencyKeyReused,
    KeyInFlight: IdempotencyKeyInFlight,
    NotAskedFor: NoNewUploadAsked,
    StorageFull: StorageQuotaExceeded,
    StoreUnavailable: StoreDown,
    SandboxUnavailable: DecoderDown,
    ScannerUnavailable: ScannerDown,
}


class NotNow(APIException):
    """Too much waits in all: 503 `busy`; or too much of this owner: 429 `quota_exceeded`. Nothing was stored."""

    def __init__(self, refused: UploadRefused) -> None:
        self.retry_after = refused.retry_after
        if isinstance(refused, QueueBusy):
            self.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
            super().__init__("Too many documents wait to be read. Try again later.", "busy")
            return
        self.status_code = status.HTTP_429_TOO_MANY_REQUESTS
        super().__init__("Too many of your documents wait to be read. Try again later.", "quota_exceeded")
        self.headers = {
            "RateLimit-Limit": str(settings.OWNER_MAX_WAITING),
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": str(math.ceil(refused.retry_after)),
        }


class WireTimeField(serializers.DateTimeField):
    """ISO 8601 in UTC with milliseconds and Z."""

    def to_representation(self, value: Any) -> str:
        return wire_time(value)


class DocumentSerializer(serializers.ModelSerializer[Document]):
    """A document as its owner sees it."""

    status = serializers.CharField(source="words.status")
    verificationStatus = serializers.CharField(source="words.verification_status")
    aiDecision = serializers.SerializerMethodField()
    replaces = serializers.SerializerMethodField()
    createdAt = WireTimeField(source="created_at")
    updatedAt = WireTimeField(source="updated_at")

    class Meta:
        model = Document
        fields = ["id", "type", "status", "verificationStatus", "aiDecision", "replaces", "createdAt", "updatedAt"]

    def get_replaces(self, document: Document) -> str | None:
        return str(document.replaces_id) if document.replaces_id else None

    def get_aiDecision(self, document: Document) -> str | None:
        return document.ai_decision or None


class ReceivedSerializer(serializers.ModelSerializer[Document]):
    """A document as it was received: the same for a call that is repeated later with its Idempotency-Key."""

    status = serializers.SerializerMethodField()
    createdAt = WireTimeField(source="created_at")

    class Meta:
        model = Document
        fields = ["id", "type", "status", "createdAt"]

    def get_status(self, document: Document) -> str:
        return WIRE[Status.uploaded].status


class UploadSerializer(serializers.Serializer[Any]):
    file = serializers.FileField(allow_empty_file=True)
    type = serializers.ChoiceField(choices=sorted(settings.DOCUMENT_TYPES))
    applicant = ApplicantField(
        required=False,
        help_text=f"JSON object of at most {LONGEST} characters: name, nik, npwp, birthDate; all optional",
    )
    replaces = serializers.UUIDField(
        required=False, help_text="document of the caller for which a new upload was asked: `newUpload` of its status"
    )

    def validate_file(self, file: Any) -> Any:
        if file.size > settings.MAX_UPLOAD_BYTES:
            raise FileTooLarge(f"The file may have at most {settings.MAX_UPLOAD_BYTES} bytes.")
        return file


class UploadedSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField(default=True)
    documentId = serializers.UUIDField()
    document = ReceivedSerializer()


class DocumentPageSerializer(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = DocumentSerializer(many=True)


class DownloadSerializer(serializers.Serializer[Any]):
    url = serializers.URLField()
    expiresIn = serializers.IntegerField(help_text="seconds")


def own_document(request: Request, document_id: uuid.UUID, *related: str) -> Document:
    """The caller's document, with the `related` rows as they are at the same moment. Somebody else's is 404."""
    documents = Document.objects.owned_by(request.user.pk)
    if related:
        documents = documents.select_related(*related)
    document: Document | None = documents.filter(pk=document_id).first()
    if document is None:
        raise Http404
    return document


class UploadView(APIView):
    parser_classes = [MultiPartParser]
    throttle_scope = "action"

    @extend_schema(
        operation_id="uploadDocument",
        request={"multipart/form-data": UploadSerializer},
        responses={201: UploadedSerializer, 429: TOO_MANY, 503: NO_ROOM},
        parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)],
    )
    def post(self, request: Request) -> Response:
        upload = UploadSerializer(data=request.data)
        upload.is_valid(raise_exception=True)
        file, replaced = upload.validated_data["file"], upload.validated_data.get("replaces")
        try:
            document = receive_upload(
                owner=request.user,
                type=upload.validated_data["type"],
                data=file.read(),
                declared_type=file.content_type,
                idempotency_key=_idempotency_key(request),
                correlation_id=getattr(request, "correlation_id", ""),
                applicant=upload.validated_data.get("applicant"),
                replaces=own_document(request, replaced) if replaced else None,
            )
        except UploadRefused as refused:
            raise NotNow(refused) from refused
        except UnreadableFile as unreadable:
            raise NotAccepted(unreadable) from unreadable
        except tuple(REFUSALS) as refused:
            if isinstance(refused, StoreUnavailable):  # which store, and what it said: the answer tells neither
                log.error("part_down", error=type(refused).__name__, exc_info=refused)
            raise next(word for kind, word in REFUSALS.items() if isinstance(refused, kind)) from refused
        if document.queue:
            transaction.on_commit(functools.partial(ring, document.queue))
        answer = {"success": True, "documentId": str(document.pk), "document": ReceivedSerializer(document).data}
        location = reverse("document", kwargs={"document_id": document.pk})
        return Response(answer, status=status.HTTP_201_CREATED, headers={"Location": location})


def _idempotency_key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > MAX_KEY_LENGTH or not key.isprintable():
        raise ValidationError({"Idempotency-Key": f"At most {MAX_KEY_LENGTH} printable characters."})
    return key


class DocumentView(APIView):
    @extend_schema(operation_id="getDocument", responses=DocumentSerializer)
    def get(self, request: Request, document_id: uuid.UUID) -> Response:
        return Response(DocumentSerializer(own_document(request, document_id)).data)


class DocumentPages(CursorPagination):
    ordering = ("-created_at", "id")
    page_size = 20

    def decode_cursor(self, request: Request) -> Any:
        """Strict, where DRF takes any text for a cursor, and a position for whatever the database makes of it."""
        try:
            base64.b64decode(request.query_params.get(self.cursor_query_param, ""), validate=True)
            cursor = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None:
                datetime.fromisoformat(str(cursor.position)).astimezone(UTC)
        except (ValueError, OverflowError, NotFound) as error:
            raise ValidationError({"cursor": "Not a cursor of ours."}) from error
        return cursor


class DocumentListView(APIView):
    @extend_schema(
        operation_id="listDocuments",
        responses=DocumentPageSerializer,
        parameters=[
            OpenApiParameter("status", str, description="a `status` or `verificationStatus` word"),
            OpenApiParameter("type", str, enum=sorted(settings.DOCUMENT_TYPES)),
            OpenApiParameter("cursor", str),
        ],
    )
    def get(self, request: Request) -> Response:
        documents = Document.objects.owned_by(request.user.pk)
        if word := request.query_params.get("status"):
            states = [state for state, words in WIRE.items() if word in words]
            if not states:
                raise ValidationError({"status": "Not a status."})
            documents = documents.filter(status__in=states)
        if type := request.query_params.get("type"):
            if type not in settings.DOCUMENT_TYPES:
                raise ValidationError({"type": "Not a document type."})
            documents = documents.filter(type=type)
        pages = DocumentPages()
        page = pages.paginate_queryset(documents, request, self)
        return pages.get_paginated_response(DocumentSerializer(page, many=True).data)


class DownloadView(APIView):
    @extend_schema(operation_id="downloadDocument", request=None, responses=DownloadSerializer)
    def get(self, request: Request, document_id: uuid.UUID) -> Response:
        document = own_document(request, document_id)
        path = reverse("original", kwargs={"token": download_token(str(document.pk))})
        return Response({"url": request.build_absolute_uri(path), "expiresIn": settings.DOWNLOAD_LINK_SECONDS})


class OriginalView(APIView):
    """The original behind a download link: the token is the permission."""

    authentication_classes = []
    permission_classes = []

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """A file is what it is, whatever `Accept` says; only its errors are rendered."""
        return JSONRenderer(), JSONRenderer.media_type

    @extend_schema(exclude=True)
    def get(self, request: Request, token: str) -> HttpResponse:
        document_id = document_id_of(token)
        document = Document.objects.in_use().filter(pk=document_id).first() if document_id else None
        if document is None:
            raise Http404
        data = read_original(document.storage_key)  # a store that is down is 503, as everywhere
        name = document.storage_key.rpartition("/")[2]
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        }
        return HttpResponse(data, content_type=document.content_type, headers=headers)
