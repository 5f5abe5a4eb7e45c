"""Kept lists in Redis, where every server of an installation finds them; without it, lists are computed anew.

Why a list that should have been dropped while Redis was away is never taken for the latest: whoever asks compares its
stamp, which names the user's last event and the catalogue's revision, with what is so now.  Dropping only makes room
early.  Drops that could not be made are remembered all the same: their users miss until they are made up for, before
Redis is used again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Literal, TypeVar

from redis.exceptions import ConnectionError as Unconnected
from redis.exceptions import MaxConnectionsError, RedisError, ResponseError
from redis.exceptions import TimeoutError as TimedOut

from tacit.adapters.breaker import Breaker
from tacit.adapters.deadlines import within
from tacit.adapters.redis_connections import RedisLink, check_url
from tacit.adapters.redis_lists import SCHEMA, OddValue, decoded, encoded
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.serving.list_cache import CachedList

T = TypeVar("T")
Operation = Literal["get", "put", "drop"]

TTL_SECONDS = 3_600
CALL_SECONDS = 0.05
"""Longest that anything here may take of somebody's time."""
CONNECTIONS = 32
QUESTIONS = 100
"""Most lists of one user; more are not worth their memory, and none of them is worth keeping apart."""
_DROPS = 500
"""Users whose lists are dropped in one call: a round trip for each would keep those who apply events waiting."""
_MARKS = 100_000
_LOOK_SECONDS = 0.05
_AGAIN_SECONDS = 0.5
_AHEAD_MS = 60_000
"""How far ahead of ours the clock of another server may be."""


