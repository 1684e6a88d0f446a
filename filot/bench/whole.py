"""FiLot over one database of a run, out of the processes that `make run` starts, with what a run does to it."""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue

from filot import programs
from filot.bench.asked import Asked
from filot.bench.cards import Card
from filot.bench.client import Client, Sending, upload_all, wait_until
from filot.bench.counts import cpu_of_tree
from filot.bench.parts import Parts
from filot.embedded.program import free_port

BARE = "filot.bench.bare_settings"
CPU_QUEUE = "ocr.cpu"
SENDERS = 4  # clients that upload side by side
CARDS_OF_OWNER = 2  # a KTP and an NPWP
SETTLE_SECONDS = 5.0  # for one document at the very most, on a machine that does much else
POLL_SECONDS = 0.5  # asking computes too; when each was decided the rows say themselves
# When the row took its last status: the commit itself, and no later than anybody could have seen it.
SETTLED = """
SELECT count(*), extract(epoch FROM max(pg_xact_commit_timestamp(xmin))) FROM documents_document
WHERE id = ANY(%s) AND status IN ('auto_approve', 'auto_reject', 'needs_review')
"""
SETTLED_AT = """
SELECT id::text, extract(epoch FROM pg_xact_commit_timestamp(xmin)) FROM documents_document WHERE id = ANY(%s)
"""
UNREADABLE = "SELECT count(*) FROM verification_verificationrun WHERE outcome <> 'judged'"


@dataclass(frozen=True, slots=True)
class Settled:
    """`seconds` from the first byte of the first upload to the last decision; `asked`: how often this process asked."""

    seconds: float
    asked: int


@dataclass(frozen=True)
class Whole:
    """What runs over one database."""

    parts: Parts
    database: str
    client: Client
    desk: Asked  # makes owners

    def sendings(self, cards: Sequence[Card]) -> list[Sending]:
        """The cards as owners of their own send them. Their tokens last a quarter of an hour."""
        owners = self.desk.ask("owners", count=-(-len(cards) // CARDS_OF_OWNER))
        return [Sending.of(card, owners[at // CARDS_OF_OWNER][1]) for at, card in enumerate(cards)]

    def settle_all(self, sendings: Sequence[Sending]) -> "Settled":
        began = time.time()
        ids = upload_all(self.client, sendings, SENDERS)
        at, asked = self.settled_at(ids)
        return Settled(at - began, asked)

    def settled_at(self, ids: list[str]) -> tuple[float, int]:
        """When the last of them was decided, in seconds since the epoch, and how often that was asked."""
        last = [0.0]

        def all_are() -> bool:
            ((count, at),) = self.parts.rows(self.database, SETTLED, ids)
            last[0] = float(at or 0)
            return bool(count == len(ids))

        asked = wait_until(all_are, SETTLE_SECONDS * (len(ids) + 10), POLL_SECONDS)
        return last[0], asked

    def decided(self, ids: list[str]) -> dict[str, float]:
        """When each was decided, in seconds since the epoch."""
        self.settled_at(ids)
        return {id: float(at) for id, at in self.parts.rows(self.database, SETTLED_AT, ids)}

    def failed_attempts(self) -> int:
        """Attempts that did not come to a decision: of such a run no figure would say anything."""
        return int(self.parts.rows(self.database, UNREADABLE)[0][0])


@contextmanager
def running(parts: Parts, name: str, *, workers: bool = True, bare: bool = False) -> Iterator[Whole]:
    """A fresh database with a web server over it, and with the OCR and the default worker unless told otherwise."""
    port = free_port()
    env = parts.env(name, **({"DJANGO_SETTINGS_MODULE": BARE} if bare else {}))
    wanted = [replace(programs.web(env, port), name="bare view" if bare else f"web {name}")]
    if workers:
        schedule = parts.folder / f"beat-{name}"
        wanted += [programs.ocr_worker(env, CPU_QUEUE), programs.default_worker(env, schedule)]
    with parts.asked("steps", parts.env(name)) as desk, parts.started(*wanted):
        yield Whole(parts, name, Client(port), desk)


class RawEngine:
    """The engine alone, in as many processes of as many threads as the worker has. Use it in a `with`."""

    def __init__(self, parts: Parts, database: str, processes: int) -> None:
        self.parts, self.database, self.processes = parts, database, processes
        self._stack = ExitStack()
        self._readers: list[Asked] = []

    def __enter__(self) -> "RawEngine":
        with ExitStack() as stack:
            env = self.parts.env(self.database)
            self._readers = [stack.enter_context(self.parts.asked("engine", env)) for _ in range(self.processes)]
            self.versions = [reader.ask("load") for reader in self._readers]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def read_all(self, cards: Sequence[Card]) -> float:
        """Seconds until all are read; each process takes the next card as soon as it has done one."""
        waiting: SimpleQueue[Card] = SimpleQueue()
        for card in cards:
            waiting.put(card)

        def work(reader: Asked) -> None:
            while True:
                try:
                    card = waiting.get_nowait()
                except Empty:
                    return
                reader.ask("read", file=str(card.file), type=card.type)

        began = time.perf_counter()
        with ThreadPoolExecutor(self.processes) as askers:
            list(askers.map(work, self._readers))
        return time.perf_counter() - began

    def cpu_seconds(self) -> float:
        ticks = sum(cpu_of_tree(reader.process.pid) for reader in self._readers)
        return ticks / os.sysconf("SC_CLK_TCK")
