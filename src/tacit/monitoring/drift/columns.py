"""What is compared: every feature as a column of cells, one or several for each event or list (pure).

Nothing here looks ahead: what is said of an event rests on what came before it.  So an event of the window and one of
the reference were measured alike, and a comparison made now means what one made then would have meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from scipy.spatial.distance import cdist

from tacit.monitoring.drift.effects import Geometry
from tacit.monitoring.drift.happenings import IMPORTED, Codes, Happenings, Items, Longs, Shown

CELLS = 128
"""Cells of a number: a Kolmogorov-Smirnov distance between them is off by less than a hundredth."""
TASTES = 24
"""Cells of a taste: as many neighbourhoods of item vectors."""
MOST_CATEGORIES = 48
"""Categories with cells of their own; the rarer ones share the last."""
MEMORY = 10_000
"""Events that count for how popular an item is at a moment."""
YOUNG = 5_000
"""Events for which an item is new once it was first chosen."""
_STEP = 256
"""Events after which that is counted anew."""
_NONE: NDArray[np.float64] = np.zeros(0)


@dataclass(frozen=True)
class Column:
    """One feature of everything that happened.

    Attributes:
        name: The feature's.
        at_ms: `(units,)`, when each event or list was, never falling.
        cells: `(entries,)` int32, the cells of all units one after the other.
        starts: `(units + 1,)`, where the entries of each unit begin; `None` where each has just one.
        geometry: How the cells lie to each other.
        labels: What each cell is called.
        unit: What is counted: `events` or `lists`.
    """

    name: str
    at_ms: Longs
    cells: Codes
    geometry: Geometry
    labels: tuple[str, ...]
    starts: Longs | None = None
    unit: str = "events"

    def __len__(self) -> int:
        return len(self.at_ms)

    def between(self, first: int, end: int) -> Codes:
        """The cells of some units."""
        return self.cells[first:end] if self.starts is None else self.cells[self.starts[first] : self.starts[end]]

    def owners(self, first: int, end: int) -> Longs:
        """To which unit each of these cells belongs, counted from the first."""
        if self.starts is None:
            return np.arange(end - first, dtype=np.int64)
        sizes = np.diff(self.starts[first : end + 1])
        return np.repeat(np.arange(end - first, dtype=np.int64), sizes)


def popularity(events: Happenings) -> Column:
    """How popular what was chosen is: the share of the choices before that went to items chosen more often."""
    places = _places(events.items)
    return _ordered("popularity", events.at_ms, places, edges=np.linspace(0, 1, 33)[1:-1])


def new_items(events: Happenings) -> Column:
    """Whether the item was first chosen no longer ago than the latest `YOUNG` events."""
    _, first, place = np.unique(events.items, return_index=True, return_inverse=True)
    is_young = np.arange(len(events)) - first[place] < YOUNG
    return _yes_no("new_items", events.at_ms, is_young, labels=("known item", "new item"))


def new_users(events: Happenings) -> Column:
    """Whether the user was there for the first time."""
    return _yes_no("new_users", events.at_ms, _first_times(events.users), labels=("known user", "new user"))


def activity(events: Happenings) -> Column:
    """How long ago the user was here before: never, or so many seconds."""
    gaps = _returns(events)
    return _ordered("activity", events.at_ms, gaps, edges=_quantiles(gaps[np.isfinite(gaps)]))


def pace(events: Happenings) -> Column:
    """How long ago anybody was here before, which is how much goes on."""
    gaps = np.diff(events.at_ms, prepend=events.at_ms[:1]) / 1_000
    edges = _quantiles(gaps)
    cells = np.searchsorted(edges, gaps, side="right").astype(np.int32)
    sums, sizes = np.bincount(cells, gaps, len(edges) + 1), np.bincount(cells, minlength=len(edges) + 1)
    geometry = Geometry("amount", amounts=sums / np.maximum(1, sizes))
    return Column("pace", events.at_ms, cells, geometry, tuple(_spans(edges)))


def types(events: Happenings) -> Column:
    """What kinds of event there are; of what was imported, nobody knows."""
    if IMPORTED in events.type_names:
        events = events.only(events.types != events.type_names.index(IMPORTED))
    return Column("types", events.at_ms, events.types, Geometry("nominal"), events.type_names)


def values(events: Happenings) -> Column:
    """Amounts: stars, seconds, plays."""
    held = np.isfinite(events.values)
    found = events.values[held]
    return _ordered("values", events.at_ms[held], found, edges=_quantiles(found))


def categories(events: Happenings, items: Items) -> Column:
    """Which categories are chosen; an item of several counts for each."""
    counted = np.zeros(max(1, len(items.category_names)), np.int64)
    described = [items.categories.get(int(item), ()) for item in range(int(events.items.max(initial=-1)) + 1)]
    for item, number in zip(*np.unique(events.items, return_counts=True), strict=True):
        for each in described[item]:
            counted[each] += number
    kept = np.sort(np.argsort(-counted, kind="stable")[:MOST_CATEGORIES])
    kept = kept[counted[kept] > 0]
    place = np.full(len(counted), len(kept), np.int32)
    place[kept] = np.arange(len(kept), dtype=np.int32)
    each_item = [tuple(place[list(found)]) for found in described]
    lengths = np.array([len(each_item[item]) for item in events.items], np.int64)
    flat = np.fromiter((cell for item in events.items for cell in each_item[item]), np.int32, int(lengths.sum()))
    labels = (*(items.category_names[each] for each in kept), "others")
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Column("categories", events.at_ms, flat, Geometry("nominal"), labels, starts)


@dataclass(frozen=True)
class Neighbourhoods:
    """A version's space, cut into cells.

    Attributes:
        cells: `(items,)` int32, the cell of each item; -1 for one that the version does not know.
        distances: `(cells, cells)` between their centres.
    """

    cells: Codes
    distances: NDArray[np.float64]

    @classmethod
    def of(cls, factors: NDArray[np.float32]) -> Neighbourhoods:
        """Directions of item vectors, gathered around `TASTES` centres; rows of NaN are items that are not known."""
        used = np.flatnonzero(np.isfinite(factors).all(axis=1))
        units = factors[used].astype(np.float64)
        units /= np.maximum(1e-12, np.linalg.norm(units, axis=1, keepdims=True))
        draft, _ = kmeans2(units, min(TASTES, len(units)), minit="++", rng=np.random.default_rng(0))
        nearest = cdist(units, draft).argmin(axis=1)
        kept, places = np.unique(nearest, return_inverse=True)
        cells = np.full(len(factors), -1, np.int32)
        cells[used] = places
        return cls(cells, cdist(draft[kept], draft[kept]))


def tastes(events: Happenings, space: Neighbourhoods) -> Column:
    """Where in a version's space what is chosen lies: its neighbourhoods, at their distances."""
    is_known = events.items < len(space.cells)
    cells = np.where(is_known, space.cells[np.where(is_known, events.items, 0)], -1).astype(np.int32)
    held = cells >= 0
    labels = tuple(f"neighbourhood {number}" for number in range(1, len(space.distances) + 1))
    return Column("tastes", events.at_ms[held], cells[held], Geometry("metric", space.distances), labels)


