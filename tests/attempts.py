"""Promises about time on a machine that is busy with other things: one attempt of three must keep them."""

from __future__ import annotations

from collections.abc import Callable

ATTEMPTS = 3


def shortest(attempt: Callable[[], float], *, within: float) -> float:
    """The seconds of the fastest attempt; there is another only while none took less than was promised."""
    seconds = attempt()
    for _ in range(ATTEMPTS - 1):
        if seconds < within:
            break
        seconds = min(seconds, attempt())
    return seconds
