"""The keys of our own tokens: a shared secret (HS256), or key pairs named by a `kid` (RS256, EdDSA).

Each key is good for one algorithm only, which its kind says and no token does.
"""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

SMALLEST_RSA = 2048  # bits; NIST SP 800-131A


class UnusableKey(ValueError):
    """Says which key and why, and shows nothing of it."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """`kid` is empty for a secret; without `signing` it only verifies."""

    kid: str
    algorithm: str
    verifying: Any = field(repr=False)
    signing: Any = field(default=None, repr=False)


def secret_keys(secrets: Iterable[str]) -> list[TokenKey]:
    """Of HS256; those that are not set are left out: an empty secret verifies what anybody signs."""
    return [TokenKey("", "HS256", secret, secret) for secret in secrets if secret]


def key_pairs(texts: Iterable[str]) -> dict[str, TokenKey]:
    """By kid, the one that signs first. A text is `kid:base64 of a PEM`, private or, of one that only verifies, public.

    Raises UnusableKey.
    """
    found: dict[str, TokenKey] = {}
    for text in texts:
        kid, _, encoded = text.partition(":")
        if not kid or kid in found:
            raise UnusableKey("a key has no kid" if not kid else f"two keys have the kid {kid}")
        found[kid] = _key_pair(kid, encoded)
    if found and next(iter(found.values())).signing is None:
        raise UnusableKey("the first key is a public one: it can't sign")
    return found


def _key_pair(kid: str, encoded: str) -> TokenKey:
    try:
        pem = base64.b64decode(encoded, validate=True)
        private = load_pem_private_key(pem, password=None) if b" PRIVATE KEY-" in pem else None
        public = private.public_key() if private else load_pem_public_key(pem)
    except (binascii.Error, ValueError, TypeError, UnsupportedAlgorithm):
        raise UnusableKey(f"the key {kid} is no base64 of an unencrypted PEM") from None
    if isinstance(public, RSAPublicKey) and isinstance(private, RSAPrivateKey | None):
        if public.key_size < SMALLEST_RSA:
            raise UnusableKey(f"the key {kid} has {public.key_size} bits, fewer than {SMALLEST_RSA}")
        return TokenKey(kid, "RS256", public, private)
    if isinstance(public, Ed25519PublicKey) and isinstance(private, Ed25519PrivateKey | None):
        return TokenKey(kid, "EdDSA", public, private)
    raise UnusableKey(f"the key {kid} is neither RSA nor Ed25519")
