"""A subject's data keys: made, unwrapped, wrapped anew, destroyed.

A subject is who the documents are of, by the id of the owner; what is of nobody is of NOBODY. Each process keeps
what it unwrapped, up to KEPT keys and for KEPT_SECONDS, so that a key that was destroyed opens nothing after that.
"""

import base64
import contextlib
import json
import threading
import time
import uuid
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from documents import masterkeys
from documents.keystore import ERASED, Changed, KeyStore, key_store
from documents.masterkeys import CannotOpen, Wrapped

NOBODY = uuid.UUID(int=0)  # what belongs to no subject: it is kept under one key that is never destroyed
KEPT = 10_000  # keys in a process: about 3 MB
KEPT_SECONDS = 300.0
CURRENT_SECONDS = 30.0  # so long a process goes on sealing under the version it knows
ERASED_DOCUMENT = "erased-"  # and its id: a name in the key store
LOST = "the data key is missing, and nobody destroyed it: is this the key store that made it?"


class SubjectErased(CannotOpen):
    """The subject's keys were destroyed: what was sealed under them is gone, and nothing more is sealed."""


class DataKey(NamedTuple):
    subject: uuid.UUID
    version: int
    cipher: AESGCM


class _Kept(NamedTuple):
    key: DataKey
    until: float


_lock = threading.Lock()
_opened: OrderedDict[tuple[uuid.UUID, int], _Kept] = OrderedDict()
_current: OrderedDict[uuid.UUID, _Kept] = OrderedDict()


def current(subject: uuid.UUID) -> DataKey:
    """The key to seal under: the newest, made if there is none. Raises SubjectErased, KeysUnavailable, CannotOpen."""
    if found := _find(_current, subject):
        return found
    store = key_store()
    versions = _versions(store, subject)
    key = opened(subject, versions[-1]) if versions else _first(store, subject)
    _keep(_current, subject, key, CURRENT_SECONDS)
    return key


def opened(subject: uuid.UUID, version: int) -> DataKey:
    """The key that sealed a value. Raises SubjectErased, CannotOpen, KeysUnavailable."""
    if found := _find(_opened, (subject, version)):
        return found
    store = key_store()
    stored = store.read(subject, str(version))
    if stored is None:
        if store.read(subject, ERASED) is not None:
            raise SubjectErased("the subject was erased")
        raise CannotOpen(LOST)
    wrapped = _read(stored.data)
    plain = masterkeys.named(wrapped.name).unwrap(wrapped.data, _context(subject, version))
    key = DataKey(subject, version, AESGCM(plain))
    _keep(_opened, (subject, version), key, KEPT_SECONDS)
    return key


def versions_of(subject: uuid.UUID) -> list[int]:
    """From the oldest to the newest; the newest seals. Raises SubjectErased, KeysUnavailable."""
    return _versions(key_store(), subject)


def add_version(subject: uuid.UUID, version: int) -> None:
    """Make a fresh key that seals from now on; other processes follow within CURRENT_SECONDS. Safe to repeat."""
    _make(key_store(), subject, version)
    forget_kept(subject)


def made_at(subject: uuid.UUID, version: int) -> datetime | None:
    stored = key_store().read(subject, str(version))
    return datetime.fromisoformat(json.loads(stored.data)["made_at"]) if stored else None


def destroy_version(subject: uuid.UUID, version: int) -> None:
    """Destroy one key that nothing is sealed under any more. Safe to repeat."""
    key_store().destroy(subject, str(version))
    forget_kept(subject)


def destroy(subject: uuid.UUID, *, now: datetime | None = None) -> None:
    """Destroy all keys of a subject, for good. Safe to repeat, and to die in: the tombstone comes first.

    Raises KeysUnavailable.
    """
    store = key_store()
    tombstone = json.dumps({"erased_at": (now or datetime.now(UTC)).isoformat()}).encode()
    with contextlib.suppress(Changed):  # erased before: what a death left over is destroyed now
        store.create(subject, ERASED, tombstone)
    for name in store.names(subject):
        if name != ERASED:
            store.destroy(subject, name)
    forget_kept(subject)


def has_keys(subject: uuid.UUID) -> bool:
    """Whether any key of theirs is there, beside a tombstone too."""
    return any(name.isdecimal() for name in key_store().names(subject))


