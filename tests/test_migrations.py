"""Migrations that a running system survives: what they lock, and that they lead from nothing to the newest and back."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from django_migration_linter import MigrationLinter

from tests.stack import PROJECT

APPS = ["documents", "filot", "integrations", "privacy", "review", "verification"]


# The newest of each app before the first release: until then no running system had to survive them.
BEFORE_THE_FIRST_RELEASE = {"documents": 5, "filot": 4, "integrations": 3, "privacy": 2, "review": 7, "verification": 6}
BLOCKS = ("locks table", "NOT NULL constraint", "ALTERING columns", "DROPPING", "RENAMING")


@pytest.mark.django_db(transaction=True)  # what is built concurrently is not even shown inside a transaction
def test_no_migration_blocks_a_running_system_or_breaks_the_version_before(capsys: pytest.CaptureFixture[str]) -> None:
    linter = MigrationLinter(str(PROJECT), include_apps=APPS, no_cache=True, quiet=["ok", "ignore"])
    linter.lint_all_migrations()
    said = capsys.readouterr().out
    assert linter.nb_total > 20
    found = re.findall(r"^\((\w+), (\d{4})_(\w+)\)\.\.\. (?:ERR|WARNING)\n((?:\t.*\n)*)", said, re.MULTILINE)
    assert len(found) >= 5, "the linter's words have changed: nothing would be found any more"
    blocking = [
        f"{app} {number}_{name}: {why}"
        for app, number, name, why in found
        if int(number) > BEFORE_THE_FIRST_RELEASE.get(app, 0) and any(word in why for word in BLOCKS)
    ]
    assert blocking == []


@pytest.fixture
def empty() -> Iterator[dict[str, str]]:
    name, server = f"migrated_{os.getpid()}", os.environ["DATABASE_URL"]
    with psycopg.connect(server, autocommit=True) as line:
        line.execute(f'CREATE DATABASE "{name}"')
    yield {**os.environ, "DATABASE_URL": server.rsplit("/", 1)[0] + f"/{name}"}
    with psycopg.connect(server, autocommit=True) as line:
        line.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


ALL_OF_IT = """
import sys, django
from django.core.management import call_command
django.setup()
for words in sys.argv[1:]:
    call_command("migrate", *words.split(), verbosity=0)
"""


def migrate(env: dict[str, str], *steps: str) -> None:
    """In one process: starting Django costs more than the work."""
    env = {**env, "DJANGO_SETTINGS_MODULE": "filot.settings"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ALL_OF_IT, *steps],
        cwd=PROJECT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_from_nothing_to_the_newest_and_back_and_again(empty: dict[str, str]) -> None:
    migrate(empty, "", *(f"{app} zero" for app in ("privacy", "review", "verification", "integrations", "documents")))
    with psycopg.connect(empty["DATABASE_URL"]) as line:
        left = line.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        ).fetchall()
    ours = {name for (name,) in left if name.partition("_")[0] in APPS and not name.startswith("filot_")}
    assert ours == set()
    migrate(empty, "")
