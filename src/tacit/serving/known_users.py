"""Everybody who may ask: their profiles by the version that answers, the events since, and what they chose."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from tacit.data.catalog_entries import Preferences, UserEntry
from tacit.data.event_values import Unit
from tacit.serving.cached_reads import FRESH_SECONDS, CachedReads, Deadline, Reading, no_deadline
from tacit.serving.choosers import Choosers
from tacit.serving.fresh_users import FreshUsers
from tacit.serving.ladder import Coldstart
from tacit.serving.model_pool import LoadedVersion
from tacit.serving.profiles import NO_PREFERENCES, Doings, Profile, Standing, Values, has_chosen, standing_of
from tacit.serving.retrieval import History, has_learnt

_CAPACITY = 20_000


class UserEntries(Protocol):
    """Where what users chose is read; a `CatalogStore` is one."""

    def users(self, user_ids: Sequence[str]) -> Sequence[UserEntry]:
        """The entries of some users; users without one are passed over."""
        ...


_UNASKED = Reading(NO_PREFERENCES)


@dataclass(frozen=True, slots=True)
class _Made:
    """A standing, and what it was made of."""

    doings: Doings
    standing: Standing


class _MadeOf:
    """The standings of one version's users; the version itself is held weakly."""

    def __init__(self, loaded: LoadedVersion, gone: Callable[[weakref.ref[LoadedVersion]], object]) -> None:
        self.version = weakref.ref(loaded, gone)
        self.by_user: OrderedDict[str, _Made] = OrderedDict()


class KnownUsers:
    """Makes profiles; whoever did nothing since the version was trained, and needs no choices, costs no read.

    Args:
        fresh: Knows who did something since.
        unit: What the values of the datasets served here say.
        coldstart: Up to when what somebody chose is asked for.
        entries: Keeps what users chose; without it, nobody chose anything.
        deadline: Gives up on a read in time.
        failed: Told of each read that failed.
        choices_seconds: How long what was read of choices counts without having been told of.
        choosers: Knows who may have chosen something; without it, anybody may.
    """

    def __init__(
        self,
        fresh: FreshUsers,
        *,
        unit: Unit,
        coldstart: Coldstart,
        entries: UserEntries | None = None,
        deadline: Deadline = no_deadline,
        failed: Callable[[Exception], None],
        choices_seconds: float = FRESH_SECONDS,
        choosers: Choosers | None = None,
    ) -> None:
        self._fresh = fresh
        self._choosers = choosers
        self._unit = unit
        self._coldstart = coldstart
        self._entries = entries
        self._chosen = CachedReads(
            self._preferences, NO_PREFERENCES, deadline=deadline, failed=failed, fresh_seconds=choices_seconds
        )
        self._lock = threading.Lock()
        self._made: dict[int, _MadeOf] = {}

    def told(self, user_ids: Collection[str]) -> None:
        """Hear whose events the store accepted, once it did."""
        self._fresh.told(user_ids)

    def chose(self, user_ids: Collection[str]) -> None:
        """Hear whose choices the store accepted, once it did."""
        if self._choosers is not None:
            self._choosers.told(user_ids)
        self._chosen.outdate(user_ids)

    def profile(self, loaded: LoadedVersion, user_id: str, *, coldstart: Coldstart | None = None) -> Profile:
        """Who somebody is now, as a version sees it; a store that fails costs freshness and raises nothing.

        Args:
            loaded: The version.
            user_id: Who.
            coldstart: The rungs that hold for them; the usual ones, unless told otherwise.
        """
        doings = self._fresh.doings(user_id, loaded.events_turn)
        standing = self._standing(loaded, user_id, doings.value)
        chosen = self._choices(loaded, user_id, standing, coldstart=coldstart or self._coldstart)
        is_known = user_id in loaded.model.user_rows or bool(doings.value.ever) or has_chosen(chosen.value)
        return Profile(standing, chosen.value, is_known, is_current=doings.is_current and chosen.is_current)

    def known(self, loaded: LoadedVersion, user_id: str) -> tuple[object, ...] | None:
        """What a profile rests on, without reading anything: the same objects, the same profile.

        `None` where something must be read first.
        """
        doings = self._fresh.known(user_id, loaded.events_turn)
        if doings is None:
            return None
        chosen = self._chosen.known(user_id)
        # Not known, it must not be taken for what it was when it was not known before: they may have chosen meanwhile.
        return None if chosen is None and self._asks_for_choices(loaded, user_id, doings) else (doings, chosen)

    def _asks_for_choices(self, loaded: LoadedVersion, user_id: str, doings: Doings) -> bool:
        """Whether a list may rest on what they chose, as far as that is known without working anything out."""
        if not self._may_have_chosen(user_id):
            return False
        if not doings.ever:
            row = loaded.model.user_rows.get(user_id)
            return row is None or not self._is_settled(loaded, loaded.model.history(row)[0], self._coldstart)
        kept = self._made.get(id(loaded))
        made = None if kept is None else kept.by_user.get(user_id)
        if made is None or made.doings is not doings:
            return True
        return not self._is_settled(loaded, made.standing.taste.items, self._coldstart)

    def _may_have_chosen(self, user_id: str) -> bool:
        if self._entries is None:
            return False
        return self._choosers is None or self._choosers.may_have_chosen(user_id)

    def _is_settled(self, loaded: LoadedVersion, items: History, coldstart: Coldstart) -> bool:
        """Whether enough is known of whoever met these items, whatever they chose."""
        return has_learnt(loaded.model, items, coldstart.personal_from)

    def _standing(self, loaded: LoadedVersion, user_id: str, doings: Doings) -> Standing:
        """Worked out once for whoever asks again without having done anything."""
        kept = self._made.get(id(loaded)) if doings.ever else None
        made = None if kept is None else kept.by_user.get(user_id)
        if made is not None and made.doings is doings:
            return made.standing
        values = Values(self._unit, loaded.typical_value)
        standing = standing_of(loaded.model, user_id, doings, values=values)
        if doings.ever:
            with self._lock:
                by_user = self._made_of(loaded).by_user
                by_user[user_id] = _Made(doings, standing)
                by_user.move_to_end(user_id)
                if len(by_user) > _CAPACITY:
                    by_user.popitem(last=False)
        return standing

    def _made_of(self, loaded: LoadedVersion) -> _MadeOf:
        key = id(loaded)
        if key not in self._made:
            # Standings are made of their version's files: kept, they would hold on to one that is gone.
            self._made[key] = _MadeOf(loaded, lambda _: self._made.pop(key, None))
        return self._made[key]

    def _choices(
        self, loaded: LoadedVersion, user_id: str, standing: Standing, *, coldstart: Coldstart
    ) -> Reading[Preferences]:
        """What they chose, as long as too little is known of them without."""
        if not self._may_have_chosen(user_id) or self._is_settled(loaded, standing.taste.items, coldstart):
            return _UNASKED
        return self._chosen.of(user_id)

    def _preferences(self, user_id: str) -> Preferences:
        found = () if self._entries is None else self._entries.users([user_id])
        return found[0].preferences if found else NO_PREFERENCES
