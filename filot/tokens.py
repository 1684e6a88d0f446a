"""simplejwt's tokens under keys that rotate.

The first of JWT_SIGNING_KEYS signs, and its `kid` stands in the header; where there is none JWT_SECRET signs, without a
`kid`. Whatever else is configured only verifies: so tokens of the key before go on until they expire, and a switch from
the secret to a key pair ends no login. The header only chooses among our keys: a key is used with its own algorithm.
"""

from typing import Any

import jwt
from django.conf import settings
from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenBackendExpiredToken

from filot.token_keys import TokenKey


def signing_key() -> TokenKey:
    keys: list[TokenKey] = [*settings.JWT_KEY_PAIRS.values(), *settings.JWT_SECRET_KEYS]
    return keys[0]


def keys_for(header: dict[str, Any]) -> list[TokenKey]:
    """The keys by which a token with this header may be believed; none for a kid that is not ours."""
    if "kid" not in header:
        return list(settings.JWT_SECRET_KEYS)
    return [settings.JWT_KEY_PAIRS[header["kid"]]] if is_our_kid(header) else []


def is_our_kid(header: dict[str, Any]) -> bool:
    kid = header.get("kid")
    return isinstance(kid, str) and kid in settings.JWT_KEY_PAIRS


class RotatingBackend(TokenBackend):
    """Raises TokenBackendError for whatever is wrong with a token."""

    def __init__(self) -> None:
        known = settings.SIMPLE_JWT
        super().__init__("HS256", audience=known["AUDIENCE"], issuer=known["ISSUER"])

    def encode(self, payload: dict[str, Any]) -> str:
        key = signing_key()
        claims = {**payload, "aud": self.audience, "iss": self.issuer}
        return jwt.encode(claims, key.signing, key.algorithm, headers={"kid": key.kid} if key.kid else None)

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        try:
            keys = keys_for(jwt.get_unverified_header(token))
        except jwt.InvalidTokenError as error:
            raise TokenBackendError("Token is invalid") from error
        for key in keys:
            one = TokenBackend(key.algorithm, key.verifying, key.verifying, self.audience, self.issuer)
            try:
                return one.decode(token, verify)
            except TokenBackendExpiredToken:  # its signature was right
                raise
            except TokenBackendError:
                continue
        raise TokenBackendError("Token is invalid")


class AccessToken(tokens.AccessToken):
    def get_token_backend(self) -> TokenBackend:
        return RotatingBackend()


class RefreshToken(tokens.RefreshToken):
    access_token_class = AccessToken

    def get_token_backend(self) -> TokenBackend:
        return RotatingBackend()
