"""Users' lists kept for a while: fresh ones answer at once, stale ones where computing fails, none shows too much."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import blake2b

from tacit.errors import Unavailable
from tacit.monitoring import metrics as catalogue
from tacit.monitoring import tracing
from tacit.monitoring.interfaces import MetricSink
from tacit.monitoring.kept_series import KeptSeries
from tacit.serving.answers import Recommendation
from tacit.serving.budgets import current_budget
from tacit.serving.fallback import Outcome
from tacit.serving.interfaces import Clock
from tacit.serving.list_cache import CachedList, ListCache
from tacit.serving.rules import Rules
from tacit.serving.single_flight import SingleFlight


@dataclass(frozen=True)
class Asking:
    """A user's question, and what its answer rests on.

    Attributes:
        user_id: Who asks.
        question: What they ask, in one spelling.
        label: The version that answers: `recommender/3`.
        stamp: What else the answer rests on: the catalogue, the user's events and choices, the rules.
        allowed: Which items, by id, may be shown now.
        keeps: Whether the answer is worth keeping; one that does not know all that was accepted is not.
    """

    user_id: str
    question: str
    label: str
    stamp: str
    allowed: Callable[[Sequence[str]], AbstractSet[str]]
    keeps: bool = True

    @cached_property
    def full_stamp(self) -> str:
        """The stamp of a list of this version."""
        return f"{self.label} {self.stamp}"


@dataclass(frozen=True)
class KeptOutcome:
    """What was answered, and the version it comes from.

    Attributes:
        holds_until_ms: Until when the list counts as fresh, in milliseconds since 1970, UTC; `None` if it was not kept.
    """

    outcome: Outcome
    label: str
    holds_until_ms: int | None = None


def spelled(limit: int, rules: Rules) -> str:
    """A question in one spelling, however its parts were given."""
    return blake2b(f"{limit} {rules.spelling}".encode(), digest_size=16).hexdigest()


class KeptLists:
    """Answers from what is kept where it still holds, and has each list computed once for all who wait for it.

    Args:
        cache: Keeps the lists.
        clock: Tells the time in seconds since 1970.
        metrics: Counts.
        fresh_seconds: How long a list answers in place of a computed one.
        stale_seconds: How long it may answer where computing one fails.
    """

    def __init__(
        self,
        cache: ListCache,
        *,
        clock: Clock,
        metrics: MetricSink,
        fresh_seconds: float = 300.0,
        stale_seconds: float = 3_600.0,
    ) -> None:
        self._cache = cache
        self._clock = clock
        self._counts = KeptSeries(metrics, catalogue.LIST_CACHE)
        self._fresh_seconds = fresh_seconds
        self._stale_seconds = stale_seconds
        self._flights: SingleFlight[KeptOutcome] = SingleFlight()

    @property
    def is_immediate(self) -> bool:
        """Whether a list is found without waiting for anything but memory."""
        return self._cache.is_immediate

    def answer(self, asking: Asking, compute: Callable[[], Outcome]) -> KeptOutcome:
        """The list kept for this question if it still holds, else a computed one, else a stale one.

        A stale one comes first where there is no time or room to compute.

        Raises:
            Unavailable: `answer_unavailable` if nothing can be computed and nothing is kept.
        """
        with tracing.step("cache"):
            kept = self._kept(asking, self._fresh_seconds)
        if kept is not None and kept.stamp == asking.full_stamp and self._shows_all(asking, kept.items):
            self._counts["hit"].increment()
            outcome = Outcome(kept.source, kept.items, degraded=False)
            return KeptOutcome(outcome, asking.label, self._fresh_until(kept.stored_at_ms))
        budget = current_budget()
        if budget.is_tight:
            stale = self._stale(asking)
            if stale is not None:
                return stale
        key = (asking.user_id, asking.question, asking.full_stamp)
        return self._flights.run(key, partial(self._computed, asking, compute), seconds=budget.soft_left)

    def shed(self) -> None:
        """Give up what is kept in this process."""
        self._cache.shed()

    def told(self, user_ids: Collection[str]) -> None:
        """Forget the lists of users whose events the store accepted."""
        self._cache.drop(*user_ids)

    def _computed(self, asking: Asking, compute: Callable[[], Outcome]) -> KeptOutcome:
        try:
            outcome = compute()
        except Unavailable:
            stale = self._stale(asking)
            if stale is None:
                raise
            return stale
        if outcome.degraded and outcome.source != "personal":
            return self._stale(asking) or KeptOutcome(outcome, asking.label)
        self._counts["miss"].increment()
        if asking.keeps and not outcome.degraded:
            now_ms = int(self._clock() * 1_000)
            self._cache.put(
                asking.user_id,
                asking.question,
                CachedList(asking.full_stamp, outcome.source, outcome.items, now_ms),
            )
            return KeptOutcome(outcome, asking.label, self._fresh_until(now_ms))
        return KeptOutcome(outcome, asking.label)

    def _fresh_until(self, stored_at_ms: int) -> int:
        return stored_at_ms + int(self._fresh_seconds * 1_000)

    def _stale(self, asking: Asking) -> KeptOutcome | None:
        """What is left of an old list once nothing is shown that may not be shown now."""
        kept = self._kept(asking, self._stale_seconds)
        if kept is None:
            return None
        allowed = asking.allowed([item.item_id for item in kept.items])
        items = tuple(item for item in kept.items if item.item_id in allowed)
        if not items:
            return None
        self._counts["stale"].increment()
        return KeptOutcome(Outcome(kept.source, items, degraded=True), kept.stamp.partition(" ")[0])

    def _kept(self, asking: Asking, seconds: float) -> CachedList | None:
        kept = self._cache.get(asking.user_id, asking.question)
        if kept is None or self._clock() * 1_000 - kept.stored_at_ms > seconds * 1_000:
            return None
        return kept

    def _shows_all(self, asking: Asking, items: Sequence[Recommendation]) -> bool:
        """Whether every item of a list may still be shown: time alone hides an item that expires."""
        shown = [item.item_id for item in items]
        return len(asking.allowed(shown)) == len(shown)
