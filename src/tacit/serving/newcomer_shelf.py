"""The items that the version learnt no factors for, prepared off the request path and handed to it whole."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tacit.data.catalog import Item
from tacit.data.event_effects import MILLIONTHS, AppliedEvent, rated_at
from tacit.data.event_values import Unit, value_beside
from tacit.data.ingestion import EventStore
from tacit.models.recommender.engines.interfaces import Floats
from tacit.serving.live_catalogue import LiveCatalogue
from tacit.serving.model_pool import LoadedVersion
from tacit.serving.newcomer_factors import Audience, NewcomerFactors
from tacit.serving.newcomers import Newcomers, Positions

MOST = 5_000
"""Newcomers at most: the newest that the version does not know, then the most met of those it learnt nothing of."""

_LISTENERS = 1_000
"""Users at most whose events with one newcomer count."""

_MOST_HEARD = 4 * MOST
"""Items the version does not know whose listeners are remembered: ids that nobody tells of must not fill memory."""

_VERSIONS = 8
"""Versions at most whose newcomers are kept: those that answer or are asked in secret, and those about to."""

_PAGE = 1_000
"""Events read at a time: a little every now and then, so that following them never slows taking them in."""


@dataclass(frozen=True, slots=True)
class _Met:
    """What one user's events with one item come to so far."""

    base: float = 0.0
    weight: int = 0
    rated: tuple[int, int, float] | None = None

    def __add__(self, applied: AppliedEvent) -> _Met:
        rated = rated_at(applied.logged)
        is_later = rated is not None and (self.rated is None or rated > self.rated)
        return _Met(self.base, self.weight + applied.weight, rated if is_later else self.rated)


@dataclass(frozen=True, slots=True)
class _Taken:
    """What an item is taken for, until it is heard or told of again."""

    item: Item
    factors: Floats
    is_heard: bool


class _Prepared:
    """What is known of the newcomers to one version, so far."""

    def __init__(self, loaded: LoadedVersion) -> None:
        self.loaded = loaded
        self.factors = NewcomerFactors(loaded.model, loaded.labels)
        self.read_to = loaded.events_turn
        self.is_behind = True
        self.met: dict[str, dict[int, _Met]] = {}
        self.heard_unknown = 0
        self.worked_out: dict[str, _Taken] = {}
        self.newcomers: Newcomers | None = None


