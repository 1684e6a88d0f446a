"""Asking for a verification, and reading what was found."""

import hashlib
import json
import uuid
from typing import Any

from django.utils.translation.trans_real import parse_accept_lang_header
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from documents.api import own_document
from documents.queue import ring
from documents.status import Status
from verification.models import INDONESIAN
from verification.runs import read_run
from verification.services import request_verification

ENGLISH = "en"
LANGUAGES = (ENGLISH, INDONESIAN)  # of sentences about pictures; all else that the API says is English
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


class IssueSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField(help_text="for the sender, in English, or in Indonesian by Accept-Language: id")


class ResultSerializer(serializers.Serializer[Any]):
    status = serializers.CharField()
    result = serializers.DictField(child=serializers.CharField(allow_null=True), allow_null=True)
    fields = serializers.DictField(child=FieldSerializer())  # type: ignore[assignment]
    kind = serializers.CharField(
        allow_null=True, help_text="which document the picture shows, whatever it was sent as; null before it was read"
    )
    quality = IssueSerializer(many=True, help_text="what is wrong with the picture, the worst first")


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
    @extend_schema(
        operation_id="getResult",
        parameters=[OpenApiParameter("Accept-Language", str, OpenApiParameter.HEADER, enum=LANGUAGES)],
        responses={200: ResultSerializer, 304: None},
    )
    def get(self, request: Request, document_id: uuid.UUID) -> Response:
        document = own_document(request, document_id)
        run = read_run(document)
        fields = (run and run.fields) or {}
        language = language_of(request)
        answer = {
            "status": document.words.status,
            "result": {name: field["value"] for name, field in fields.items()} or None,
            "fields": {name: {key: field[key] for key in SHOWN} for name, field in fields.items()},
            "kind": (run and run.kind) or None,
            "quality": [issue._asdict() for issue in run.issues(language, for_sender=True)] if run else [],
        }
        etag = f'"{hashlib.sha256(json.dumps(answer, sort_keys=True).encode()).hexdigest()[:32]}"'
        headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Content-Language": language}
        headers["Vary"] = "Accept-Language"
        if etag in request.headers.get("If-None-Match", ""):
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers=headers)
        return Response(answer, headers=headers)


def language_of(request: Request) -> str:
    """The caller's first choice of those there are. The project's own list can't tell: its pages are English only."""
    asked = parse_accept_lang_header(request.headers.get("Accept-Language", "").lower())
    primary = (tag.partition("-")[0] for tag, weight in asked if weight > 0)
    return next((language for language in primary if language in LANGUAGES), ENGLISH)
