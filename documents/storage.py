"""Sealed bytes in a folder or an S3 store: originals, and for each the page of it that people look at.

An original lies under `<ownerId>/<TYPE>_<uuid>.<ext>` and is written once. Its page, beside it as
`<ownerId>/<TYPE>_<uuid>.page.jpg`, is made from it with every reading and replaces the one before.
"""

import contextlib
import os
import threading
import uuid
from pathlib import Path
from typing import Any

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, storages
from storages.backends.s3 import S3Storage

from documents.sealing import CannotOpen, seal, unseal
from documents.stores import StoreUnavailable, client_config

__all__ = [
    "PAGE",
    "UNFINISHED",
    "Folder",
    "ObjectStore",
    "OriginalMissing",
    "StoreUnavailable",
    "answers",
    "delete_original",
    "originals",
    "owner_of",
    "page_key",
    "read_original",
    "read_page",
    "read_sealed",
    "replace_sealed",
    "write_original",
    "write_page",
]

log = structlog.get_logger(__name__)

PAGE = ".page.jpg"
UNFINISHED = ".part"


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

        Not waited for until it is on the disk: what may be replaced can be made again. A death in between leaves a file
        that ends in UNFINISHED; the sweep of originals takes it.
        """
        beside = super().save(f"{name}.{uuid.uuid4()}{UNFINISHED}", content)
        Path(self.path(beside)).replace(self.path(name))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class ObjectStore(S3Storage):  # type: ignore[misc]  # django-storages has no types
    """An S3 bucket as Cloudflare R2 speaks it: signature v4, path style, no checksums it did not ask for."""

    _shared: Any = None
    _connecting = threading.Lock()

    def get_default_settings(self) -> dict[str, Any]:
        defaults: dict[str, Any] = super().get_default_settings()
        return {**defaults, "client_config": client_config(), "file_overwrite": False, "querystring_auth": True}

    @property
    def connection(self) -> Any:
        """One for all threads of a process. The package makes one for each, of 18 MB: threads may share its client, and
        the bucket that is made of the first is shared by all of them anyway.
        """
        with self._connecting:
            if self._shared is None:
                self._shared = super().connection
        return self._shared

    def ping(self) -> None:
        """Raises what the client raises unless the bucket is there and takes our credentials. Not HEAD: to that a store
        says 404 without a word on whether the object is missing or the bucket.
        """
        client = self.connection.meta.client
        with contextlib.suppress(client.exceptions.NoSuchKey):
            client.get_object(Bucket=self.bucket_name, Key="health/nothing")

    def replace(self, name: str, content: Any) -> None:
        """Write over what is there: `save` would take another name. A store shows whole objects only."""
        self._save(name, content)


def originals() -> Storage:
    """The storage that settings name for originals."""
    return storages["originals"]


def owner_of(key: str) -> uuid.UUID:
    """Whose data key seals what lies under `key`. Raises CannotOpen when it is no key of ours."""
    try:
        return uuid.UUID(key.partition("/")[0])
    except ValueError as error:
        raise CannotOpen("not the key of an original") from error


def write_original(key: str, data: bytes) -> None:
    """Seal and store. Raises StoreUnavailable; nothing is stored then."""
    sealed = seal(data, subject=owner_of(key), belongs_to=key)
    try:
        stored_as = originals().save(key, ContentFile(sealed))
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
    name = page_key(key)
    replace_sealed(name, seal(data, subject=owner_of(key), belongs_to=name))


def read_page(key: str) -> bytes:
    """The page of the original under `key`. Raises as `read_original` does."""
    return _read(page_key(key))


def answers(key: str) -> bool:
    """Whether the store can be asked for this original now; nothing is read. It answers of what it lost, too."""
    try:
        originals().exists(key)
    except Exception:  # each backend has its own exceptions
        log.warning("store_away", exc_info=True)
        return False
    return True


def delete_original(key: str) -> None:
    """Delete an original and all that was made from it. Safe to repeat. Raises StoreUnavailable."""
    store = originals()
    try:
        for name in (page_key(key), key):  # a death in between leaves the original: it is seen and deleted again
            store.delete(name)
    except Exception as error:  # each backend has its own exceptions
        raise StoreUnavailable(type(error).__name__) from error


def read_sealed(name: str) -> bytes:
    """What lies under `name`, as it lies there. Raises OriginalMissing, StoreUnavailable."""
    try:
        with originals().open(name) as stored:
            sealed: bytes = stored.read()
    except FileNotFoundError as error:
        raise OriginalMissing from error
    except Exception as error:
        raise StoreUnavailable(type(error).__name__) from error
    return sealed


def replace_sealed(name: str, sealed: bytes) -> None:
    """Raises StoreUnavailable; what was there stays then."""
    try:
        originals().replace(name, ContentFile(sealed))  # type: ignore[attr-defined]  # both backends have it
    except Exception as error:  # each backend has its own exceptions
        raise StoreUnavailable(type(error).__name__) from error


def _read(key: str) -> bytes:
    return unseal(read_sealed(key), belongs_to=key)
