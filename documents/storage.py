"""Sealed bytes in a folder or an S3 store: originals, and for each the page of it that people look at.

An original lies under `<ownerId>/<TYPE>_<uuid>.<ext>` and is written once. Its page, beside it as
`<ownerId>/<TYPE>_<uuid>.page.jpg`, is made from it with every reading and replaces the one before.
"""

import os
import uuid
from pathlib import Path
from typing import Any

from botocore.config import Config
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, storages
from storages.backends.s3 import S3Storage

from documents.sealing import seal, unseal

CONNECT_TIMEOUT = 3  # seconds
READ_TIMEOUT = 10  # seconds
ATTEMPTS = 2

PAGE = ".page.jpg"
UNFINISHED = ".part"


class StoreUnavailable(Exception):
    """The store did not answer, or refused."""


class OriginalMissing(StoreUnavailable):
    """The store answers, and has no such object: it was lost, or this is not the store it was put into."""


class Folder(FileSystemStorage):
    """A folder whose files are on the disk before `save` returns: an accepted upload survives a power cut."""

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        stored = super().save(name, content, max_length)
        path = Path(self.path(stored))
        _sync(path)
        _sync(path.parent)
        return stored

    def replace(self, name: str, content: Any) -> None:
        """Write over what is there. Whoever reads meanwhile gets all of the old or all of the new.

        A death in between leaves a file that ends in UNFINISHED; the sweep of originals takes it.
        """
        beside = self.save(f"{name}.{uuid.uuid4()}{UNFINISHED}", content)
        path = Path(self.path(name))
        Path(self.path(beside)).replace(path)
        _sync(path.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class ObjectStore(S3Storage):  # type: ignore[misc]  # django-storages has no types
    """An S3 bucket as Cloudflare R2 speaks it: signature v4, path style, no checksums it did not ask for."""

    def get_default_settings(self) -> dict[str, Any]:
        config = Config(
            s3={"addressing_style": "path"},
            signature_version="s3v4",
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        )
        defaults: dict[str, Any] = super().get_default_settings()
        return {**defaults, "client_config": config, "file_overwrite": False, "querystring_auth": True}

    def replace(self, name: str, content: Any) -> None:
        """Write over what is there: `save` would take another name. A store shows whole objects only."""
        self._save(name, content)


def originals() -> Storage:
    """The storage that settings name for originals."""
    return storages["originals"]


def write_original(key: str, data: bytes) -> None:
    """Seal and store. Raises StoreUnavailable; nothing is stored then."""
    try:
        stored_as = originals().save(key, ContentFile(seal(data, belongs_to=key)))
    except Exception as error:  # each backend has its own exceptions
        raise StoreUnavailable(type(error).__name__) from error
    if stored_as != key:
        raise StoreUnavailable("the key was taken")  # keys are fresh UUIDs: only a broken store gets here


def read_original(key: str) -> bytes:
    """The bytes as uploaded. Raises OriginalMissing, StoreUnavailable, or sealing.CannotOpen when they were changed."""
    return _read(key)


def page_key(key: str) -> str:
    """Where the page of the original under `key` lies."""
    return key.rpartition(".")[0] + PAGE


def write_page(key: str, data: bytes) -> None:
    """Seal and store the page of the original under `key` in place of the one before. Safe to repeat.

    Raises StoreUnavailable; the one before stays then.
    """
    name, store = page_key(key), originals()
    try:
        store.replace(name, ContentFile(seal(data, belongs_to=name)))  # type: ignore[attr-defined]  # both have it
    except Exception as error:  # each backend has its own exceptions
        raise StoreUnavailable(type(error).__name__) from error


def read_page(key: str) -> bytes:
    """The page of the original under `key`. Raises as `read_original` does."""
    return _read(page_key(key))


def delete_original(key: str) -> None:
    """Delete an original and all that was made from it. Safe to repeat. Raises StoreUnavailable."""
    store = originals()
    try:
        for name in (page_key(key), key):  # a death in between leaves the original: it is seen and deleted again
            store.delete(name)
    except Exception as error:  # each backend has its own exceptions
        raise StoreUnavailable(type(error).__name__) from error


def _read(key: str) -> bytes:
    try:
        with originals().open(key) as stored:
            sealed: bytes = stored.read()
    except FileNotFoundError as error:
        raise OriginalMissing from error
    except Exception as error:
        raise StoreUnavailable(type(error).__name__) from error
    return unseal(sealed, belongs_to=key)
