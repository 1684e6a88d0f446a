"""What the servers count themselves: statements and commits of one database, commands of Valkey; and the store's calls.

Asked from another database than the one that is counted, so that asking changes nothing.
"""

import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis

# Of one round trip each, but no questions.
TRANSACTION_WORDS = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
# A connection's own, which are made once; the asking itself; what the script of filot.cache calls, itself counted.
UNCOUNTED_COMMANDS = (
    *("info", "hello", "auth", "select", "client|setinfo", "client|setname", "client", "script|load"),
    *("exists", "incrby"),
)
FLUSH = "SELECT pg_stat_force_next_flush()"  # a backend hands in what it counted every ten seconds, or when told to
MARK = "/* bench_pipeline */"  # in what is not to be counted
STATEMENTS = """
SELECT coalesce(sum(calls) FILTER (WHERE query !~ %(words)s), 0)::bigint,
       coalesce(sum(calls) FILTER (WHERE query ~ %(words)s), 0)::bigint
FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = %(database)s)
  AND query NOT LIKE '%%pg_stat_force_next_flush%%' AND query NOT LIKE '%%' || %(mark)s || '%%'
"""
COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = %(database)s"
STORE_CALLS = ("open", "save", "replace", "delete", "exists", "listdir", "size", "url", "get_modified_time")


@dataclass(frozen=True)
class Servers:
    """`postgres`: the address of a database of the same server that is not counted."""

    postgres: str
    redis_url: str

    def prepare(self) -> None:
        with psycopg.connect(self.postgres, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")

    def counted(self, database: str) -> dict[str, int]:
        """{"queries", "transaction words", "commits", "redis"} so far."""
        facts = {"database": database, "words": f"^({'|'.join(TRANSACTION_WORDS)})", "mark": MARK}
        with psycopg.connect(self.postgres, autocommit=True) as connection:
            queries, words = connection.execute(STATEMENTS, facts).fetchone() or (0, 0)
            (commits,) = connection.execute(COMMITS, facts).fetchone() or (0,)
        return {"queries": queries, "BEGIN, COMMIT ...": words, "commits": commits, "redis": self._commands()}

    def commands(self) -> dict[str, int]:
        """Calls of each command of Valkey."""
        with redis.Redis.from_url(self.redis_url, retry=None, socket_timeout=5, socket_connect_timeout=5) as client:
            found: dict[str, dict[str, int]] = client.info("commandstats")
        return {name.removeprefix("cmdstat_"): of["calls"] for name, of in found.items()}

    def _commands(self) -> int:
        return sum(calls for name, calls in self.commands().items() if name not in UNCOUNTED_COMMANDS)


class StoreCalls:
    """Counts the calls of a storage, those that the storage itself makes of its own methods not."""

    def __init__(self, storage: Any) -> None:
        self.calls: Counter[str] = Counter()
        self._inside = False
        for name in STORE_CALLS:
            if hasattr(storage, name):
                setattr(storage, name, self._counting(name, getattr(storage, name)))

    def _counting(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def counting(*args: Any, **kwargs: Any) -> Any:
            if self._inside:
                return call(*args, **kwargs)
            self.calls[name] += 1
            self._inside = True
            try:
                return call(*args, **kwargs)
            finally:
                self._inside = False

        return counting


def cpu_of_tree(pid: int, proc: Path = Path("/proc")) -> float:
    """Clock ticks that a process, all it started and all of those that ended have computed; 0 when it is gone."""
    ticks: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for entry in proc.glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it ended just now
            continue
        ticks[int(entry.name)] = sum(int(field) for field in fields[11:15])
        children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, left = 0, [pid]
    while left:
        each = left.pop()
        found += ticks.get(each, 0)
        left += children.get(each, [])
    return found
