"""A server that lacks something does not start, and says what."""

import os
import subprocess
import sys
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from filot.checks import problems, refuse_if_unfit
from filot.env import PROJECT_DIR, Env


def production(monkeypatch: pytest.MonkeyPatch, **values: str) -> Env:
    for name in ("SECRET_KEY", "JWT_SECRET", "ENCRYPTION_KEYS", "BLIND_INDEX_KEY", "AUDIT_KEYS", "BULI2_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FILOT_ENV", "production")
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return Env(_env_file=None)


def test_the_test_settings_are_fit() -> None:
    assert problems() == []
    refuse_if_unfit()


def test_all_problems_are_told_at_once(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STARTUP_PROBLEMS = production(monkeypatch, BULI2_MODE="live").problems()
    with pytest.raises(ImproperlyConfigured) as refused:
        refuse_if_unfit()
    keys = ("SECRET_KEY", "JWT_SECRET", "ENCRYPTION_KEYS", "BLIND_INDEX_KEY", "AUDIT_KEYS")
    for name in (*keys, "BULI2_API_URL", "BULI2_API_KEY"):
        assert f"- {name} " in str(refused.value)


def test_a_short_secret_is_named_and_not_shown(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STARTUP_PROBLEMS = production(monkeypatch, JWT_SECRET="hunter22").problems()
    with pytest.raises(ImproperlyConfigured) as refused:
        refuse_if_unfit()
    assert "JWT_SECRET is missing or shorter" in str(refused.value)
    assert "hunter22" not in str(refused.value)


def test_the_check_framework_reports_them_as_errors(settings: Any) -> None:
    settings.STARTUP_PROBLEMS = ["SECRET_KEY is missing"]
    found = [message for message in run_checks() if message.id == "filot.E001"]
    assert [message.msg for message in found] == ["SECRET_KEY is missing"]
    assert all(message.is_serious() for message in found)


def test_keys_of_a_wrong_length_are_noticed_before_the_first_upload(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = {"k1": bytes(32), "k2": bytes(16)}
    settings.AUDIT_KEYS = {"a1": bytes(31)}
    settings.BLIND_INDEX_KEY = bytes(8)
    assert problems() == [
        "ENCRYPTION_KEYS: the key k2 has 16 bytes, not 32",
        "AUDIT_KEYS: the key a1 has 31 bytes, not 32",
        "BLIND_INDEX_KEY has 8 bytes, not 32",
    ]


@pytest.mark.parametrize(
    ("issuer", "audience", "fit"), [("", "", False), ("i", "", False), ("", "a", False), ("i", "a", True)]
)
def test_an_identity_provider_needs_its_issuer_and_audience(
    settings: Any, issuer: str, audience: str, fit: bool
) -> None:
    settings.JWKS_URL, settings.JWKS_ISSUER, settings.JWKS_AUDIENCE = "https://id.example/keys", issuer, audience
    assert (problems() == []) is fit


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("SCORING_POLICY", "basline"),
        ("OCR_ENGINES", {"ocr.cpu": "rapidorc", "ocr.gpu": "easyocr"}),
        ("OCR_ENGINES", {"ocr.cpu": "rapidocr", "ocr.gpu": "paddle"}),
        ("OCR_GPU_DEVICE", "gpu0"),
    ],
)
def test_a_name_that_names_nothing_is_noticed_before_the_first_card(settings: Any, setting: str, value: Any) -> None:
    setattr(settings, setting, value)
    (problem,) = problems()
    assert problem.startswith(("SCORING_POLICY", "OCR_CPU_ENGINE", "OCR_GPU_ENGINE", "OCR_GPU_DEVICE"))


@pytest.mark.parametrize("key", ["%%%", "<fill in>", "c2hvcnQ="])
def test_a_key_that_is_none_is_refused_in_production_and_never_stood_in_for(key: str) -> None:
    secrets = {"SECRET_KEY": "s" * 40, "JWT_SECRET": "j" * 40, "ENCRYPTION_KEYS": f"k1:{key}", "BLIND_INDEX_KEY": key}
    env = {
        "PATH": os.environ["PATH"],
        "FILOT_ENV": "production",
        "DATABASE_URL": "postgresql://x@127.0.0.1:9/x",
        **secrets,
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=PROJECT_DIR, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "ENCRYPTION_KEYS: the key k1 has" in done.stderr
    assert "BLIND_INDEX_KEY has" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_partner_that_could_not_call_back_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    live = {"BULI2_MODE": "live", "BULI2_API_URL": "https://buli2.example", "BULI2_API_KEY": "k" * 20}
    found = production(monkeypatch, BULI2_SIGNATURE_SECRET="x", **live).problems()
    assert any(sentence.startswith("BULI2_SIGNATURE_SECRET is shorter") for sentence in found)
    assert any(sentence.startswith("BULI2_CALLBACK_BASE_URL names this machine") for sentence in found)
