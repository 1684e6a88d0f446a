"""A backup that is restored after an erasure does not bring the person back."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from documents import keys
from documents.keystore import key_store
from documents.sealing import SubjectErased, unseal
from documents.status import Status
from filot.models import User
from privacy.erasure import erase_subject, forget_documents, replay_erasures
from privacy.models import RetentionRule
from tests.privacy.dumps import drop, dump, restore
from tests.privacy.people import NAME, NIK, NOTE, document_of
from tests.stack import PROJECT

pytestmark = pytest.mark.django_db(transaction=True)
RESTORED = "restored_after_erasure"
SEALED = [
    ("documents_document", "applicant"),
    ("verification_verificationrun", "lines"),
    ("verification_verificationrun", "fields"),
    ("review_reviewdecision", "note"),
    ("integrations_buli2exchange", "body"),
    ("integrations_buli2exchange", "answer"),
]


@pytest.fixture
def kept(settings: Any, tmp_path: Path, originals_in: Path) -> Iterator[Path]:
    """A key store of this test's own, and a database that goes away again."""
    settings.KEY_STORE = {"root": tmp_path / "keys"}
    keys.forget_kept()
    yield tmp_path
    keys.forget_kept()
    drop(RESTORED)


def in_restored(command: str, url: str, folder: Path) -> str:
    """A command of FiLot as an operator runs it, against the restored database."""
    stores = {"MEDIA_ROOT": str(folder), "KEY_STORE_ROOT": str(folder / "keys")}
    env = {**os.environ, "DATABASE_URL": url, "FILOT_ENV": "test", "LOG_LEVEL": "ERROR", **stores}
    run = subprocess.run(
        [sys.executable, "manage.py", command],
        cwd=PROJECT,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return run.stdout


def sealed_in(url: str, owner: User) -> list[tuple[str, bytes]]:
    with psycopg.connect(url) as restored:
        return [
            (f"{table}.{column}.{row}", bytes(value))
            for table, column in SEALED
            for row, value in restored.execute(f"SELECT id, {column} FROM {table} WHERE {column} IS NOT NULL")  # type: ignore[arg-type]  # noqa: S608 - names of ours
            if bytes(value)[1:17] == owner.pk.bytes
        ]


def test_a_dump_from_before_opens_nothing_after_an_erasure(owner: User, stranger: User, kept: Path) -> None:
    """With every key that there is: the master key, and the key store as it is now."""
    document, other = document_of(owner), document_of(stranger)
    text = dump(kept / "dump.sql")
    originals = kept / "copy of the originals"
    shutil.copytree(kept / str(owner.pk), originals)
    assert erase_subject(owner.pk, by="dpo-1").held == []
    keys.forget_kept()
    url = restore(kept / "dump.sql", RESTORED)

    values = sealed_in(url, owner)
    assert {place.rpartition(".")[0] for place, _ in values} == {f"{table}.{column}" for table, column in SEALED}
    for place, value in values:
        with pytest.raises(SubjectErased):
            unseal(value, belongs_to=place)
    for path in originals.iterdir():
        with pytest.raises(SubjectErased):
            unseal(path.read_bytes(), belongs_to=f"{owner.pk}/{path.name}")
    for place, value in sealed_in(url, stranger):
        assert unseal(value, belongs_to=place)
    for spelling in (NAME, NIK, NOTE):
        assert spelling.encode() not in text
    assert document.pk != other.pk


def test_the_erasure_is_done_again_in_what_was_restored(owner: User, stranger: User, kept: Path) -> None:
    document_of(owner)
    kept_one, gone = document_of(stranger), document_of(stranger)
    dump(kept / "dump.sql")
    shutil.copytree(kept / str(owner.pk), kept / "copy")
    erase_subject(owner.pk, by="dpo-1")
    forget_documents(stranger.pk, [gone], by="purge", because="retention")
    url = restore(kept / "dump.sql", RESTORED)
    shutil.copytree(kept / "copy", kept / str(owner.pk), dirs_exist_ok=True)

    assert in_restored("replay_erasures", url, kept) == "1 subjects, 1 documents, 0 keys erased again\n"
    assert in_restored("replay_erasures", url, kept) == "0 subjects, 0 documents, 0 keys erased again\n"

    assert sealed_in(url, owner) == []
    assert not [path for path in (kept / str(owner.pk)).iterdir() if path.is_file()]
    with psycopg.connect(url) as restored:
        rows = restored.execute("SELECT id, erased_at IS NOT NULL, number_index FROM documents_document").fetchall()
        names = restored.execute("SELECT username FROM filot_user WHERE id = %s", [owner.pk]).fetchall()
        entries = restored.execute("SELECT action, facts FROM documents_auditentry ORDER BY sequence").fetchall()
    assert {str(row): erased for row, erased, _ in rows if str(row) in {str(kept_one.pk), str(gone.pk)}} == {
        str(kept_one.pk): False,
        str(gone.pk): True,
    }
    assert [index for row, erased, index in rows if erased and index] == []
    assert names == [(f"erased-{owner.pk.hex}",)]
    assert ("subject.erased", {"documents": 1, "because": "replayed"}) in entries


def test_a_key_store_from_before_loses_the_key_again(owner: User, kept: Path) -> None:
    document_of(owner)
    shutil.copytree(kept / "keys", kept / "older keys")
    erase_subject(owner.pk, by="dpo-1")
    shutil.rmtree(kept / "keys")
    shutil.copytree(kept / "older keys", kept / "keys")
    keys.forget_kept()
    assert keys.opened(owner.pk, 1)
    assert replay_erasures(by="x") == {"subjects": 0, "documents": 0, "keys": 1}
    assert key_store().names(owner.pk) == ["erased"]


def test_a_customer_whom_the_law_holds_is_still_there_after_a_restore(owner: User, kept: Path) -> None:
    RetentionRule.objects.create(state=Status.approved, years=5, legal_hold=True)
    document_of(owner, Status.approved)
    dump(kept / "dump.sql")
    assert erase_subject(owner.pk, by="dpo-1").held
    keys.forget_kept()
    url = restore(kept / "dump.sql", RESTORED)
    for place, value in sealed_in(url, owner):
        assert unseal(value, belongs_to=place)
