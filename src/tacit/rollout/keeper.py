"""Keep the rollout that is under way: look at it, judge it, and do what may be done without anybody's word."""

from __future__ import annotations

import math

from tacit.errors import Refused
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.rollout.moving import ClockMs, Mover
from tacit.rollout.observing import Observer
from tacit.rollout.rollouts import STATES, Rollout, RolloutStore, judged
from tacit.rollout.verdicts import Verdict

PATIENCE_MS = 10_000
"""How long whoever decided to move the champion is left to do it, before another process does."""


class RolloutKeeper:
    """Looks after the rollouts of one model.  Any number of processes may run one: of each step, one makes it.

    Args:
        store: Keeps the rollouts.
        mover: Makes their steps.
        observer: Judges their stages.
        name: The model.
        clock_ms: Tells the time.
        metrics: Told where the rollout is, and what it measured beside what it may.
        patience_ms: As `PATIENCE_MS`.
    """

    def __init__(
        self,
        store: RolloutStore,
        mover: Mover,
        observer: Observer,
        *,
        name: str,
        clock_ms: ClockMs,
        metrics: MetricSink,
        patience_ms: int = PATIENCE_MS,
    ) -> None:
        self._store = store
        self._mover = mover
        self._observer = observer
        self._name = name
        self._clock_ms = clock_ms
        self._metrics = metrics
        self._patience_ms = patience_ms
        self._measured: set[str] = set()

    def tick(self) -> Rollout | None:
        """Look once, and act if need be; the rollout that is under way, or the last one where none is.

        Raises:
            Unavailable: A store cannot be asked now; nothing was done by half, and the next look takes up from there.
        """
        rollout = self._latest()
        if rollout is not None:
            self._mover.align(rollout)
            try:
                rollout = rollout if rollout.is_over else self._moved_on(rollout)
            except Refused as problem:
                if problem.code != "rollout_moved":
                    raise
                rollout = self._store.rollout(rollout.rollout_id)
        self._show_state(rollout)
        return rollout

    def _latest(self) -> Rollout | None:
        return self._store.open_of(self._name) or next(iter(self._store.rollouts(self._name, limit=1)), None)

    def _moved_on(self, rollout: Rollout) -> Rollout:
        ended = self._mover.end_if_disturbed(rollout)
        if ended is not None:
            return ended
        if rollout.state in ("flipping", "reverting"):
            is_left = self._clock_ms() - rollout.entered_ms >= self._patience_ms
            return self._mover.settle(rollout) if is_left else rollout
        verdict = self._observer.verdict(rollout, at_ms=self._clock_ms())
        if verdict is None:
            return rollout
        self._show_measures(verdict)
        after = judged(rollout, verdict, at_ms=self._clock_ms())
        return rollout if after is None else self._mover.settle(self._mover.make(after, verdict))

    def _show_state(self, rollout: Rollout | None) -> None:
        for state in STATES:
            is_here = rollout is not None and rollout.state == state
            self._metrics.set(catalogue.ROLLOUT_STATE, float(is_here), state=state)

    def _show_measures(self, verdict: Verdict) -> None:
        """Every number beside the one that it is held against; checks that were not made this time end."""
        shown = {f.gate: f.numbers for f in verdict.findings if "measured" in f.numbers}
        for gate, numbers in shown.items():
            self._metrics.set(catalogue.ROLLOUT_MEASURED, _finite(numbers["measured"]), check=gate)
            self._metrics.set(catalogue.ROLLOUT_LIMIT, _finite(numbers["limit"]), check=gate)
        for gate in self._measured - shown.keys():
            self._metrics.drop(catalogue.ROLLOUT_MEASURED, check=gate)
            self._metrics.drop(catalogue.ROLLOUT_LIMIT, check=gate)
        self._measured = set(shown)


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0
