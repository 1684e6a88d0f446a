"""What forbids a process to serve: said by `manage.py check`, and by every server instead of starting."""

from typing import Any

from django.conf import settings
from django.core.checks import Error
from django.core.exceptions import ImproperlyConfigured

KEY_BYTES = 32


def problems() -> list[str]:
    """Sentences, without any value; empty when this process may serve."""
    found = list(settings.STARTUP_PROBLEMS)
    found += [
        f"ENCRYPTION_KEYS: the key {name} has {len(key)} bytes, not {KEY_BYTES}"
        for name, key in settings.ENCRYPTION_KEYS.items()
        if len(key) != KEY_BYTES
    ]
    if len(settings.BLIND_INDEX_KEY) != KEY_BYTES:
        found.append(f"BLIND_INDEX_KEY has {len(settings.BLIND_INDEX_KEY)} bytes, not {KEY_BYTES}")
    if settings.JWKS_URL and not (settings.JWKS_ISSUER and settings.JWKS_AUDIENCE):
        found.append("JWKS_URL is set without JWKS_ISSUER and JWKS_AUDIENCE: no token can be checked")
    return found


def startup_problems(app_configs: Any, **kwargs: Any) -> list[Error]:
    return [Error(problem, id="filot.E001") for problem in problems()]


def refuse_if_unfit() -> None:
    """Called by every server before it serves. Raises ImproperlyConfigured with all the problems at once."""
    found = problems()
    if found:
        raise ImproperlyConfigured("FiLot does not start:\n" + "\n".join(f"- {problem}" for problem in found))
