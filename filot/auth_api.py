"""Tokens: `POST /auth/token`, `/auth/token/refresh`, `/auth/verify`."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from filot.authentication import CHALLENGE, is_outside, outside_claims, profile, user_of
from filot.models import User
from filot.throttling import count_login


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "filot.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class TokenView(TokenObtainPairView):
    """A username and password for an access and a refresh token. 503 while attempts cannot be counted."""

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        username = request.data.get("username") if isinstance(request.data, dict) else ""
        count_login(request._request, username if isinstance(username, str) else "")
        return super().post(request, *args, **kwargs)

    def get_authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class RefreshView(TokenRefreshView):
    """A refresh token for a new access token."""

    def get_authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class VerifyRequest(serializers.Serializer[Any]):
    accessToken = serializers.CharField(max_length=8192)


class VerifiedUser(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.EmailField(allow_null=True)
    displayName = serializers.CharField(allow_blank=True)


class VerifyAnswer(serializers.Serializer[Any]):
    user = VerifiedUser()


class VerifyView(APIView):
    """Provisions the user of an outside token, and says who they are. Safe to repeat."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(request=VerifyRequest, responses=VerifyAnswer)
    def post(self, request: Request) -> Response:
        body = VerifyRequest(data=request.data)
        body.is_valid(raise_exception=True)
        token: str = body.validated_data["accessToken"]
        user = user_of(token)
        if is_outside(token):
            keep_profile(user, profile(outside_claims(token)))
        return Response({"user": {"id": str(user.pk), "email": user.email or None, "displayName": shown_name(user)}})

    def get_authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def shown_name(user: User) -> str:
    """What to call them. The username of an outside user is a random word of ours: rather nothing than that."""
    own_name = "" if user.subject else user.username
    return user.display_name or user.get_full_name() or own_name or user.email.partition("@")[0]


def keep_profile(user: User, told: dict[str, str]) -> None:
    """Take over what the provider says now; what it leaves out stays."""
    changed = {name: value for name, value in told.items() if value and getattr(user, name) != value}
    if changed:
        User.objects.filter(pk=user.pk).update(**changed)
        for name, value in changed.items():
            setattr(user, name, value)
