"""Where the wrapped data keys lie: in a folder or a bucket of their own, never in the database.

A dump of the database must not bring an erased subject's key back, so the keys are no part of it. One record for each
key, `<subject>/<version>`; an erased subject has a tombstone instead, `<subject>/erased`, and never gets a key again.
Records are made and replaced under a condition: of two processes at once one is told that the other was faster.
"""

import contextlib
import fcntl
import hashlib
import os
import uuid
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import boto3
from botocore.exceptions import ClientError
from django.conf import settings

from documents.stores import StoreUnavailable, client_config

ERASED = "erased"
UNFINISHED = ".part"
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
MISSING = ("NoSuchKey", "404")
REFUSED_CONDITION = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")


class KeysUnavailable(StoreUnavailable):
    """The key store, or the service that holds the master key, did not answer or refused."""


class Changed(Exception):
    """Somebody else made, replaced or destroyed this record meanwhile: nothing was written."""


class Stored(NamedTuple):
    """A record as it was read; `tag` is the condition under which it is replaced."""

    data: bytes
    tag: str


class KeyStore(Protocol):
    """Every call raises KeysUnavailable when the store is away."""

    def names(self, subject: uuid.UUID) -> list[str]:
        """What lies there for `subject`: versions as decimal numbers, ERASED, and notes that begin with it."""

    def read(self, subject: uuid.UUID, name: str) -> Stored | None: ...

    def create(self, subject: uuid.UUID, name: str, data: bytes) -> None:
        """Durable when it returns. Raises Changed when there is one already."""

    def replace(self, subject: uuid.UUID, name: str, data: bytes, tag: str) -> None:
        """Raises Changed unless the record is still the one that had this `tag`."""

    def destroy(self, subject: uuid.UUID, name: str) -> None:
        """Safe to repeat."""

    def subjects(self) -> Iterator[uuid.UUID]: ...


class FolderKeys:
    """Files of one host, readable by us alone. Writers of one subject's keys wait for each other."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self, subject: uuid.UUID) -> list[str]:
        with _said_as_unavailable():
            try:
                found = [path.name for path in (self.root / str(subject)).iterdir()]
            except FileNotFoundError:
                return []
        return [name for name in found if not name.endswith(UNFINISHED)]

    def read(self, subject: uuid.UUID, name: str) -> Stored | None:
        with _said_as_unavailable():
            try:
                data = (self.root / str(subject) / name).read_bytes()
            except FileNotFoundError:
                return None
        return Stored(data, hashlib.sha256(data).hexdigest())

    def create(self, subject: uuid.UUID, name: str, data: bytes) -> None:
        with _said_as_unavailable(), self._locked(subject) as folder:
            if (folder / name).exists():
                raise Changed
            _write(folder, name, data)

    def replace(self, subject: uuid.UUID, name: str, data: bytes, tag: str) -> None:
        with _said_as_unavailable(), self._locked(subject) as folder:
            stored = self.read(subject, name)
            if stored is None or stored.tag != tag:
                raise Changed
            _write(folder, name, data)

    def destroy(self, subject: uuid.UUID, name: str) -> None:
        with _said_as_unavailable(), self._locked(subject) as folder:
            with contextlib.suppress(FileNotFoundError), (folder / name).open("r+b") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(0)
                file.write(bytes(size))  # not a promise on every disk, but the name alone is less
                file.flush()
                os.fsync(file.fileno())
            (folder / name).unlink(missing_ok=True)
            _sync(folder)

    def subjects(self) -> Iterator[uuid.UUID]:
        with _said_as_unavailable():
            try:
                names = sorted(path.name for path in self.root.iterdir())
            except FileNotFoundError:
                names = []
        yield from (found for name in names if (found := _as_uuid(name)))

    @contextlib.contextmanager
    def _locked(self, subject: uuid.UUID) -> Iterator[Path]:
        self.root.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        folder = self.root / str(subject)
        folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        _sync(self.root)
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield folder
        finally:
            os.close(handle)


def _write(folder: Path, name: str, data: bytes) -> None:
    """Whole and on the disk, or not at all."""
    unfinished = folder / f"{name}{UNFINISHED}"
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / name)
    _sync(folder)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _said_as_unavailable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KeysUnavailable(type(error).__name__) from error


class BucketKeys:
    """A bucket that is not versioned: what is destroyed there has to be gone."""

    def __init__(self, bucket: str, **client: Any) -> None:
        self.bucket = bucket
        self._client = boto3.session.Session().client("s3", config=client_config(), **client)

    def names(self, subject: uuid.UUID) -> list[str]:
        answer = self._call("list_objects_v2", Prefix=f"{subject}/")
        return [entry["Key"].rpartition("/")[2] for entry in answer.get("Contents", [])]

    def read(self, subject: uuid.UUID, name: str) -> Stored | None:
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=f"{subject}/{name}")
            return Stored(answer["Body"].read(), answer["ETag"])
        except ClientError as error:
            if _code(error) in MISSING:
                return None
            raise KeysUnavailable(_code(error)) from error
        except Exception as error:  # botocore's own, and those of the connection below it
            raise KeysUnavailable(type(error).__name__) from error

    def create(self, subject: uuid.UUID, name: str, data: bytes) -> None:
        self._call("put_object", Key=f"{subject}/{name}", Body=data, IfNoneMatch="*")

    def replace(self, subject: uuid.UUID, name: str, data: bytes, tag: str) -> None:
        self._call("put_object", Key=f"{subject}/{name}", Body=data, IfMatch=tag)

    def destroy(self, subject: uuid.UUID, name: str) -> None:
        self._call("delete_object", Key=f"{subject}/{name}")

    def subjects(self) -> Iterator[uuid.UUID]:
        more: dict[str, Any] = {}
        while True:
            answer = self._call("list_objects_v2", Delimiter="/", **more)
            folders = [entry["Prefix"].rstrip("/") for entry in answer.get("CommonPrefixes", [])]
            yield from (found for name in folders if (found := _as_uuid(name)))
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(Bucket=self.bucket, **arguments)
        except ClientError as error:
            if _code(error) in REFUSED_CONDITION:
                raise Changed from error
            raise KeysUnavailable(_code(error)) from error
        except Exception as error:  # botocore's own, and those of the connection below it
            raise KeysUnavailable(type(error).__name__) from error
        return answer


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _as_uuid(name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(name)
    except ValueError:
        return None


def key_store() -> KeyStore:
    """The one that settings name: KEY_STORE is {"bucket": ..., **boto3's arguments} or {"root": folder}."""
    return _store(tuple(settings.KEY_STORE.items()))


@lru_cache(maxsize=8)
def _store(options: tuple[tuple[str, Any], ...]) -> KeyStore:
    chosen = dict(options)
    if "root" in chosen:
        return FolderKeys(Path(chosen["root"]))
    return BucketKeys(chosen.pop("bucket"), **chosen)
