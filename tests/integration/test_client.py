"""The client against a real server: every question, every fate of an event, from threads and from an event loop."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tacit.bootstrap import App, build, load_settings, serving
from tacit.client import (
    AsyncTacitClient,
    DeliveryRules,
    Event,
    Report,
    TacitClient,
    Undelivered,
)
from tacit.entrypoints.api.app import create_app
from tacit.errors import BadInput, NotFound, Refused
from tests.shells import environment
from tests.stages import ODD_ITEM, ODD_USER, listening, served, stage, wait_until

OPEN = {"events.unknown_items": "accept", "als.engine": "numpy"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a version that answers."""
    with stage(tmp_path_factory.mktemp("home")) as made:
        made.release()
        with served(made) as http:
            yield str(http.base_url)


@contextmanager
def taking(home: Path) -> Iterator[tuple[App, str]]:
    """A server that takes events."""
    with build(load_settings(flags={"home": home, **OPEN}, environ={})) as app, serving(app) as parts:
        api = create_app(parts.service, parts.pool, parts.metrics, version="0", intake=parts.intake)
        with listening(api) as http:
            yield app, str(http.base_url)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, str]]:
    with taking(tmp_path_factory.mktemp("home")) as running:
        yield running


def weight(app: App, user_id: str) -> float:
    return sum(each.weight for each in app.event_store.interactions_of(user_id))


def test_every_kind_of_list_comes_back_typed(shop: str) -> None:
    with TacitClient(shop) as client:
        personal = client.recommend("u001", limit=3, exclude=["i002", "i003"], category="low")
        liked = client.recommend_for_likes(["i001", "nothing"], limit=4)
        similar = client.similar_items("i001", limit=2)
        popular = client.popular(limit=1)

    assert (personal.source, personal.user_id, personal.degraded) == ("personal", "u001", False)
    assert len(personal.items) == 3
    assert {"low"} == {name for item in personal.items for name in item.categories}
    assert personal.items[0].because[0].share > 0
    assert (liked.unknown_items, len(liked.items)) == (("nothing",), 4)
    assert (len(similar.items), len(popular.items)) == (2, 1)
    assert personal.recommendation_id != liked.recommendation_id


def test_ids_that_look_like_addresses_are_asked_for_as_they_are(shop: str) -> None:
    with TacitClient(shop) as client:
        assert client.recommend(ODD_USER).user_id == ODD_USER
        assert client.item(ODD_ITEM).item_id == ODD_ITEM
        with pytest.raises(NotFound):
            client.item("..")


def test_what_the_platform_refuses_is_raised_with_its_name(shop: str) -> None:
    with TacitClient(shop) as client:
        with pytest.raises(NotFound) as unknown:
            client.recommend("nobody")
        with pytest.raises(BadInput) as wrong:
            client.popular(limit=-1)

    assert (unknown.value.code, unknown.value.context["status"]) == ("user_unknown", 404)
    assert wrong.value.field == "limit"


def test_the_same_from_an_event_loop(shop: str) -> None:
    async def ask() -> None:
        async with AsyncTacitClient(shop) as client:
            lists = await asyncio.gather(*(client.recommend(f"u{number:03}") for number in range(10)))
            assert {found.user_id for found in lists} == {f"u{number:03}" for number in range(10)}
            assert (await client.item("i001")).title == "Artist i001"
            with pytest.raises(NotFound):
                await client.recommend("nobody")

    asyncio.run(ask())


def test_events_arrive_once_however_many_threads_send_them(platform: tuple[App, str]) -> None:
    app, address = platform
    with TacitClient(address) as client, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: client.send(Event(f"thread-{number % 20}", "i", "play")), range(2_000)))
        report = client.flush(20)

    assert report == Report(2_000, 0, (), 0, ())
    wait_until(lambda: sum(weight(app, f"thread-{number}") for number in range(20)) == 2_000, seconds=20)


