"""The scripts that partition what grows: run as operators run them, by psql, on a database with FiLot's tables."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from filot.backup import _program
from tests.deploy.tools import DEPLOY, PROJECT
from tests.test_migrations import migrate

FILL = """
import django
django.setup()
from documents.status import Status
from filot.models import User
from tests.documents.build import make_document
from verification.models import VerificationRun
owner = User.objects.create_user("partitioned")
for n in range(40):
    document = make_document(owner)
    document.move_to(Status.processing, actor="system:test", claim_token="5b0d0b5e-6f61-4d0c-9d6f-0b9f3f3c1a11")
    VerificationRun.objects.create(document=document, attempt=1, queue="ocr.cpu", worker="w", outcome="read")
"""
# What FiLot does with these tables, through its models, afterwards.
GO_ON = """
import django
django.setup()
from django.db import IntegrityError, transaction
from documents.models import Document, DocumentEvent
from documents.status import Status
from filot.service_figures import service_figures
from verification.models import VerificationRun
assert DocumentEvent.objects.count() == VerificationRun.objects.count() == 40
document = Document.objects.first()
document.move_to(Status.uploaded, actor="system:test", reason="reaped")
document.move_to(Status.processing, actor="system:test", claim_token="5b0d0b5e-6f61-4d0c-9d6f-0b9f3f3c1a12")
run = VerificationRun.objects.create(document=document, attempt=2, queue="ocr.cpu", worker="w", outcome="running")
run.outcome = "lost"
run.save()
try:
    with transaction.atomic():
        VerificationRun.objects.create(document=document, attempt=2, queue="ocr.cpu", worker="v", outcome="running")
except IntegrityError as error:
    assert "one_run_per_attempt" in str(error) or "document_id_attempt" in str(error), error
else:
    raise AssertionError("two runs of one attempt")
assert list(document.runs.order_by("attempt").values_list("attempt", "outcome")) == [(1, "read"), (2, "lost")]
assert document.events.count() == 3
sizes = service_figures()["tables"]
assert min(sizes["documents_documentevent"], sizes["verification_verificationrun"]) > 0, sizes
"""


@pytest.fixture(scope="module")
def pattern() -> Iterator[dict[str, str]]:
    """A database with FiLot's tables and 40 documents, of which each test takes a copy."""
    with made(f"pattern_{os.getpid()}", "template1") as env:
        migrate(env, "")
        python(env, FILL)
        yield env


@pytest.fixture
def filled(pattern: dict[str, str]) -> Iterator[dict[str, str]]:
    with made(f"partitioned_{os.getpid()}", pattern["DATABASE_URL"].rpartition("/")[2]) as env:
        yield env


@contextmanager
def made(name: str, like: str) -> Iterator[dict[str, str]]:
    server = os.environ["DATABASE_URL"]
    with psycopg.connect(server, autocommit=True) as line:
        line.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
    try:
        yield {**os.environ, "DATABASE_URL": server.rsplit("/", 1)[0] + f"/{name}"}
    finally:
        with psycopg.connect(server, autocommit=True) as line:
            line.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def python(env: dict[str, str], code: str) -> None:
    env = {**env, "DJANGO_SETTINGS_MODULE": "filot.settings"}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def psql(env: dict[str, str], file: str, *variables: str) -> None:
    named = [word for variable in variables for word in ("-v", variable)]
    command = [_program("psql"), env["DATABASE_URL"], "-q", "-v", "ON_ERROR_STOP=1", *named]
    command += ["-f", str(DEPLOY / "postgres" / file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_events_and_runs_are_partitioned_and_filot_goes_on(filled: dict[str, str]) -> None:
    psql(filled, "partition-events.sql", "bound=2100-01-01", "next=2100-02-01")
    psql(filled, "partition-runs.sql")
    psql(filled, "partition-runs-swap.sql")
    with psycopg.connect(filled["DATABASE_URL"]) as line:
        parts = line.execute("SELECT count(DISTINCT tableoid) FROM verification_verificationrun").fetchone()
        kinds = line.execute("SELECT relname FROM pg_class WHERE relkind = 'p' ORDER BY 1").fetchall()
    assert parts is not None
    assert parts[0] > 4
    assert [name for (name,) in kinds] == ["documents_documentevent", "verification_verificationrun"]
    python(filled, GO_ON)


def test_what_is_written_while_runs_are_copied_is_there_afterwards(filled: dict[str, str]) -> None:
    """Changed, added and deleted, among them an erasure: the copy neither misses it nor undoes it."""
    stop = threading.Event()

    def write() -> None:
        change = "UPDATE verification_verificationrun SET reason = %s, lines = NULL WHERE attempt = %s"
        with psycopg.connect(filled["DATABASE_URL"], autocommit=True) as line:
            query = """SELECT string_agg(column_name, ',') FROM information_schema.columns
                WHERE table_name = 'verification_verificationrun' AND NOT column_name = ANY(%s)"""
            ((others,),) = line.execute(query, [["id", "attempt", "started_at"]]).fetchall()
            add = f"""INSERT INTO verification_verificationrun (id, attempt, started_at, {others})
                SELECT gen_random_uuid(), %s, now(), {others} FROM verification_verificationrun WHERE attempt = 1"""  # noqa: S608 - names of ours
            number = 1
            while not stop.is_set() or number < 5:
                number += 1
                line.execute(add, [number])
                line.execute(change, [f"changed {number}", number - 1])
                line.execute(
                    "DELETE FROM verification_verificationrun WHERE attempt = %s AND attempt > 1", [number - 2]
                )

    writer = threading.Thread(target=write)
    writer.start()
    try:
        psql(filled, "partition-runs.sql")
    finally:
        stop.set()
        writer.join()
    with psycopg.connect(filled["DATABASE_URL"]) as line:
        old, new = "SELECT * FROM verification_verificationrun", "SELECT * FROM run_parts"
        differing = line.execute(f"(({old} EXCEPT {new}) UNION ALL ({new} EXCEPT {old}))").fetchall()
        count = line.execute("SELECT count(*) FROM run_parts").fetchone()
    assert differing == []
    assert count == (120,), "of each document the first, and the newest two"
    psql(filled, "partition-runs-swap.sql")
