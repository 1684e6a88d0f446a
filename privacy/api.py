"""What an owner asks for by right: a person's look at an automatic rejection, access, correction, erasure."""

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from documents.api import DocumentSerializer, WireTimeField, own_document
from privacy.models import PersonalRequest, RequestKind
from privacy.requests import ask
from privacy.second_look import NotRejectedByMachine, ask_second_look

ASKABLE = [kind.value for kind in RequestKind if kind is not RequestKind.second_look]


class NoAutomaticRejection(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "not_rejected_automatically"
    default_detail = "Only an automatic rejection is looked at by a person on request."


class SecondLookSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField(default=True)
    requestId = serializers.UUIDField()
    documentId = serializers.UUIDField(help_text="of the new document; the rejected one stays as it is")
    document = DocumentSerializer()


class PersonalRequestSerializer(serializers.ModelSerializer[PersonalRequest]):
    requestId = serializers.UUIDField(source="id")
    documentId = serializers.UUIDField(source="document_id", allow_null=True)
    newDocumentId = serializers.UUIDField(source="new_document_id", allow_null=True)
    createdAt = WireTimeField(source="created_at")
    dueAt = WireTimeField(source="due_at")

    class Meta:
        model = PersonalRequest
        fields = ["requestId", "kind", "state", "documentId", "newDocumentId", "createdAt", "dueAt"]


class AskSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=ASKABLE)


class SecondLookView(APIView):
    throttle_scope = "action"

    @extend_schema(operation_id="askSecondLook", request=None, responses={201: SecondLookSerializer})
    def post(self, request: Request, document_id: uuid.UUID) -> Response:
        document = own_document(request, document_id)
        try:
            asked = ask_second_look(
                document, by=str(request.user.pk), correlation_id=getattr(request, "correlation_id", "")
            )
        except NotRejectedByMachine as not_rejected:
            raise NoAutomaticRejection from not_rejected
        answer = {
            "success": True,
            "requestId": asked.pk,
            "documentId": asked.new_document_id,
            "document": asked.new_document,
        }
        return Response(SecondLookSerializer(answer).data, status=status.HTTP_201_CREATED)


class PersonalRequestsView(APIView):
    throttle_scope = "action"

    @extend_schema(operation_id="listPersonalRequests", responses=PersonalRequestSerializer(many=True))
    def get(self, request: Request) -> Response:
        asked = PersonalRequest.objects.filter(owner_id=request.user.pk).order_by("-created_at")[:100]
        return Response(PersonalRequestSerializer(asked, many=True).data)

    @extend_schema(operation_id="askPersonalRequest", request=AskSerializer, responses={201: PersonalRequestSerializer})
    def post(self, request: Request) -> Response:
        body = AskSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        asked, new = ask(request.user, RequestKind(body.validated_data["kind"]))
        code = status.HTTP_201_CREATED if new else status.HTTP_200_OK
        return Response(PersonalRequestSerializer(asked).data, status=code)
