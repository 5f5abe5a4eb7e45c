"""Redis killed, paused, slow, full, read-only and loading, under load: no errors, nobody's list but theirs.

Each fault prints its row; `pytest -s` shows them.
"""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tacit.adapters.memory import MemoryMetricSink
from tacit.adapters.redis_cache import CALL_SECONDS, RedisListCache
from tacit.monitoring import metrics as catalogue
from tests import fault_table
from tests.attempts import shortest
from tests.redis_load import NAMESPACE, Bench, a_list, keep, key_of, loaded, served
from tests.redis_server import redis_server
from tests.stages import wait_until

UNTIL_OPEN_MS = 60.0
"""What a call may take longer than usual while it is not known yet that Redis is away."""
AFTER_OPEN_MS = 1.0
"""The same from then on."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with redis_server(tmp_path) as server, loaded(server, server.url) as made:
        yield made


def judge(bench: Bench, fault: str, began: float) -> None:
    """The pass criteria of an outage that began at a moment, once the breaker has opened, and a second later.

    Latency is what an outage adds: a busy machine makes the usual calls slow, too.
    """
    usual = bench.load.between(0.0, began)
    wait_until(lambda: any(at >= began and not is_there for at, is_there in bench.changes), seconds=5)
    opened = next(at for at, is_there in bench.changes if at >= began and not is_there)
    time.sleep(1.0)
    before, after = bench.load.between(began, opened + 0.1), bench.load.between(opened + 0.15, time.monotonic())
    bench.row(
        fault,
        usual_worst_ms=round(usual[-1], 1),
        opens_after_ms=round((opened - began) * 1_000),
        worst_until_open_ms=round(before[-1], 1),
        usual_p99_ms=round(p99(usual), 3),
        median_after_ms=round(after[len(after) // 2], 4),
        p99_after_ms=round(p99(after), 3),
        unreachable=bench.counted("unreachable"),
        skipped=bench.counted("skipped"),
    )
    assert opened - began <= 1.0
    assert before[-1] <= UNTIL_OPEN_MS + usual[-1]
    assert p99(after) <= AFTER_OPEN_MS + p99(usual)


def p99(sorted_ms: list[float]) -> float:
    return sorted_ms[int(len(sorted_ms) * 0.99)]


def returns(bench: Bench) -> float:
    """How long it takes from now until lists are found again, in seconds."""
    wait_until(lambda: bench.cache.is_reachable, seconds=10)
    began, known = time.monotonic(), len(bench.load.hits)
    wait_until(lambda: len(bench.load.hits) > known + 50, seconds=10)
    return time.monotonic() - began


def test_redis_killed_costs_one_short_wait_and_no_error(bench: Bench) -> None:
    """D6."""
    began = time.monotonic()
    bench.server.kill()
    judge(bench, "D6 killed", began)
    bench.server.start()
    back = returns(bench)

    assert [is_there for _, is_there in bench.changes][-1]
    bench.row("D6 restarted", hits_again_after_s=round(back, 2))


def test_redis_paused_costs_its_deadline_once_and_answers_of_before_reach_nobody(bench: Bench) -> None:
    """D7.  What was asked before the pause is answered after it: to nobody."""
    began = time.monotonic()
    bench.server.send(signal.SIGSTOP)
    judge(bench, "D7 paused", began)
    bench.server.send(signal.SIGCONT)
    back = returns(bench)
    time.sleep(0.5)
    bench.row("D7 resumed", hits_again_after_s=round(back, 2))


def test_a_full_redis_keeps_nothing_new_and_nobody_notices(bench: Bench) -> None:
    """D8, full."""
    bench.server.say("CONFIG", "SET", "maxmemory-policy", "noeviction")
    bench.server.say("CONFIG", "SET", "maxmemory", "1mb")
    began = time.monotonic()
    wait_until(lambda: bench.counted("refused") > 50, seconds=10)
    took = bench.load.between(began, time.monotonic())
    bench.row("D8 full", refused=bench.counted("refused"), worst_ms=round(took[-1], 1))

    assert took[-1] <= UNTIL_OPEN_MS + bench.load.between(0.0, began)[-1]
    assert bench.cache.is_reachable  # who refuses at once costs nobody time


def test_a_redis_that_may_not_write_still_drops_for_whoever_asks_here(bench: Bench, tmp_path: Path) -> None:
    """D8, READONLY: a replica answers reads, so a list that should be gone is still there."""
    (tmp_path / "primary").mkdir()
    bench.cache.put("dropped", "q", a_list("dropped", 1))
    with redis_server(tmp_path / "primary") as primary:
        bench.server.say("CONFIG", "SET", "replica-serve-stale-data", "yes")
        bench.server.say("CONFIG", "SET", "repl-diskless-sync-delay", "0")
        bench.server.say("REPLICAOF", "127.0.0.1", str(primary.port))
        wait_until(lambda: bench.counted("refused") > 50, seconds=10)
        bench.cache.drop("dropped")
        found_meanwhile = bench.cache.get("dropped", "q")
        bench.server.say("REPLICAOF", "NO", "ONE")
        bench.server.say(
            "HSET", key_of("dropped"), "q", "left over"
        )  # as if the replica had not been emptied by its primary
        bench.cache.drop("again")
        wait_until(lambda: bench.server.say("EXISTS", key_of("dropped")) == 0, seconds=5)
    bench.row("D8 READONLY", refused=bench.counted("refused"))

    assert found_meanwhile is None


def test_a_redis_that_is_loading_is_spared_until_it_has_loaded(tmp_path: Path) -> None:
    """D8, LOADING."""
    with redis_server(tmp_path, "--enable-debug-command", "local") as server:
        server.say("DEBUG", "POPULATE", "20000", "ballast", "200")
        server.say("SAVE")
        (tmp_path / "dump.rdb").rename(tmp_path / "kept.rdb")
        server.say("FLUSHALL")
        with loaded(server, server.url) as bench:
            (tmp_path / "kept.rdb").rename(tmp_path / "dump.rdb")
            began = time.monotonic()
            server.kill()
            server.start("--key-load-delay", "150", "--loading-process-events-interval-bytes", "1024", is_awaited=False)
            judge(bench, "D8 loading", began)
            with server.client() as client:
                is_loading = client.info("persistence")["loading"]
            server.say("CONFIG", "SET", "key-load-delay", "0")
            bench.row("D8 loaded", hits_again_after_s=round(returns(bench), 2))

    assert is_loading == 1


@contextmanager
def trickling(target: int, seconds: float) -> Iterator[int]:
    """A way to Redis on which every byte of an answer takes so long."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)

    def carry(one: socket.socket) -> None:
        with one, socket.create_connection(("127.0.0.1", target)) as other:
            one.settimeout(0.05)
            other.settimeout(0.05)
            while not over.is_set():
                try:
                    other.sendall(one.recv(4_096))
                    for byte in other.recv(4_096):
                        time.sleep(seconds)
                        one.sendall(bytes([byte]))
                except TimeoutError:
                    continue
                except OSError:
                    return

    def accept() -> None:
        while not over.is_set():
            try:
                one, _ = listener.accept()
            except TimeoutError:
                continue
            threads.append(threading.Thread(target=carry, args=(one,)))
            threads[-1].start()

    threads = [threading.Thread(target=accept)]
    threads[0].start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        over.set()
        for thread in threads:
            thread.join()
        listener.close()


