"""Work that is done again and again while a server runs, each kind in a thread of its own that no failure ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tacit.errors import TacitError

_FAREWELL_SECONDS = 10


def now_ms() -> int:
    """The time, in milliseconds since 1970, UTC."""
    return int(time.time() * 1_000)


@contextmanager
def repeated(
    *work: Callable[[], object],
    name: str,
    every_seconds: float,
    is_begun_at_once: bool = True,
    over: threading.Event | None = None,
) -> Iterator[None]:
    """Have some work done every few seconds for as long as this is entered; where it fails, the next round tries again.

    Args:
        work: What is done, in this order; one that fails does not keep the next from being done.
        name: The thread's, and what the log calls the work where it fails: once for each row of like failures.
        every_seconds: The pause between two rounds.
        is_begun_at_once: Whether the first round comes before the first pause.
        over: Set at the end, for work that takes long enough to look.
    """
    over = over or threading.Event()
    attempts = [attempted(each, name=name) for each in work]

    def go_round() -> None:
        if not is_begun_at_once and over.wait(every_seconds):
            return
        while True:
            for attempt in attempts:
                attempt()
            if over.wait(every_seconds):
                return

    thread = threading.Thread(target=go_round, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=_FAREWELL_SECONDS)


def attempted(work: Callable[[], object], *, name: str) -> Callable[[], None]:
    """Work whose failures are told to the log, the first of each row of like ones, and end nothing."""
    import structlog

    logger = structlog.get_logger(__name__)
    last: tuple[str, str] | None = None

    def attempt() -> None:
        nonlocal last
        try:
            work()
        except Exception as problem:
            code = problem.code if isinstance(problem, TacitError) else type(problem).__name__
            told = (code, ascii(str(problem))[1:-1][:200])
            if told != last:
                logger.warning("work_failed", work=name, code=code, detail=told[1])
            last = told
        else:
            last = None

    return attempt
