"""Counting what was asked, for all processes of an installation together, in Redis; without it each counts by itself.

One script looks and takes at once, by Redis' own clock: of clients whose clocks differ, or that were kept waiting
between looking at theirs and being heard, none can make a window hold more than the limit.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from limits.aio.storage import MovingWindowSupport, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tacit.adapters.breaker import Breaker
from tacit.adapters.limiting import MemoryLimiter, Window, allowance_of
from tacit.adapters.redis_connections import check_url
from tacit.monitoring import guard_metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.security.limiting import Allowance, Ask, Taken

CALL_SECONDS = 0.05
CONNECTIONS = 64
_REMEMBERED = 10_000

_SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local limit, expiry, amount = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local oldest = redis.call('LINDEX', KEYS[1], -1)
while oldest and tonumber(oldest) <= now - expiry do
  redis.call('RPOP', KEYS[1])
  oldest = redis.call('LINDEX', KEYS[1], -1)
end
local left = limit - redis.call('LLEN', KEYS[1])
if left < amount then
  local freed = redis.call('LINDEX', KEYS[1], left - amount)
  return {0, math.max(0, left), tostring((tonumber(freed or oldest or now)) + expiry - now)}
end
for _ = 1, amount do
  redis.call('LPUSH', KEYS[1], string.format('%.6f', now))
end
redis.call('EXPIRE', KEYS[1], expiry + 1)
oldest = redis.call('LINDEX', KEYS[1], -1)
return {1, left - amount, tostring(tonumber(oldest) + expiry - now)}
"""


class RedisWindows(Storage, MovingWindowSupport):
    """The moments of what was taken, in one list for each caller and window.

    Args:
        url: Where Redis is.
        namespace: Names the installation.
        call_seconds: Longest that one call may take.
    """

    STORAGE_SCHEME = None

    def __init__(self, url: str, namespace: str, *, call_seconds: float = CALL_SECONDS) -> None:
        super().__init__()
        self._url, self._prefix, self.call_seconds = url, f"tacit:limits:{namespace}:", call_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Redis
        self._script: Any = None

    async def acquire_entry(  # type: ignore[override]
        self, key: str, limit: int, expiry: int, *, amount: int = 1
    ) -> Taken:
        self._connect()
        given, remaining, wait = await self._script(keys=[self._prefix + key], args=[limit, expiry, amount])
        return Taken.of(bool(given), int(remaining), float(wait))

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        self._connect()
        newest_first = await self._client.lrange(self._prefix + key, 0, -1)
        now = time.time()
        moments = [float(each) for each in newest_first if float(each) > now - expiry]
        return (moments[-1], len(moments)) if moments else (now, 0)

    def _connect(self) -> None:
        """Have connections of the event loop that asks: those of another one would wait there."""
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        pool = ConnectionPool.from_url(
            self._url,
            max_connections=CONNECTIONS,
            socket_timeout=self.call_seconds,
            socket_connect_timeout=self.call_seconds,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
        )
        self._client = Redis(connection_pool=pool)
        self._script, self._loop = self._client.register_script(_SCRIPT), loop

    async def close(self) -> None:
        """Let go of every connection."""
        if self._loop is asyncio.get_running_loop():
            self._loop = None
            await self._client.connection_pool.disconnect()

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        return OSError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        raise NotImplementedError("windows are moving here, and no counters are kept")

    async def get(self, key: str) -> int:
        self._connect()
        return int(await self._client.llen(self._prefix + key))

    async def get_expiry(self, key: str) -> float:
        return time.time()

    async def check(self) -> bool:
        self._connect()
        return bool(await self._client.ping())

    async def reset(self) -> int | None:
        raise NotImplementedError("who shares a Redis does not empty it")

    async def clear(self, key: str) -> None:
        self._connect()
        await self._client.delete(self._prefix + key)


class RedisLimiter:
    """A `Limiter` of all processes; while Redis is away each gives out its share by itself, and never without a limit.

    Who was refused is remembered until it makes sense to ask again, so that whoever hammers costs Redis nothing.

    Args:
        windows: Where takes are kept.
        spare: Counts while Redis is away, and what this process gave before.
        metrics: Told of calls that came to nothing.
        told: Told when Redis is lost, and when it is back.
        breaker: Decides when it is spared.
    """

    is_immediate = False

    def __init__(
        self,
        windows: RedisWindows,
        spare: MemoryLimiter,
        metrics: MetricSink,
        *,
        told: Callable[[bool], None] = lambda is_there: None,
        breaker: Breaker | None = None,
    ) -> None:
        self._windows, self._strategy = windows, MovingWindowRateLimiter(windows)
        self._spare, self._metrics, self._told = spare, metrics, told
        self._breaker = breaker or Breaker(failures=3)
        self._is_lost = False
        self._refused: OrderedDict[tuple[str, int, int], float] = OrderedDict()

    def counting(self, ask: Ask) -> None:
        """Whoever takes here waits for Redis."""

    async def take(self, ask: Ask) -> Allowance:
        until = self._refused.get((ask.key, ask.amount, ask.cost))
        if until is not None and until > time.monotonic():
            return Allowance(ask, False, 0, until - time.monotonic())
        admitted = self._breaker.admit()
        if admitted is None:
            self._metrics.increment(catalogue.LIMITS_LOCAL)
            return self._spare.take_now(ask)
        try:
            async with asyncio.timeout(self._windows.call_seconds):
                taken = await self._strategy.hit(Window(ask.amount, ask.seconds), ask.key, cost=ask.cost)
        except Exception:  # whatever the driver raises, somebody waits for an answer, and there is another way to count
            self._failed(admitted)
            return self._spare.take_now(ask)
        self._succeeded(admitted)
        found = allowance_of(ask, taken)
        if found.is_given:
            self._spare.take_now(ask)  # when Redis goes away, this process knows what it gave already
        else:
            self._remember(ask, found.reset_seconds or 0.0)
        return found

    async def close(self) -> None:
        await self._windows.close()

    def _failed(self, admitted: int) -> None:
        self._breaker.failed(admitted)
        self._metrics.increment(catalogue.LIMITS_LOCAL)
        if not self._breaker.is_closed and not self._is_lost:
            self._is_lost = True
            self._told(False)

    def _succeeded(self, admitted: int) -> None:
        self._breaker.succeeded(admitted)
        if self._is_lost:
            self._is_lost = False
            self._told(True)

    def _remember(self, ask: Ask, seconds: float) -> None:
        self._refused[ask.key, ask.amount, ask.cost] = time.monotonic() + seconds
        if len(self._refused) > _REMEMBERED:
            self._refused.popitem(last=False)


def redis_limiter(
    url: str, namespace: str, metrics: MetricSink, *, local_share: float, told: Callable[[bool], None]
) -> RedisLimiter:
    """A limiter over a Redis; nothing is connected before somebody asks.

    Raises:
        Misconfigured: `setting_invalid`: the URL is none.
    """
    check_url(url)
    return RedisLimiter(RedisWindows(url, namespace), MemoryLimiter(share=local_share), metrics, told=told)