class RedisListCache:
    """A `ListCache` in Redis: one hash for each user, one field for each question.

    Every call ends in time, tries nothing twice, and while Redis fails costs microseconds: a thread of its own finds
    out when it is back.

    Args:
        url: Where it is; may hold a password, which is never repeated.
        namespace: Names the installation; one Redis may serve several.
        metrics: Told of what went wrong.
        clock: Tells the time in seconds since 1970, UTC.
        told: Told when Redis is lost, and when it is back.
        call_seconds: Longest that one call may take.
        breaker: Decides when it is spared; unless given, with the first failure: whoever answers a question asks more
            than once, and should wait once.

    Raises:
        Misconfigured: `setting_invalid`: the URL is none.
    """

    is_immediate = False

    def __init__(
        self,
        url: str,
        *,
        namespace: str,
        metrics: MetricSink,
        clock: Callable[[], float] = time.time,
        told: Callable[[bool], None] = lambda is_there: None,
        call_seconds: float = CALL_SECONDS,
        breaker: Breaker | None = None,
    ) -> None:
        check_url(url)
        self._prefix = f"tacit:{SCHEMA}:{namespace}:lists:"
        self._metrics, self._clock, self._told = metrics, clock, told
        self._breaker = breaker or Breaker(failures=1, cooldown_seconds=0.1)
        self._seconds = call_seconds
        self._lock = threading.Lock()
        self._asked = 0
        self._marks: dict[str, int] = {}
        """Users whose lists are still to be dropped, the oldest first, each with the number of the drop."""
        self._link = RedisLink(url, seconds=call_seconds, connections=CONNECTIONS)
        self._client = self._link.client
        self._wake, self._over = threading.Event(), threading.Event()
        metrics.watch(catalogue.CACHE_REACHABLE, lambda: float(self._breaker.is_closed))
        self._is_lost = False
        if not self._reach():
            self._breaker.trip()
            self._wake.set()
        self._tender = threading.Thread(target=self._tend, name="redis-lists", daemon=True)
        self._tender.start()

    @property
    def is_reachable(self) -> bool:
        """Whether Redis is asked at all."""
        return self._breaker.is_closed

    def get(self, user_id: str, question: str) -> CachedList | None:
        if user_id in self._marks:
            return None
        raw = self._call("get", lambda: self._client.hget(self._key(user_id), question), user_id)
        if not isinstance(raw, bytes):
            return None
        try:
            found = decoded(raw, user_id=user_id, question=question)
        except OddValue:
            self._count("get", "odd")
            return None
        age_ms = self._clock() * 1_000 - found.stored_at_ms
        # A drop may have been asked for, in vain, while we read.
        return found if -_AHEAD_MS <= age_ms < TTL_SECONDS * 1_000 and user_id not in self._marks else None

    def put(self, user_id: str, question: str, found: CachedList) -> None:
        try:
            value = encoded(user_id, question, found)
        except (ValueError, TypeError):
            self._count("put", "odd")
            return
        if user_id not in self._marks:
            self._call("put", lambda: self._store(self._key(user_id), question, value), user_id)

    def drop(self, *user_ids: str) -> None:
        for users in _batched(user_ids):
            if self._call("drop", partial(self._forget, users)) is None:
                for user_id in users:
                    self._mark(user_id)

    def shed(self) -> None:
        """Nothing is kept in this process."""

    def close(self) -> None:
        self._over.set()
        self._wake.set()
        self._tender.join(timeout=5)
        self._link.close()

    def _store(self, key: bytes, question: str, value: bytes) -> bool:
        with self._client.pipeline(transaction=False) as pipe:
            pipe.hset(key, question, value)
            pipe.expire(key, TTL_SECONDS)
            pipe.hlen(key)
            lists = pipe.execute()[-1]
        if lists > QUESTIONS:
            self._client.delete(key)
        return True

    def _forget(self, user_ids: Sequence[str]) -> Any:
        return self._client.delete(*map(self._key, user_ids))

    def _call(self, operation: Operation, ask: Callable[[], Any], user_id: str | None = None) -> Any:
        """What Redis answers, asked of a user's lists; `None` if it does not, which is counted."""
        admitted = self._breaker.admit() if self._breaker.is_closed else None
        if admitted is None:
            self._count(operation, "skipped")
            return None
        try:
            with within(self._seconds):
                answer = ask()
        except Exception as problem:  # whatever a driver raises, a cache never fails
            self._settle(problem, operation, admitted)
            if user_id is not None and isinstance(problem, ResponseError) and "WRONGTYPE" in str(problem):
                self._mark(user_id)  # something foreign stands there, and would stand there for ever
            return None
        self._breaker.succeeded(admitted)
        return answer

    def _settle(self, problem: Exception, operation: Operation, admitted: int) -> None:
        """Count a failure; only silence and breakdown speak against Redis, a prompt refusal costs no time."""
        if isinstance(problem, MaxConnectionsError):
            self._count(operation, "busy")
        elif isinstance(problem, Unconnected | TimedOut | OSError):
            self._count(operation, "unreachable")
            self._breaker.failed(admitted)
            if not self._breaker.is_closed:
                self._wake.set()
        else:
            self._count(operation, "refused" if isinstance(problem, RedisError) else "odd")
            self._breaker.succeeded(admitted)

    def _tend(self) -> None:
        """Look after what could not be done, until closed."""
        while not self._over.is_set():
            self._wake.wait()
            self._wake.clear()
            while not self._over.is_set() and (self._marks or not self._breaker.is_closed):
                self._attend()
                self._over.wait(_LOOK_SECONDS if not self._breaker.is_closed else _AGAIN_SECONDS)

    def _attend(self) -> None:
        """Find out whether Redis is back, and make up for drops."""
        if self._breaker.is_closed:
            self._make_up()
            return
        if not self._is_lost:
            self._is_lost = True
            self._told(False)
        if self._probe():
            self._is_lost = False
            self._told(True)

    def _probe(self) -> bool:
        """Whether Redis is back, if it is time to ask."""
        admitted = self._breaker.admit()
        if admitted is None:
            return False
        self._link.refresh()
        is_back = self._reach() and self._make_up()
        (self._breaker.succeeded if is_back else self._breaker.failed)(admitted)
        return is_back

    def _reach(self) -> bool:
        try:
            with within(self._seconds):
                return bool(self._client.ping())
        except Exception:  # as above
            return False

    def _make_up(self) -> bool:
        """Make the drops that could not be made; `False` if Redis went away over it."""
        with self._lock:
            waiting = tuple(self._marks.items())
        for marks in _batched(waiting):
            try:
                with within(self._seconds):
                    self._forget([user_id for user_id, _ in marks])
            except ResponseError:
                return True  # it refuses to write, a replica does; what stands there is not read meanwhile
            except Exception:  # as above
                return False
            with self._lock:
                for user_id, asked in marks:
                    if self._marks.get(user_id) == asked:
                        del self._marks[user_id]
        return True

    def _mark(self, user_id: str) -> None:
        with self._lock:
            self._asked += 1
            self._marks[user_id] = self._asked
            while len(self._marks) > _MARKS:
                # The oldest: its lists are the next to expire, and their stamps are not the latest in any case.
                del self._marks[next(iter(self._marks))]
        self._wake.set()

    def _key(self, user_id: str) -> bytes:
        return (self._prefix + user_id).encode(errors="surrogatepass")

    def _count(self, operation: Operation, kind: str) -> None:
        self._metrics.increment(catalogue.CACHE_ERRORS, operation=operation, kind=kind)


def _batched(whole: Sequence[T]) -> Iterator[Sequence[T]]:
    """Parts of as many as are dropped in one call."""
    return (whole[start : start + _DROPS] for start in range(0, len(whole), _DROPS))
