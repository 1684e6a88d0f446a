"""A circuit breaker whose state all processes share: pybreaker on a thin Redis storage of our own.

pybreaker's own Redis storage is not enough: it turns open to closed while Redis is away, raises when it is
built without Redis, and its half-open lets one call through in each process instead of one altogether.
"""

import os
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

import pybreaker
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

FAILURES = 5
OPEN_SECONDS = 30.0
PROBE_PAUSE_SECONDS = 1.0  # what a refused caller is told to wait while somebody else is probing
PROBE_LEASE_SECONDS = 120  # over the longest call: a probe whose process died is given up after this
REDIS_PAUSE_SECONDS = 5.0  # after a failed command: a Redis that never answers costs 1 s, not 1 s a command

RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"

T = TypeVar("T")


class BreakerOpen(Exception):
    """No call was made. `retry_after`: seconds until the next probe may be tried."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"breaker open for another {retry_after:.0f} s")
        self.retry_after = retry_after


class _RedisAway(Exception):
    pass


class SharedState(pybreaker.CircuitMemoryStorage):
    """State in a Redis hash; the inherited memory is the last known state and counts while Redis is away."""

    def __init__(self, name: str, url: str) -> None:
        super().__init__(pybreaker.STATE_CLOSED)
        self._key, self._probe_key = f"filot:breaker:{name}", f"filot:breaker:{name}:probe"
        self._redis = redis.Redis.from_url(
            url, decode_responses=True, retry=Retry(NoBackoff(), 0), **settings.REDIS_TIMEOUTS
        )
        self._away_until = 0.0
        self._probing = threading.Lock()  # one probe in this process, also while Redis is away
        self._probe_token = ""

    def _ask(self, command: str, *args: Any, **options: Any) -> Any:
        if time.monotonic() < self._away_until:
            raise _RedisAway
        try:
            return getattr(self._redis, command)(*args, **options)
        except redis.RedisError as error:
            self._away_until = time.monotonic() + REDIS_PAUSE_SECONDS
            raise _RedisAway from error

    @property
    def state(self) -> str:
        with suppress(_RedisAway):
            self._state = self._ask("hget", self._key, "state") or pybreaker.STATE_CLOSED
        return self._state

    @state.setter
    def state(self, state: str) -> None:
        self._state = state
        with suppress(_RedisAway):
            self._ask("hset", self._key, "state", state)

    def increment_counter(self) -> None:
        try:
            self._fail_counter = self._ask("hincrby", self._key, "failures", 1)
        except _RedisAway:
            super().increment_counter()

    def reset_counter(self) -> None:
        super().reset_counter()
        with suppress(_RedisAway):
            self._ask("hset", self._key, "failures", 0)

    @property
    def counter(self) -> int:
        with suppress(_RedisAway):
            self._fail_counter = int(self._ask("hget", self._key, "failures") or 0)
        return self._fail_counter

    @property
    def opened_at(self) -> datetime | None:
        with suppress(_RedisAway):
            stamp = self._ask("hget", self._key, "opened_at")
            self._opened_at = datetime.fromtimestamp(float(stamp), UTC) if stamp else None
        return self._opened_at

    @opened_at.setter
    def opened_at(self, at: datetime) -> None:
        self._opened_at = at
        with suppress(_RedisAway):
            self._ask("hset", self._key, "opened_at", at.timestamp())

    def seconds_left(self) -> float:
        """Until the next probe; negative when it is due, or when the circuit was never open."""
        opened_at = self.opened_at
        return opened_at.timestamp() + OPEN_SECONDS - time.time() if opened_at else -OPEN_SECONDS

    def take_probe(self) -> bool:
        """Whether the caller is the one that may try the half-open circuit, of all threads and processes."""
        if not self._probing.acquire(blocking=False):
            return False
        self._probe_token = uuid.uuid4().hex
        try:
            lease = PROBE_LEASE_SECONDS * 1000
            taken = bool(self._ask("set", self._probe_key, self._probe_token, nx=True, px=lease))
        except _RedisAway:
            taken = True
        if not taken:
            self._probing.release()
        return taken

    def release_probe(self) -> None:
        with suppress(_RedisAway):
            self._ask("eval", RELEASE, 1, self._probe_key, self._probe_token)
        self._probing.release()


class _OneProbe(pybreaker.CircuitBreakerListener):
    """Stops a call in the half-open circuit unless it holds the lease."""

    def __init__(self, shared: SharedState) -> None:
        self.shared = shared
        self.holds_lease = False
        self.before: Callable[[], None] | None = None

    def before_call(self, cb: pybreaker.CircuitBreaker, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        if cb.current_state != pybreaker.STATE_CLOSED:
            self._probe_alone()
        if self.before is not None:
            self.before()  # what is raised here leaves the circuit as it is: it is not the partner's failure

    def _probe_alone(self) -> None:
        if not self.shared.take_probe():
            raise pybreaker.CircuitBreakerError("somebody else is probing")
        self.holds_lease = True
        # Looked at again under the lease: the probe before this one may have failed in between.
        if self.shared.seconds_left() > 0:
            self.shared.state = pybreaker.STATE_OPEN
            raise pybreaker.CircuitBreakerError("a probe has just failed")


class SharedBreaker:
    """`call(func)` runs func, or raises BreakerOpen. Building one does no I/O that can fail.

    `before` runs once the call is allowed, and its own errors say nothing about the partner.
    """

    def __init__(self, name: str, *, url: str, counts: Callable[[BaseException], bool]) -> None:
        """`counts` tells which exceptions of func are failures of the partner."""
        self._shared = SharedState(name, url)
        self._counts = counts
        self._local = threading.local()

    def call(self, func: Callable[[], T], before: Callable[[], None] | None = None) -> T:
        breaker, probe = self._of_this_thread()
        probe.before = before
        try:
            return breaker.call(func)
        except pybreaker.CircuitBreakerError as error:
            raise BreakerOpen(max(PROBE_PAUSE_SECONDS, self._shared.seconds_left())) from error
        finally:
            if probe.holds_lease:
                probe.holds_lease = False
                self._shared.release_probe()

    @property
    def state(self) -> str:
        """closed, open or half-open."""
        return self._shared.state

    @property
    def failures(self) -> int:
        """In a row, of the ones that open it."""
        return self._shared.counter

    @property
    def seconds_left(self) -> int:
        """Until an open circuit is tried again; 0 when it may be tried now, or is closed."""
        return max(0, round(self._shared.seconds_left()))

    def _of_this_thread(self) -> tuple[pybreaker.CircuitBreaker, _OneProbe]:
        # pybreaker holds a lock during the call: one object for all threads would send one call at a time.
        if not hasattr(self._local, "pair"):
            probe = _OneProbe(self._shared)
            breaker = pybreaker.CircuitBreaker(
                fail_max=FAILURES,
                reset_timeout=OPEN_SECONDS,
                exclude=[lambda error: not self._counts(error)],
                listeners=[probe],
                state_storage=self._shared,
                throw_new_error_on_trip=False,
            )
            self._local.pair = (breaker, probe)
        pair: tuple[pybreaker.CircuitBreaker, _OneProbe] = self._local.pair
        return pair


@lru_cache(maxsize=8)
def _built(name: str, url: str, counts: Callable[[BaseException], bool], pid: int) -> SharedBreaker:
    return SharedBreaker(name, url=url, counts=counts)


def shared_breaker(name: str, counts: Callable[[BaseException], bool]) -> SharedBreaker:
    """The breaker of this process, built at first use: a Redis connection does not survive a fork."""
    return _built(name, settings.REDIS_URL, counts, os.getpid())
