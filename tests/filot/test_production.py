"""Production does not start weak, and starts with the shipped sample once its placeholders are filled."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from dotenv import dotenv_values

from filot.env import PROJECT_DIR, Env
from filot.management.commands.make_env import SAMPLE

RANDOM = "q8Zr2mVx0LtYw5NcJ7hGd4KpBs9Fa1Ue3XiOoR6T"
RANDOM_KEY = "mN2p8Qe7vXy1Zt5Ls0Wd4Hk9Rb3Gf6JcUaTiOoEqPrI="


def env_of(**values: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], **values}


def manage(command: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", *command.split()],
        cwd=PROJECT_DIR,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The shipped sample as `make_env` fills it."""
    out = io.StringIO()
    call_command("make_env", stdout=out)
    file = tmp_path_factory.mktemp("env") / "production.env"
    file.write_text(out.getvalue())
    return env_of(**{name: value or "" for name, value in dotenv_values(file, interpolate=False).items()})


def problems_with(filled: dict[str, str], monkeypatch: pytest.MonkeyPatch, **changes: str) -> list[str]:
    for name in list(os.environ):
        if name.lower() in Env.model_fields:
            monkeypatch.delenv(name)
    for name, value in {**filled, **changes}.items():
        monkeypatch.setenv(name, value)
    return Env(_env_file=None).problems()


@pytest.mark.parametrize("command", ["check --deploy --fail-level WARNING", "check_env"])
def test_the_filled_sample_is_fit_to_serve(filled: dict[str, str], command: str) -> None:
    done = manage(command, filled)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr


def test_the_sample_as_shipped_holds_no_secret_and_starts_nothing() -> None:
    shipped = {name: value or "" for name, value in dotenv_values(SAMPLE, interpolate=False).items()}
    assert {name: value for name, value in shipped.items() if name.endswith(("SECRET", "TOKEN", "SECRET_KEY"))} == {
        "SECRET_KEY": "<secret>",
        "JWT_SECRET": "<secret>",
        "METRICS_TOKEN": "<secret>",
    }
    done = manage("check", env_of(**shipped))
    assert done.returncode != 0
    for name in ("SECRET_KEY", "JWT_SECRET", "ENCRYPTION_KEYS", "BLIND_INDEX_KEY", "AUDIT_KEYS", "METRICS_TOKEN"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_two_fillings_share_no_secret(filled: dict[str, str]) -> None:
    out = io.StringIO()
    call_command("make_env", stdout=out)
    for name in ("SECRET_KEY", "JWT_SECRET", "ENCRYPTION_KEYS", "BLIND_INDEX_KEY", "METRICS_TOKEN", "REDIS_PASSWORD"):
        assert filled[name] not in out.getvalue()


LIVE = {
    "BULI2_MODE": "live",
    "BULI2_API_URL": "https://buli2.example",
    "BULI2_API_KEY": RANDOM,
    "BULI2_SIGNATURE_SECRET": RANDOM[::-1],
    "BULI2_CALLBACK_BASE_URL": "https://kyc.filot.example",
}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY"),
        ({"SECRET_KEY": "short-Kq9x2"}, "SECRET_KEY"),
        ({"SECRET_KEY": "a" * 50}, "SECRET_KEY"),
        ({"SECRET_KEY": "django-insecure-" + RANDOM}, "SECRET_KEY"),
        ({"JWT_SECRET": "changeme-changeme-changeme-0123456789"}, "JWT_SECRET"),
        ({"JWT_SECRET": "your-secret-key-goes-here-please-xyz"}, "JWT_SECRET"),
        ({"ENCRYPTION_KEYS": "k1:" + "A" * 43 + "="}, "ENCRYPTION_KEYS"),
        ({"ENCRYPTION_KEYS": ""}, "ENCRYPTION_KEYS"),
        ({"BLIND_INDEX_KEY": "A" * 43 + "="}, "BLIND_INDEX_KEY"),
        ({"ENCRYPTION_KEYS": "k1:" + RANDOM_KEY, "BLIND_INDEX_KEY": RANDOM_KEY}, "the same secret"),
        ({"SECRET_KEY": RANDOM, "JWT_SECRET": RANDOM}, "the same secret"),
        ({"METRICS_TOKEN": ""}, "METRICS_TOKEN"),
        ({"METRICS_TOKEN": "short"}, "METRICS_TOKEN"),
        ({"DEBUG": "true"}, "DEBUG"),
        ({"FILOT_EMBEDDED": "true"}, "FILOT_EMBEDDED"),
        ({"ALLOWED_HOSTS": "kyc.filot.example,*"}, "ALLOWED_HOSTS"),
        ({"CSRF_TRUSTED_ORIGINS": "http://kyc.filot.example"}, "CSRF_TRUSTED_ORIGINS"),
        ({"REDIS_URL": "redis://redis.filot.example:6379/0"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://10.0.0.5:6379/0"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://redis:6379/0"}, "REDIS_URL"),
        ({"JWKS_URL": "http://id.example/keys", "JWKS_ISSUER": "i", "JWKS_AUDIENCE": "a"}, "JWKS_URL"),
        ({"BULI2_MODE": "sandbox"}, "BULI2_MODE"),
        ({"BULI2_MODE": "live"}, "BULI2_API_URL"),
        ({**LIVE, "BULI2_API_URL": "http://buli2.example"}, "BULI2_API_URL"),
        ({**LIVE, "BULI2_API_URL": "buli2.example"}, "BULI2_API_URL"),
        ({**LIVE, "BULI2_API_KEY": ""}, "BULI2_API_KEY"),
        ({**LIVE, "BULI2_SIGNATURE_SECRET": ""}, "BULI2_SIGNATURE_SECRET"),
        ({**LIVE, "BULI2_SIGNATURE_SECRET": "0000000000000000"}, "BULI2_SIGNATURE_SECRET"),
        ({**LIVE, "BULI2_CALLBACK_BASE_URL": "http://kyc.filot.example"}, "BULI2_CALLBACK_BASE_URL"),
    ],
)
def test_one_thing_wrong_is_named_and_its_value_is_not_shown(
    filled: dict[str, str], monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], named: str
) -> None:
    found = problems_with(filled, monkeypatch, **changes)
    assert [sentence for sentence in found if sentence.startswith(named)], found
    secret = [value for name, value in changes.items() if len(value) > 8 and name.endswith(("KEY", "SECRET", "KEYS"))]
    assert not [value for value in secret if value in " ".join(found)]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        LIVE,
        {"REDIS_URL": "redis://127.0.0.1:6379/0"},
        {"REDIS_URL": "redis://[::1]:6379/0"},
        {"REDIS_URL": "unix:///run/redis.sock"},
        {"REDIS_URL": "redis://redis.filot.example:6379/0", "REDIS_TLS": "true"},
        {"REDIS_URL": "redis://redis:6379/0", "REDIS_TRUSTED_NETWORK": "true"},
        {"METRICS_ENABLED": "false", "METRICS_TOKEN": ""},
    ],
)
def test_what_is_well_is_not_complained_of(
    filled: dict[str, str], monkeypatch: pytest.MonkeyPatch, changes: dict[str, str]
) -> None:
    assert problems_with(filled, monkeypatch, **changes) == []


