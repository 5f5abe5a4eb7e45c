"""Two public logs as streams of events, and shifts of known size injected into them."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

from tacit.data.readers.coco import opened
from tacit.monitoring.drift.happenings import Happenings, Items

DAY_MS = 86_400_000
FACTORS = 16


@dataclass(frozen=True)
class Stream:
    """A log, and which stretch of it counts as stable.

    Attributes:
        name: The data set's.
        events: All of it.
        items: What its items are.
        from_ms: Where the stable stretch that is looked at begins; what lies before is history.
        to_ms: Where it ends.
        reference_days: How far back a reference reaches.
    """

    name: str
    events: Happenings
    items: Items
    from_ms: int
    to_ms: int
    reference_days: float


def wikipedia(folder: Path) -> Stream:
    """A month of edits: the second half is looked at."""
    with gzip.open(folder / "jodie-wikipedia" / "wikipedia.tsv.gz") as stream:
        rows = np.loadtxt(stream, dtype=np.float64)
    events, _ = _events(rows[:, 1].astype(np.int64), rows[:, 2].astype(np.int64), (rows[:, 3] * 1_000).astype(np.int64))
    from_ms = 16 * DAY_MS
    items = Items(factors=_factors(events, from_ms))
    return Stream("jodie-wikipedia", events, items, from_ms, int(events.at_ms[-1]), 10)


def courses(folder: Path) -> Stream:
    """Enrolments: what follows the surge of early 2017 is looked at, from April on."""
    place = folder / "coco-courses"
    rows = np.vstack([_rows(place / f"{part}.txt.gz") for part in ("valid", "test")])
    rows = rows[np.argsort(rows[:, 3], kind="stable")]
    events, item_ids = _events(rows[:, 0], rows[:, 1], rows[:, 3] * 1_000)
    from_ms = moment("2017-04-01")
    known = _described(place, item_ids)
    items = replace(known, factors=_factors(events, from_ms))
    return Stream("coco-courses", events, items, from_ms, moment("2017-11-01"), 84)


STREAMS: Mapping[str, Callable[[Path], Stream]] = {"jodie-wikipedia": wikipedia, "coco-courses": courses}


def moment(day: str) -> int:
    """A day's beginning, in milliseconds since 1970, UTC."""
    return int(np.datetime64(day, "ms").astype(np.int64))


def day(at_ms: int) -> str:
    """The day that a moment lies in."""
    return str(np.datetime64(at_ms, "ms").astype("datetime64[D]"))


def _rows(path: Path) -> NDArray[np.int64]:
    with gzip.open(path) as stream:
        return np.loadtxt(stream, dtype=np.int64)


def _events(
    users: NDArray[np.int64], items: NDArray[np.int64], at_ms: NDArray[np.int64]
) -> tuple[Happenings, NDArray[np.int64]]:
    item_ids, positions = np.unique(items, return_inverse=True)
    numbers = np.unique(users, return_inverse=True)[1]
    nothing = np.full(len(at_ms), np.nan)
    kinds = np.zeros(len(at_ms), np.int32)
    events = Happenings(at_ms, numbers.astype(np.int32), positions.astype(np.int32), kinds, nothing, ("event",))
    return events, item_ids


def _described(place: Path, item_ids: NDArray[np.int64]) -> Items:
    """The categories of the courses."""
    with opened(place) as found:
        catalogue = {int(item.item_id): item.categories for item in found.catalog or ()}
    names = sorted({name for each in catalogue.values() for name in each})
    places = {name: at for at, name in enumerate(names)}
    kept = {at: tuple(places[name] for name in catalogue.get(int(item), ())) for at, item in enumerate(item_ids)}
    return Items(kept, tuple(names))


