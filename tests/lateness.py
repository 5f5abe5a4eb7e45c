"""How late a busy machine wakes its threads: measured beside a deadline, so that nothing else is blamed for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Lateness:
    """The longest a thread that wanted to sleep was kept from waking."""

    seconds: float = 0.0


@contextmanager
def lateness_measured(nap: float = 0.01) -> Iterator[Lateness]:
    """Have a thread sleep and wake beside the test; where nothing else runs, its lateness is a few milliseconds."""
    found, over = Lateness(), threading.Event()

    def sleep_and_wake() -> None:
        while not over.is_set():
            began = time.monotonic()
            time.sleep(nap)
            found.seconds = max(found.seconds, time.monotonic() - began - nap)

    sleeper = threading.Thread(target=sleep_and_wake, daemon=True)
    sleeper.start()
    try:
        yield found
    finally:
        over.set()
        sleeper.join()
