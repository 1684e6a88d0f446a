"""Is a callback really from BULI2? A pure function over the raw body and two headers."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime

PREFIX = "sha256="
WINDOW_SECONDS = 300
HEX_DIGEST = re.compile(r"[0-9a-f]{64}")
TIMESTAMP = re.compile(r"[0-9]{1,13}")
WIRE_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z")
FIRST_MILLISECONDS = 10**12  # a larger number is a JavaScript time: as seconds it would be in the year 33658


class SignatureMissing(Exception):
    """No signature was sent."""


class SignatureInvalid(Exception):
    """The signature or timestamp is malformed, wrong, missing where it is required, or too old."""


class SecretMissing(Exception):
    """We have no secret to check with: never let such a callback in."""


def sign(body: bytes, secret: str, timestamp: str | None = None) -> str:
    """64 hex characters: HMAC-SHA256 over `body`, or over `<timestamp>.<body>`."""
    signed = body if timestamp is None else timestamp.encode() + b"." + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def check_signature(
    *,
    body: bytes,
    signature: str | None,
    timestamp: str | None,
    secrets: Sequence[str],
    require_timestamp: bool,
    now: float,
) -> None:
    """Return if the callback is genuine; raises SecretMissing, SignatureMissing or SignatureInvalid, only.

    `body` is the raw request body, `signature` and `timestamp` the headers as sent, `now` seconds since 1970.
    Strict on purpose: lower-case hex without white space, so no second spelling of a signature is accepted.
    """
    known = [secret for secret in secrets if secret]
    if not known:
        raise SecretMissing
    if not signature:
        raise SignatureMissing
    given = signature.removeprefix(PREFIX)
    if not HEX_DIGEST.fullmatch(given):
        raise SignatureInvalid("not 64 hex characters")
    if timestamp is None:
        if require_timestamp:
            raise SignatureInvalid("no timestamp")
    else:
        _check_timestamp(timestamp, now)
    # Every secret is tried: the time taken does not tell which one matched.
    matches = [hmac.compare_digest(sign(body, secret, timestamp), given) for secret in known]
    if not any(matches):
        raise SignatureInvalid("does not match")


def _check_timestamp(timestamp: str, now: float) -> None:
    if abs(now - _seconds(timestamp)) > WINDOW_SECONDS:
        raise SignatureInvalid("timestamp is outside of the window")


def _seconds(timestamp: str) -> float:
    """Since 1970, of a number of seconds or milliseconds, or of a time as everything else on the wire has it."""
    if TIMESTAMP.fullmatch(timestamp):
        at = int(timestamp)
        return at / 1000 if at >= FIRST_MILLISECONDS else at
    if WIRE_TIME.fullmatch(timestamp):
        try:
            return datetime.fromisoformat(timestamp).timestamp()
        except ValueError as error:
            raise SignatureInvalid("timestamp is no date") from error
    raise SignatureInvalid("timestamp is not a number of seconds or milliseconds, nor a time")
