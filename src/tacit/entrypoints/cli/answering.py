"""A process that answers until it is told to end, and then ends in time, whatever is still under way."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tacit.entrypoints.cli.exits import INTERRUPTED, OK, UNEXPECTED
from tacit.entrypoints.cli.ports import METRICS_HOST

if TYPE_CHECKING:
    from fastapi import FastAPI
    from prometheus_client import CollectorRegistry

    from tacit.bootstrap import Settings
    from tacit.bootstrap.workers import Line
    from tacit.entrypoints.api.server import ApiServer

CLOSING_SECONDS = 2.0
"""What closing everything takes at most once requests have ended; a process that takes longer is ended."""
_HATCH_SECONDS = 3.0
_LAST_SECONDS = 0.5

Addresses = dict[str, str]


@dataclass(frozen=True)
class Berth:
    """Where a process answers.

    Attributes:
        number: Which worker it is, where it is one of several.
        listener: What it listens on beside others; by itself, it listens where the settings say.
        line: Leads to its supervisor, who exports what it measures.
    """

    number: int | None = None
    listener: socket.socket | None = None
    line: Line | None = None


@dataclass(frozen=True)
class Plan:
    """How a server begins.

    Attributes:
        is_json: Whether what is said on stdout is JSON.
        is_first_start_allowed: Whether an empty home is brought to where it can serve.
        needs_champion: Whether there must be one by then.
    """

    is_json: bool
    is_first_start_allowed: bool
    needs_champion: bool = True


def answer_until_told(
    api: FastAPI,
    settings: Settings,
    registry: CollectorRegistry,
    *,
    berth: Berth,
    told: Callable[[Addresses], None],
) -> None:
    """Answer until SIGINT or SIGTERM.

    Args:
        api: What answers.
        settings: Say where and for how long.
        registry: What is measured.
        berth: Where, if not by itself.
        told: Told the addresses: a worker once it answers, a process by itself when it is sure to.
    """
    line = berth.line
    api.state.fail_after = settings.health.fail_after
    server = _server(api, settings, berth, on_started=lambda: None if line is None else say())
    with _exported(registry, settings, server, line=line) as metrics:

        def say() -> None:
            told({"pages": f"{server.address}/", "api": f"{server.address}/docs", **metrics})

        _heed(server.signalled)
        if line is None:
            say()
        server.run()
        # Whoever asks from now on asks again.  What heeds it knows nothing of the server, all of which is to go.
        _heed(_end_now if line is None else _go_on)
        if line is not None:
            # Whoever takes events waits for those readers who may still have some to hand over.
            line.last_words(_HATCH_SECONDS if settings.serving.role == "all" else 0.0)


def _server(api: FastAPI, settings: Settings, berth: Berth, *, on_started: Callable[[], None]) -> ApiServer:
    from tacit.entrypoints.api.listening import SHUTDOWN_SECONDS
    from tacit.entrypoints.api.server import ApiServer

    leave_seconds = settings.workers.leaves_within(settings.host)
    line = berth.line

    def leave() -> None:
        _end_within(leave_seconds + SHUTDOWN_SECONDS + CLOSING_SECONDS + (0 if line is None else _HATCH_SECONDS))
        if line is not None:
            line.leaving()

    return ApiServer(
        api,
        host=settings.host,
        port=settings.port,
        listener=berth.listener,
        on_started=on_started,
        leave_seconds=leave_seconds,
        on_leave=leave,
        # A worker's supervisor sees to it that it ends; told twice by both it and whoever runs it, it goes on ending.
        on_second_signal=_end_now if line is None else _go_on,
    )


def end_soon() -> None:
    """End the process, all of which is closed by now, even if a thread of it hangs, for which it would wait."""
    _end_within(_LAST_SECONDS, OK)


@contextmanager
def _exported(
    registry: CollectorRegistry, settings: Settings, server: ApiServer, *, line: Line | None
) -> Iterator[Addresses]:
    """Have what is measured seen: on a listener of our own, or through the supervisor."""
    from tacit.entrypoints.api.metrics_listener import MetricsListener

    if line is not None:
        line.watch(registry, lambda: server.still_seconds)
        yield {}
        return
    with MetricsListener(registry, METRICS_HOST, settings.metrics_on) as listener:
        yield {"metrics": f"http://{METRICS_HOST}:{listener.port}/metrics"}


def _end_within(seconds: float, code: int = UNEXPECTED) -> None:
    """End the process by then, if it has not ended by itself."""
    timer = threading.Timer(seconds, _exit, (code,))
    timer.daemon = True
    timer.start()


def _heed(act: Callable[..., None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, act)


def _end_now(*_: object) -> None:
    """What somebody wants who asks twice."""
    _exit(INTERRUPTED)


def _go_on(*_: object) -> None:
    """What a worker does that is ending already."""


def _exit(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