def test_a_weak_setting_keeps_the_web_server_from_starting(filled: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "import filot.wsgi"],
        cwd=PROJECT_DIR,
        env={**filled, "METRICS_TOKEN": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "METRICS_TOKEN is missing" in done.stderr


def test_secrets_of_a_production_environment_are_never_printed(filled: dict[str, str]) -> None:
    done = manage("check_env", {**filled, "JWT_SECRET": filled["SECRET_KEY"]})
    assert done.returncode != 0
    assert "the same secret is used for two purposes" in done.stdout
    for name in ("SECRET_KEY", "ENCRYPTION_KEYS", "METRICS_TOKEN", "REDIS_PASSWORD"):
        assert filled[name] not in done.stdout + done.stderr


def test_plain_http_is_sent_to_https_in_production_and_probes_are_not(filled: dict[str, str]) -> None:
    ask: Any = (
        "import django; django.setup()\n"
        "from django.test import Client\n"
        "client = Client(headers={'host': 'kyc.filot.example'})\n"
        "print(client.get('/documents')['Location'], client.get('/health/live').status_code)\n"
        "secure = client.get('/health/live', headers={'X-Forwarded-Proto': 'https'})\n"
        "print(secure['Strict-Transport-Security'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ask],
        cwd=PROJECT_DIR,
        env={**filled, "DJANGO_SETTINGS_MODULE": "filot.settings", "REDIS_URL": "redis://127.0.0.1:9/0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == [
        "https://kyc.filot.example/documents 200",
        "max-age=31536000; includeSubDomains; preload",
    ], done.stderr
