"""The keeper of jobs: asks for what is due, finds what was lost, and has what waits begun."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from tacit.errors import BadInput, Refused, Unavailable
from tacit.jobs.book import JobBook
from tacit.jobs.interfaces import JobRunner
from tacit.jobs.job import Job, Order
from tacit.jobs.schedule import Due, Past, ScheduleRules, due, in_cooldown

ACTOR = "keeper"
"""How the audit trail names it."""

_DAY_MS = 86_400_000


@dataclass(frozen=True)
class JobKeeper:
    """Does what is to be done at a moment; who calls it, and how often, is up to its host.

    Two keepers of one book do no harm: what one asked for is not due for the other.

    Attributes:
        book: The jobs.
        runner: Runs them.
        rules: What is due when.
        versions: When the first and the newest version came into being, in milliseconds; `None` if there are none.
        is_gone: Whether the runner of a name is known to have died.
        keep_days: Age at which a job that ended is forgotten.
        is_warm: Whether a refresh goes on from what the champion learnt, instead of from nothing.
    """

    book: JobBook
    runner: JobRunner
    rules: ScheduleRules
    versions: Callable[[], tuple[int, int] | None]
    is_gone: Callable[[str], bool]
    keep_days: float = 400.0
    is_warm: bool = True

    def tick(self) -> None:
        """Look once at everything.

        Raises:
            Unavailable: The store, or whoever runs jobs, cannot be reached; the next look takes up what was left.
        """
        for each in due(self.book.clock(), self.past(), self.rules):
            self._ask(each)
        self.tend()

    def tend(self) -> None:
        """Look at the jobs there are alone, and ask for none.

        Raises:
            Unavailable: As `tick`.
        """
        self.book.recover(self.is_gone)
        for job in self.book.waiting():
            self.runner.wake(job)

    def tidy(self) -> None:
        """Forget jobs past their age, and their logs."""
        gone = self.book.store.forget(self.book.clock() - int(self.keep_days * _DAY_MS))
        self.book.logs.remove(gone)

    def request_retraining(self, score: float, *, actor: str = "drift") -> Job | None:
        """Train because what users do has changed, if it has by more than the trigger.

        Args:
            score: The drift score, from 0 to 1.
            actor: Who measured it.

        Returns:
            The job; `None` if the score is no higher than the trigger, if a training waits or runs, or if one was
            asked for or ended within the cooldown.

        Raises:
            BadInput: `value_range` if it is no score.
        """
        if not (isinstance(score, (int, float)) and math.isfinite(score) and 0 <= score <= 1):
            fix = "Give a number from 0 to 1."
            raise BadInput("value_range", "A drift score is a number from 0 to 1.", field="score", fix=fix)
        past = self.past()
        is_held = past.in_flight & {"train", "full_refit"} or in_cooldown(self.book.clock(), past, self.rules)
        if score <= self.rules.drift_trigger or is_held or past.newest_version_ms is None:
            return None
        job = self._ask(Due("train", "drift"), actor=actor)
        if job is not None:
            self._woken(job)
        return job

    def past(self) -> Past:
        """What was done until now."""
        first, newest = self.versions() or (None, None)
        return Past(tuple(self.book.store.tallies()), first, newest)

    def _ask(self, each: Due, *, actor: str = ACTOR) -> Job | None:
        # A refresh may go on from what the champion learnt; a full refit begins from nothing.
        parameters = {"warm_start": "champion"} if each.kind == "train" and self.is_warm else {}
        try:
            return self.book.ask(Order(each.kind, parameters, each.why, actor))
        except Refused:
            return None  # another keeper, or a person, was faster

    def _woken(self, job: Job) -> None:
        try:
            self.runner.wake(job)
        except Unavailable:
            return  # it is queued durably, and the next look wakes it
