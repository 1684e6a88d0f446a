"""Bearer tokens: our own (`filot.tokens`), and an outside identity provider's (RS256, ES256) if one is configured."""

import functools
import threading
import time
import uuid
from http import HTTPStatus
from typing import Any

import jwt
import structlog
from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from filot.backends import StaffBackend
from filot.errors import Unavailable
from filot.models import User
from filot.tokens import AccessToken, is_our_kid
from integrations.bounded_http import CallFailed, call

OUTSIDE_ALGORITHMS = ["RS256", "ES256"]
REQUIRED_CLAIMS = ["exp", "iss", "aud", "sub"]
LEEWAY = 30  # seconds that the provider's clock may differ from ours
KEYS_TIMEOUTS = (1.5, 1.5)  # seconds to connect, and for the rest of one fetch of the provider's keys
KEYS_LIFE = 300.0  # seconds after which they are fetched again
KEYS_PAUSE = 30.0  # seconds between two fetches, whatever key ids callers invent
LONGEST_TOKEN = 8192
# `typ` of what may be an access token; others are made by the same provider with the same keys for other purposes:
# logout+jwt, secevent+jwt, dpop+jwt. Many providers write none.
ACCESS_TOKEN_KINDS = {"jwt", "at+jwt", "application/jwt", "application/at+jwt"}
CHALLENGE = 'Bearer realm="filot"'

logger = structlog.get_logger(__name__)


class BadToken(AuthenticationFailed):
    default_code = "invalid_token"
    default_detail = "The access token is not valid or has expired."


class InactiveUser(AuthenticationFailed):
    default_code = "user_inactive"
    default_detail = "This account is not active."


class BearerAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, None] | None:
        words = request.META.get("HTTP_AUTHORIZATION", "").split()
        if not words or words[0].lower() != "bearer":
            return None
        if len(words) != 2:
            raise BadToken
        user = user_of(words[1])
        structlog.contextvars.bind_contextvars(user_id=str(user.pk))
        return user, None

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def user_of(token: str) -> User:
    """The active user of an access token, provisioned at first sight of an outside one.

    Raises BadToken for whatever is wrong with it, InactiveUser, or Unavailable without the provider's keys.
    """
    user = outside_user(outside_claims(token)) if is_outside(token) else own_user(token)
    if not StaffBackend().user_can_authenticate(user):
        raise InactiveUser
    return user


def is_outside(token: str) -> bool:
    """By the algorithm and the key it names; each kind is then checked against its own keys and algorithms only."""
    if len(token) > LONGEST_TOKEN:
        raise BadToken
    if not settings.JWKS_URL:
        return False
    try:
        header = jwt.get_unverified_header(token)
        return header.get("alg") in OUTSIDE_ALGORITHMS and not is_our_kid(header)
    except Exception as error:  # parsers of headers raise more than their own exceptions
        raise BadToken from error


def own_user(token: str) -> User:
    try:
        user_id = uuid.UUID(AccessToken(token)["user_id"])  # type: ignore[arg-type]
    except Exception as error:  # a token that cannot be read is refused, whatever the reader stumbled over
        raise BadToken from error
    try:
        return User.objects.get(pk=user_id)
    except ObjectDoesNotExist as error:
        raise BadToken from error


def outside_claims(token: str) -> dict[str, Any]:
    """The verified claims of the provider's token."""
    if not (settings.JWKS_ISSUER and settings.JWKS_AUDIENCE):
        raise BadToken  # a token that the provider made for somebody else would pass
    try:
        if str(jwt.get_unverified_header(token).get("typ", "JWT")).lower() not in ACCESS_TOKEN_KINDS:
            raise BadToken
        key = provider_keys(settings.JWKS_URL).get_signing_key_from_jwt(token)
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=OUTSIDE_ALGORITHMS,
            issuer=settings.JWKS_ISSUER,
            audience=settings.JWKS_AUDIENCE,
            leeway=LEEWAY,
            options={"require": REQUIRED_CLAIMS},
        )
    except jwt.PyJWKClientConnectionError as error:
        raise Unavailable("The identity provider does not answer. Try again soon.") from error
    except Exception as error:
        raise BadToken from error
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or "\0" in subject:
        raise BadToken
    return claims


def outside_user(claims: dict[str, Any]) -> User:
    """The user with this issuer and subject, made if need be; never found by e-mail: anyone may claim one."""
    user, created = User.objects.get_or_create(
        issuer=settings.JWKS_ISSUER,
        subject=claims["sub"],
        defaults={"username": uuid.uuid4().hex, "password": "!", "profile": profile(claims)},
    )
    if created:
        logger.info("user_provisioned", user_id=str(user.pk))
    return user


def profile(claims: dict[str, Any]) -> dict[str, str]:
    """What we keep of the provider's claims: the name, and the e-mail only when the provider verified it."""
    name = claims.get("name")
    email = claims.get("email") if claims.get("email_verified") is True else None
    return {
        "display_name": name.replace("\0", "")[:150] if isinstance(name, str) else "",
        "email": email if isinstance(email, str) and len(email) <= 254 and "\0" not in email else "",
    }


class ProviderKeys(jwt.PyJWKClient):
    """The provider's keys: kept while it is away, and fetched at most once in KEYS_PAUSE seconds."""

    def __init__(self, url: str) -> None:
        super().__init__(url, cache_jwk_set=False)
        self._lock = threading.Lock()
        self._keys: jwt.PyJWKSet | None = None
        self._fetched_at = self._tried_at = float("-inf")

    def get_jwk_set(self, refresh: bool = False) -> jwt.PyJWKSet:
        """Raises PyJWKClientConnectionError when there has never been an answer."""
        if self._lock.acquire(blocking=self._keys is None):  # with keys at hand nobody waits for a fetch
            try:
                self._fetch_if_due(refresh)
            finally:
                self._lock.release()
        if self._keys is None:
            raise jwt.PyJWKClientConnectionError("no keys of the identity provider")
        return self._keys

    def _fetch_if_due(self, refresh: bool) -> None:
        now = time.monotonic()
        due = refresh or now - self._fetched_at > KEYS_LIFE
        if not due or now - self._tried_at < KEYS_PAUSE:
            return
        self._tried_at = now
        try:
            self._keys = jwt.PyJWKSet.from_json(_fetched(self.uri))
        except Exception as error:  # no answer, no JSON, no usable key
            logger.error("identity_provider_unavailable", error=type(error).__name__)
        else:
            self._fetched_at = time.monotonic()


def _fetched(url: str) -> str:
    """Bounded in time and size, and following no redirect, where PyJWT's own fetch waits for a body that drips."""
    answer = call("GET", url, headers={"Accept": "application/json"}, body=None, timeouts=KEYS_TIMEOUTS)
    if answer.status != HTTPStatus.OK:
        raise CallFailed("network")
    return answer.body.decode()


@functools.lru_cache(maxsize=4)
def provider_keys(url: str) -> ProviderKeys:
    return ProviderKeys(url)
