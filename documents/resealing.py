"""Changing keys beside whoever reads and writes: the master key (wrap anew), and a subject's data key (seal anew)."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import structlog
from django.db import transaction
from django.utils import timezone

from documents import audit, keys
from documents.keystore import key_store
from documents.masterkeys import CannotOpen
from documents.sealed_rows import Busy, reseal_columns, reseal_objects

log = structlog.get_logger(__name__)

# Another process may seal under the older key for CURRENT_SECONDS, and the longest write ends within two minutes.
SETTLED_AFTER = timedelta(seconds=keys.CURRENT_SECONDS + 120)


class Resealed(NamedTuple):
    """`left`: seconds after which it is to be called again; 0 when the older keys are destroyed."""

    values: int
    objects: int
    left: float


def reseal(
    subject: uuid.UUID, *, by: str, fresh_key: bool = True, settled_after: timedelta = SETTLED_AFTER
) -> Resealed:
    """Seal all of a subject's columns and objects under a fresh data key, then destroy the older ones.

    Call it until nothing is left: what a process still seals under an older key is found by the next call. Safe to
    repeat and to die in: while two keys are there, a call goes on where the last one ended. Without `fresh_key` only
    what is not under the newest one. Raises SubjectErased, CannotOpen, StoreUnavailable.
    """
    versions = keys.versions_of(subject) or [keys.current(subject).version]
    if fresh_key and len(versions) == 1:
        versions.append(versions[0] + 1)
        keys.add_version(subject, versions[-1])
    newest = versions[-1]
    made = keys.made_at(subject, newest)
    settled = (made or timezone.now()) + settled_after
    keys.forget_kept(subject)
    began = timezone.now()
    values, objects, left = reseal_columns(subject, newest), 0, 0.0
    try:
        objects = reseal_objects(subject, newest)
    except Busy:
        left = 1.0
    if len(versions) > 1:
        left = max(left, (settled - began).total_seconds())
        if left <= 0:
            _destroy_older(subject, versions[:-1], by)
    log.info("subject_resealed", subject=str(subject), values=values, objects=objects, version=newest, left=left)
    return Resealed(values, objects, max(left, 0.0))


def _destroy_older(subject: uuid.UUID, versions: list[int], by: str) -> None:
    """The audit entry first: a death in between leaves a key to be destroyed, never one unaccounted."""
    with transaction.atomic():
        audit.note("key.destroyed", actor=by, subject=str(subject), versions=versions)
    for version in versions:
        keys.destroy_version(subject, version)


class Rewrapped(NamedTuple):
    subjects: int
    keys: int
    failed: list[uuid.UUID]


def rewrap_all() -> Rewrapped:
    """Wrap every data key under the master key that wraps now. Beside reads, safe to repeat and to die in."""
    subjects, count, failed = 0, 0, []
    for subject in _subjects():
        subjects += 1
        try:
            count += keys.rewrap(subject)
        except CannotOpen:
            failed.append(subject)
    return Rewrapped(subjects, count, failed)


def _subjects() -> Iterator[uuid.UUID]:
    return key_store().subjects()
