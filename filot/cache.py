"""Django's Redis cache, harmless when Redis is down: a call is then a miss, at once, and no exception."""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis import Redis
from redis.exceptions import RedisError, ResponseError

T = TypeVar("T")

PAUSE = 3.0  # seconds for which Redis is not asked again after it did not answer

logger = structlog.get_logger(__name__)


class Circuit:
    """Whether Redis is worth asking, for all threads of a process: after a failure one tries per PAUSE."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ask_again_at: float | None = None

    def allows(self) -> bool:
        with self._lock:
            now = time.monotonic()
            if self._ask_again_at is None:
                return True
            if now < self._ask_again_at:
                return False
            self._ask_again_at = now + PAUSE  # this caller asks; the others wait for what it finds
            return True

    def failed(self, error: Exception) -> None:
        with self._lock:
            first = self._ask_again_at is None
            self._ask_again_at = time.monotonic() + PAUSE
        if first:
            logger.error("redis_unavailable", error=type(error).__name__)

    def answered(self) -> None:
        if self._ask_again_at is None:
            return
        with self._lock:
            self._ask_again_at = None
        logger.info("redis_back")


# Django makes a cache object for each thread: the circuit is shared by all of them.
circuit = Circuit()


# Asking first whether the key is there would cost a second call; without the question an unknown key would get no end.
INCREASE = "if redis.call('EXISTS', KEYS[1]) == 1 then return redis.call('INCRBY', KEYS[1], ARGV[1]) end"


class KeptClients(RedisCacheClient):
    """Django's makes a client of redis-py anew for each call, which takes longer than the call."""

    def __init__(self, servers: list[str], **options: Any) -> None:
        super().__init__(servers, **options)
        self._clients: dict[bool, Redis] = {}
        self._increase: Any = None

    def get_client(self, key: Any = None, *, write: bool = False) -> Redis:
        if write not in self._clients:
            self._clients[write] = super().get_client(key, write=write)
        return self._clients[write]

    def incr(self, key: Any, delta: int) -> int:
        if self._increase is None:
            self._increase = self.get_client(key, write=True).register_script(INCREASE)
        count: int | None = self._increase(keys=[key], args=[delta])
        if count is None:
            raise ValueError(f"Key {key!r} not found.")
        return count


class LimitedRedisCache(RedisCache):
    """With Redis down `incr` raises ValueError and `add` is False: "cannot count" to django-ratelimit.

    Its OPTIONS need `retry: None` and short socket limits: redis-py's own retries stall a command for 3-4 s.
    """

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = KeptClients

    def _ask(self, call: Callable[[], T], otherwise: T) -> T:
        if not circuit.allows():
            return otherwise
        try:
            found = call()
        except ResponseError as error:  # it lives, and refuses: full, or read-only
            circuit.answered()
            logger.error("redis_refused", error=type(error).__name__)
            return otherwise
        except (RedisError, OSError) as error:
            circuit.failed(error)
            return otherwise
        except ValueError:  # `incr` of a key that is not there
            circuit.answered()
            raise
        circuit.answered()
        return found

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return bool(self._ask(lambda: super(LimitedRedisCache, self).add(key, value, timeout, version), False))

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return self._ask(lambda: super(LimitedRedisCache, self).get(key, default, version), default)

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self._ask(lambda: super(LimitedRedisCache, self).set(key, value, timeout, version), None)

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return bool(self._ask(lambda: super(LimitedRedisCache, self).touch(key, timeout, version), False))

    def delete(self, key: str, version: int | None = None) -> bool:
        return bool(self._ask(lambda: super(LimitedRedisCache, self).delete(key, version), False))

    def get_many(self, keys: Any, version: int | None = None) -> dict[Any, Any]:
        return self._ask(lambda: super(LimitedRedisCache, self).get_many(keys, version), {})

    def has_key(self, key: str, version: int | None = None) -> bool:
        return bool(self._ask(lambda: super(LimitedRedisCache, self).has_key(key, version), False))

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        count = self._ask(lambda: super(LimitedRedisCache, self).incr(key, delta, version), None)
        if count is None:
            raise ValueError("Redis did not count")
        return count

    def set_many(self, data: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> list[Any]:
        return self._ask(lambda: super(LimitedRedisCache, self).set_many(data, timeout, version), list(data))

    def delete_many(self, keys: Any, version: int | None = None) -> None:
        self._ask(lambda: super(LimitedRedisCache, self).delete_many(keys, version), None)

    def clear(self) -> None:
        self._ask(lambda: super(LimitedRedisCache, self).clear(), None)
