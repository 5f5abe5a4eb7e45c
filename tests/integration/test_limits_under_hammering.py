"""Must-show 4: many processes hammer one caller's limit, and no window holds more than the limit and one per cent."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tacit.adapters.limiting import MemoryLimiter
from tacit.adapters.memory import MemoryMetricSink
from tacit.adapters.redis_limits import RedisLimiter, RedisWindows
from tacit.monitoring.guard_metrics import LIMITS_LOCAL
from tacit.security.limiting import Ask
from tests.redis_server import redis_server
from tests.shells import free_port
from tests.stages import wait_until

FORKING = multiprocessing.get_context("fork")


def hammer(url: str, ask: Ask, until: float, told: Any) -> None:
    """Ask as fast as one can; tell when each take was asked for and given, and how often it was refused.

    Redis has time to answer, however few cores the processes share: who counts alone is looked at elsewhere.
    """

    async def work() -> tuple[list[tuple[float, float]], int]:
        metrics = MemoryMetricSink()
        limiter = RedisLimiter(RedisWindows(url, "n", call_seconds=20), MemoryLimiter(), metrics)
        # Told by Redis each time, without what a process remembers of refusals: the hardest case for its script.
        limiter._remember = lambda ask, seconds: None  # type: ignore[method-assign]
        given, refused = [], 0
        while time.monotonic() < until:
            asked = time.monotonic()
            if (await limiter.take(ask)).is_given:
                given.append((asked, time.monotonic()))
            else:
                refused += 1
        assert not metrics.value(LIMITS_LOCAL)
        await limiter.close()
        return given, refused

    told.put(asyncio.run(work()))


def hammered(url: str, ask: Ask, *, processes: int, seconds: float) -> tuple[list[tuple[float, float]], int]:
    told = FORKING.Queue()
    until = time.monotonic() + seconds
    workers = [FORKING.Process(target=hammer, args=(url, ask, until, told)) for _ in range(processes)]
    for each in workers:
        each.start()
    outcomes = [told.get(timeout=seconds + 30) for _ in workers]
    for each in workers:
        each.join()
    return sorted(pair for given, _ in outcomes for pair in given), sum(refused for _, refused in outcomes)


def fullest(given: list[tuple[float, float]], seconds: float) -> int:
    """Most takes that certainly lay within one window: asked for and given inside of it."""
    starts = [asked for asked, _ in given]
    ends = sorted(end for _, end in given)
    slack = max(end - asked for asked, end in given)
    # A take happened somewhere between being asked for and being given; windows are shortened by as much.
    width = seconds - slack
    return max(bisect_left(ends, start + width) - bisect_left(ends, start) for start in starts)


def judge(given: list[tuple[float, float]], refused: int, ask: Ask, seconds: float) -> None:
    most = fullest(given, ask.seconds)
    print(f"\n{len(given)} given, {refused} refused, fullest window {most} of {ask.amount}")
    assert most <= ask.amount * 1.01
    assert len(given) <= ask.amount * (seconds // ask.seconds + 1)
    # And no less than there was: a limiter that gives too little harms as well.
    assert len(given) >= ask.amount * (seconds // ask.seconds) * 0.99


def test_four_processes_together_get_no_more_than_one_limit(tmp_path: Path) -> None:
    ask = Ask("authenticated", "key:ab12", 50, 1)
    with redis_server(tmp_path) as server:
        given, refused = hammered(server.url, ask, processes=4, seconds=2.5)

    judge(given, refused, ask, 2.5)


@pytest.mark.slow
@pytest.mark.requirement("SEC-004")
def test_sixteen_processes_together_get_no_more_than_one_limit(tmp_path: Path) -> None:
    ask = Ask("authenticated", "key:ab12", 1_000, 10)
    with redis_server(tmp_path) as server:
        given, refused = hammered(server.url, ask, processes=16, seconds=35)

    judge(given, refused, ask, 35)


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """A server of its own, behind what it takes for a proxy."""
    port, metrics_port = free_port(), free_port()
    chosen = ['limits.trusted_proxies=["127.0.0.1/32"]', f"metrics_port={metrics_port}", "audit.access=none"]
    settings = [word for each in chosen for word in ("--set", each)]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tacit", "serve", "--without-champion", "--port", str(port), *settings],
            env={**os.environ, "TACIT_HOME": str(home), "TACIT_DOWNLOAD": "false"},
            stdout=log,
            stderr=log,
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until(lambda: _is_alive(address), seconds=180)
            yield address
        finally:
            process.terminate()
            process.wait(30)


def _is_alive(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/livez", timeout=2).status_code == 200
    except httpx2.TransportError:
        return False


def knock(address: str, until: float, told: Any) -> None:
    given = []
    refused = 0
    with httpx2.Client(base_url=address, headers={"X-Forwarded-For": "203.0.113.66"}, timeout=30) as client:
        while time.monotonic() < until:
            asked = time.monotonic()
            if client.get("/health").status_code in (403, 429):  # who asks for too much is in the end not heard at all
                refused += 1
            else:
                given.append((asked, time.monotonic()))
    told.put((given, refused))


@pytest.mark.slow
@pytest.mark.requirement("SEC-001")
def test_one_server_gives_sixteen_processes_of_one_address_a_hundred_a_minute_and_their_neighbour_all(
    tmp_path: Path,
) -> None:
    seconds, told = 75.0, FORKING.Queue()
    with serving(tmp_path) as address:
        until = time.monotonic() + seconds
        workers = [FORKING.Process(target=knock, args=(address, until, told)) for _ in range(16)]
        for each in workers:
            each.start()
        neighbours, slowest = [], 0.0
        with httpx2.Client(base_url=address, headers={"X-Forwarded-For": "203.0.113.7"}, timeout=30) as client:
            while time.monotonic() < until - 1:
                asked = time.perf_counter()
                neighbours.append(client.get("/health").status_code)
                slowest = max(slowest, time.perf_counter() - asked)
                time.sleep(0.8)
        outcomes = [told.get(timeout=seconds + 60) for _ in workers]
        for each in workers:
            each.join()
    given = sorted(pair for found, _ in outcomes for pair in found)
    refused = sum(count for _, count in outcomes)

    print(f"\n{len(given)} given and {refused} refused to 203.0.113.66 in {seconds:.0f} s; its neighbour: ", end="")
    print(f"{len(neighbours)} asked, {neighbours.count(429)} refused, slowest {slowest * 1e3:.0f} ms")
    assert fullest(given, 60) <= 101
    assert len(given) <= 200
    assert refused > 1_000
    assert 429 not in neighbours
    assert 403 not in neighbours
