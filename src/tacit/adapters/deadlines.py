"""Deadlines above the drivers, which do not keep their own: whoever waits stops at the deadline, whatever hangs."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from tacit.errors import Unavailable

T = TypeVar("T")

_thread = threading.local()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give what this thread does meanwhile so many seconds, or fewer where it has fewer already.

    A deadline is a moment, so that a call made of many waits has no more time than a call made of one.
    """
    outer: float = getattr(_thread, "until", math.inf)
    _thread.until = min(outer, time.monotonic() + seconds)
    try:
        yield
    finally:
        _thread.until = outer


def remaining() -> float:
    """Seconds this thread has left: 0 when the deadline has passed, infinite where there is none."""
    until: float = getattr(_thread, "until", math.inf)
    return max(0.0, until - time.monotonic())


class Bulkhead:
    """Calls to one dependency that may hang and cannot be ended, each in a thread of its own.

    A call that misses its deadline is left behind: its thread goes on, and what it answers is handed to whoever gets
    rid of it.  At most so many threads hang at a time; beyond that, calls fail at once instead of hanging too.

    Args:
        name: The dependency, as the errors' codes call it.
        threads: The most threads at a time.
    """

    def __init__(self, name: str, *, threads: int) -> None:
        self._name = name
        self._free = threading.BoundedSemaphore(threads)

    def run(self, call: Callable[[], T], seconds: float, *, discard: Callable[[T], object] = lambda _: None) -> T:
        """What a call answers, if it does within so many seconds.

        Args:
            call: What may hang.
            seconds: How long it is waited for.
            discard: Gets rid of an answer that came too late.

        Raises:
            Unavailable: `<name>_timeout`, at the deadline, or at once if as many calls hang as may.
        """
        if seconds <= 0:
            raise self._timeout("The deadline has passed.")
        if not self._free.acquire(blocking=False):
            raise self._timeout("As many calls hang as may.")
        errand = _Errand(call, discard=discard, over=self._free.release)
        errand.start()
        if not errand.is_done_within(seconds):
            raise self._timeout(f"No answer within {seconds:.2g} s.")
        return errand.answer()

    def _timeout(self, detail: str) -> Unavailable:
        return Unavailable(f"{self._name}_timeout", detail, fix=f"See what holds the {self._name} up, and try again.")


class _Errand(Generic[T]):
    """One call in its thread, which its caller may leave behind."""

    def __init__(self, call: Callable[[], T], *, discard: Callable[[T], object], over: Callable[[], None]) -> None:
        self._call = call
        self._discard = discard
        self._over = over
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._is_left = False
        self._answers: list[T] = []
        self._error: BaseException | None = None

    def start(self) -> None:
        try:
            # A daemon: what hangs must not keep the process from ending.
            threading.Thread(target=self._run, name="errand", daemon=True).start()
        except BaseException:
            self._over()
            raise

    def is_done_within(self, seconds: float) -> bool:
        """Whether it was done in time; if not, it is left behind."""
        if self._done.wait(None if seconds == math.inf else seconds):
            return True
        with self._lock:
            # It may have come in between: then nothing is late.
            self._is_left = not self._done.is_set()
            return not self._is_left

    def answer(self) -> T:
        if self._error is not None:
            raise self._error
        return self._answers[0]

    def _run(self) -> None:
        try:
            self._answers.append(self._call())
        except BaseException as error:
            self._error = error
        finally:
            self._over()
        with self._lock:
            self._done.set()
            is_late = self._is_left and self._error is None
        if is_late:
            self._discard(self._answers[0])
