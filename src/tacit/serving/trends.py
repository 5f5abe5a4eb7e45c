"""What rose lately: who met what in the last days, fading, beside how popular it was when the version learnt (pure)."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tacit.data.event_effects import Meetings
from tacit.models.recommender.model import RecommenderModel
from tacit.serving.interfaces import Clock
from tacit.serving.model_pool import LoadedVersion
from tacit.serving.retrieval import Retrieved

PAGE = 2_000
"""Events read at once, so that whoever writes them waits for little."""

MOST_EVENTS = 200_000
"""How many of the latest events count at most."""

MOST_NEW = 50_000
"""How many events are read at each later look; of more an evenly spread part, which says as well what rises."""

_HALF_LIVES = 7
"""What is older than so many half-lives, less than a hundredth of its weight, is forgotten."""


class AppliedEvents(Protocol):
    """What is asked; an `EventStore` is one."""

    @property
    def last_turn(self) -> int:
        """The turn of the event applied last."""
        ...

    def meetings(self, after_turn: int, *, limit: int) -> Meetings:
        """Who met what after a turn, in the order in which that was applied, at most so many."""
        ...


@dataclass(frozen=True, slots=True)
class Trending:
    """How a trending chart is made.

    Attributes:
        half_life_hours: After how long a meeting counts half.
        min_users: Items that fewer users met lately do not trend: a few people cannot put one there.
        patience_seconds: How old what was read may be before the chart is not believed any longer.
    """

    half_life_hours: float = 24.0
    min_users: int = 3
    patience_seconds: float = 60.0


class Trends:
    """Follows applied events by asking now and then, and keeps who met what lately.

    Every user counts once for an item, however often they met it, by when they met it last; what somebody disliked or
    skipped counts for nothing.

    Args:
        store: What events amount to.
        rules: How the chart is made.
        clock: Tells the time in seconds since 1970.
        most: How many of the latest events are read back at the start, and meetings kept.
    """

    def __init__(self, store: AppliedEvents, rules: Trending, *, clock: Clock, most: int = MOST_EVENTS) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock
        self._most = most
        self._turn: int | None = None
        self._met: dict[tuple[str, str], int] = {}
        self._oldest_ms: float = math.inf
        self._read_at: float | None = None
        self._prepared: tuple[str, Retrieved] | None = None
        # Two locks, so that a store that is slow to answer holds up no question.
        self._reading = threading.Lock()
        self._changing = threading.Lock()

    @property
    def age_seconds(self) -> float:
        """Time since events were read; NaN if they never were."""
        return float("nan") if self._read_at is None else max(0.0, self._clock() - self._read_at)

    @property
    def is_current(self) -> bool:
        """Whether events were read lately enough to say what rises."""
        return self._read_at is not None and self.age_seconds <= self._rules.patience_seconds

    def refresh(self, loaded: LoadedVersion | None = None) -> None:
        """Read what was applied since, forget what has faded, and prepare the chart of a version.

        Raises:
            Unavailable: Events cannot be read now; what is known stays.
        """
        started = self._clock()
        with self._reading:
            last = self._store.last_turn
            turn, apart = self._begin(last)
            is_full = True
            while is_full:
                page = self._store.meetings(turn, limit=PAGE)
                is_full = len(page.turns) >= PAGE
                turn = self._take(page, next_after=min(last, page.turns[-1] + apart) if is_full else 0)
            self._forget(int(self._clock() * 1_000))
            self._read_at = started
        if loaded is not None:
            self._prepared = (loaded.label, self.of(loaded.model))

    def chart(self, loaded: LoadedVersion) -> Retrieved:
        """Items that rose, the steepest first: `(recent - usual) / sqrt(usual + 1)`, above 0.

        `recent` are the users who met an item lately, each counted by `2 ** (-age / half-life)`; `usual` how many that
        would be if what was met lately were met in the proportions that the version learnt.
        """
        prepared = self._prepared
        if prepared is not None and prepared[0] == loaded.label:
            return prepared[1]
        return self.of(loaded.model)

    def of(self, model: RecommenderModel) -> Retrieved:
        """The same, worked out now."""
        with self._changing:
            met = list(self._met.items())
        rows = np.array([model.item_rows.get(item_id, -1) for (_, item_id), _ in met], np.intp)
        ages = np.maximum(self._clock() * 1_000 - np.array([at for _, at in met], np.float64), 0)
        known = rows >= 0
        fading = np.exp2(-ages / (self._rules.half_life_hours * 3_600_000))
        recent = np.bincount(rows[known], fading[known], minlength=len(model.items)).astype(np.float64)
        users = np.bincount(rows[known], minlength=len(model.items))
        return _risen(model, recent, users >= self._rules.min_users)

    def _begin(self, last: int) -> tuple[int, int]:
        """After which turn to read, and how many turns to pass over between two pages, with so many applied."""
        if self._turn is None:
            self._turn = max(0, last - self._most)
            return self._turn, 0
        return self._turn, PAGE * max(0, math.ceil((last - self._turn) / MOST_NEW) - 1)

    def _take(self, page: Meetings, *, next_after: int) -> int:
        """Take a page; where the next begins, which is no earlier than `next_after`."""
        now_ms = int(self._clock() * 1_000)
        met = self._met
        with self._changing:
            for user_id, item_id, at_ms, weight in zip(page.users, page.items, page.times, page.weights, strict=True):
                if weight > 0:
                    key = (user_id, item_id)
                    # Put in anew, so that the oldest stand in front; what lies ahead of the clock is met now.
                    met[key] = max(met.pop(key, 0), min(at_ms, now_ms))
            if page.turns:
                self._turn = max(page.turns[-1], next_after)
                self._oldest_ms = min(self._oldest_ms, *page.times, now_ms)
        return self._turn or 0

    def _forget(self, now_ms: int) -> None:
        oldest = now_ms - self._rules.half_life_hours * 3_600_000 * _HALF_LIVES
        if self._oldest_ms >= oldest and len(self._met) <= self._most:
            return
        kept = [(key, at) for key, at in self._met.items() if at >= oldest]
        if len(kept) < len(self._met) or len(kept) > self._most:
            with self._changing:
                self._met = dict(kept[-self._most :])
        self._oldest_ms = min(self._met.values(), default=now_ms)


def _risen(model: RecommenderModel, recent: NDArray[np.float64], enough: NDArray[np.bool_]) -> Retrieved:
    listeners = np.asarray(model.listeners, np.float64)
    usual = recent.sum() * listeners / max(1.0, listeners.sum())
    rise = np.where(enough, (recent - usual) / np.sqrt(usual + 1), 0.0)
    risen = np.flatnonzero(rise > 0)
    best = risen[np.argsort(-rise[risen], kind="stable")]
    return Retrieved(best, rise[best].astype(np.float32))
