"""What keeps a server answering under load and while what it depends on hangs, wired."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, TypeVar

from tacit.monitoring import overload_metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.serving.cached_reads import READ_SECONDS
from tacit.settings import Settings

if TYPE_CHECKING:
    from tacit.adapters.breaker import Breaker
    from tacit.serving.cached_reads import Deadline
    from tacit.serving.memory_ladder import MemoryLadder

T = TypeVar("T")

_READS_AT_ONCE = 64
"""More than the server asks in at a time, so that reads are refused only while others hang."""


def keeping_to(seconds: float) -> AbstractContextManager[None]:
    """Give what the calling thread does meanwhile so many seconds."""
    from tacit.adapters.deadlines import within

    return within(seconds)


def spared_reads(dependency: str, metrics: MetricSink) -> Deadline:
    """Gives up on a read of one dependency in time; while they fail or hang, none is begun but a probe."""
    from tacit.adapters.breaker import Breaker, Share, spared
    from tacit.adapters.deadlines import Bulkhead

    bulkhead = Bulkhead(dependency, threads=_READS_AT_ONCE)
    # One hiccup of the machine fails as many as are read at once, and says nothing of the dependency.
    breaker = Breaker(rule=Share(calls=_READS_AT_ONCE), cooldown_seconds=1.0, longest_cooldown_seconds=4.0)
    watch_breaker(breaker, dependency, metrics)

    def ask_in_time(ask: Callable[[], T], /) -> T:
        return spared(breaker, dependency, lambda: bulkhead.run(ask, READ_SECONDS))

    return ask_in_time


def watch_breaker(breaker: Breaker, dependency: str, metrics: MetricSink) -> None:
    """Have it measured whether calls to a dependency are spared."""
    metrics.watch(catalogue.BREAKER_OPEN, lambda: float(not breaker.is_closed), dependency=dependency)


@contextmanager
def keeping_memory(
    settings: Settings,
    metrics: MetricSink,
    shed: Callable[[], None],
    *,
    share: Callable[[], float | None] | None = None,
) -> Iterator[MemoryLadder]:
    """Look after the memory for as long as a server runs: lists that are kept are given up first."""
    import structlog

    from tacit.adapters.host import memory_in_use
    from tacit.serving.memory_ladder import MemoryLadder, MemorySteps

    log = structlog.get_logger(__name__)

    def moved(step: int, in_use: float) -> None:
        (log.warning if step else log.info)("memory_step", step=step, share=round(in_use, 3))

    steps = MemorySteps(**settings.overload.memory.model_dump())
    ladder = MemoryLadder(steps, share or memory_in_use, metrics, moved=moved)
    ladder.shedding(shed)
    ladder.start()
    try:
        yield ladder
    finally:
        ladder.stop()
