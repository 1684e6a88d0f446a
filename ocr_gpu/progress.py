"""Telling that a step of reading was done: between pages, strips and batches, whoever reads for whomever.

A sign of life that comes from here comes from the work: it ends when the work hangs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

LOADING, READING, SETTLING = "loading", "reading", "settling"

Listener = Callable[[str], None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def told_to(listener: Listener) -> Iterator[None]:
    """Within this block each step is told to `listener`, which may end the work by an exception of its own."""
    before = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(before)


def step(doing: str = READING) -> None:
    """Another step of `doing` was done, or begins. Costs nothing when nobody listens."""
    listener = _listener.get()
    if listener is not None:
        listener(doing)