def test_an_answer_that_trickles_in_ends_at_the_deadline(tmp_path: Path) -> None:
    """Every read is in time here, and the whole is not: what the driver's own timeouts cannot see."""
    with redis_server(tmp_path) as server, trickling(server.port, 0.02) as port:

        def connect() -> float:
            began = time.monotonic()
            cache = RedisListCache(f"redis://127.0.0.1:{port}/0", namespace=NAMESPACE, metrics=MemoryMetricSink())
            seconds = time.monotonic() - began
            with closing(cache):
                assert not cache.is_reachable
            return seconds

        took_ms = shortest(connect, within=0.14) * 1_000
    fault_table.tell("D7", "answers that trickle in", f"connecting and greeting ended after {took_ms:.1f} ms")

    # A PING alone would take seven bytes' time: 140 ms.
    assert CALL_SECONDS * 1_000 <= took_ms < 140


def test_a_server_that_starts_without_redis_finds_it_when_it_comes(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        server.kill()
        metrics = MemoryMetricSink()
        with closing(RedisListCache(server.url, namespace=NAMESPACE, metrics=metrics)) as cache:
            cache.put("ann", "q", a_list("ann", 1))
            cache.drop("ann")
            before = metrics.value(catalogue.CACHE_REACHABLE)
            server.start()
            wait_until(lambda: cache.is_reachable)
            kept = a_list("ann", 2)
            cache.put("ann", "q", kept)

            assert (before, metrics.value(catalogue.CACHE_REACHABLE)) == (0, 1)
            assert cache.get("ann", "q") == kept


def test_a_question_that_asks_twice_waits_once(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        metrics = MemoryMetricSink()
        with closing(RedisListCache(server.url, namespace=NAMESPACE, metrics=metrics)) as cache:
            keep(cache, "ann")
            before = [metrics.value(catalogue.CACHE_ERRORS, **each) for each in WAITS]
            server.send(signal.SIGSTOP)
            found = cache.get("ann", "q")
            cache.put("ann", "q", a_list("ann", 2))
            cache.drop("ann")
            after = [metrics.value(catalogue.CACHE_ERRORS, **each) for each in WAITS]
            server.send(signal.SIGCONT)

    assert found is None
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 1]


WAITS = (
    {"operation": "get", "kind": "unreachable"},
    {"operation": "put", "kind": "skipped"},
    {"operation": "drop", "kind": "skipped"},
)


def test_a_drop_that_redis_missed_is_made_up_for_before_it_is_asked_again(tmp_path: Path) -> None:
    with served(tmp_path) as (server, cache):
        keep(cache, "ann")
        server.send(signal.SIGSTOP)
        cache.drop("ann")
        server.send(signal.SIGCONT)
        meanwhile = cache.get("ann", "q")
        wait_until(lambda: server.say("EXISTS", key_of("ann")) == 0)

        assert meanwhile is None
        assert cache.get("ann", "q") is None
