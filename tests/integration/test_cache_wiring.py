"""Which cache the settings bring: memory, or a Redis that servers of one installation share."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from tacit.adapters.homes import installation_id
from tacit.adapters.memory import MemoryMetricSink
from tacit.adapters.memory_cache import MemoryListCache
from tacit.adapters.spare_cache import SpareListCache
from tacit.bootstrap import load_settings
from tacit.bootstrap.caches import list_cache
from tacit.errors import Misconfigured
from tacit.monitoring import metrics as catalogue
from tacit.serving.list_cache import CachedList, ListCache
from tests.redis_server import redis_server
from tests.stages import wait_until

A_LIST = CachedList("stamp", "popular", (), 1)


def cache_of(home: Path, url: str | None, metrics: MemoryMetricSink | None = None) -> ListCache:
    flags = {"home": home, "cache.redis_url": url}
    return list_cache(load_settings(flags=flags, environ={}).settings, metrics or MemoryMetricSink())


def test_without_an_address_lists_are_kept_in_memory(tmp_path: Path) -> None:
    metrics = MemoryMetricSink()

    assert isinstance(cache_of(tmp_path, None, metrics), MemoryListCache)
    assert metrics.value(catalogue.CACHE_REACHABLE) == 1


def test_servers_of_one_installation_share_lists_and_others_do_not(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        one, other, foreign = (cache_of(tmp_path / home, server.url) for home in ("a", "a", "b"))
        kept = CachedList("stamp", "popular", (), server.client().time()[0] * 1_000)  # type: ignore[index]
        wait_until(lambda: one.put("ann", "q", kept) or one.get("ann", "q") == kept)
        wait_until(lambda: other.get("ann", "q") == kept)
        found = [cache.get("ann", "q") for cache in (one, other, foreign)]
        for cache in (one, other, foreign):
            cache.close()

    assert isinstance(one, SpareListCache)
    assert found == [kept, kept, None]


def test_a_redis_that_is_not_there_keeps_nothing_from_starting(tmp_path: Path) -> None:
    metrics = MemoryMetricSink()
    kept = replace(A_LIST, stored_at_ms=int(time.time() * 1_000))
    cache = cache_of(tmp_path, "redis://127.0.0.1:1/0", metrics)
    cache.put("ann", "q", kept)
    found = cache.get("ann", "q")
    cache.drop("ann")
    gone = cache.get("ann", "q")
    cache.close()

    assert (found, gone, metrics.value(catalogue.CACHE_REACHABLE)) == (kept, None, 0)


def test_while_redis_is_away_lists_are_kept_in_memory_and_dropped_there_too(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        cache = cache_of(tmp_path, server.url, metrics := MemoryMetricSink())
        kept = replace(A_LIST, stored_at_ms=int(time.time() * 1_000))
        wait_until(lambda: cache.put("ann", "q", kept) or server.say("DBSIZE") == 1)
        server.kill()
        # The first call finds out, and is a miss.
        wait_until(lambda: cache.put("ann", "q", kept) or cache.get("ann", "q") == kept)
        cache.put("bob", "q", kept)
        cache.drop("bob")
        dropped = cache.get("bob", "q")
        server.start()
        wait_until(lambda: metrics.value(catalogue.CACHE_REACHABLE) == 1)
        again = cache.get("ann", "q")
        cache.close()

    assert dropped is None
    assert again is None  # this Redis had forgotten, and is asked again all the same


def test_an_address_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no address of a Redis"):
        cache_of(tmp_path, "cache:6379")


def test_an_installation_is_named_once_and_for_ever(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = installation_id(tmp_path / "a")

    assert installation_id(tmp_path / "a") == first
    assert installation_id(tmp_path / "b") != first
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["installation_id"]


@pytest.mark.parametrize("content", [b"", b"../../etc", b"\xff\xfe", b"A" * 32])
def test_an_id_that_is_none_is_refused_with_the_way_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "installation_id").write_bytes(content)
    with pytest.raises(Misconfigured, match="Remove that file"):
        installation_id(tmp_path)
