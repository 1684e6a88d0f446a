"""A FiLot of its own to be loaded: the processes of `make run` but the simulator, with web processes as told."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from filot import programs
from filot.bench.load import Owner
from filot.bench.parts import Parts
from filot.embedded.program import free_port
from filot.embedded.temporal import Temporal

OWNERS = 8
CPU_QUEUE = "ocr.cpu"
UNSETTLED = "SELECT count(*) FROM documents_document WHERE status IN ('uploaded', 'processing', 'ocr_completed')"
UNDELIVERED = "SELECT count(*) FROM review_review WHERE decision <> '' AND closed_at IS NULL"
DECIDED = """
SELECT count(*) FILTER (WHERE source = 'console'), count(*) FILTER (WHERE source = 'buli2')
FROM review_reviewdecision WHERE accepted
"""
TWICE = "SELECT count(*) - count(DISTINCT review_id) FROM review_reviewdecision WHERE accepted"


@dataclass(frozen=True)
class Loaded:
    parts: Parts
    database: str
    url: str
    secret: str
    tokens: list[str]

    def owners(self, cards: list[bytes]) -> list[Owner]:
        """Each with cards of their own."""
        share = len(cards) // len(self.tokens)
        return [Owner(token, cards[at * share : (at + 1) * share]) for at, token in enumerate(self.tokens)]

    def left(self) -> int:
        """What is still on its way: documents to be read, decisions that their workflow has not recorded."""
        return sum(int(self.parts.rows(self.database, query)[0][0]) for query in (UNSETTLED, UNDELIVERED))

    def decided(self) -> dict[str, int]:
        """Accepted decisions by where they came from, and reviews with more than one of them."""
        ((console, partner),) = self.parts.rows(self.database, DECIDED)
        return {"console": console, "callbacks": partner, "twice": int(self.parts.rows(self.database, TWICE)[0][0])}


@contextmanager
def loaded(parts: Parts, temporal: Temporal, web_processes: int) -> Iterator[Loaded]:
    """Over a fresh database."""
    name = parts.make_database(f"load{web_processes}")
    secret, port = secrets.token_urlsafe(32), free_port()
    more = {
        "BULI2_SIGNATURE_SECRET": secret,
        "TEMPORAL_ADDRESS": temporal.address,
        "TEMPORAL_TASK_QUEUE": name,
        "RATE_LIMIT_WEBHOOK_PER_MINUTE": "10000000",
        "OWNER_MAX_WAITING": "0",
    }
    env = parts.env(name, **more)
    web = programs.web(env, port)
    wanted = [
        replace(web, argv=[*web.argv, "--workers", str(web_processes)]),
        programs.ocr_worker(env, CPU_QUEUE),
        programs.default_worker(env, parts.folder / f"beat-{name}"),
        programs.temporal_worker(env),
    ]
    with parts.asked("steps", env) as desk:
        tokens = [token for _, token in desk.ask("owners", count=OWNERS)]
    with parts.started(*wanted):
        yield Loaded(parts, name, f"http://127.0.0.1:{port}", secret, tokens)
