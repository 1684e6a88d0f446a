"""The second step of staff's log-in: a code of an app (TOTP), or one of ten recovery codes.

Whether a session has passed it stands in the session itself, as the time of the enrolment that it was passed with: a
new enrolment, or its removal, ends what was passed with the older one, and no page costs a query for it. The secret is
sealed, also while it waits in the session for its first code; recovery codes are kept as a keyed hash.
"""

import hashlib
import hmac
import secrets
from base64 import b32encode, b64decode, b64encode
from binascii import unhexlify
from typing import Any
from urllib.parse import quote, urlencode

import structlog
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.util import random_hex

from documents.audit import note
from documents.sealing import CannotOpen, seal, unseal
from filot.backends import DEMO_ISSUER
from filot.models import AppDevice, AppKey

log = structlog.get_logger(__name__)

SESSION_KEY = "second_factor"
ISSUER = "FiLot"
STEP_SECONDS = 30
TOLERANCE = 1  # steps by which a clock may be off
RECOVERY_CODES = 10
CODE_LENGTH = 10  # letters of a recovery code: 50 bits
LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # without the ones that look like others
HASH_LENGTH = 16  # as long as django-otp's column


def is_enrolled(user: Any) -> bool:
    return user.second_factor_at is not None


def has_passed(request: Any) -> bool:
    """Whether this session has passed the second step with the enrolment that is in force."""
    since = getattr(request.user, "second_factor_at", None)
    return since is not None and request.session.get(SESSION_KEY) == since.isoformat()


def pass_on(request: Any, user: Any) -> None:
    """From here on the session has passed it; under a new session key, since it may do more now."""
    request.session.cycle_key()
    request.session[SESSION_KEY] = user.second_factor_at.isoformat()


def is_demo(user: Any) -> bool:
    """A demo account on embedded services: its password is public, and so is its code, shown on the page."""
    return bool(settings.FILOT_EMBEDDED and user.issuer == DEMO_ISSUER)


# Enrolling ------------------------------------------------------------------------------------------------------------


def new_key() -> str:
    """Hex of 20 bytes."""
    return str(random_hex(20))


def waiting_key(user: Any, kept: str) -> str:
    """The key that `sealed_key` made text for the session of; a fresh one where there is none that opens."""
    try:
        return unseal(b64decode(kept, validate=True), belongs_to=_place(user)).decode()
    except (ValueError, CannotOpen):
        return new_key()


def sealed_key(user: Any, key: str) -> str:
    return b64encode(seal(key.encode(), subject=user.pk, belongs_to=_place(user))).decode()


def _place(user: Any) -> str:
    return f"session.second_factor_key.{user.pk}"


def key_text(key: str) -> str:
    """The key as people type it: base32 in groups of four."""
    text = b32encode(unhexlify(key)).decode().rstrip("=")
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def key_address(user: Any, key: str) -> str:
    """`otpauth://...` for a QR code."""
    secret = key_text(key).replace(" ", "")
    query = urlencode({"secret": secret, "issuer": ISSUER, "algorithm": "SHA1", "digits": 6, "period": STEP_SECONDS})
    return f"otpauth://totp/{quote(f'{ISSUER}:{user.get_username()}')}?{query}"


def current_code(key: str) -> str:
    return f"{TOTP(unhexlify(key), step=STEP_SECONDS).token():06}"


def enrol(user: Any, *, key: str, code: str, actor: str) -> list[str] | None:
    """Tie the key to the account if the code shows that somebody's app holds it: the recovery codes, or None.

    Whatever was tied before is gone. The codes are told this once.
    """
    if not code.isdecimal() or not TOTP(unhexlify(key), step=STEP_SECONDS).verify(int(code), tolerance=TOLERANCE):
        return None
    with transaction.atomic():
        forget(user)
        # Counted as used, so that whoever read it over a shoulder can't use it again.
        step = int(timezone.now().timestamp()) // STEP_SECONDS
        AppDevice.objects.create(user=user, name="app", key="", confirmed=True, tolerance=TOLERANCE, last_t=step)
        AppKey.objects.create(user=user, key=key)
        codes = _new_recovery_codes(user)
        user.second_factor_at = timezone.now()
        user.save(update_fields=["second_factor_at"])
        note("second_factor.enrolled", actor=actor, subject=str(user.pk))
    return codes


def forget(user: Any) -> None:
    AppDevice.objects.filter(user=user.pk).delete()
    AppKey.objects.filter(user=user.pk).delete()
    StaticDevice.objects.filter(user=user.pk).delete()


def reset(user: Any, *, actor: str) -> None:
    """Whoever lost app and codes enrols anew at the next log-in; their sessions have passed nothing any more."""
    with transaction.atomic():
        forget(user)
        get_user_model().objects.filter(pk=user.pk).update(second_factor_at=None)
        note("second_factor.reset", actor=actor, subject=str(user.pk))


def _new_recovery_codes(user: Any) -> list[str]:
    device = StaticDevice.objects.create(user=user, name="recovery", confirmed=True)
    codes = ["".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH)) for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create([StaticToken(device=device, token=_hashed(user, code)) for code in codes])
    return codes


def _hashed(user: Any, code: str) -> str:
    text = f"recovery code {user.pk} {code}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), text, hashlib.sha256).hexdigest()[:HASH_LENGTH]


# Passing --------------------------------------------------------------------------------------------------------------


def verify(user: Any, given: str) -> bool:
    """Whether it is the code of now, or an unused recovery code. Each counts once; after a wrong one the next waits,
    twice as long each time (django-otp's throttling). One at a time: the device's row is locked.
    """
    plain = "".join(given.split()).replace("-", "").upper()
    with transaction.atomic():
        if plain.isdecimal() and len(plain) == 6:
            device = AppDevice.objects.select_for_update().filter(user=user.pk, confirmed=True).first()
            if device is not None and is_demo(user):
                device.last_t, device.drift = -1, 0  # shown on the page for everybody: it may be used again
            return bool(device and device.verify_is_allowed()[0] and _fits(device, plain))
        device = StaticDevice.objects.select_for_update().filter(user=user.pk, confirmed=True).first()
        passed = bool(
            device
            and len(plain) == CODE_LENGTH
            and device.verify_is_allowed()[0]
            and device.verify_token(_hashed(user, plain))
        )
        if passed:
            note("second_factor.recovered", actor=str(user.pk), subject=str(user.pk), left=codes_left(user))
    return passed


def _fits(device: AppDevice, code: str) -> bool:
    """Raises KeysUnavailable."""
    try:
        return bool(device.verify_token(code))
    except (CannotOpen, AppKey.DoesNotExist):
        log.error("second_factor_cannot_be_opened", user_id=str(device.user_id))
        return False


def codes_left(user: Any) -> int:
    return int(StaticToken.objects.filter(device__user=user.pk).count())


def demo_code(user: Any) -> str:
    """The code of a demo account as it stands now, an empty text for any other account."""
    kept = AppKey.objects.filter(user=user.pk).first() if is_demo(user) else None
    return current_code(kept.key) if kept else ""
