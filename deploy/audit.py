"""`make audit`: what FiLot is made of, and what is known against it. Reports go into var/audit/.

    vulnerabilities   pip-audit over deploy/locks/run.txt; says loudly when its sources cannot be reached
    code              bandit, from medium severity; what is meant as it stands says so in its line
    secrets           detect-secrets over everything that git tracks
    parts             an SBOM (CycloneDX, JSON) of deploy/locks/run.txt: var/audit/sbom.cdx.json

Exits with 1 when something was found; what could not be asked is said, and fails nothing unless AUDIT_STRICT=1.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

PROJECT = Path(__file__).resolve().parent.parent
REPORTS = PROJECT / "var" / "audit"
LOCK = PROJECT / "deploy" / "locks" / "run.txt"
CODE = ("deploy", "documents", "filot", "integrations", "ocr_gpu", "privacy", "review", "verification", "manage.py")
SOURCES = ("pypi", "osv")  # of known vulnerabilities, asked in this order
SECONDS = 300

# What is made up in tests and docs, and everywhere in them: passwords, and texts that look drawn at random.
MADE_UP = {"Secret Keyword", "Base64 High Entropy String", "Hex High Entropy String", "Basic Auth Credentials"}
TWINS = {"B703": "S308"}  # bandit has two numbers for mark_safe
NEVER = ("IPPublicDetector",)
NOT_SCANNED = re.compile(r"^deploy/locks/|\.(svg|png|jpg|lock)$|package-lock\.json$|^tests/review/histories/")
NO_SECRET = re.compile(
    r"filot-demo|postgresql://filot@|user:password@|<password>|\$\{|:secret@"
    r'|secretName: filot-|"secretsmanager:GetSecretValue"|"PGPASSWORD": "PASSWORD"|LETTERS = "'
)


class Told(NamedTuple):
    """What one look found, and what could not be looked at."""

    found: list[str]
    unknown: list[str]


def vulnerabilities(report: dict[str, Any]) -> Told:
    """What a report of pip-audit (JSON) says: packages it could not ask about are no clean ones."""
    found, unknown = [], []
    for part in report["dependencies"]:
        if "skip_reason" in part:
            unknown.append(part["name"])
        for known in part.get("vulns", []):
            mended = ", ".join(known.get("fix_versions", [])) or "not mended yet"
            found.append(f"{part['name']} {part['version']}: {known['id']} (mended in: {mended})")
    return Told(found, unknown)


def ask_for_vulnerabilities() -> Told:
    for source in SOURCES:
        words = ["pip_audit", "--disable-pip", "--no-deps", "-r", str(LOCK), "-s", source, "-f", "json"]
        done = run([*words, "--progress-spinner", "off", "--timeout", "10"])
        if done is None or not done.stdout.startswith("{"):
            continue
        told = vulnerabilities(json.loads(done.stdout))
        if len(told.unknown) < len(json.loads(done.stdout)["dependencies"]):
            (REPORTS / "vulnerabilities.json").write_text(done.stdout)
            return told
    return Told([], [f"NOT CHECKED: neither of {', '.join(SOURCES)} could be asked about the packages of {LOCK.name}"])


def code() -> Told:
    report = REPORTS / "bandit.json"
    words = ["bandit", "-q", "-ll", "-r", *CODE, "-x", "*/migrations/*,deploy/browser", "-f", "json", "-o", str(report)]
    report.unlink(missing_ok=True)  # one of before would say nothing of now
    if run(words) is None or not report.exists():
        return Told([], ["bandit looked at nothing"])
    told = json.loads(report.read_text())
    found = [
        f"{each['filename']}:{each['line_number']} {each['test_id']} {each['issue_text']}"
        for each in told["results"]
        if not is_meant(each)
    ]
    return Told(found, [f"{each['filename']}: {each['reason']}" for each in told["errors"]])


def is_meant(result: dict[str, Any], root: Path = PROJECT) -> bool:
    """Whether its line says `noqa` of the same number: ruff's S608 is bandit's B608, and one mark is enough."""
    lines = (root / result["filename"]).read_text().splitlines()
    meant = TWINS.get(result["test_id"]) or "S" + result["test_id"].removeprefix("B")
    return any(re.search(rf"noqa:.*\b{meant}\b", lines[number - 1]) for number in result["line_range"])


def secrets(paths: Iterable[str], root: Path = PROJECT) -> Told:
    """What looks like a secret in these files, by file and line; the secret itself is not told."""
    from detect_secrets.core.scan import scan_file  # noqa: PLC0415 only `make audit` has it installed
    from detect_secrets.settings import default_settings, get_settings  # noqa: PLC0415

    found = []
    with default_settings():
        get_settings().disable_plugins(*NEVER)
        for path in paths:
            if NOT_SCANNED.search(path) or not (root / path).is_file():
                continue
            lines = (root / path).read_text(errors="replace").splitlines()
            for each in scan_file(str(root / path)):
                line = lines[each.line_number - 1] if 0 < each.line_number <= len(lines) else ""
                if not is_made_up(path, each.type, line):
                    found.append(f"{path}:{each.line_number} {each.type}")
    return Told(found, [])


def is_made_up(path: str, kind: str, line: str) -> bool:
    """Whether a line that looks like a secret is none: in tests and docs by its kind, in code by what it says."""
    if kind not in MADE_UP:
        return False
    return not is_code(path) or bool(NO_SECRET.search(line)) or "noqa: S105" in line or "noqa: S106" in line


def is_code(path: str) -> bool:
    return path.startswith(CODE) and path.endswith((".py", ".sh", ".yml", ".yaml", ".sample", ".env", ".toml"))


def parts() -> Told:
    report = REPORTS / "sbom.cdx.json"
    words = ["cyclonedx_py", "requirements", str(LOCK), "--pyproject", "pyproject.toml", "--output-reproducible"]
    done = run([*words, "--sv", "1.6", "--of", "JSON", "-o", str(report)])
    if done is None or done.returncode:
        return Told([], ["no SBOM was written"])
    written = json.loads(report.read_text())
    print(f"  {len(written['components'])} parts in {report.relative_to(PROJECT)}")
    return Told([], [])


def run(words: list[str]) -> subprocess.CompletedProcess[str] | None:
    """A tool by the name of its module, whose script would name the place it was installed to first. None when it did
    not end in time.
    """
    command = [sys.executable, "-m", *words]
    try:
        return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return None


def tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True)
    return done.stdout.split("\n")


def main() -> int:
    REPORTS.mkdir(parents=True, exist_ok=True)
    looks = {
        "vulnerabilities": ask_for_vulnerabilities,
        "code": code,
        "secrets": lambda: secrets(tracked()),
        "parts": parts,
    }
    found = unknown = 0
    for name, look in looks.items():
        print(f"{name}:")
        told = look()
        for sentence in told.found:
            print(f"  FOUND    {sentence}")
        for sentence in told.unknown:
            print(f"  UNKNOWN  {sentence}")
        print("  nothing found" if not told.found else f"  {len(told.found)} found", end="")
        print(f", {len(told.unknown)} could not be asked" if told.unknown else "")
        found, unknown = found + len(told.found), unknown + len(told.unknown)
    return int(bool(found) or bool(unknown and os.environ.get("AUDIT_STRICT")))


if __name__ == "__main__":
    sys.exit(main())
