"""One look at everything: each feature, the quality, the rates and the bursts of a window (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from tacit.monitoring.drift import columns
from tacit.monitoring.drift.bursts import bursts
from tacit.monitoring.drift.columns import Column
from tacit.monitoring.drift.comparing import Comparison, Rules, compare, window_since
from tacit.monitoring.drift.happenings import Happenings, Items, Longs, Shown, thinned
from tacit.monitoring.drift.quality import click_through, live_precision
from tacit.monitoring.drift.report import (
    FEATURES,
    LEARNT,
    Bar,
    Burst,
    DriftReport,
    FeatureDrift,
    Quality,
    RateChange,
    Thresholds,
)
from tacit.monitoring.drift.streams import rate_changes
from tacit.monitoring.drift.surges import surges

MEASURES = {
    "nominal": "Jensen-Shannon distance",
    "ordered": "Kolmogorov-Smirnov distance",
    "amount": "difference by sum",
    "metric": "energy distance",
}
_MOST_BARS = 6
_MOST_BURSTS = 20
_MOST_LISTS = 50_000


@dataclass(frozen=True)
class Known:
    """What is known at the moment of a look.

    Attributes:
        events: What users did, as far back as the references reach.
        shown: What they were shown.
        items: What the events' items are.
        item_ids: The id of each.
        version: The champion's number.
        holdout: Its Precision@10 on the hold-out.
        by_segment: The same for each segment of users.
        live: The share of each segment among those served in the window.
        quarantined: When each event of late was received, and whether it was set aside.
    """

    events: Happenings
    shown: Shown
    items: Items = field(default_factory=Items)
    item_ids: tuple[str, ...] = ()
    version: int | None = None
    holdout: float | None = None
    by_segment: Mapping[str, float] = field(default_factory=dict)
    live: Mapping[str, float] = field(default_factory=dict)
    quarantined: tuple[Longs, np.ndarray[tuple[int], np.dtype[np.bool_]]] | None = None


@dataclass(frozen=True)
class Choices:
    """How a look is made.

    Attributes:
        window_ms: How far back the window reaches.
        rules: How a comparison is made.
        thresholds: Which scores mean something.
    """

    window_ms: int = 86_400_000
    rules: Rules = field(default_factory=Rules)
    thresholds: Thresholds = field(default_factory=Thresholds)


def look(known: Known, choices: Choices, *, now_ms: int) -> DriftReport:
    """What has moved until now."""
    from_ms = now_ms - choices.window_ms
    drifts = {column.name: feature_drift(column, from_ms, choices) for column in all_columns(known)}
    features = tuple(drifts.get(name) or FeatureDrift(name, "not_enough_data", 0) for name in FEATURES)
    overall = choices.thresholds.overall(features)
    return DriftReport(
        at_ms=now_ms,
        from_ms=from_ms,
        to_ms=now_ms,
        reference_from_ms=from_ms - choices.rules.reference_ms,
        version=known.version,
        overall=overall,
        state=choices.thresholds.state(overall),
        features=features,
        quality=tuple(_quality(known, from_ms)),
        rates=tuple(each for each in _rates(known) if each.at_ms >= from_ms),
        bursts=tuple(_bursts(known, from_ms, choices)),
    )


def all_columns(known: Known) -> Iterator[Column]:
    """Every feature that there is something of."""
    factors = known.items.factors
    is_space = factors is not None and np.isfinite(factors).all(axis=1).sum() > 1
    space = columns.Neighbourhoods.of(factors) if factors is not None and is_space else None
    yield from event_columns(thinned(known.events), known.items, space)
    if len(known.shown):
        for draw in columns.LIST_FEATURES.values():
            yield draw(known.shown)


def event_columns(events: Happenings, items: Items, space: columns.Neighbourhoods | None) -> Iterator[Column]:
    """Every feature of events."""
    if not len(events):
        return
    for make in columns.EVENT_FEATURES.values():
        yield make(events)
    if items.category_names:
        yield columns.categories(events, items)
    if space is not None:
        yield columns.tastes(events, space)


def feature_drift(column: Column, from_ms: int, choices: Choices) -> FeatureDrift:
    """How far one feature has moved since a moment."""
    first, end = window_since(column, from_ms, choices.rules)
    found = compare(column, first, end, rules=choices.rules)
    if found is None:
        return FeatureDrift(column.name, "not_enough_data", end - first)
    return FeatureDrift(
        name=column.name,
        state=choices.thresholds.state(found.score, is_learnt=column.name in LEARNT),
        units=found.units,
        score=round(found.score, 4),
        effect=round(found.effect, 4),
        measure=MEASURES[column.geometry.scale],
        edge=round(found.null.edge, 4),
        chance=found.chance,
        p_value=found.p_value,
        cramers_v=None if found.cramers_v is None else round(found.cramers_v, 4),
        reference_units=found.reference_units,
        windows=round(found.null.windows, 1),
        season=found.season,
        bars=_bars(column, found),
    )


def _bars(column: Column, found: Comparison) -> tuple[Bar, ...]:
    moved = np.argsort(-np.abs(found.window - found.reference), kind="stable")[:_MOST_BARS]
    if column.geometry.scale in ("ordered", "amount"):
        moved = np.sort(moved)
    return tuple(
        Bar(column.labels[at], round(float(found.reference[at]), 5), round(float(found.window[at]), 5)) for at in moved
    )


def _quality(known: Known, from_ms: int) -> Iterator[Quality]:
    is_now = known.shown.at_ms >= from_ms
    now, before = known.shown.only(is_now), known.shown.only(~is_now)
    yield click_through(now, before)
    yield live_precision(now, baseline=known.holdout, by_segment=known.by_segment, live=known.live)


def _rates(known: Known) -> Iterator[RateChange]:
    shown = known.shown.only(np.arange(len(known.shown)) >= len(known.shown) - _MOST_LISTS)
    yield from rate_changes("ctr", shown.at_ms[shown.known], shown.clicked[shown.known])
    yield from rate_changes("degraded", shown.at_ms, shown.degraded)
    if known.quarantined is not None:
        yield from rate_changes("quarantined", *known.quarantined)
    for each in surges(known.events.at_ms):
        yield RateChange("events_a_day", each.seen_ms, each.before, each.after)


def _bursts(known: Known, from_ms: int, choices: Choices) -> Iterator[Burst]:
    events = thinned(known.events)
    first = int(np.searchsorted(events.at_ms, from_ms))
    if len(events) - first < choices.rules.least_units:
        return
    for each in bursts(events.items[first:], events.items[:first])[:_MOST_BURSTS]:
        name = known.items.names.get(each.item, "")
        item = known.item_ids[each.item] if each.item < len(known.item_ids) else str(each.item)
        yield Burst(item, name, each.count, round(each.expected, 3), round(each.z, 2))
