"""While the line is full: what lies ready is given, and whoever asks for another list is refused at a glance."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import httpx2
import pytest

from tacit.entrypoints.api.turn_line import TurnLine
from tacit.entrypoints.api.turnstile import Turnstile
from tacit.monitoring import metrics
from tests.shortest_ways import LIST, Running, started
from tests.stages import wait_until


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with started(tmp_path_factory.mktemp("at-a-glance") / "home") as running:
        yield running


@pytest.fixture
def asking(running: Running) -> Iterator[httpx2.Client]:
    """Somebody who was answered in the shortest way."""
    with running.asking(running.key(role="reader")) as client:
        wait_until(lambda: running.given_after(client)[1])
        yield client


@contextmanager
def full() -> Iterator[list[str]]:
    """Nobody leaves the line meanwhile; who was refused at a glance, and who was not."""
    seen: list[str] = []
    at_a_glance, looked_at = Turnstile.refuse_list, Turnstile.place_of
    lines: list[TurnLine] = []

    def has_room(line: TurnLine, share: float = 1.0) -> bool:
        line.is_full = True
        lines.append(line)
        return False

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TurnLine, "is_free", lambda *_: False)
            patch.setattr(TurnLine, "has_room", has_room)
            patch.setattr(Turnstile, "refuse_list", lambda *given: (seen.append("at a glance"), at_a_glance(*given)))
            patch.setattr(Turnstile, "place_of", lambda *given: (seen.append("read"), looked_at(*given))[1])
            yield seen
    finally:
        for line in lines:
            line.is_full = False


@pytest.fixture(scope="module")
def new_lists() -> Iterator[str]:
    """Addresses of lists that nobody asked for before."""
    return (f"{LIST}?exclude=nothing-{number}" for number in count())


def test_it_is_the_same_refusal_under_another_name(asking: httpx2.Client, new_lists: Iterator[str]) -> None:
    with full() as seen:
        read, *glances = [asking.get(next(new_lists)) for _ in range(3)]

    assert seen == ["read", "at a glance", "at a glance"]
    for other in glances:
        names = [response.headers["x-request-id"] for response in (read, other)]
        assert names[0] != names[1]
        assert (read.status_code, other.status_code, other.json()["request_id"]) == (503, 503, names[1])
        assert other.text.replace(names[1], names[0]) == read.text
        assert {**other.headers, "x-request-id": names[0]} == dict(read.headers)


def test_nobody_else_is_and_afterwards_nobody_at_all(asking: httpx2.Client, new_lists: Iterator[str]) -> None:
    with full() as seen:
        asking.get(next(new_lists))
        paths = ("/livez", "/api/v1/items/i003/similar", "/api/v1/popular")
        answers = [asking.get(path) for path in paths]
        named = asking.get(next(new_lists), headers={"x-request-id": "mine"})

    assert "at a glance" not in seen
    assert [answer.status_code for answer in answers] == [200, 503, 503]
    assert (named.status_code, named.headers["x-request-id"]) == (503, "mine")
    assert asking.get(next(new_lists)).status_code == 200


def test_a_list_that_lies_ready_is_given_though_the_line_is_full(
    running: Running, asking: httpx2.Client, new_lists: Iterator[str]
) -> None:
    with full() as seen:
        refused = asking.get(next(new_lists))
        answers = [running.given_after(asking) for _ in range(3)]

    assert refused.status_code == 503
    assert [(answer.status_code, was_ready) for answer, was_ready in answers] == [(200, True)] * 3
    assert seen == ["read"]


def test_what_lies_ready_has_so_much_of_a_turn_and_no_more(running: Running, asking: httpx2.Client) -> None:
    with full() as seen, pytest.MonkeyPatch.context() as patch:
        patch.setattr(TurnLine, "may_give", lambda *_: False)
        answer, was_ready = running.given_after(asking)

    assert (answer.status_code, was_ready, seen) == (503, False, ["read"])


def test_all_who_were_refused_are_counted(running: Running, asking: httpx2.Client, new_lists: Iterator[str]) -> None:
    def counted() -> float:
        time.sleep(0.25)  # in which all of them are told of
        return running.counted(metrics.API_ERRORS, kind="unavailable")

    before = counted()
    with full() as seen:
        refused = [asking.get(next(new_lists)).status_code for _ in range(12)]

    assert refused == [503] * 12
    assert counted() == before + 12
    assert seen == ["read"] + ["at a glance"] * 11