def sources(shown: Shown) -> Column:
    """Which steps of the chain answer."""
    return Column("sources", shown.at_ms, shown.sources, Geometry("nominal"), shown.source_names, unit="lists")


def degraded(shown: Shown) -> Column:
    """Whether a list was not the one we wanted to give."""
    return _yes_no("degraded", shown.at_ms, shown.degraded, labels=("as wanted", "degraded"), unit="lists")


def clicks(shown: Shown) -> Column:
    """Whether a list that was shown to somebody known was clicked."""
    known = shown.known
    return _yes_no("ctr", shown.at_ms[known], shown.clicked[known], labels=("not clicked", "clicked"), unit="lists")


def _ordered(name: str, at_ms: Longs, found: NDArray[np.float64], *, edges: NDArray[np.float64]) -> Column:
    cells = np.searchsorted(edges, found, side="right").astype(np.int32)
    return Column(name, at_ms, cells, Geometry("ordered"), tuple(_spans(edges)))


def _spans(edges: NDArray[np.float64]) -> list[str]:
    if not len(edges):
        return ["all"]
    return [f"below {edges[0]:.3g}", *(f"from {edge:.3g}" for edge in edges)]


def _yes_no(
    name: str, at_ms: Longs, found: NDArray[np.bool_], *, labels: tuple[str, str], unit: str = "events"
) -> Column:
    return Column(name, at_ms, found.astype(np.int32), Geometry("nominal"), labels, unit=unit)


def _quantiles(found: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.unique(np.quantile(found, np.linspace(0, 1, CELLS + 1)[1:-1])) if len(found) else _NONE


def _first_times(codes: Codes) -> NDArray[np.bool_]:
    is_first = np.zeros(len(codes), bool)
    is_first[np.unique(codes, return_index=True)[1]] = True
    return is_first


def _returns(events: Happenings) -> NDArray[np.float64]:
    """Seconds since each user's event before, infinite for the first."""
    order = np.lexsort((np.arange(len(events)), events.users))
    gaps = np.full(len(events), np.inf)
    same = events.users[order][1:] == events.users[order][:-1]
    gaps[order[1:][same]] = np.diff(events.at_ms[order])[same] / 1_000
    return gaps


def _places(items: Codes) -> NDArray[np.float64]:
    """For each event the share of the latest `MEMORY` events before it that went to items chosen more often; 1 for an
    item that none of them chose.
    """
    size = int(items.max(initial=-1)) + 1
    counts, found = np.zeros(size, np.int64), np.ones(len(items))
    for first in range(0, len(items), _STEP):
        end = min(len(items), first + _STEP)
        if first:
            found[first:end] = _shares_above(counts)[items[first:end]]
        counts += np.bincount(items[first:end], minlength=size)
        gone = items[max(0, first - MEMORY) : max(0, end - MEMORY)]
        counts -= np.bincount(gone, minlength=size)
    return found


def _shares_above(counts: Longs) -> NDArray[np.float64]:
    """For each item the share of the choices that went to items chosen more often; 1 for items nobody chose."""
    mass = np.bincount(counts, weights=counts)
    shares: NDArray[np.float64] = (mass.sum() - np.cumsum(mass)) / max(1.0, float(mass.sum()))
    shares[0] = 1.0
    return shares[counts]


EVENT_FEATURES: Mapping[str, Callable[[Happenings], Column]] = {
    "popularity": popularity,
    "new_items": new_items,
    "new_users": new_users,
    "activity": activity,
    "pace": pace,
    "types": types,
    "values": values,
}
"""Features that need nothing but events."""
LIST_FEATURES: Mapping[str, Callable[[Shown], Column]] = {"sources": sources, "degraded": degraded, "ctr": clicks}
"""Features of what was shown."""
