"""`.env.example` and the modules tell the same story about the environment as `filot.env`."""

import ast
import itertools
import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from filot.env import PROJECT_DIR, Env
from filot.management.commands import check_env
from filot.management.commands.check_env import known_names

# Who starts Django, who starts and isolates processes, and the command that looks for misspelt names.
MAY_READ_THE_ENVIRONMENT = {
    "manage.py",
    "filot/wsgi.py",
    "filot/celery.py",
    "filot/env.py",
    "filot/settings.py",
    "filot/embedded/environment.py",
    "filot/embedded/seaweedfs.py",
    "filot/management/commands/check_env.py",
    "verification/management/commands/ocr_worker.py",  # becomes Celery's process, with a device of its own
    "verification/decision_readings.py",  # as many threads as were asked for, in each process that reads
    "verification/bench_runs.py",  # hands it on to the readers that it compares
    "filot/management/commands/rundev.py",
    "filot/bench/parts.py",  # the paths that the programs it measures need, and nothing of FiLot's own
    "ocr_gpu/sandbox.py",
    "ocr_gpu/__init__.py",  # writes one, before a library reads it
}
PACKAGES = ["documents", "filot", "integrations", "ocr_gpu", "review", "verification"]


def example_lines() -> list[str]:
    return (PROJECT_DIR / ".env.example").read_text().splitlines()


def test_the_example_names_every_variable_that_is_read_and_no_other() -> None:
    named = [line.partition("=")[0] for line in example_lines() if line and not line.startswith("#")]
    assert set(named) == known_names()
    assert len(named) == len(set(named))
    assert "SESSION_SECRET" in named


def test_every_variable_of_the_example_has_a_comment_above_it() -> None:
    for above, line in itertools.pairwise(example_lines()):
        if line and not line.startswith("#"):
            assert above.startswith("# "), line


def test_the_example_holds_no_secret() -> None:
    values = dict(line.split("=", 1) for line in example_lines() if line and not line.startswith("#"))
    secrets = [name.upper() for name, field in Env.model_fields.items() if "Secret" in str(field.annotation)]
    assert len(secrets) > 10
    assert [name for name in secrets if values[name]] == []


def test_the_values_of_the_example_are_valid_and_its_secrets_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in known_names():
        monkeypatch.delenv(name, raising=False)
    problems = Env(_env_file=PROJECT_DIR / ".env.example").problems()
    assert [sentence.split()[0] for sentence in problems] == [
        "SECRET_KEY",
        "JWT_SECRET",
        "ENCRYPTION_KEYS",
        "KEY_STORE_BUCKET_NAME",
        "BLIND_INDEX_KEY",
        "AUDIT_KEYS",
        "DATABASE_URL",
        "METRICS_TOKEN",
    ]


def reads_environment(path: Path) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "putenv")
        for node in ast.walk(ast.parse(path.read_text()))
    )


def test_no_other_module_reads_the_environment() -> None:
    modules = [PROJECT_DIR / "manage.py"]
    for package in PACKAGES:
        modules += sorted((PROJECT_DIR / package).rglob("*.py"))
    assert len(modules) > 50
    readers = {str(module.relative_to(PROJECT_DIR)) for module in modules if reads_environment(module)}
    assert readers - MAY_READ_THE_ENVIRONMENT == set()


def test_check_env_is_content_with_the_test_settings(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check_env")
    printed = capsys.readouterr().out
    assert "nothing missing" in printed
    assert "in production: " in printed


def test_check_env_fails_when_a_server_would_not_start(settings: object, capsys: pytest.CaptureFixture[str]) -> None:
    settings.STARTUP_PROBLEMS = ["JWT_SECRET is missing or shorter than 32 characters"]  # type: ignore[attr-defined]
    with pytest.raises(CommandError):
        call_command("check_env")
    assert re.search(r"must +JWT_SECRET is missing", capsys.readouterr().out)


def test_check_env_finds_a_misspelt_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OCR_GPU_ENABLE", "true")
    (tmp_path / ".env").write_text("BULI2_MODUS=live\nPORT=8080\n")
    monkeypatch.setattr(check_env, "PROJECT_DIR", tmp_path)
    with pytest.raises(CommandError):
        call_command("check_env")
    printed = capsys.readouterr().out
    assert "OCR_GPU_ENABLE is set and unknown" in printed
    assert "BULI2_MODUS is in .env and unknown" in printed
    assert "PORT" not in printed.replace("IMPORT", "")
    assert "live" not in printed
