"""The queue in front of the log never gets in the way, and accounts for every exposure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from tacit.adapters.memory import MemoryExposureLog
from tacit.errors import Unavailable
from tacit.serving.exposures import Exposure, ExposureCounts, ExposureQueue


class StubbornLog(MemoryExposureLog):
    """A log that can be told to fail, to hang, or to choke on some exposures."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = False
        self.open = threading.Event()
        self.open.set()
        self.attempts = 0

    def write(self, batch: Sequence[Exposure]) -> None:
        self.attempts += 1
        self.open.wait(10)
        if self.fails:
            raise Unavailable("database_busy", "busy")
        for each in batch:
            each.recommendation_id.encode()
        super().write(batch)


@pytest.fixture
def log() -> Iterator[StubbornLog]:
    log = StubbornLog()
    yield log
    log.open.set()


def exposure(name: object) -> Exposure:
    return Exposure(str(name), "recommender/7", None, "popular", True, ("a",), 1)


def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.005)
    return holds()


def test_what_is_recorded_is_in_the_log_within_a_second(log: StubbornLog) -> None:
    queue = ExposureQueue(log)

    queue.record(exposure(1))

    assert eventually(lambda: log.count() == 1, seconds=1.0)
    queue.close()


def test_many_records_reach_the_log_in_few_batches(log: StubbornLog) -> None:
    queue = ExposureQueue(log, flush_seconds=0.05)
    for number in range(500):
        queue.record(exposure(number))

    assert queue.close() == ExposureCounts(recorded=500, written=500)
    assert log.attempts < 50


def test_what_comes_beyond_the_capacity_is_dropped_and_counted(log: StubbornLog) -> None:
    log.open.clear()
    queue = ExposureQueue(log, capacity=10, flush_seconds=0.01)
    for number in range(25):
        queue.record(exposure(number))

    assert queue.counts() == ExposureCounts(recorded=25, dropped=15, waiting=10)
    log.open.set()
    assert queue.close().written == 10


def test_recording_does_not_wait_for_a_log_that_hangs(log: StubbornLog) -> None:
    log.open.clear()
    queue = ExposureQueue(log, capacity=1_000, flush_seconds=0.01)
    queue.record(exposure("first"))
    assert eventually(lambda: log.attempts == 1)

    started = time.perf_counter()
    for number in range(1_000):
        queue.record(exposure(number))
    seconds = time.perf_counter() - started

    assert seconds < 5
    log.open.set()
    queue.close()


def test_a_log_that_fails_gets_the_same_batch_again_when_it_has_recovered(log: StubbornLog) -> None:
    log.fails = True
    queue = ExposureQueue(log, flush_seconds=0.01)
    for number in range(5):
        queue.record(exposure(number))
    assert eventually(lambda: queue.counts().failures >= 2)

    log.fails = False

    assert eventually(lambda: log.count() == 5)
    counts = queue.close()
    assert (counts.recorded, counts.written, counts.dropped) == (5, 5, 0)


def test_a_failing_log_is_not_asked_without_pause(log: StubbornLog) -> None:
    log.fails = True
    queue = ExposureQueue(log, capacity=2, flush_seconds=0.1)
    queue.record(exposure(1))
    queue.record(exposure(2))
    time.sleep(0.35)

    assert 1 <= log.attempts <= 5
    queue.close()


def test_one_exposure_that_can_never_be_written_does_not_hold_up_the_others(log: StubbornLog) -> None:
    queue = ExposureQueue(log, flush_seconds=0.05)
    for number in range(40):
        queue.record(exposure("\ud800" if number == 17 else number))

    counts = queue.close()

    assert (counts.written, counts.dropped, counts.waiting) == (39, 1, 0)
    assert log.count() == 39


def test_closing_writes_what_waits_at_once(log: StubbornLog) -> None:
    queue = ExposureQueue(log, flush_seconds=60.0)
    queue.record(exposure(1))

    started = time.perf_counter()
    counts = queue.close()

    assert (counts.written, log.count()) == (1, 1)
    assert time.perf_counter() - started < 5.0


def test_closing_over_a_failing_log_counts_what_is_lost(log: StubbornLog) -> None:
    log.fails = True
    queue = ExposureQueue(log, flush_seconds=0.01)
    queue.record(exposure(1))

    counts = queue.close()

    assert (counts.recorded, counts.written, counts.dropped, counts.waiting) == (1, 0, 1, 0)


def test_closing_over_a_hanging_log_gives_up_in_time(log: StubbornLog) -> None:
    log.open.clear()
    queue = ExposureQueue(log, flush_seconds=0.01)
    queue.record(exposure(1))

    counts = queue.close(timeout_seconds=0.1)

    assert (counts.dropped, counts.waiting) == (1, 0)


def test_after_the_close_exposures_are_dropped_and_counted_and_nothing_raises(log: StubbornLog) -> None:
    queue = ExposureQueue(log)
    queue.close()
    queue.record(exposure(1))

    assert queue.close() == ExposureCounts(recorded=1, dropped=1)


def test_a_queue_that_is_not_used_starts_no_thread(log: StubbornLog) -> None:
    before = threading.active_count()
    queue = ExposureQueue(log)

    assert threading.active_count() == before
    queue.close()


def test_whatever_several_threads_record_adds_up(log: StubbornLog) -> None:
    queue = ExposureQueue(log, capacity=300, flush_seconds=0.001)

    def record(name: int) -> None:
        for number in range(500):
            queue.record(exposure(f"{name}/{number}"))

    threads = [threading.Thread(target=record, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = queue.close()

    assert (counts.recorded, counts.waiting) == (2_000, 0)
    assert counts.written + counts.dropped == 2_000
    assert log.count() == counts.written
