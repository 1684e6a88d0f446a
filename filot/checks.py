"""What forbids a process to serve: said by `manage.py check`, and by every server instead of starting."""

import re
from typing import Any

from django.conf import settings
from django.core.checks import Error
from django.core.exceptions import ImproperlyConfigured

from ocr_gpu.engine import ENGINES
from verification.policy import POLICIES

KEY_BYTES = 32


def problems() -> list[str]:
    """Sentences, without any value; empty when this process may serve."""
    found = list(settings.STARTUP_PROBLEMS)
    found += [
        f"{variable}: the key {name} has {len(key)} bytes, not {KEY_BYTES}"
        for variable, keys in (("ENCRYPTION_KEYS", settings.ENCRYPTION_KEYS), ("AUDIT_KEYS", settings.AUDIT_KEYS))
        for name, key in keys.items()
        if len(key) != KEY_BYTES
    ]
    if len(settings.BLIND_INDEX_KEY) != KEY_BYTES:
        found.append(f"BLIND_INDEX_KEY has {len(settings.BLIND_INDEX_KEY)} bytes, not {KEY_BYTES}")
    found += unknown_names()
    if settings.JWKS_URL and not (settings.JWKS_ISSUER and settings.JWKS_AUDIENCE):
        found.append("JWKS_URL is set without JWKS_ISSUER and JWKS_AUDIENCE: no token can be checked")
    return found


def unknown_names() -> list[str]:
    """Settings that choose by name, and name nothing: each document would fail only once it was read."""
    chosen = [("SCORING_POLICY", settings.SCORING_POLICY, POLICIES)]
    engines = ((settings.OCR_CPU_QUEUE, "OCR_CPU_ENGINE"), (settings.OCR_GPU_QUEUE, "OCR_GPU_ENGINE"))
    chosen += [(variable, settings.OCR_ENGINES[queue], ENGINES) for queue, variable in engines]
    found = [f"{variable} names none of {', '.join(table)}" for variable, name, table in chosen if name not in table]
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", settings.OCR_GPU_DEVICE):
        found.append("OCR_GPU_DEVICE is none of auto, cpu, cuda, cuda:N")
    return found


def startup_problems(app_configs: Any, **kwargs: Any) -> list[Error]:
    return [Error(problem, id="filot.E001") for problem in problems()]


def refuse_if_unfit() -> None:
    """Called by every server before it serves. Raises ImproperlyConfigured with all the problems at once."""
    found = problems()
    if found:
        raise ImproperlyConfigured("FiLot does not start:\n" + "\n".join(f"- {problem}" for problem in found))
