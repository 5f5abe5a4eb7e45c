"""Requests put to the platform's own server in one process, past the sockets: what answering takes, and where.

The server runs as it ever does, with its event loop and all of its threads.  Beside its connections there is one of
ours, whose other end is this program: what would arrive is handed to the protocol, and what it writes is looked at.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._asking import Questions, requests_of
from benchmarks._layers import Layers, install
from benchmarks._meter import Meter

_WARM = 1_000
"""Requests of each kind that are not measured."""
_QUIET_SECONDS = 0.3
_OK = b"HTTP/1.1 200 "
_ADDRESSES = {"peername": ("127.0.0.1", 50_000), "sockname": ("127.0.0.1", 80)}


class Wire(asyncio.Transport):
    """The other end of a connection."""

    def __init__(self) -> None:
        super().__init__()
        self._said = b""
        self._more = asyncio.Event()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return _ADDRESSES.get(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._said += bytes(data)
        self._more.set()

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing is held."""

    abort = pause_reading = resume_reading = close

    def taken(self) -> bytes | None:
        """The answer, once all of it was written."""
        head, between, body = self._said.partition(b"\r\n\r\n")
        length = head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
        if not between or len(body) < int(length):
            return None
        said, self._said = self._said, b""
        return said

    async def answer(self) -> bytes:
        """The same, waited for."""
        while (said := self.taken()) is None:
            self._more.clear()
            await self._more.wait()
        return said


@contextmanager
def application(home: Path, settings: Mapping[str, object]) -> Iterator[Any]:
    """The whole application over a home, as `tacit serve` makes it."""
    from tacit.bootstrap import build, load_settings, serving
    from tacit.entrypoints.cli.logs import log_to_stderr
    from tacit.entrypoints.cli.serving import _application, _callers, _loaded

    log_to_stderr("info", is_waiting=False)
    flags = {name.replace("__", "."): value for name, value in settings.items()}
    with ExitStack() as stack:
        app = stack.enter_context(build(load_settings(flags={"home": home, **flags}, environ={})))
        parts = stack.enter_context(serving(app))
        callers = stack.enter_context(_callers(app))
        api = _application(app, parts, _loaded(parts, is_needed=True), callers=callers)
        api.state.fail_after = app.settings.health.fail_after
        yield api


def told(
    meter: Meter, *, home: str, settings: Mapping[str, object], ways: Sequence[Mapping[str, Any]], count: int
) -> dict[str, Any]:
    """Put so many requests of each way; CPU of all threads, time of each layer, both in microseconds a request."""
    from tacit.entrypoints.api.server import ApiServer

    found: dict[str, Any] = {}
    layers = Layers()
    install(layers)
    with application(Path(home), settings) as api:
        begun: list[asyncio.Task[None]] = []

        def start() -> None:
            begun.append(asyncio.get_running_loop().create_task(_put(server, layers, ways, count=count, found=found)))
            begun[0].add_done_callback(lambda _: server.stop())

        server = ApiServer(api, port=0, on_started=start)
        with meter.running():
            server.run()
        begun[0].result()
    return found


async def _put(
    server: Any, layers: Layers, ways: Sequence[Mapping[str, Any]], *, count: int, found: dict[str, Any]
) -> None:
    for way in ways:
        asked = Questions(**way["questions"])
        requests = requests_of(asked, count + _WARM, host="127.0.0.1", seed=1)
        wire = Wire()
        connection = _connected(server, wire)
        for request in requests[:_WARM]:
            await _one(connection, wire, request)
        await asyncio.sleep(_QUIET_SECONDS)
        found[way["name"]] = await _measured(connection, wire, requests[_WARM:], layers=layers)


def _connected(server: Any, wire: Wire) -> Any:
    inner = vars(server)["_server"]
    protocol = inner.config.http_protocol_class(
        config=inner.config, server_state=inner.server_state, app_state=inner.lifespan.state
    )
    protocol.connection_made(wire)
    return protocol


async def _one(connection: Any, wire: Wire, request: bytes) -> bytes:
    connection.data_received(request)
    said = await wire.answer()
    await asyncio.sleep(0)  # the turn ends, and what was put off to its end is done
    return said


async def _measured(connection: Any, wire: Wire, requests: Sequence[bytes], *, layers: Layers) -> dict[str, Any]:
    rows: list[dict[str, int]] = []
    failed = size = changes = 0
    before, turns = time.process_time(), time.thread_time()
    for request in requests:
        layers.begin()
        said = await _one(connection, wire, request)
        rows.append(layers.end())
        changes += layers.changes
        failed, size = failed + (not said.startswith(_OK)), size + len(said)
    in_loop = time.thread_time() - turns
    await asyncio.sleep(_QUIET_SECONDS)  # until threads have written down what they were told
    each = 1e6 / len(requests)
    return {
        "cpu_us": (time.process_time() - before) * each,
        "loop_cpu_us": in_loop * each,
        "layers_us": summary(rows),
        "clocks": changes / len(requests),
        "failed": failed,
        "bytes": size // len(requests),
    }


def summary(rows: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """The mean of each layer in microseconds, without the hundredth of requests that took longest: those were
    interrupted.
    """
    totals = np.array([sum(row.values()) for row in rows])
    kept = [rows[place] for place in np.argsort(totals, kind="stable")[: max(1, len(rows) - len(rows) // 100)]]
    names = sorted({name for row in kept for name in row})
    return {name: sum(row.get(name, 0) for row in kept) / len(kept) / 1e3 for name in names}
