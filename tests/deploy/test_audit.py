"""What `make audit` makes of its tools' reports. The tools themselves are in the audit lock only."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from filot.env import PROJECT_DIR

spec = importlib.util.spec_from_file_location("audit", PROJECT_DIR / "deploy" / "audit.py")
assert spec is not None
assert spec.loader is not None
audit: Any = importlib.util.module_from_spec(spec)
sys.modules["audit"] = audit
spec.loader.exec_module(audit)


def report(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"dependencies": list(parts), "fixes": []}


CLEAN = {"name": "django", "version": "5.2.19", "vulns": []}
KNOWN = {"name": "x", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
SKIPPED = {"name": "y", "skip_reason": "Dependency not found on PyPI and could not be audited: y (2.0)"}


def test_a_known_vulnerability_is_found_and_a_package_nobody_knows_is_no_clean_one() -> None:
    told = audit.vulnerabilities(report(CLEAN, KNOWN, SKIPPED))
    assert told.found == ["x 1.0: PYSEC-1 (mended in: 1.1)"]
    assert told.unknown == ["y"]


@pytest.mark.parametrize("answer", ["", '{"dependencies": [{"name": "y", "skip_reason": "not found"}]}'])
def test_sources_that_know_nothing_are_said_not_to_have_been_asked(
    monkeypatch: pytest.MonkeyPatch, answer: str, tmp_path: Path
) -> None:
    asked: list[str] = []

    def run(words: list[str]) -> subprocess.CompletedProcess[str]:
        asked.append(words[words.index("-s") + 1])
        return subprocess.CompletedProcess(words, 1, stdout=answer, stderr="")

    monkeypatch.setattr(audit, "run", run)
    monkeypatch.setattr(audit, "REPORTS", tmp_path)
    told = audit.ask_for_vulnerabilities()
    assert asked == ["pypi", "osv"]
    assert told.found == []
    assert told.unknown[0].startswith("NOT CHECKED")


@pytest.mark.parametrize(
    ("told", "strict", "code"), [(([], []), "", 0), ((["x"], []), "", 1), (([], ["y"]), "", 0), (([], ["y"]), "1", 1)]
)
def test_something_found_fails_and_something_unknown_only_when_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: Any, strict: str, code: int
) -> None:
    monkeypatch.setattr(audit, "REPORTS", tmp_path)
    monkeypatch.setenv("AUDIT_STRICT", strict)
    for look in ("ask_for_vulnerabilities", "code", "parts"):
        monkeypatch.setattr(audit, look, lambda: audit.Told(*told))
    monkeypatch.setattr(audit, "secrets", lambda paths: audit.Told([], []))
    assert audit.main() == code


def test_a_bandit_that_does_not_run_is_said_and_no_report_of_before_stands_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(audit, "REPORTS", tmp_path)
    (tmp_path / "bandit.json").write_text('{"results": [], "errors": []}')
    monkeypatch.setattr(
        audit, "run", lambda words: subprocess.CompletedProcess(words, 1, stdout="", stderr="no module")
    )
    assert audit.code() == ([], ["bandit looked at nothing"])


def test_the_code_of_every_room_is_looked_at() -> None:
    rooms = {path.parent.name for path in PROJECT_DIR.glob("*/__init__.py")} - {"tests"}
    assert rooms == set(audit.CODE) - {"deploy", "manage.py"}


def test_one_mark_in_a_line_is_enough_for_both_tools(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\nrun(it)  # noqa: S608 - names of ours\n")
    result = {"filename": "a.py", "line_number": 2, "line_range": [2], "test_id": "B608"}
    assert audit.is_meant(result, tmp_path)
    assert not audit.is_meant({**result, "test_id": "B602"}, tmp_path)
    assert not audit.is_meant({**result, "line_range": [1]}, tmp_path)


def test_a_password_is_made_up_in_tests_and_a_key_of_a_cloud_nowhere() -> None:
    line = 'password = "a long password"'
    assert audit.is_made_up("tests/conftest.py", "Secret Keyword", line)
    assert not audit.is_made_up("filot/env.py", "Secret Keyword", line)
    assert not audit.is_made_up("tests/conftest.py", "AWS Access Key", line)
    assert not audit.is_made_up("deploy/production.env.sample", "Base64 High Entropy String", "SECRET_KEY=q8Zr2mVx0")


def test_each_tool_is_pinned_in_the_audit_lock_and_none_is_in_production() -> None:
    locks = PROJECT_DIR / "deploy" / "locks"
    for tool in ("pip-audit", "bandit", "detect-secrets", "cyclonedx-bom"):
        assert f"\n{tool}==" in (locks / "audit.txt").read_text()
        assert f"\n{tool}==" not in (locks / "run.txt").read_text()
