"""AES-256-GCM for personal columns and stored originals, and the blind index of numbers that are looked up.

A sealed value is `1 | length of key id | key id | 12-byte nonce | ciphertext and tag`. The associated data says where
the value belongs (table, column, row; or the storage key), so a value copied to another place does not open.
"""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

VERSION = 1
NONCE_BYTES = 12


class CannotOpen(Exception):
    """The key is unknown, the bytes were changed, or they belong to another place."""


def seal(plain: bytes, *, belongs_to: str) -> bytes:
    """Encrypt `plain` under the first of settings.ENCRYPTION_KEYS."""
    key_id, key = next(iter(settings.ENCRYPTION_KEYS.items()))
    name, nonce = key_id.encode(), os.urandom(NONCE_BYTES)
    header = bytes([VERSION, len(name)]) + name + nonce
    return header + AESGCM(key).encrypt(nonce, plain, belongs_to.encode())


def unseal(sealed: bytes, *, belongs_to: str) -> bytes:
    """Decrypt what `seal` made. Raises CannotOpen."""
    if len(sealed) < 2 or sealed[0] != VERSION:
        raise CannotOpen("not a sealed value")
    start = 2 + sealed[1]
    key = settings.ENCRYPTION_KEYS.get(sealed[2:start].decode(errors="replace"))
    if key is None:
        raise CannotOpen("sealed with a key that is not in ENCRYPTION_KEYS")
    nonce, body = sealed[start : start + NONCE_BYTES], sealed[start + NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, body, belongs_to.encode())
    except (InvalidTag, ValueError) as error:
        raise CannotOpen("changed, or moved from another place") from error


def blind_index(kind: str, number: str) -> str:
    """64 hex characters that are equal for equal numbers and tell nothing without the key.

    A plain hash of a NIK is as good as the NIK: its 5e12 candidates are tried in minutes.
    """
    key: bytes = settings.BLIND_INDEX_KEY
    return hmac.new(key, f"{kind}:{number}".encode(), hashlib.sha256).hexdigest()
