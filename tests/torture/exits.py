"""Deaths by `os._exit` right after the k-th commit, Redis write, store put or send of a process, put in from outside.

The file named at `install` arms them: {"kind": "commit", "k": 3}. From then on events are counted, and after the k-th
of the kind the process takes the file away and is gone, as by a power cut. k = 0 only counts: how many there were of
each kind is written to the file's name with `.counts`.
"""

import functools
import json
import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery import Celery
from django.core.files.storage import FileSystemStorage
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from redis.client import Pipeline, Redis
from storages.backends.s3 import S3Storage

EXITED = 71
KINDS = ("commit", "redis", "put", "send")
CHANGES = ("INSERT", "UPDATE", "DELETE")
# What changes something in Redis; the answer to BRPOP takes a message out of its list.
WRITES = {"BRPOP", "LPUSH", "RPUSH", "SADD", "SREM", "ZADD", "ZREM", "HSET", "HDEL", "SET", "INCRBY", "EXPIRE", "DEL"}


class Arming:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.counted: Counter[str] = Counter()
        self._armed_at = 0
        self._lock = threading.Lock()

    def event(self, kind: str) -> None:
        try:
            armed_at = self.file.stat().st_mtime_ns
        except FileNotFoundError:
            return
        with self._lock:
            if armed_at != self._armed_at:
                self._armed_at, self.counted = armed_at, Counter()
            self.counted[kind] += 1
            try:
                wanted = json.loads(self.file.read_text())
            except (FileNotFoundError, ValueError):
                return
            if not wanted["k"]:
                counts = self.file.with_name(self.file.name + ".counts")
                unfinished = counts.with_name(f"{counts.name}.{os.getpid()}")
                unfinished.write_text(json.dumps(self.counted))
                unfinished.replace(counts)  # whole for whoever reads it in the middle of an event
            elif wanted["kind"] == kind and self.counted[kind] == wanted["k"]:
                self.file.unlink(missing_ok=True)
                os._exit(EXITED)


def install(file: str) -> None:
    arming = Arming(Path(file))
    _after(BaseDatabaseWrapper, "_commit", lambda *_: arming.event("commit"))
    _after(CursorWrapper, "execute", lambda cursor, sql, *_: _autocommitted(arming, cursor, sql))
    _after(S3Storage, "_save", lambda *_: arming.event("put"))
    _after(FileSystemStorage, "_save", lambda *_: arming.event("put"))
    _after(Celery, "send_task", lambda *_: arming.event("send"))
    _after(Pipeline, "execute", lambda *_: arming.event("redis"))
    _after(Redis, "parse_response", lambda client, connection, command, *_: _replied(arming, command))


def _autocommitted(arming: Arming, cursor: Any, sql: Any) -> None:
    if str(sql).lstrip().startswith(CHANGES) and cursor.db.get_autocommit():
        arming.event("commit")


def _replied(arming: Arming, command: str) -> None:
    if command in WRITES:
        arming.event("redis")


def _after(owner: type, name: str, then: Callable[..., None]) -> None:
    call = getattr(owner, name)

    @functools.wraps(call)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        done = call(*args, **kwargs)
        if not (name == "parse_response" and done is None):  # BRPOP found no message
            then(*args)
        return done

    setattr(owner, name, wrapped)
