"""Asking a part of the system for at most so long, whatever it does."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog
from django.db import connections

from filot.error_texts import error_text

T = TypeVar("T")

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What came, or why nothing came (`error`, never a secret or value), and after how many seconds."""

    seconds: float
    value: T | None = None
    error: str | None = None


class _Question(Generic[T]):
    def __init__(self) -> None:
        self.asked_at = time.monotonic()
        self.done = threading.Event()
        self.answer: Answer[T] | None = None


class Probe(Generic[T]):
    """One question, asked in a thread of its own.

    Whoever asks while it is under way waits for the same answer: one that hangs costs one thread, however
    often a load balancer comes along. Threads are daemons: a hanging part does not keep a process from ending.
    """

    def __init__(self, name: str, ask: Callable[[], T]) -> None:
        self.name = name
        self._ask = ask
        self._lock = threading.Lock()
        self._open: _Question[T] | None = None

    def start(self) -> _Question[T]:
        with self._lock:
            if self._open is None or self._open.done.is_set():
                self._open = _Question()
                threading.Thread(target=self._run, args=(self._open,), name=f"probe {self.name}", daemon=True).start()
            return self._open

    def ask(self, limit: float) -> Answer[T]:
        return wait(self.start(), limit)

    def _run(self, question: _Question[T]) -> None:
        try:
            value = self._ask()
            question.answer = Answer(time.monotonic() - question.asked_at, value)
        except Exception as error:  # each part has its own exceptions
            logger.warning("part_down", part=self.name, error=type(error).__name__, reason=error_text(error)[:200])
            question.answer = Answer(time.monotonic() - question.asked_at, error=type(error).__name__)
        finally:
            connections.close_all()  # this thread's own: it ends here
            question.done.set()


def wait(question: _Question[T], limit: float) -> Answer[T]:
    """The answer, or an error once `limit` seconds have passed since the question was asked."""
    left = question.asked_at + limit - time.monotonic()
    if question.done.wait(max(0.0, left)) and question.answer is not None:
        return question.answer
    return Answer(time.monotonic() - question.asked_at, error="timeout")


def ask_all(probes: Mapping[str, Probe[T]], limit: float) -> dict[str, Answer[T]]:
    """All at the same time, so `limit` bounds the whole as well."""
    questions = {name: probe.start() for name, probe in probes.items()}
    return {name: wait(question, limit) for name, question in questions.items()}