def note_erased_document(subject: uuid.UUID, document: uuid.UUID) -> None:
    """Remember outside the database that this one was erased, for the day on which a dump is restored."""
    with contextlib.suppress(Changed):
        key_store().create(subject, f"{ERASED_DOCUMENT}{document}", b"{}")


def erased_documents(subject: uuid.UUID) -> list[uuid.UUID]:
    names = [name for name in key_store().names(subject) if name.startswith(ERASED_DOCUMENT)]
    return [uuid.UUID(name.removeprefix(ERASED_DOCUMENT)) for name in names]


def is_erased(subject: uuid.UUID) -> bool:
    return key_store().read(subject, ERASED) is not None


def rewrap(subject: uuid.UUID) -> int:
    """Wrap what another master key wrapped under the one that wraps now. The data keys stay: nothing is sealed anew.

    Returns how many. Runs beside reads, safe to repeat. Raises CannotOpen, KeysUnavailable.
    """
    store, master, done = key_store(), masterkeys.wrapping(), 0
    for version in (name for name in store.names(subject) if name.isdecimal()):
        stored = store.read(subject, version)
        if stored is None:
            continue
        wrapped, context = _read(stored.data), _context(subject, int(version))
        if wrapped.name == master.name:
            continue
        plain = masterkeys.named(wrapped.name).unwrap(wrapped.data, context)
        facts = {**json.loads(stored.data), **_as_json(master.wrap(plain, context))}
        try:
            store.replace(subject, version, json.dumps(facts).encode(), stored.tag)
        except Changed:
            continue  # destroyed meanwhile, or wrapped by another run
        done += 1
    return done


def forget_kept(subject: uuid.UUID | None = None) -> None:
    """Drop what this process keeps of a subject, or of all."""
    with _lock:
        for kept in (_current, _opened):
            for name in list(kept):
                if subject is None or kept[name].key.subject == subject:  # type: ignore[index]
                    del kept[name]  # type: ignore[arg-type]


def _first(store: KeyStore, subject: uuid.UUID) -> DataKey:
    key = _make(store, subject, 1)
    if ERASED in store.names(subject):  # while we made it: of the two writers at least one sees the other
        store.destroy(subject, "1")
        raise SubjectErased("the subject was erased")
    return key


def _make(store: KeyStore, subject: uuid.UUID, version: int) -> DataKey:
    plain, wrapped = masterkeys.wrapping().new(_context(subject, version))
    facts = {
        "subject": str(subject),
        "version": version,
        "made_at": datetime.now(UTC).isoformat(),
        **_as_json(wrapped),
    }
    try:
        store.create(subject, str(version), json.dumps(facts).encode())
    except Changed:  # another process was faster: its key counts
        return opened(subject, version)
    key = DataKey(subject, version, AESGCM(plain))
    _keep(_opened, (subject, version), key, KEPT_SECONDS)
    return key


def _versions(store: KeyStore, subject: uuid.UUID) -> list[int]:
    names = store.names(subject)
    if ERASED in names:
        raise SubjectErased("the subject was erased")
    return sorted(int(name) for name in names if name.isdecimal())


def _context(subject: uuid.UUID, version: int) -> masterkeys.Context:
    return {"filot-subject": str(subject), "filot-version": str(version)}


def _as_json(wrapped: Wrapped) -> dict[str, Any]:
    return {"master": wrapped.name, "wrapped": base64.b64encode(wrapped.data).decode()}


def _read(data: bytes) -> Wrapped:
    try:
        facts = json.loads(data)
        return Wrapped(facts["master"], base64.b64decode(facts["wrapped"], validate=True))
    except (ValueError, KeyError, TypeError) as error:
        raise CannotOpen("the record of the data key is damaged") from error


def _find(kept: OrderedDict[Any, _Kept], name: Any) -> DataKey | None:
    with _lock:
        found = kept.get(name)
        if found is None or found.until < time.monotonic():
            return None
        kept.move_to_end(name)
        return found.key


def _keep(kept: OrderedDict[Any, _Kept], name: Any, key: DataKey, seconds: float) -> None:
    with _lock:
        kept[name] = _Kept(key, time.monotonic() + seconds)
        kept.move_to_end(name)
        while len(kept) > KEPT:
            kept.popitem(last=False)
