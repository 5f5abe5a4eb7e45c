"""The platform killed and started again while a client sends: nothing is lost, and nothing counts twice."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from tacit.bootstrap import build, load_settings
from tacit.client import AsyncTacitClient, DeliveryRules, Event, Report, RetryRules, TacitClient
from tests.event_servers import killed_server
from tests.stages import wait_until

KILLS = 3
RULES = RetryRules(base_seconds=0.02, longest_seconds=0.1)
PACE_SECONDS = 0.001


def weights(home: Path) -> dict[str, float]:
    """What each user's events amount to, once the platform has applied its log."""
    flags = {"home": home, "events.unknown_items": "accept", "als.engine": "numpy"}
    with build(load_settings(flags=flags, environ={})) as app:
        found = {each.logged.event.user_id for each in app.event_store.applied(0, limit=1_000_000)}
        return {user: sum(each.weight for each in app.event_store.interactions_of(user)) for user in found}


@pytest.mark.slow
def test_a_platform_killed_again_and_again_loses_nothing_and_counts_nothing_twice(tmp_path: Path) -> None:
    with killed_server(tmp_path) as server:
        client = TacitClient(server.address, timeout=2, retries=RULES, delivery=DeliveryRules(batch=50))
        over = threading.Event()
        sent: list[Event] = []

        def send() -> None:
            while not over.is_set():
                event = Event(f"u{len(sent) % 10}", "i", "play")
                client.send(event, wait=30)
                sent.append(event)
                time.sleep(PACE_SECONDS)

        thread = threading.Thread(target=send)
        thread.start()
        for _ in range(KILLS):
            time.sleep(0.7)
            # Just now a batch is on its way, so that nobody can know whether it arrived.
            wait_until(lambda: client._events._courier._under_way is not None)
            server.kill()
            server.start()
        time.sleep(0.5)
        over.set()
        thread.join()
        report = client.close(30)
        # The log is applied before the platform ends in order.
        assert server.process is not None
        server.process.terminate()
        server.process.wait(timeout=20)
    print(f"\n{len(sent)} events over {KILLS} kills: {report.stored} stored, {report.duplicates} stored before")

    assert (report.is_complete, report.stored + report.duplicates) == (True, len(sent))
    assert sum(weights(tmp_path).values()) == len(sent)


def test_one_kill_in_the_middle_of_a_stream_is_survived_from_an_event_loop(tmp_path: Path) -> None:
    async def send(address: str) -> Report:
        rules = DeliveryRules(batch=20)
        async with AsyncTacitClient(address, timeout=2, retries=RULES, delivery=rules) as client:
            for number in range(300):
                await client.send(Event(f"u{number % 10}", "i", "play"))
                await asyncio.sleep(PACE_SECONDS)
                if number == 100:
                    await asyncio.to_thread(server.kill)
                if number == 200:
                    await asyncio.to_thread(server.start)
            return await client.flush(30)

    with killed_server(tmp_path) as server:
        report = asyncio.run(send(server.address))
        assert server.process is not None
        server.process.terminate()
        server.process.wait(timeout=20)

    assert (report.is_complete, report.stored + report.duplicates) == (True, 300)
    assert sum(weights(tmp_path).values()) == 300
