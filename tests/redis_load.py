"""Load on a cache in a real Redis: who asks, what they see, how long it takes, and what was counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tacit.adapters.memory import MemoryMetricSink
from tacit.adapters.redis_cache import RedisListCache
from tacit.monitoring import metrics as catalogue
from tacit.serving.answers import Recommendation
from tacit.serving.list_cache import CachedList
from tests import fault_table
from tests.redis_server import RedisServer, redis_server
from tests.stages import wait_until

NAMESPACE = "f" * 32
THREADS = 8
PAUSE_SECONDS = 0.004
USERS = 50


@dataclass
class Load:
    """Threads that ask, keep and drop at a bounded rate, and everything they saw.

    Attributes:
        calls: When each call ended, and how many milliseconds it took.
        wrong: Lists that were not given to be kept for their user and question since these were last dropped.
        errors: What was raised.
    """

    cache: RedisListCache
    calls: list[tuple[float, float]] = field(default_factory=list)
    hits: list[float] = field(default_factory=list)
    wrong: list[object] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self, thread: int) -> None:
        # Each thread has users of its own, so that it knows what it gave to be kept for each. An earlier list than the
        # last may be found: one that could not be written is not kept, and whoever asks compares its stamp.
        kept: dict[str, list[CachedList]] = {}
        for turn in count():
            if self.over.is_set():
                return
            user_id = f"u{thread}-{turn % USERS}"
            try:
                self.ask(user_id, kept, turn)
            except BaseException as problem:
                self.errors.append(problem)
            time.sleep(PAUSE_SECONDS)

    def ask(self, user_id: str, kept: dict[str, list[CachedList]], turn: int) -> None:
        found = self.timed(lambda: self.cache.get(user_id, "limit=20"))
        if isinstance(found, CachedList):
            self.hits.append(time.monotonic())
            if found not in kept.get(user_id, ()):
                self.wrong.append((user_id, found, kept.get(user_id)))
        elif turn % 7 == 0:
            kept[user_id] = []
            self.timed(lambda: self.cache.drop(user_id))
        else:
            made = a_list(user_id, turn)
            kept.setdefault(user_id, []).append(made)
            self.timed(lambda: self.cache.put(user_id, "limit=20", made))
        if turn % 11 == 0:
            kept[user_id] = []
            self.timed(lambda: self.cache.drop(user_id))

    def timed(self, call: Callable[[], object]) -> object:
        began = time.monotonic()
        answer = call()
        ended = time.monotonic()
        self.calls.append((ended, (ended - began) * 1_000))
        return answer

    def between(self, begin: float, end: float) -> list[float]:
        return sorted(took for at, took in list(self.calls) if begin <= at < end) or [0.0]


@dataclass
class Bench:
    """A cache under load, the server it is in, and when the cache lost and found it."""

    server: RedisServer
    cache: RedisListCache
    metrics: MemoryMetricSink
    changes: list[tuple[float, bool]]
    load: Load

    def counted(self, kind: str) -> float:
        value = self.metrics.value
        return sum(
            value(catalogue.CACHE_ERRORS, operation=operation, kind=kind) for operation in ("get", "put", "drop")
        )

    def row(self, fault: str, **facts: object) -> None:
        shown = ", ".join(f"{name} {fact}" for name, fact in facts.items())
        calls, errors, wrong = len(self.load.calls), len(self.load.errors), len(self.load.wrong)
        row, _, what = fault.partition(" ")
        fault_table.tell(row, f"Redis {what}", f"{calls} calls, {errors} errors, {wrong} wrong; {shown}")
        assert self.load.errors == []
        assert self.load.wrong == []


@contextmanager
def served(folder: Path) -> Iterator[tuple[RedisServer, RedisListCache]]:
    """A cache that nobody else asks."""
    with redis_server(folder) as server:
        cache = RedisListCache(server.url, namespace=NAMESPACE, metrics=MemoryMetricSink())
        with closing(cache):
            yield server, cache


@contextmanager
def loaded(server: RedisServer, url: str) -> Iterator[Bench]:
    """A cache under load, warm."""
    metrics, changes = MemoryMetricSink(), list[tuple[float, bool]]()
    cache = RedisListCache(
        url, namespace=NAMESPACE, metrics=metrics, told=lambda is_there: changes.append((time.monotonic(), is_there))
    )
    load = Load(cache)
    threads = [threading.Thread(target=load.run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(load.hits) > 200, seconds=20)
        yield Bench(server, cache, metrics, changes, load)
    finally:
        load.over.set()
        for thread in threads:
            thread.join()
        cache.close()


def a_list(user_id: str, turn: int) -> CachedList:
    items = tuple(Recommendation(f"{user_id}/{at}", f"{turn}", ("low",), 1 / (at + 1)) for at in range(20))
    return CachedList(f"recommender/1|{user_id}|{turn}", "personal", items, int(time.time() * 1_000))


def keep(cache: RedisListCache, user_id: str) -> None:
    """Have a list kept, however long a busy machine takes over it."""
    made = a_list(user_id, 1)
    wait_until(lambda: cache.put(user_id, "q", made) or cache.get(user_id, "q") == made)


def key_of(user_id: str) -> bytes:
    return f"tacit:1:{NAMESPACE}:lists:{user_id}".encode()
