"""What a look at drift needs, read from everywhere it lies: events, imports, lists, the catalogue, the champion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tacit.bootstrap.app import MODEL, App
from tacit.errors import TacitError
from tacit.monitoring.drift.happenings import IMPORTED, Happenings, Items, Longs, Shown
from tacit.monitoring.drift.looking import Known

if TYPE_CHECKING:
    from tacit.models.recommender.model import RecommenderModel
    from tacit.registry.versions import Manifest

_PAGE = 10_000
"""Events held as objects at a time."""
HISTORY = 3.0
"""How many references long the history is that is read: what calibrates lies in it."""
METRIC = "precision@10"


@dataclass
class _Gathered:
    """Events as columns that grow."""

    users: dict[str, int] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    types: dict[str, int] = field(default_factory=dict)
    rows: list[NDArray[np.float64]] = field(default_factory=list)
    received: list[Longs] = field(default_factory=list)

    def add(self, rows: Sequence[tuple[int, str, str, str, float | None]]) -> None:
        """Take some: when, who, what, of which type, how much."""
        if not rows:
            return
        columns = (
            [each[0] for each in rows],
            [self.users.setdefault(each[1], len(self.users)) for each in rows],
            [self.items.setdefault(each[2], len(self.items)) for each in rows],
            [self.types.setdefault(each[3], len(self.types)) for each in rows],
            [np.nan if each[4] is None else each[4] for each in rows],
        )
        # Milliseconds fit a float exactly until the year 287396.
        self.rows.append(np.array(columns, np.float64))

    def happenings(self) -> Happenings:
        """All of them in the order of time."""
        table = np.concatenate(self.rows, axis=1) if self.rows else np.zeros((5, 0))
        table = table[:, np.argsort(table[0], kind="stable")]
        codes = [table[row].astype(np.int32) for row in (1, 2, 3)]
        return Happenings(table[0].astype(np.int64), codes[0], codes[1], codes[2], table[4], tuple(self.types))


def known_now(app: App, *, now_ms: int) -> Known:
    """Everything that a look at this moment rests on; what is too old, or beyond the bounds, is not read."""
    chosen = app.settings.drift
    since_ms = now_ms - round(chosen.window_hours * 3_600_000) - round(HISTORY * chosen.reference_days * 86_400_000)
    settle_ms = round(chosen.settle_minutes * 60_000)
    gathered = _events(app, since_ms, chosen.most_events)
    shown = app.drift.source.shown(
        since_ms=since_ms, until_ms=now_ms - settle_ms, settle_ms=settle_ms, limit=chosen.most_lists
    )
    model, manifest = _champion(app)
    window_ms = round(chosen.window_hours * 3_600_000)
    return Known(
        events=gathered.happenings(),
        shown=shown,
        items=_items(app, gathered.items, model),
        item_ids=tuple(gathered.items),
        version=None if manifest is None else manifest.number,
        holdout=None if manifest is None else manifest.metrics.get(METRIC),
        by_segment=_by_segment(manifest),
        live={} if model is None else _live(model, shown, now_ms - window_ms),
        quarantined=_quarantined(app, gathered, since_ms),
    )


def _events(app: App, since_ms: int, most: int) -> _Gathered:
    """The latest events of a time: those applied, and before them the rows of the latest import that carry a time."""
    gathered, first_ms = _Gathered(), None
    for rows, received in _applied(app, since_ms, most):
        gathered.add(rows)
        gathered.received.append(received)
        first_ms = min([each[0] for each in rows] + ([] if first_ms is None else [first_ms]), default=None)
    for dataset in app.history.datasets()[-1:]:
        imported = app.history.recent(dataset, since_ms=since_ms, limit=most)
        kept = [each for each in imported if first_ms is None or each.at_ms < first_ms]
        gathered.add([(each.at_ms, each.user_id, each.item_id, IMPORTED, None) for each in kept])
    return gathered


def _applied(
    app: App, since_ms: int, most: int
) -> Iterator[tuple[list[tuple[int, str, str, str, float | None]], Longs]]:
    last = app.event_store.last_turn
    after = max(0, last - most)
    while after < last:
        page = app.event_store.applied(after, limit=_PAGE)
        if not page:
            return
        after = page[-1].turn
        events = [each.logged.event for each in page]
        kept = [each for each in events if each.occurred_at_ms >= since_ms]
        received = np.array([each.logged.received_at_ms for each in page], np.int64)
        yield [(each.occurred_at_ms, each.user_id, each.item_id, each.type, each.value) for each in kept], received


def _champion(app: App) -> tuple[RecommenderModel | None, Manifest | None]:
    """What answers, as far as there is one that verifies: a look needs none."""
    champion = app.registry.champion(MODEL)
    if champion is None:
        return None, None
    try:
        with app.registry.held(MODEL, champion.number) as (version, manifest):
            return app.workload.load(version.folder), manifest
    except TacitError:
        return None, None


def _items(app: App, positions: Mapping[str, int], model: RecommenderModel | None) -> Items:
    """What the catalogue says of the items, over the version that knows them."""
    from tacit.data.catalog_merging import all_entries, described

    learnt = () if model is None else (item for item in model.items if item.item_id in positions)
    names: dict[str, int] = {}
    categories: dict[int, tuple[int, ...]] = {}
    titles: dict[int, str] = {}
    for item in described(learnt, all_entries(app.catalog)):
        place = positions.get(item.item_id)
        if place is not None:
            categories[place] = tuple(names.setdefault(each, len(names)) for each in item.categories)
            titles[place] = item.title
    return Items(categories, tuple(names), _factors(positions, model), titles)


def _factors(positions: Mapping[str, int], model: RecommenderModel | None) -> NDArray[np.float32] | None:
    if model is None or not positions:
        return None
    found = np.full((len(positions), model.item_factors.shape[1]), np.nan, np.float32)
    for item_id, place in positions.items():
        row = model.item_rows.get(item_id)
        if row is not None and row < len(model.item_factors):
            found[place] = model.item_factors[row]
    return found


def _by_segment(manifest: Manifest | None) -> Mapping[str, float]:
    """What the version scored for each segment of users, as its gate record has it."""
    evaluation = {} if manifest is None else manifest.gate.get("evaluation", {})
    segments = evaluation.get("segments", {}) if isinstance(evaluation, Mapping) else {}
    return {
        str(name): float(means[METRIC])
        for name, means in segments.items()
        if isinstance(means, Mapping) and isinstance(means.get(METRIC), int | float)
    }


def _live(model: RecommenderModel, shown: Shown, from_ms: int) -> Mapping[str, float]:
    """The share of each segment among the lists shown to known users since a moment."""
    from tacit.models.recommender.ranking_metrics import segment_members

    first = int(np.searchsorted(shown.at_ms, from_ms))
    rows = [model.user_rows.get(each) for each in shown.user_ids[first:] if each is not None]
    counts = np.array([0 if row is None else model.indptr[row + 1] - model.indptr[row] for row in rows], np.int64)
    if not len(counts):
        return {}
    return {name: float(members.mean()) for name, members in segment_members(counts).items()}


def _quarantined(app: App, gathered: _Gathered, since_ms: int) -> tuple[Longs, NDArray[np.bool_]]:
    """When each event was received, and whether it was set aside."""
    aside = app.drift.source.received(since_ms=since_ms, limit=app.settings.drift.most_events)
    taken = np.concatenate([*gathered.received, np.zeros(0, np.int64)])
    at_ms = np.concatenate([taken, aside])
    order = np.argsort(at_ms, kind="stable")
    return at_ms[order], (np.arange(len(at_ms)) >= len(taken))[order]
