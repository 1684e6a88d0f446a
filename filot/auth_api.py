"""Tokens: `POST /auth/token`, `/auth/token/refresh`, `/auth/logout`, `/auth/verify`."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer
from rest_framework_simplejwt.tokens import Token
from rest_framework_simplejwt.views import TokenObtainPairView

from filot import logins
from filot.authentication import CHALLENGE, LONGEST_TOKEN, is_outside, outside_claims, profile, user_of
from filot.models import User
from filot.throttling import count_login


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "filot.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class TokenRequest(TokenObtainPairSerializer):
    @classmethod
    def get_token(cls, user: Any) -> Token:
        return logins.begin(user)


class RefreshRequest(serializers.Serializer[Any]):
    refresh = serializers.CharField(max_length=LONGEST_TOKEN)


class TokenPair(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField(help_text="good for one use; the token it was given for is spent")


class LoggedOut(serializers.Serializer[Any]):
    success = serializers.BooleanField(default=True)


class TokenView(TokenObtainPairView):
    """A username and password for an access and a refresh token. 503 while attempts cannot be counted."""

    _serializer_class = f"{__name__}.TokenRequest"

    @extend_schema(request=TokenRequest, responses=TokenPair)
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        username = request.data.get("username") if isinstance(request.data, dict) else ""
        count_login(request._request, username if isinstance(username, str) else "")
        return super().post(request, *args, **kwargs)

    def get_authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class OpenView(APIView):
    """What is sent in the body says who is calling."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get_authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def refresh_token_of(request: Request) -> str:
    body = RefreshRequest(data=request.data)
    body.is_valid(raise_exception=True)
    return str(body.validated_data["refresh"])


class RefreshView(OpenView):
    """A refresh token for a new access token and the next refresh token. A refresh token is good for one use."""

    @extend_schema(operation_id="refreshToken", request=RefreshRequest, responses=TokenPair)
    def post(self, request: Request) -> Response:
        renewed = logins.renew(refresh_token_of(request))
        return Response({"access": str(renewed.access_token), "refresh": str(renewed)})


class LogoutView(OpenView):
    """Ends the login of a refresh token; an access token of it lives out its minutes. Safe to repeat."""

    @extend_schema(operation_id="logout", request=RefreshRequest, responses=LoggedOut)
    def post(self, request: Request) -> Response:
        logins.end(refresh_token_of(request))
        return Response({"success": True})


class VerifyRequest(serializers.Serializer[Any]):
    accessToken = serializers.CharField(max_length=LONGEST_TOKEN)


class VerifiedUser(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.EmailField(allow_null=True)
    displayName = serializers.CharField(allow_blank=True)


class VerifyAnswer(serializers.Serializer[Any]):
    user = VerifiedUser()


class VerifyView(OpenView):
    """Provisions the user of an outside token, and says who they are. Safe to repeat."""

    @extend_schema(request=VerifyRequest, responses=VerifyAnswer)
    def post(self, request: Request) -> Response:
        body = VerifyRequest(data=request.data)
        body.is_valid(raise_exception=True)
        token: str = body.validated_data["accessToken"]
        user = user_of(token)
        if is_outside(token):
            keep_profile(user, profile(outside_claims(token)))
        return Response(
            {"user": {"id": str(user.pk), "email": user.told["email"] or None, "displayName": shown_name(user)}}
        )


def shown_name(user: User) -> str:
    """What to call them. The username of an outside user is a random word of ours: rather nothing than that."""
    own_name = "" if user.subject else user.username
    return user.told["display_name"] or user.get_full_name() or own_name or user.told["email"].partition("@")[0]


def keep_profile(user: User, told: dict[str, str]) -> None:
    """Take over what the provider says now; what it leaves out stays."""
    known = user.profile or {}
    fresh = {**known, **{name: value for name, value in told.items() if value}}
    if fresh != known:
        user.profile = fresh
        user.save(update_fields=["profile"])
