"""Streams of the console: bounded, ended when the server leaves, and silent about what did not change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from tacit.entrypoints.api.checkpoints import PRINCIPAL
from tacit.entrypoints.console.live import Part, Source, StreamRules, Streams, Told
from tacit.errors import Unavailable
from tacit.security.principals import LOCAL

QUICK = StreamRules(most=3, of_one=2, every=0.01, beat=0.03, longest=1.0)


def request_of(state: SimpleNamespace, last: str = "") -> Request:
    headers = [(b"last-event-id", last.encode())] if last else []
    app = SimpleNamespace(state=state)
    return Request({"type": "http", "method": "GET", "headers": headers, "app": app, PRINCIPAL: LOCAL})


async def heard(
    streams: Streams, *sources: Source, state: SimpleNamespace, last: str = "", seconds: float = 0.08
) -> list[bytes]:
    """What a stream says until somebody leaves: the reader, after some seconds, unless the server does."""
    said: list[bytes] = []
    request = request_of(state, last)
    first = True

    async def receive() -> dict[str, Any]:
        nonlocal first
        if first:
            first = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.sleep(seconds)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        said.append(message.get("body", b""))

    await streams.stream(request, *sources)(request.scope, receive, send)
    return said


def events(said: Sequence[bytes]) -> list[tuple[str, str | None, Any]]:
    """Each event as its kind, its name and what it says."""
    found = []
    for block in b"".join(said).decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != ":")
        if "data" in lines:
            found.append((lines["event"], lines.get("id"), json.loads(lines["data"])))
    return found


def test_a_part_is_told_once_and_again_only_when_it_reads_otherwise() -> None:
    texts = ["<p>1</p>", "<p>1</p>", "<p>2</p>"]
    part = Part("state", lambda: texts.pop(0) if len(texts) > 1 else texts[0])
    told = events(asyncio.run(heard(Streams(QUICK), part, state=SimpleNamespace())))

    assert [facts["html"] for _, _, facts in told] == ["<p>1</p>", "<p>2</p>"]


def test_a_named_event_is_where_the_next_look_goes_on() -> None:
    asked: list[str] = []

    def read(last: str) -> Sequence[Told]:
        asked.append(last)
        return [Told("figures", {}, str(int(last or 0) + 1))]

    asyncio.run(heard(Streams(QUICK), read, state=SimpleNamespace(), last="41"))

    assert asked[:3] == ["41", "42", "43"]


def test_a_stream_ends_at_once_when_the_server_leaves() -> None:
    state = SimpleNamespace(is_leaving=False)

    async def left() -> float:
        loop = asyncio.get_running_loop()
        loop.call_later(0.05, setattr, state, "is_leaving", True)
        began = loop.time()
        said = await heard(Streams(StreamRules(every=30.0)), state=state, seconds=20.0)
        assert said[-1] == b""
        return loop.time() - began

    assert asyncio.run(left()) < 2.0


def test_silence_is_broken_so_that_nobody_takes_it_for_dead() -> None:
    said = asyncio.run(heard(Streams(QUICK), state=SimpleNamespace(), seconds=0.2))

    assert said.count(b": still here\n\n") >= 2


def test_a_source_that_fails_is_told_of_and_does_not_end_the_stream() -> None:
    outcomes: list[Exception | None] = [
        Unavailable("storage_busy", "The database is busy."),
        ValueError("secret"),
        None,
    ]
    state = SimpleNamespace(is_leaving=False)

    def read(last: str) -> Sequence[Told]:
        outcome = outcomes.pop(0)
        state.is_leaving = not outcomes
        if outcome is not None:
            raise outcome
        return [Told("part", "fine")]

    rules = StreamRules(every=0.01, longest=30.0)
    told = events(asyncio.run(heard(Streams(rules), read, state=state, seconds=30.0)))

    assert told[0] == ("trouble", None, {"detail": "The database is busy."})
    assert told[1][0] == "trouble"
    assert "secret" not in str(told)
    assert told[2] == ("part", None, "fine")


def test_no_more_streams_are_open_than_may_be_and_places_are_given_back() -> None:
    streams, state = Streams(QUICK), SimpleNamespace()

    async def crowd() -> None:
        asking = [asyncio.ensure_future(heard(streams, state=state, seconds=0.1)) for _ in range(2)]
        await asyncio.sleep(0.03)
        assert streams.count == 2
        with pytest.raises(Unavailable) as refusal:
            streams.stream(request_of(state))
        assert refusal.value.code == "streams_full"
        await asyncio.gather(*asking)

    asyncio.run(crowd())

    assert streams.count == 0


def test_a_stream_does_not_live_for_ever() -> None:
    rules = StreamRules(every=0.01, longest=0.05)
    said = asyncio.run(heard(Streams(rules), state=SimpleNamespace(), seconds=20.0))

    assert said[-1] == b""
