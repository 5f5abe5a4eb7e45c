"""Sides that a test can measure: they run in processes of their own."""

from __future__ import annotations

import time

import numpy as np

from benchmarks._meter import Meter


def waiting(meter: Meter, *, seconds: float, megabytes: int) -> dict[str, float]:
    """Hold some memory, take as much again on the clock, and wait with the clock standing still."""
    started = time.perf_counter()
    before = np.ones(megabytes << 17)
    with meter.running():
        inside = np.ones(megabytes << 17)
        with meter.paused():
            time.sleep(seconds)
    return {"total": float(before.sum() + inside.sum()), "elapsed": time.perf_counter() - started}


def failing(meter: Meter) -> None:
    """End badly."""
    raise RuntimeError(f"no such luck on {meter.wall} seconds")
