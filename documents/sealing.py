"""AES-256-GCM for personal columns and stored originals, and the blind index of numbers that are looked up.

A sealed value is `2 | 16 bytes of the subject's id | 2 bytes of the key's version | 12-byte nonce | ciphertext, tag`:
whose data key opens it, and which one. The associated data is that head and where the value belongs (table, column,
row; or the storage key), so a value copied to another place does not open, nor under another subject's name.

Values from before there were data keys begin `1 | length of key id | key id | nonce` and were sealed under one of
ENCRYPTION_KEYS itself: they still open, and `reseal_subject` leaves none.
"""

import hashlib
import hmac
import os
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from documents import keys
from documents.keys import NOBODY, SubjectErased
from documents.masterkeys import CannotOpen

__all__ = [
    "BEFORE_DATA_KEYS",
    "NOBODY",
    "CannotOpen",
    "SubjectErased",
    "blind_index",
    "is_sealed_under",
    "seal",
    "unseal",
]

VERSION, BEFORE_DATA_KEYS = 2, 1
NONCE_BYTES = 12
HEAD_BYTES = 1 + 16 + 2


def seal(plain: bytes, *, subject: uuid.UUID, belongs_to: str) -> bytes:
    """Encrypt `plain` under the subject's newest data key. Raises SubjectErased, KeysUnavailable."""
    key, nonce = keys.current(subject), os.urandom(NONCE_BYTES)
    head = _head(key.subject, key.version)
    return head + nonce + key.cipher.encrypt(nonce, plain, head + belongs_to.encode())


def unseal(sealed: bytes, *, belongs_to: str) -> bytes:
    """Decrypt what `seal` made. Raises CannotOpen, SubjectErased (one of those) or KeysUnavailable."""
    if sealed[:1] == bytes([BEFORE_DATA_KEYS]):
        return _unseal_before_data_keys(sealed, belongs_to)
    if len(sealed) < HEAD_BYTES + NONCE_BYTES or sealed[0] != VERSION:
        raise CannotOpen("not a sealed value")
    head, body = sealed[:HEAD_BYTES], sealed[HEAD_BYTES:]
    key = keys.opened(uuid.UUID(bytes=head[1:17]), int.from_bytes(head[17:], "big"))
    return _decrypt(key.cipher, body, head + belongs_to.encode())


def is_sealed_under(sealed: bytes, subject: uuid.UUID, version: int) -> bool:
    return sealed.startswith(_head(subject, version))


def _head(subject: uuid.UUID, version: int) -> bytes:
    return bytes([VERSION]) + subject.bytes + version.to_bytes(2, "big")


def _unseal_before_data_keys(sealed: bytes, belongs_to: str) -> bytes:
    start = 2 + (sealed[1] if len(sealed) > 1 else 0)
    key = settings.ENCRYPTION_KEYS.get(sealed[2:start].decode(errors="replace"))
    if key is None:
        raise CannotOpen("sealed with a key that is not in ENCRYPTION_KEYS")
    return _decrypt(AESGCM(key), sealed[start:], belongs_to.encode())


def _decrypt(cipher: AESGCM, body: bytes, belongs_to: bytes) -> bytes:
    try:
        return cipher.decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], belongs_to)
    except (InvalidTag, ValueError) as error:
        raise CannotOpen("changed, or moved from another place") from error


def blind_index(kind: str, number: str) -> str:
    """64 hex characters that are equal for equal numbers and tell nothing without the key.

    A plain hash of a NIK is as good as the NIK: its 5e12 candidates are tried in minutes.
    """
    key: bytes = settings.BLIND_INDEX_KEY
    return hmac.new(key, f"{kind}:{number}".encode(), hashlib.sha256).hexdigest()
