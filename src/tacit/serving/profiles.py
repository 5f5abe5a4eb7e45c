"""Who somebody is now: the history a version was trained with, and what they did since, as one taste (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from types import MappingProxyType

import numpy as np

from tacit.data.catalog_entries import Preferences
from tacit.data.event_effects import UserItem
from tacit.data.event_values import Unit, interaction_value, value_beside
from tacit.models.recommender.folding import Against
from tacit.models.recommender.model import RecommenderModel
from tacit.serving.retrieval import History, Taste, taste_of

LEAST_VALUE = 1e-6
"""What amounts to less, for or against, says nothing; but it was met."""

NO_PREFERENCES = Preferences()


def has_chosen(preferences: Preferences) -> bool:
    """Whether somebody chose anything when asked; mostly nobody did, which is seen without comparing."""
    return preferences is not NO_PREFERENCES and preferences != NO_PREFERENCES


STRANGER = Taste(np.empty(0, np.int32), np.empty(0, np.float32))
"""Somebody of whom we know nothing."""


@dataclass(frozen=True, slots=True)
class Doings:
    """What somebody's events amount to.

    Attributes:
        since: Of those applied after the turn that a version was trained up to.
        ever: Of all of them: what speaks against an item is in no version's history, and still holds.
    """

    since: Sequence[UserItem] = ()
    ever: Sequence[UserItem] = ()


NO_DOINGS = Doings()


@dataclass(frozen=True, slots=True)
class Values:
    """What a version's values say, so that events are counted in the same unit.

    Attributes:
        unit: Plays or ratings.
        typical: The value of a typical interaction.
    """

    unit: Unit
    typical: float


@dataclass(frozen=True)
class Standing:
    """What a version's history and a user's events come to.

    Attributes:
        taste: Their history, as a version sees it.
        elsewhere: What they met that the version does not know: value by item id.
        stamp: Another one, another standing: it changes with each event.
    """

    taste: Taste
    elsewhere: Mapping[str, float] = field(default_factory=lambda: _NO_ITEMS)
    stamp: str = "-"


_NO_ITEMS: Mapping[str, float] = MappingProxyType({})
_NOWHERE = Standing(STRANGER, _NO_ITEMS)


@dataclass(frozen=True)
class Profile:
    """What is known of somebody.

    Attributes:
        standing: Their history and events.
        preferences: What they chose when asked.
        is_known: Whether anything is known of them at all.
        is_current: Whether it holds all that was accepted of them; otherwise what the version knows, or knew before.
    """

    standing: Standing
    preferences: Preferences = NO_PREFERENCES
    is_known: bool = True
    is_current: bool = True

    @property
    def taste(self) -> Taste:
        """Their history, as a version sees it."""
        return self.standing.taste

    @property
    def stamp(self) -> str:
        """Another one, another profile."""
        chosen = _digest(self.preferences) if has_chosen(self.preferences) else ""
        return self.standing.stamp + chosen


def standing_of(model: RecommenderModel, user_id: str, doings: Doings, *, values: Values) -> Standing:
    """What a user's history by a version and their events come to.

    An item of the version's history has its value there and that of the events since; any other has that of all the
    user's events.  A value of 0 or less speaks against the item.
    """
    row = model.user_rows.get(user_id)
    if row is None and not doings.ever:
        return _NOWHERE
    taste = STRANGER if row is None else taste_of(model, row)
    if not doings.ever:
        return Standing(taste, _NO_ITEMS)
    base = dict(zip(taste.items.tolist(), taste.values.tolist(), strict=True))
    found, elsewhere = dict(base), {}
    for each in doings.ever:
        at = model.item_rows.get(each.item_id)
        if at is None:
            elsewhere[each.item_id] = _alone(each, values)
        elif at not in base:
            found[at] = _alone(each, values)
    for each in doings.since:
        at = model.item_rows.get(each.item_id)
        if at in base:
            beside = value_beside(base[at], each.weight, each.rating, unit=values.unit, typical=values.typical)
            found[at] = beside
    return Standing(taste if found == base else taste_from(found), elsewhere, _stamp(doings))


def _alone(each: UserItem, values: Values) -> float:
    return interaction_value(each.weight, each.rating, unit=values.unit, typical=values.typical)


def taste_from(values: Mapping[int, float]) -> Taste:
    """The taste of somebody with these values by item position; its factors are still to be folded in."""
    items = np.array(sorted(values), np.int32)
    found = np.array([values[item] for item in items.tolist()], np.float32)
    favoured, opposed = found >= LEAST_VALUE, found <= -LEAST_VALUE
    return Taste(
        items[favoured],
        found[favoured],
        against=Against(items[opposed], -found[opposed]),
        shunned=items[~favoured],
    )


def _stamp(doings: Doings) -> str:
    """Every event changes the count of its item; weights do not count, as they may fade by themselves."""
    told = [(each.item_id, each.count, each.last_ms, each.rating) for each in (*doings.since, *doings.ever)]
    return _digest((len(doings.since), told))


def _digest(said: object) -> str:
    return blake2b(repr(said).encode(), digest_size=12).hexdigest()


def with_chosen(taste: Taste, chosen: History, value: float) -> Taste:
    """A taste to which the items somebody chose when asked are added, except those they met."""
    new = np.setdiff1d(chosen, taste.seen).astype(np.int32)
    if not len(new):
        return taste
    items = np.concatenate((taste.items, new))
    order = np.argsort(items, kind="stable")
    values = np.concatenate((taste.values, np.full(len(new), value, np.float32)))
    return Taste(items[order], values[order], against=taste.against, shunned=taste.shunned)