class NewcomerShelf:
    """Follows the catalogue and the events, and prepares a version's newcomers whenever one of the two moved.

    Args:
        store: What events amount to.
        unit: What the values of the datasets served here say.
        live: The catalogue as it is now; without it there are only the items that the version knows.
        most: How many newcomers there may be.
    """

    def __init__(self, store: EventStore, *, unit: Unit, live: LiveCatalogue | None = None, most: int = MOST) -> None:
        self._store = store
        self._unit = unit
        self._live = live
        self._most = most
        self._lock = threading.Lock()
        self._prepared: tuple[_Prepared, ...] = ()

    @property
    def revision(self) -> int:
        """The revision of the catalogue as it is now."""
        return 0 if self._live is None else self._live.revision

    def current(self, loaded: LoadedVersion) -> Newcomers | None:
        """A version's newcomers, as they were prepared last; `None` until they are."""
        for each in self._prepared:
            if each.loaded is loaded:
                return each.newcomers
        return None

    def gone(self, loaded: LoadedVersion, newcomers: Newcomers) -> Positions:
        """Positions of newcomers that must no longer be shown, whenever they were prepared."""
        return newcomers.gone(self._unknown(loaded))

    def refresh(self, loaded: LoadedVersion) -> bool:
        """Read a page of events, and prepare anew if that or the catalogue brought anything; whether there is more.

        Raises:
            Unavailable: The store cannot be read now.
        """
        with self._lock:
            prepared = next((each for each in self._prepared if each.loaded is loaded), None) or _begun(loaded)
            revision, unknown = self.revision, self._unknown(loaded)
            heard = self._hear(prepared) if unknown or _has_thin_items(loaded) else False
            before = prepared.newcomers
            if heard or before is None or before.unknown is not unknown or before.revision != revision:
                prepared.newcomers = self._made(prepared, unknown, revision)
            # The versions that answer keep their newcomers while others are prepared.
            others = tuple(each for each in self._prepared if each is not prepared)
            self._prepared = (*others[1 - _VERSIONS :], prepared)
            return prepared.is_behind

    def forget(self, loaded: LoadedVersion) -> None:
        """Let go of a version that answers no longer."""
        with self._lock:
            self._prepared = tuple(each for each in self._prepared if each.loaded is not loaded)

    def _unknown(self, loaded: LoadedVersion) -> Sequence[Item]:
        return () if self._live is None else self._live.newcomers(loaded)

    def _hear(self, prepared: _Prepared) -> bool:
        """Take in the next events; whether one of them is with an item without factors."""
        page = self._store.applied(prepared.read_to, limit=_PAGE)
        prepared.is_behind = len(page) == _PAGE
        heard = {each.logged.event.item_id for each in page if _heard(prepared, each)}
        for item_id in heard:
            prepared.worked_out.pop(item_id, None)
        if page:
            prepared.read_to = page[-1].turn
        return bool(heard)

    def _made(self, prepared: _Prepared, unknown: Sequence[Item], revision: int) -> Newcomers:
        model = prepared.loaded.model
        newest = self._newest_first(unknown)[: self._most]
        thin = np.arange(len(model.item_factors), len(model.items))
        thin = thin[np.argsort(-model.listeners[thin], kind="stable")][: self._most - len(newest)]
        positions = np.sort(thin)
        items = (*(model.items[at] for at in positions.tolist()), *newest)
        taken = [self._taken(prepared, item) for item in items]
        prepared.worked_out = {each.item.item_id: each for each in taken}
        behind = np.arange(len(newest)) + len(model.items)
        return Newcomers(
            prepared.loaded.label,
            revision,
            items,
            np.concatenate((positions, behind)).astype(np.intp),
            np.array([each.factors for each in taken], np.float32).reshape(len(taken), model.item_factors.shape[1]),
            np.array([each.is_heard for each in taken], bool),
            unknown,
        )

    def _taken(self, prepared: _Prepared, item: Item) -> _Taken:
        """What an item is taken for, worked out once until something new is known of it."""
        before = prepared.worked_out.get(item.item_id)
        if before is not None and before.item == item:
            return before
        return _Taken(item, *prepared.factors.of(item, self._audience(prepared, item.item_id)))

    def _newest_first(self, unknown: Sequence[Item]) -> list[Item]:
        live = self._live
        if live is None:
            return []
        entries = [live.entry(item.item_id) for item in unknown]
        told = [0 if entry is None else entry.updated_at_ms for entry in entries]
        return [unknown[at] for at in sorted(range(len(told)), key=lambda at: (-told[at], at))]

    def _audience(self, prepared: _Prepared, item_id: str) -> Audience | None:
        met = prepared.met.get(item_id)
        if not met:
            return None
        typical = prepared.loaded.typical_value
        values = {
            user: value_beside(
                each.base,
                each.weight / MILLIONTHS,
                None if each.rated is None else each.rated[2],
                unit=self._unit,
                typical=typical,
            )
            for user, each in met.items()
        }
        users = sorted(user for user, value in values.items() if value > 0)
        return Audience(np.array(users, np.int32), np.array([values[user] for user in users], np.float32))


def _has_thin_items(loaded: LoadedVersion) -> bool:
    return len(loaded.model.items) > len(loaded.model.item_factors)


def _begun(loaded: LoadedVersion) -> _Prepared:
    """Whom a version's own history knows to have met its items without factors."""
    prepared = _Prepared(loaded)
    model = prepared.loaded.model
    rows = np.flatnonzero(model.indices >= len(model.item_factors))
    users = np.searchsorted(model.indptr, rows, side="right") - 1
    for row, user in zip(rows.tolist(), users.tolist(), strict=True):
        met = prepared.met.setdefault(model.items[int(model.indices[row])].item_id, {})
        if len(met) < _LISTENERS:
            met[user] = _Met(base=float(model.values[row]))
    return prepared


def _heard(prepared: _Prepared, applied: AppliedEvent) -> bool:
    """Add an event, if it is with an item without factors and of a user who has some."""
    model, event = prepared.loaded.model, applied.logged.event
    item, user = model.item_rows.get(event.item_id), model.user_rows.get(event.user_id)
    if user is None or (item is not None and item < len(model.item_factors)):
        return False
    if item is None and event.item_id not in prepared.met:
        if prepared.heard_unknown >= _MOST_HEARD:
            return False
        prepared.heard_unknown += 1
    met = prepared.met.setdefault(event.item_id, {})
    if user not in met and len(met) >= _LISTENERS:
        return False
    met[user] = met.get(user, _Met()) + applied
    return True