def _factors(events: Happenings, before_ms: int) -> NDArray[np.float32]:
    """Item vectors from what happened before a moment: the left singular vectors of the damped matrix of counts."""
    past = events.only(events.at_ms < before_ms)
    shape = int(events.items.max()) + 1, int(events.users.max()) + 1
    counts = csr_matrix((np.ones(len(past)), (past.items, past.users)), shape=shape)
    counts.data = np.log1p(counts.data)
    vectors, values, _ = svds(counts, k=FACTORS, random_state=0)
    found = (vectors * values).astype(np.float32)
    found[np.diff(counts.indptr) == 0] = np.nan
    return found


@dataclass(frozen=True)
class Shift:
    """What is to happen to some events.

    Attributes:
        events: Until the window's end.
        hit: Positions of those it happens to.
        rng: Draws what takes their place.
        share: How many these are, of the window's.
        stream: The log they are of.
    """

    events: Happenings
    hit: NDArray[np.int64]
    rng: np.random.Generator
    share: float
    stream: Stream


def injected(events: Happenings, share: float, *, kind: str, length: int, stream: Stream) -> Happenings:
    """The events with a share of the last `length` of them replaced: the shift is all that is new.

    Args:
        events: Until the window's end.
        share: Of the window's events, from 0 to 1; of a gap, how much of it is gone.
        kind: One of `SHIFTS`.
        length: Events of the window.
        stream: The log they are of.
    """
    rng = np.random.default_rng(round(1_000 * share) + len(events))
    first = len(events) - length
    hit = first + np.flatnonzero(rng.random(length) < share)
    return SHIFTS[kind](Shift(events, hit, rng, share, stream))


def _long_tail(shift: Shift) -> Happenings:
    """Any item of those there are, as if nobody cared what is popular."""
    return _with(
        shift.events, items=(shift.hit, shift.rng.integers(0, int(shift.events.items.max()) + 1, len(shift.hit)))
    )


def _new_items(shift: Shift) -> Happenings:
    """Fifty items that were never there."""
    return _with(
        shift.events,
        items=(shift.hit, int(shift.stream.events.items.max()) + 1 + shift.rng.integers(0, 50, len(shift.hit))),
    )


def _new_users(shift: Shift) -> Happenings:
    """Users who were never there, each once."""
    return _with(shift.events, users=(shift.hit, int(shift.stream.events.users.max()) + 1 + np.arange(len(shift.hit))))


def _one_taste(shift: Shift) -> Happenings:
    """The tenth of the items that lie nearest to one of them in the space learnt before, as popular as they are."""
    factors = shift.stream.items.factors
    assert factors is not None
    known = np.flatnonzero(np.isfinite(factors).all(axis=1))
    units = factors[known] / np.maximum(1e-9, np.linalg.norm(factors[known], axis=1, keepdims=True))
    near = known[np.argsort(-(units @ units[shift.rng.integers(len(known))]))[: max(20, len(known) // 10)]]
    counts = np.bincount(shift.events.items, minlength=len(factors))[near] + 0.1
    return _with(shift.events, items=(shift.hit, shift.rng.choice(near, len(shift.hit), p=counts / counts.sum())))


def _pace(shift: Shift) -> Happenings:
    """The same events in less time."""
    if not len(shift.hit):
        return shift.events
    at_ms, first = shift.events.at_ms.copy(), int(shift.hit[0])
    at_ms[first:] = at_ms[first] + ((at_ms[first:] - at_ms[first]) * (1 - shift.share)).astype(np.int64)
    return replace(shift.events, at_ms=at_ms)


def _with(events: Happenings, **changed: tuple[NDArray[np.int64], NDArray[np.int64]]) -> Happenings:
    columns = {name: getattr(events, name).copy() for name in changed}
    for name, (hit, found) in changed.items():
        columns[name][hit] = found
    return replace(events, **columns)


SHIFTS: Mapping[str, Callable[[Shift], Happenings]] = {
    "any item at all": _long_tail,
    "items never seen": _new_items,
    "users never seen": _new_users,
    "one neighbourhood of tastes": _one_taste,
    "more in less time": _pace,
}
"""What can happen to a window."""
