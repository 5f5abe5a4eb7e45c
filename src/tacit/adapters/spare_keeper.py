"""Keeps one process standing by, of which those that begin are copies."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import structlog

from tacit.adapters.spare_process import SpareProcess
from tacit.adapters.worker_line import LineEnd
from tacit.adapters.worker_process import WorkerProcess
from tacit.serving.restarts import Ended, RestartRules, pause_before_next

log = structlog.get_logger(__name__)

SILENT_SECONDS = 3.0
"""A prepared one that was not heard of for so long is stopped, or worse."""
LOADING_SECONDS = 10.0
"""So long after its start it is waited for while it loads: a start from nothing beside it would delay both."""
LOADING_SILENT_SECONDS = 15.0
"""The same of one that loads, and says so after each part."""
UNSTARTED_SECONDS = 2.0
_REMEMBERED = 100

SpawnSpare = Callable[[float], SpareProcess]
"""Starts a spare one at a moment of the supervisor's clock."""


class SpareKeeper:
    """Sees that two stand by: one that loaded, and a copy of it, for when that ends.

    Args:
        spawn: Starts one from nothing; `None` where there is to be none.
        rules: How often one may end before another is made less often: as with a worker, only that it does not serve.
    """

    def __init__(self, spawn: SpawnSpare | None, rules: RestartRules) -> None:
        self._spawn = spawn
        self._rules = rules
        self._spares: list[SpareProcess] = []
        self._next_at = 0.0
        self._ends: deque[Ended] = deque(maxlen=_REMEMBERED)

    def prepared(self) -> list[int]:
        """The processes that can be copied."""
        return [each.pid for each in self._spares if each.is_prepared]

    def is_loading(self, now: float) -> bool:
        """Whether there is none to be copied, but soon will be."""
        if not self._spares:
            return self._spawn is not None and now >= self._next_at
        return not self.prepared() and any(
            now - each.began < LOADING_SECONDS and now - each.heard_at < SILENT_SECONDS for each in self._spares
        )

    def lines(self) -> dict[LineEnd, SpareProcess]:
        """What to listen to, and who speaks there."""
        return {each.line: each for each in self._spares if not each.line.is_over}

    def keep(self, now: float) -> None:
        """Have as many as there are to be, and end those that are of no use."""
        self._drop(now)
        if self._spawn is not None and now >= self._next_at and len(self._spares) < 2:
            try:
                self._add(self._spawn, now)
            except OSError as problem:
                log.warning("spare_worker_unstarted", detail=str(problem)[:200])
                self._next_at = now + UNSTARTED_SECONDS

    def copied(self, number: int, now: float) -> WorkerProcess | None:
        """A copy, to serve in the place of a number; `None` where there is none to be had."""
        for each in [each for each in self._spares if each.is_prepared and self._is_useful(each, now)]:
            try:
                return each.copied(number, now)
            except OSError as problem:
                log.warning("spare_worker_mute", pid=each.pid, detail=str(problem)[:200])
                self._give_up(each, now)
        return None

    def forgive(self, now: float) -> None:
        """Their silence up to now says nothing."""
        for each in self._spares:
            each.heard_at = now

    def leave(self) -> None:
        """Have them make no more copies, and let go of the port: whoever came would wait there for nobody.

        They stay to say how their copies end.
        """
        self._spawn = None
        for each in self._spares:
            if each.is_prepared:
                each.line.say(asked="leave")
            else:
                each.kill()

    def end(self) -> None:
        """Have none any more."""
        self._spawn = None
        while self._spares:
            spare = self._spares.pop()
            spare.kill()
            spare.close()

    def _add(self, spawn: SpawnSpare, now: float) -> None:
        if self._spares and self._spares[0].is_prepared:
            try:
                self._spares.append(self._spares[0].twin(now))
            except OSError:
                self._drop(now)  # it may have ended just now, and another one is wanted at once
                if self._spares:
                    raise
        if not self._spares:
            self._spares.append(spawn(now))

    def _drop(self, now: float) -> None:
        for each in [each for each in self._spares if not self._is_useful(each, now)]:
            self._give_up(each, now)

    def _is_useful(self, spare: SpareProcess, now: float) -> bool:
        longest = SILENT_SECONDS if spare.is_prepared else LOADING_SILENT_SECONDS
        return spare.code() is None and not spare.is_mute and now - spare.heard_at <= longest

    def _give_up(self, spare: SpareProcess, now: float) -> None:
        """Another one at once, but not if those before were of no use either: each takes seconds of a processor."""
        spare.kill()
        spare.close()
        log.warning("spare_worker_ended", pid=spare.pid, was_prepared=spare.is_prepared)
        self._spares.remove(spare)
        self._ends.append(Ended(now, now - spare.began if spare.is_prepared else None))
        self._next_at = now + pause_before_next(self._ends, self._rules, now)