def test_the_same_event_sent_twice_counts_once(platform: tuple[App, str]) -> None:
    app, address = platform
    event = Event("twice", "i", "play")
    with TacitClient(address) as client:
        client.send(event)
        first = client.flush()
        client.send(event)
        again = client.flush()

    assert (first.stored, again.stored, again.duplicates) == (1, 0, 1)
    wait_until(lambda: weight(app, "twice") == 1)


def test_an_event_that_the_platform_refuses_is_told_and_the_others_arrive(platform: tuple[App, str]) -> None:
    _, address = platform
    told: list[Undelivered] = []
    bad = Event("fates", "i", "plya")
    with TacitClient(address, on_dropped=told.append) as client:
        left = client.send_many([Event("fates", "i", "play"), bad, Event("fates", "j", "play")])
        report = client.flush()

    assert left == ()
    assert (report.stored, report.dropped) == (2, tuple(told))
    assert [(each.event, each.fate, each.code) for each in told] == [(bad, "rejected", "event_type_unknown")]
    assert told[0].fix == "Did you mean 'play'?"


def test_half_a_character_spoils_no_other_event(platform: tuple[App, str]) -> None:
    _, address = platform
    with TacitClient(address, on_dropped=lambda _: None) as client:
        client.send_many([Event("u", "i", "play"), Event("\ud800", "i", "play"), Event("u", "i", "play")])
        report = client.flush()

    assert (report.stored, report.dropped_count) == (2, 1)


def test_events_from_an_event_loop_arrive_once_too(platform: tuple[App, str]) -> None:
    app, address = platform

    async def send() -> Report:
        async with AsyncTacitClient(address) as client:
            await asyncio.gather(*(client.send(Event("loop", "i", "play")) for _ in range(700)))
            await client.send(Event("loop", "i", "nothing"))
            return await client.flush(20)

    report = asyncio.run(send())

    assert (report.stored, report.dropped_count, report.unsent) == (700, 1, ())
    wait_until(lambda: weight(app, "loop") == 700, seconds=20)


def test_closing_delivers_what_lingers(platform: tuple[App, str]) -> None:
    _, address = platform
    client = TacitClient(address, delivery=DeliveryRules(linger_seconds=60))
    client.send(Event("last", "i", "play"))
    report = client.close()
    with pytest.raises(Refused, match="closed"):
        client.send(Event("last", "i", "play"))

    assert report.stored == 1
    assert client.close() == Report(0, 0, (), 0, ())


FORGETFUL = """
import sys
from tacit.client import Event, TacitClient
client = TacitClient(sys.argv[1])
client.send(Event("forgetful", "i", "play"))
client.send(Event("forgetful", "i", "plya"))
"""


def test_a_program_that_ends_without_closing_still_delivers_and_says_what_it_could_not(
    platform: tuple[App, str],
) -> None:
    app, address = platform
    command = [sys.executable, "-c", FORGETFUL, address]
    ran = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False, timeout=60)

    wait_until(lambda: weight(app, "forgetful") == 1)
    assert (ran.returncode, ran.stderr) == (0, "event_dropped\n")


def test_a_callback_that_fails_stops_nothing(platform: tuple[App, str], caplog: pytest.LogCaptureFixture) -> None:
    _, address = platform

    def fail(dropped: Undelivered) -> None:
        raise RuntimeError(dropped.code)

    with TacitClient(address, on_dropped=fail) as client:
        client.send(Event("u", "i", "nothing"))
        client.flush()
        client.send(Event("u", "i", "play"))
        report = client.flush()

    assert report.stored == 1
    assert "callback_failed" in caplog.text


def test_a_jump_of_the_clock_delays_nothing(platform: tuple[App, str], monkeypatch: pytest.MonkeyPatch) -> None:
    _, address = platform
    with TacitClient(address) as client:
        monkeypatch.setattr(time, "time", lambda: 0.0)
        monkeypatch.setattr(time, "time_ns", lambda: 1_790_000_000_000_000_000 - 86_400 * 10**9)
        client.send(Event("clock", "i", "play"))
        monkeypatch.undo()
        report = client.flush(5)

    assert report.stored == 1
