"""A copy, and its way back into an empty place: another database, another store."""

import hashlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command

from documents.models import Document
from documents.storage import page_key, write_original, write_page
from documents.sweeps import last_run
from filot import backup
from filot.models import User
from tests.documents.build import make_document, store_original
from tests.documents.test_api import picture
from tests.stack import PROJECT

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stored(owner: User, originals_in: Path) -> list[Document]:
    documents = [store_original(make_document(owner), picture(size=(320, 200 + n))) for n in range(3)]
    for n, document in enumerate(documents):
        write_page(document.storage_key, picture())
        document.sha256 = hashlib.sha256(picture(size=(320, 200 + n))).hexdigest()
        document.save()
    return documents


@pytest.fixture
def empty_place(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a FiLot with a database and a store that hold nothing, and the keys of this one."""
    from django.db import connection

    name, server = f"restored_{os.getpid()}_{uuid.uuid4().hex[:8]}", os.environ["DATABASE_URL"]
    with psycopg.connect(server, autocommit=True) as line:
        line.execute(f'CREATE DATABASE "{name}"')
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    env |= {"DATABASE_URL": server.rsplit("/", 1)[0] + f"/{name}", "MEDIA_ROOT": str(tmp_path / "elsewhere")}
    yield env
    connection.close()
    with psycopg.connect(server, autocommit=True) as line:
        line.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def manage(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", *words],
        cwd=PROJECT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_copy_is_restored_into_an_empty_place_and_every_original_opens(
    stored: list[Document], empty_place: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    call_command("backup", str(copy), "--verify")
    said = capsys.readouterr().out
    assert f"verified: 3 documents, 6 objects in {copy}" in said
    assert "keys: 3 of 3 newest originals opened" in said
    assert last_run("backup") is not None
    assert copy.stat().st_mode & 0o077 == 0

    done = manage(empty_place, "restore", str(copy))
    assert done.returncode == 0, done.stderr
    assert "objects: 6 put back, 0 were there" in done.stdout
    assert "database: 3 documents" in done.stdout
    assert "keys: 3 of 3 originals opened and are whole" in done.stdout
    with psycopg.connect(empty_place["DATABASE_URL"]) as line:
        rows = line.execute("SELECT id, status, sha256 FROM documents_document ORDER BY id").fetchall()
        events = line.execute("SELECT count(*) FROM documents_documentevent").fetchone()
    assert rows == sorted((document.pk, document.status, document.sha256) for document in stored)
    assert events is not None
    assert "No migrations to apply" in manage(empty_place, "migrate").stdout

    again = manage(empty_place, "restore", str(copy))
    assert again.returncode != 0
    assert "into an empty one only" in again.stderr
    only = manage(empty_place, "restore", str(copy), "--objects-only")
    assert (only.returncode, "objects: 0 put back, 6 were there" in only.stdout) == (0, True), only.stderr


def test_other_keys_are_noticed_by_the_restore(
    stored: list[Document], empty_place: dict[str, str], tmp_path: Path
) -> None:
    call_command("backup", str(tmp_path / "copy"))
    strange = {**empty_place, "KEY_STORE_ROOT": str(tmp_path / "no-keys")}
    done = manage(strange, "restore", str(tmp_path / "copy"))
    assert done.returncode != 0
    assert "do not open with the keys that are here" in done.stderr


@pytest.mark.parametrize("what", ["dump", "object", "object gone", "list", "unfinished", "path"])
def test_a_copy_that_was_changed_is_refused_before_anything_is_touched(
    stored: list[Document], tmp_path: Path, what: str, originals_in: Path
) -> None:
    copy = tmp_path / "copy"
    call_command("backup", str(copy))
    key = stored[0].storage_key
    if what == "dump":
        with (copy / backup.DUMP).open("r+b") as file:
            file.seek(100)
            file.write(b"\0\1\2")
    elif what == "object":
        (copy / backup.OBJECTS / key).write_bytes(b"something else")
    elif what == "object gone":
        (copy / backup.OBJECTS / key).unlink()
    elif what == "unfinished":
        (copy / backup.MANIFEST).unlink()
    else:
        listed = json.loads((copy / backup.LIST).read_text())
        listed["../outside"] = "0"
        (copy / backup.LIST).write_text(json.dumps(listed))
        if what == "path":  # by somebody who knew of the digest
            manifest = json.loads((copy / backup.MANIFEST).read_text())
            manifest["list_sha256"] = backup._digest_of(copy / backup.LIST)
            (copy / backup.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(CommandError):
        call_command("restore", str(copy), "--objects-only")


def test_what_the_store_lost_comes_back_and_what_is_there_is_not_touched(
    stored: list[Document], tmp_path: Path, originals_in: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("backup", str(tmp_path / "copy"))
    lost, kept = (originals_in / document.storage_key for document in stored[:2])
    lost.unlink()
    before = kept.stat().st_mtime_ns
    call_command("restore", str(tmp_path / "copy"), "--objects-only")
    assert "objects: 1 put back, 5 were there" in capsys.readouterr().out
    assert kept.stat().st_mtime_ns == before


def test_an_original_that_the_store_has_not_is_named_and_the_copy_goes_on(
    stored: list[Document], tmp_path: Path, originals_in: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (originals_in / stored[1].storage_key).unlink()
    call_command("backup", str(tmp_path / "copy"))
    assert f"missing in the store: {stored[1].storage_key}" in capsys.readouterr().out
    assert page_key(stored[1].storage_key) in json.loads((tmp_path / "copy" / backup.LIST).read_text())


def test_a_copy_holds_nothing_that_can_be_read_without_keys(owner: User, originals_in: Path, tmp_path: Path) -> None:
    document = make_document(owner, applicant={"name": "BUDI SPECIMEN", "nik": "3171012505900001"})
    write_original(document.storage_key, b"CANARY-OF-AN-ORIGINAL")
    call_command("backup", str(tmp_path / "copy"))
    plain = subprocess.run(
        [backup._program("pg_restore"), "-f", "-", str(tmp_path / "copy" / backup.DUMP)],
        capture_output=True,
        check=True,
    ).stdout
    plain += b"".join(path.read_bytes() for path in (tmp_path / "copy").rglob("*") if path.is_file())
    for canary in (b"CANARY-OF-AN-ORIGINAL", b"BUDI SPECIMEN", b"3171012505900001"):
        assert canary not in plain


def test_a_folder_that_holds_something_is_no_place_for_a_copy(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    with pytest.raises(CommandError, match="not empty"):
        call_command("backup", str(tmp_path))
    assert last_run("backup") is None


def test_orphans_are_swept_by_hand_too(originals_in: Path, capsys: pytest.CaptureFixture[str], owner: User) -> None:
    key = f"{owner.pk}/KTP_{uuid.uuid4()}.jpg"
    write_original(key, picture())
    long_ago = 1_600_000_000
    os.utime(originals_in / key, (long_ago, long_ago))
    call_command("sweep_originals")
    assert capsys.readouterr().out == "swept: 1\n"
