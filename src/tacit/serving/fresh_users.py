"""Users with events that a version does not know: told from all others in memory, so that only they cost a read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace

from tacit.data.event_effects import Decay
from tacit.data.ingestion import EventStore
from tacit.serving.cached_reads import CachedReads, Deadline, Reading, no_deadline
from tacit.serving.profiles import NO_DOINGS, Doings

_VERSIONS = 8
"""Turns that are followed: those of the versions that answer or are asked in secret, and of those about to."""


class FreshUsers:
    """Knows who did something since a version, and what.

    A version of which it is not known yet who did something since has every user read: nothing is ever taken for
    unchanged because a list of changes could not be had.

    Args:
        store: What events amount to.
        deadline: Gives up on a read in time.
        failed: Told of each read that failed.
        half_life_days: How fast the weight of events fades; unset, it does not.
        clock: Tells the time in seconds since 1970.
        capacity: How many users' reads are kept.
    """

    def __init__(
        self,
        store: EventStore,
        *,
        deadline: Deadline = no_deadline,
        failed: Callable[[Exception], None],
        half_life_days: float | None = None,
        clock: Callable[[], float] = time.time,
        capacity: int = 20_000,
    ) -> None:
        self._store = store
        self._deadline = deadline
        self._failed = failed
        self._half_life_days = half_life_days
        self._clock = clock
        self._capacity = capacity
        self._lock = threading.Lock()
        self._members: dict[int, set[str]] = {}
        self._known: set[int] = set()
        self._is_blind = False
        self._reads: dict[int, CachedReads[Doings]] = {}

    def follow(self, turn: int) -> None:
        """Find out who did something after a turn; from then on `told` keeps that up.  A failure is told of, once."""
        with self._lock:
            # Moved to the end, by one swap: those that are followed on are the last to be forgotten.
            others = {each: members for each, members in self._members.items() if each != turn}
            self._members = {**others, turn: self._members.get(turn, set())}
            if turn in self._known:
                return
        try:
            changed = {*self._store.changed_users(turn), *self._store.opposed_users()}
        except Exception as error:
            self._failed(error)
            return
        with self._lock:
            # Whoever was told of meanwhile is in the set already.
            self._members.setdefault(turn, set()).update(changed)
            self._known.add(turn)
            self._forget_all_but_the_last(turn)

    def is_followed(self, turn: int) -> bool:
        """Whether it is known who did something after a turn."""
        return turn in self._known

    def told(self, user_ids: Collection[str]) -> None:
        """Hear whose events the store accepted, once it did."""
        with self._lock:
            reads = list(self._reads.values())
            for members in self._members.values():
                members.update(user_ids)
        for read in reads:
            read.outdate(user_ids)

    def lost_sight(self, is_blind: bool) -> None:
        """Hear that nobody can tell at the moment whose events other processes applied, or that one can again."""
        self._is_blind = is_blind

    def doings(self, user_id: str, turn: int) -> Reading[Doings]:
        """What a user's events after a turn amount to, and all of them; never raises."""
        if turn in self._known and user_id not in self._members.get(turn, ()):
            return Reading(NO_DOINGS, is_current=not self._is_blind)
        reading = self._reads_since(turn).of(user_id)
        return replace(reading, is_current=False) if self._is_blind else reading

    def known(self, user_id: str, turn: int) -> Doings | None:
        """What `doings` would say without reading anything; `None` where a read is due, or nobody can tell."""
        if self._is_blind or turn not in self._known:
            return None
        if user_id not in self._members.get(turn, ()):
            return NO_DOINGS
        reads = self._reads.get(turn)
        return None if reads is None else reads.known(user_id)

    def _reads_since(self, turn: int) -> CachedReads[Doings]:
        with self._lock:
            if turn not in self._reads:
                self._reads[turn] = CachedReads(
                    lambda user_id: self._read(user_id, turn),
                    NO_DOINGS,
                    deadline=self._deadline,
                    failed=self._failed,
                    capacity=self._capacity,
                )
            return self._reads[turn]

    def _read(self, user_id: str, turn: int) -> Doings:
        decay = None if self._half_life_days is None else Decay(self._half_life_days, int(self._clock() * 1_000))
        ever = self._store.interactions_of(user_id, decay=decay)
        since = self._store.interactions_of(user_id, after_turn=turn, decay=decay) if turn else ever
        return Doings(tuple(since), tuple(ever))

    def _forget_all_but_the_last(self, turn: int) -> None:
        old = [each for each in self._members if each != turn][: 1 - _VERSIONS]
        # First that they are known: a turn without members would have everybody pass for unchanged.
        self._known.difference_update(old)
        self._members = {each: members for each, members in self._members.items() if each not in old}
        self._reads = {each: reads for each, reads in self._reads.items() if each in self._members}
