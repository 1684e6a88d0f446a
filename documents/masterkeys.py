"""The master key, which wraps data keys and never sees what they seal: of the settings, or of AWS KMS.

A wrapped key is bound to its subject and version: under another name it does not open. `name` says which master key
wrapped it; all of ENCRYPTION_KEYS go on opening while another wraps.
"""

import os
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from documents.keystore import KeysUnavailable
from documents.stores import ATTEMPTS, CONNECT_TIMEOUT, READ_TIMEOUT

KEY_BYTES = 32
NONCE_BYTES = 12
LOCAL, KMS = "local", "kms"
# What KMS answers when it is there and this key will never open: asking again helps nobody.
HOPELESS = ("InvalidCiphertextException", "IncorrectKeyException", "NotFoundException", "InvalidKeyUsageException")

Context = dict[str, str]


class CannotOpen(Exception):
    """The key is unknown or destroyed, the bytes were changed, or they belong to another place."""


class Wrapped(NamedTuple):
    """`name`: local:<key id> or kms:<key id>."""

    name: str
    data: bytes


class MasterKey(Protocol):
    name: str

    def new(self, context: Context) -> tuple[bytes, Wrapped]:
        """A fresh data key of 32 bytes, plain and wrapped. Raises KeysUnavailable."""

    def wrap(self, key: bytes, context: Context) -> Wrapped: ...

    def unwrap(self, data: bytes, context: Context) -> bytes:
        """Raises CannotOpen, KeysUnavailable."""


class LocalMaster:
    """One of ENCRYPTION_KEYS."""

    def __init__(self, key_id: str, key: bytes) -> None:
        self.name = f"{LOCAL}:{key_id}"
        self._key = AESGCM(key)

    def new(self, context: Context) -> tuple[bytes, Wrapped]:
        key = os.urandom(KEY_BYTES)
        return key, self.wrap(key, context)

    def wrap(self, key: bytes, context: Context) -> Wrapped:
        nonce = os.urandom(NONCE_BYTES)
        return Wrapped(self.name, nonce + self._key.encrypt(nonce, key, _bound(context)))

    def unwrap(self, data: bytes, context: Context) -> bytes:
        try:
            return self._key.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], _bound(context))
        except (InvalidTag, ValueError) as error:
            raise CannotOpen("a data key that this master key did not wrap for this subject") from error


class KmsMaster:
    """A key of AWS KMS, or of what speaks like it. The credentials are boto3's own chain."""

    def __init__(self, key_id: str, *, endpoint: str = "", region: str = "", client: Any = None) -> None:
        self.name = f"{KMS}:{key_id}"
        self.key_id = key_id
        self._client = client or boto3.session.Session().client(
            "kms",
            endpoint_url=endpoint or None,
            region_name=region or None,
            config=Config(
                connect_timeout=CONNECT_TIMEOUT,
                read_timeout=READ_TIMEOUT,
                retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            ),
        )

    def new(self, context: Context) -> tuple[bytes, Wrapped]:
        answer = self._call("generate_data_key", KeySpec="AES_256", EncryptionContext=context)
        return answer["Plaintext"], Wrapped(self.name, answer["CiphertextBlob"])

    def wrap(self, key: bytes, context: Context) -> Wrapped:
        answer = self._call("encrypt", Plaintext=key, EncryptionContext=context)
        return Wrapped(self.name, answer["CiphertextBlob"])

    def unwrap(self, data: bytes, context: Context) -> bytes:
        key: bytes = self._call("decrypt", CiphertextBlob=data, EncryptionContext=context)["Plaintext"]
        return key

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(KeyId=self.key_id, **arguments)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in HOPELESS:
                raise CannotOpen(code) from error
            raise KeysUnavailable(code) from error
        except Exception as error:  # botocore's own, and those of the connection below it
            raise KeysUnavailable(type(error).__name__) from error
        return answer


def _bound(context: Context) -> bytes:
    return "\n".join(f"{name}={value}" for name, value in sorted(context.items())).encode()


def wrapping() -> MasterKey:
    """The master key that wraps from now on."""
    if settings.MASTER_KEY_KMS_ID:
        return _kms(settings.MASTER_KEY_KMS_ID, settings.KMS_ENDPOINT, settings.KMS_REGION)
    key_id, key = next(iter(settings.ENCRYPTION_KEYS.items()))
    return LocalMaster(key_id, key)


def named(name: str) -> MasterKey:
    """The one that wrapped a key. Raises CannotOpen when the settings have it no more."""
    kind, _, key_id = name.partition(":")
    if kind == KMS:
        return _kms(key_id, settings.KMS_ENDPOINT, settings.KMS_REGION)
    key = settings.ENCRYPTION_KEYS.get(key_id) if kind == LOCAL else None
    if key is None:
        raise CannotOpen("wrapped by a master key that is not in ENCRYPTION_KEYS")
    return LocalMaster(key_id, key)


@lru_cache(maxsize=8)
def _kms(key_id: str, endpoint: str, region: str) -> KmsMaster:
    return KmsMaster(key_id, endpoint=endpoint, region=region)
