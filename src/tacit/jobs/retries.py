"""What becomes of a job when a try ends: nothing here knows how it was run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tacit.jobs.job import Job, Problem


@dataclass(frozen=True)
class RetryRules:
    """When a job is tried again.

    Attributes:
        tries: How often it is begun at most.
        first_seconds: The pause after the first try that failed; each further one is twice as long.
        most_seconds: The longest pause.
        jitter: Share of the pause that chance takes away, so that what failed together does not come back together.
    """

    tries: int = 3
    first_seconds: float = 30.0
    most_seconds: float = 3_600.0
    jitter: float = 0.5

    def pause(self, tries: int, chance: float) -> float:
        """Seconds to wait after so many tries, given a chance from 0 to 1."""
        doubled = self.first_seconds * 2.0 ** min(max(tries, 1) - 1, 60)
        return min(self.most_seconds, doubled) * (1 - self.jitter * chance)


@dataclass(frozen=True)
class Ending:
    """How a try ended.

    Attributes:
        outcome: What it brought; `None` if it came to nothing.
        problem: Why it came to nothing.
        is_systems_fault: Whether the same order may succeed another time: what it needed was away, or something ended
            it.  What the order itself has wrong, or what a rule forbids, is as wrong the next time.
        is_cancelled: Whether it ended because somebody asked for that.
        is_interrupted: Whether its runner was told to end; that is no failed try, and it may begin again at once.
    """

    outcome: Mapping[str, object] | None = None
    problem: Problem | None = None
    is_systems_fault: bool = False
    is_cancelled: bool = False
    is_interrupted: bool = False


def ended(job: Job, ending: Ending, *, at_ms: int, rules: RetryRules, chance: float) -> Job:
    """The job after a try: at its end, or waiting for the next one."""
    over = replace(job, claim=None, beat_at_ms=None, problem=ending.problem)
    if ending.outcome is not None:
        return replace(over, state="succeeded", outcome=ending.outcome, ended_at_ms=at_ms, step="", share=1.0)
    if ending.is_cancelled or job.cancelled_by is not None:
        return replace(over, state="cancelled", ended_at_ms=at_ms)
    if ending.is_interrupted:
        return _waiting(over, at_ms, tries=job.tries - 1)
    if ending.is_systems_fault and job.tries < rules.tries:
        return _waiting(over, at_ms + int(rules.pause(job.tries, chance) * 1_000), tries=job.tries)
    return replace(over, state="failed", ended_at_ms=at_ms)


def _waiting(job: Job, start_after_ms: int, *, tries: int) -> Job:
    return replace(job, state="queued", start_after_ms=start_after_ms, tries=tries, step="", share=0.0)
