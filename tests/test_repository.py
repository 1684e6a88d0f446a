"""What has to hold of the source tree itself."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command, get_commands

from filot.management.commands.rundev import Command as RunDev
from verification.policy import POLICIES, load_policy
from verification.reading import document_type

PROJECT = Path(__file__).resolve().parent.parent
APPS = ("filot", "documents", "verification", "review", "integrations", "ocr_gpu")
README = (PROJECT / "README.md").read_text()


def sources() -> list[Path]:
    return [path for app in APPS for path in sorted((PROJECT / app).rglob("*.py")) if "migrations" not in path.parts]


def test_no_status_of_a_document_is_written_outside_move_to() -> None:
    written = re.compile(r"\.update\([^)]*\bstatus\s*=|\bdocument\.status\s*=[^=]")
    found = [
        f"{path.relative_to(PROJECT)}: {match[0]}" for path in sources() for match in written.finditer(path.read_text())
    ]
    assert found == []


def test_no_task_is_left_in_a_comment_and_no_code_either() -> None:
    """The rest is ruff's: ERA finds code that is commented out, T20 what is printed."""
    tasks = re.compile(r"#.*\b(TODO|FIXME|HACK)\b")
    found = [f"{path}: {line}" for path in sources() for line in path.read_text().splitlines() if tasks.search(line)]
    assert found == []
    selected = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]["select"]
    assert {"ERA", "T20"} <= set(selected)


def test_every_queue_has_a_worker_in_the_procfile() -> None:
    procfile = (PROJECT / "deploy" / "Procfile").read_text()
    listened = {queue for queues in re.findall(r"-Q\s+(\S+)", procfile) for queue in queues.split(",")}
    listened |= {f"ocr.{kind}" for kind in re.findall(r"manage\.py ocr_worker (\w+)", procfile)}
    assert listened == set(settings.QUEUES)


def test_every_document_type_has_what_the_table_promises() -> None:
    for name in settings.DOCUMENT_TYPES:
        module = document_type(name)
        assert name == module.CODE
        assert set(module.NUMBER_FIELDS) <= set(module.FIELDS) == set(module.CARD_LABELS)
        assert module.PARSER_VERSION


def test_every_policy_goes_by_its_name() -> None:
    for name in POLICIES:
        policy = load_policy(name)
        assert name == policy.NAME
        assert policy.VERSION


@pytest.mark.django_db
def test_migrations_say_what_the_models_say() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_each_decision_has_a_number_of_its_own_and_says_it() -> None:
    pages = sorted((PROJECT / "docs" / "decisions").glob("*.md"))
    numbers = [int(page.name[:4]) for page in pages]
    assert len(numbers) > 30
    assert len(set(numbers)) == len(numbers)
    assert all(page.read_text().startswith(f"# {number}. ") for number, page in zip(numbers, pages, strict=True))


def test_the_readme_names_only_commands_that_exist() -> None:
    named = set(re.findall(r"^\| `([a-z_0-9]+)[ `]", README.partition("## Commands")[2], re.MULTILINE))
    assert named
    assert named <= set(get_commands())
    targets = set(re.findall(r"(?:`|^)make ([a-z-]+)", README, re.MULTILINE))
    makefile = (PROJECT / "Makefile").read_text()
    assert {target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()


def test_rundev_is_what_make_run_calls() -> None:
    assert "manage.py rundev" in (PROJECT / "Makefile").read_text()
    assert RunDev.help


def test_relative_links_of_the_docs_lead_somewhere() -> None:
    pages = [PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")]
    broken = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
        if not (page.parent / link).exists()
    ]
    assert broken == []


def test_nothing_tracked_is_a_binary_but_pictures() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True)
    heavy = [name for name in tracked.stdout.split() if name.endswith((".onnx", ".pth", ".pt", ".whl", ".so", ".bin"))]
    assert heavy == []
