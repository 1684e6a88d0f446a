"""Asking for a verification, and reading what was found."""

import hashlib
import json
import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from documents.api import own_document
from documents.queue import ring
from documents.status import Status
from verification.services import read_fields, request_verification

SHOWN = ("value", "confidence", "box")  # of a field; the raw text is the reviewer's


class AlreadyFinal(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "already_final"
    default_detail = "The document is decided. Upload a new one for a new look."


class InReview(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "in_review"
    default_detail = "The document was read and judged. It waits for a person."


class QueuedSerializer(serializers.Serializer[Any]):
    queued = serializers.BooleanField()
    documentId = serializers.UUIDField()


class FieldSerializer(serializers.Serializer[Any]):
    value = serializers.CharField(allow_null=True)
    confidence = serializers.FloatField(min_value=0, max_value=1)
    box = serializers.ListField(
        child=serializers.FloatField(), min_length=4, max_length=4, allow_null=True, help_text="x, y, w, h as fractions"
    )


class ResultSerializer(serializers.Serializer[Any]):
    status = serializers.CharField()
    result = serializers.DictField(child=serializers.CharField(allow_null=True), allow_null=True)
    fields = serializers.DictField(child=FieldSerializer())  # type: ignore[assignment]


class ProcessView(APIView):
    throttle_scope = "action"

    @extend_schema(operation_id="processDocument", request=None, responses={202: QueuedSerializer})
    def post(self, request: Request, document_id: uuid.UUID) -> Response:
        document = own_document(request, document_id)
        if document.is_final:
            raise AlreadyFinal
        if document.state is Status.needs_review:
            raise InReview
        request_verification(document)
        if document.state is Status.uploaded:
            ring(document.queue)
        return Response({"queued": True, "documentId": str(document.pk)}, status=status.HTTP_202_ACCEPTED)


class ResultView(APIView):
    @extend_schema(operation_id="getResult", responses={200: ResultSerializer, 304: None})
    def get(self, request: Request, document_id: uuid.UUID) -> Response:
        document = own_document(request, document_id)
        fields = read_fields(document) or {}
        answer = {
            "status": document.words.status,
            "result": {name: field["value"] for name, field in fields.items()} or None,
            "fields": {name: {key: field[key] for key in SHOWN} for name, field in fields.items()},
        }
        etag = f'"{hashlib.sha256(json.dumps(answer, sort_keys=True).encode()).hexdigest()[:32]}"'
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        if etag in request.headers.get("If-None-Match", ""):
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers=headers)
        return Response(answer, headers=headers)
