"""Connections that nobody uses are closed in time, though their clock is not set anew by every answer."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tacit.entrypoints.api.http_protocol import HttpProtocol

SECONDS = 5


class Loop:
    """Remembers what it is to do later."""

    def __init__(self) -> None:
        self.later: list[float] = []

    def call_later(self, seconds: float, _: Callable[[], object]) -> Any:
        self.later.append(seconds)
        return SimpleNamespace(cancel=lambda: None)


class Connection(HttpProtocol):
    """A connection on which something came so many seconds ago."""

    def __init__(self, silent_seconds: float) -> None:
        self.loop: Any = Loop()
        self.closed = self.resumed = 0
        self.timeout_keep_alive, self.timeout_keep_alive_task = SECONDS, None
        self.server_state: Any = SimpleNamespace(total_requests=0)
        self.pipeline: Any = ()
        self.flow: Any = SimpleNamespace(read_paused=False, resume_reading=self._resume)
        self.transport: Any = SimpleNamespace(is_closing=lambda: False, close=self._close)
        self._pace: Any = SimpleNamespace(silent_seconds=silent_seconds)

    def _close(self) -> None:
        self.closed += 1

    def _resume(self) -> None:
        self.resumed += 1


def test_the_clock_is_set_by_the_first_answer_alone() -> None:
    connection = Connection(0.0)

    for _ in range(3):
        connection.on_response_complete()

    assert connection.loop.later == [SECONDS]
    assert connection.server_state.total_requests == 3


def test_a_connection_that_was_not_read_is_read_again_after_its_answer() -> None:
    connection = Connection(0.0)
    connection.on_response_complete()
    connection.resumed, connection.flow.read_paused = 0, True

    connection.on_response_complete()

    assert connection.resumed == 1


@pytest.mark.parametrize(("silent", "closed", "later"), [(1.5, 0, [3.5]), (5.0, 1, []), (60.0, 1, [])])
def test_a_connection_is_closed_once_nothing_came_for_long_enough(
    silent: float, closed: int, later: list[float]
) -> None:
    connection = Connection(silent)

    connection.timeout_keep_alive_handler()

    assert (connection.closed, connection.loop.later) == (closed, later)
