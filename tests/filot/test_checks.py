"""A server that lacks something does not start, and says what."""

from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from filot.checks import problems, refuse_if_unfit
from filot.env import Env


def production(monkeypatch: pytest.MonkeyPatch, **values: str) -> Env:
    for name in ("SECRET_KEY", "JWT_SECRET", "ENCRYPTION_KEYS", "BLIND_INDEX_KEY", "BULI2_API_KEY"):
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
    for name in ("SECRET_KEY", "JWT_SECRET", "ENCRYPTION_KEYS", "BLIND_INDEX_KEY", "BULI2_API_URL", "BULI2_API_KEY"):
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
    settings.BLIND_INDEX_KEY = bytes(8)
    assert problems() == [
        "ENCRYPTION_KEYS: the key k2 has 16 bytes, not 32",
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
