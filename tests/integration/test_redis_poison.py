"""Bytes in Redis that we did not write, or wrote for somebody else: misses, each counted, and never an answer.

Each case prints its row; `pytest -s` shows them.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from tacit.adapters.memory import MemoryMetricSink
from tacit.adapters.redis_cache import RedisListCache
from tacit.monitoring import metrics as catalogue
from tests import fault_table
from tests.redis_load import NAMESPACE, a_list, keep, key_of, served
from tests.redis_server import redis_server
from tests.stages import wait_until

HOUR_MS = 3_600_000


@pytest.mark.parametrize("poison", ["bytes", "other_user", "other_schema", "huge", "nested", "nan", "future", "wrong"])
def test_poisoned_and_foreign_bytes_are_misses(tmp_path: Path, poison: str) -> None:
    """D9."""
    with redis_server(tmp_path) as server:
        metrics = MemoryMetricSink()
        with closing(RedisListCache(server.url, namespace=NAMESPACE, metrics=metrics)) as cache:
            keep(cache, "ann")
            keep(cache, "bob")
            with server.client() as client:
                own, others = client.hget(key_of("ann"), "q"), client.hget(key_of("bob"), "q")
                assert isinstance(own, bytes)
                assert isinstance(others, bytes)
                client.delete(key_of("ann"))
                if poison == "wrong":
                    client.set(key_of("ann"), b"a string where a hash belongs")
                else:
                    client.hset(key_of("ann"), "q", poisons(own, others)[poison])
            found = cache.get("ann", "q")
            cache.put("ann", "q", a_list("ann", 2))
            again = cache.get("ann", "q")
            odd = sum(metrics.value(catalogue.CACHE_ERRORS, operation="get", kind=kind) for kind in ("odd", "refused"))
            fault_table.tell("D9", f"Redis poisoned: {poison}", f"answered {found}, counted {odd:g}")

        assert found is None
        assert (odd > 0) == (poison != "future")
        assert again is not None or poison == "wrong"


def test_something_foreign_under_a_users_key_is_cleared_away(tmp_path: Path) -> None:
    with served(tmp_path) as (server, cache):
        server.say("SET", key_of("ann"), "a string where a hash belongs")
        cache.put("ann", "q", a_list("ann", 1))
        wait_until(lambda: server.say("EXISTS", key_of("ann")) == 0)
        kept = a_list("ann", 2)
        wait_until(lambda: cache.put("ann", "q", kept) or cache.get("ann", "q") == kept)


def poisons(own: bytes, others: bytes) -> dict[str, bytes]:
    facts = json.loads(own)
    ahead = {**facts, "stored_at_ms": facts["stored_at_ms"] + HOUR_MS}
    return {
        "bytes": b"\x80\x04\x95\x00\xff" * 20,
        "other_user": others,
        "other_schema": json.dumps({**facts, "schema": 2}).encode(),
        "huge": b"[" + b"1," * 600_000 + b"1]",
        "nested": b"[" * 100_000,
        "nan": own.replace(b'"score":1.0', b'"score":NaN'),
        "future": json.dumps(ahead).encode(),
    }
