"""How many jobs there are, and how long ago one succeeded, as metrics."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from tacit.errors import Unavailable
from tacit.jobs.book import JobBook
from tacit.jobs.interfaces import Tally
from tacit.jobs.job import KINDS, STATES, Kind, State
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.interfaces import MetricSink

_SECONDS = 1.0


def watch_jobs(book: JobBook, metrics: MetricSink) -> None:
    """Have the metrics of jobs say what the book says, whenever they are asked."""
    numbers = _Numbers(book)
    for kind in KINDS:
        metrics.watch(catalogue.JOB_SUCCESS_AGE, _age(numbers, kind), kind=kind)
        for state in STATES:
            metrics.watch(catalogue.JOBS, _count(numbers, kind, state), kind=kind, state=state)


class _Numbers:
    """The tallies, read once for all series; while the book cannot be read, those of before."""

    def __init__(self, book: JobBook) -> None:
        self._book = book
        self._lock = threading.Lock()
        self._tallies: Sequence[Tally] = ()
        self._read_at = -math.inf

    def now_ms(self) -> int:
        return self._book.clock()

    def tallies(self, kind: Kind) -> list[Tally]:
        with self._lock:
            if time.monotonic() - self._read_at >= _SECONDS:
                with suppress(Unavailable):  # of a store that is away, others tell
                    self._tallies = self._book.store.tallies()
                self._read_at = time.monotonic()
            return [each for each in self._tallies if each.kind == kind]


def _count(numbers: _Numbers, kind: Kind, state: State) -> Callable[[], float]:
    return lambda: float(sum(each.jobs for each in numbers.tallies(kind) if each.state == state))


def _age(numbers: _Numbers, kind: Kind) -> Callable[[], float]:
    def age() -> float:
        ends = [each.last_ended_ms for each in numbers.tallies(kind) if each.state == "succeeded"]
        last = max((end for end in ends if end is not None), default=None)
        return math.nan if last is None else (numbers.now_ms() - last) / 1_000

    return age
