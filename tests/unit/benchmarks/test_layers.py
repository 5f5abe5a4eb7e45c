"""The clocks of the layers: one runs at a time, and each function they stand at is still there."""

from __future__ import annotations

import asyncio
import importlib
from functools import reduce
from itertools import count

import pytest

from benchmarks._inside import Wire, summary
from benchmarks._layers import POINTS, SERVER, Layers


def test_a_layer_that_asks_another_stands_still_meanwhile() -> None:
    ticks = count()
    layers = Layers(clock=lambda: next(ticks))
    inner = layers.timed("inner", lambda: None)
    outer = layers.timed("outer", lambda: (inner(), inner()))

    async def waits() -> None:
        outer()

    layers.begin()
    asyncio.run(layers.timed_coroutine("awaited", waits)())

    assert layers.end() == {SERVER: 2, "awaited": 2, "outer": 3, "inner": 2}
    assert layers.changes == 9


def test_a_layer_that_fails_is_left_all_the_same() -> None:
    layers = Layers()
    failing = layers.timed("inner", lambda: 1 / 0)

    layers.begin()
    with pytest.raises(ZeroDivisionError):
        failing()

    assert set(layers.end()) == {SERVER, "inner"}
    with pytest.raises(ZeroDivisionError):
        failing()  # nobody looks at the clocks any more


@pytest.mark.parametrize("point", [point for points in POINTS.values() for point in points])
def test_each_layer_stands_at_functions_that_are_there(point: str) -> None:
    module, _, path = point.partition(":")

    assert callable(reduce(getattr, path.split("."), importlib.import_module(module)))


def test_what_took_longest_of_a_hundred_is_left_out() -> None:
    rows = [{SERVER: 1_000, "rules": 2_000}] * 99 + [{SERVER: 9_000_000}]

    assert summary(rows) == {SERVER: 1.0, "rules": 2.0}


def test_an_answer_is_taken_from_the_wire_once_it_is_whole() -> None:
    wire = Wire()
    wire.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")

    assert wire.taken() is None
    wire.write(b"cd")
    assert (wire.taken() or b"").endswith(b"abcd")
    assert wire.taken() is None
