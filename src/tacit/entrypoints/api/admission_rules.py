"""What is let in, and who works on it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from tacit.entrypoints.api.pace import PaceRules
from tacit.entrypoints.api.pools import Keeping


def _unkept(_: float) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class AdmissionRules:
    """What is let in.

    Attributes:
        soft_seconds: After which a list comes from a cheaper step.
        hard_seconds: After which a request is answered that it took too long.
        least: Questions at work at once, at least.
        most: Likewise, at most.
        bounds: The most requests at work in each of the other pools, waiting for a thread included; of health, the
            most that wait for a thread, for it is always let in.
        queue_seconds: Longest that a question waits for its turn.
        reduced_limit: The longest list while some have to wait.
        threads: Threads of each pool.
        keeping: Has a thread of theirs keep to what its request has left.
        pace: How slow the other end of a connection may be.
    """

    soft_seconds: float = 0.3
    hard_seconds: float = 2.0
    least: int = 4
    most: int = 40
    bounds: tuple[tuple[str, int], ...] = (("health", 64), ("vital", 256), ("pages", 16), ("operators", 8))
    queue_seconds: float = 0.1
    reduced_limit: int = 10
    threads: tuple[tuple[str, int], ...] = (
        ("health", 2),
        ("vital", 8),
        ("answers", 40),
        ("pages", 8),
        ("operators", 4),
    )
    keeping: Keeping = _unkept
    pace: PaceRules = field(default_factory=PaceRules)
