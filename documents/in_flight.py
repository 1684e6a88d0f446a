"""One request at a time for one idempotency key, held by a lock that PostgreSQL lets go with the connection.

So a key is free again at the moment its request ends in whatever way: with an answer, an error, or the death of its
process. That one key never makes two documents is not the lock's doing: the unique constraint of the rows sees to it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


class KeyInFlight(Exception):
    """Another request with this idempotency key has not been answered yet."""


@contextmanager
def alone_with(owner_id: Any, key_index: str) -> Iterator[None]:
    """Hold the key for this owner, or raise KeyInFlight at once. `key_index` is a blind index of the key.

    A lock of the session and not of a transaction: none stays open while the file is decoded and stored.
    """
    number = f"{owner_id}:{key_index}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [number])
        (taken,) = cursor.fetchone()
    if not taken:
        raise KeyInFlight
    try:
        yield
    finally:
        # Without a connection there is no lock any more either.
        if connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [number])
