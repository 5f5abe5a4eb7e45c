"""A window against what was known before it, and against what such comparisons came to at earlier moments (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tacit.monitoring.drift.calibration import LEAST_EFFECT, Null
from tacit.monitoring.drift.columns import Column
from tacit.monitoring.drift.effects import Floats, cramers_v
from tacit.monitoring.drift.seasons import Season, season_for

DAY_MS = 86_400_000
_AHEAD = 5
"""Windows that go by before the first one that calibrates: a reference of three, and a third of what is known."""


@dataclass(frozen=True)
class Rules:
    """How a comparison is made.

    Attributes:
        least_units: Events, or lists, that a window must have.
        most_units: Those that are looked at of a larger one: the latest.
        reference_ms: How far back the reference reaches from where the window begins.
        history_ms: How far back the history reaches that calibrates, its own references among it.
        moments: At how many earlier moments the same comparison is made, at most.
        least_windows: How many windows that do not overlap must fit into the time before, or there is no telling.
        alarm: How often a stable window may reach the warning, for one feature.
        least_effect: The least excess that is worth a word.
        is_seasonal: Whether the reference is weighed as the window lies in the day and the week.
    """

    least_units: int = 100
    most_units: int = 20_000
    reference_ms: int = 56 * DAY_MS
    history_ms: int = 168 * DAY_MS
    moments: int = 160
    least_windows: float = 6.0
    alarm: float = 0.0005
    least_effect: float = LEAST_EFFECT
    is_seasonal: bool = True


@dataclass(frozen=True)
class Comparison:
    """What one feature's comparison came to.

    Attributes:
        units: Events or lists of the window.
        reference_units: Those that it was held against.
        effect: The bounded effect size, as it is.
        excess: What is left of it beyond what the window's size alone produces.
        score: 0.3 at the edge of what the history does by itself, 1 for complete change.
        chance: How often a stable window gets so far, by the history.
        p_value: That of the textbook test, which takes units for independent.
        cramers_v: Of a category, corrected for its noise; `None` for others.
        null: What the history produces.
        season: How the reference was weighed: `none`, `day` or `week`.
        window: `(cells,)`, shares of the window.
        reference: `(cells,)`, shares of the reference.
    """

    units: int
    reference_units: int
    effect: float
    excess: float
    score: float
    chance: float
    p_value: float
    cramers_v: float | None
    null: Null
    season: str
    window: Floats
    reference: Floats


def compare(column: Column, first: int, end: int, *, rules: Rules) -> Comparison | None:
    """Hold the units from `first` to `end` against what was before them; `None` where there is not enough of either."""
    size = end - first
    if size < rules.least_units:
        return None
    at_ms = column.at_ms
    start = _begins(column, first, rules)
    season = season_for(at_ms[start:first], at_ms[first:end], is_wanted=rules.is_seasonal)
    history = _History(column, season)
    moments = _moments(column, first, size=size, rules=rules)
    if moments is None:
        return None
    effects = list(_effects(history, moments, size=size, rules=rules))
    if not effects:
        return None
    null = Null.fitted(effects, windows=max(2.0, (first - moments[0]) / size), alarm=rules.alarm)
    history.move(start, first)
    window, reference = history.pair(first, end)
    if window.sum() < rules.least_units or not reference.sum():
        return None
    return _compared(column, window, reference, null=null, rules=rules, units=(size, first - start), season=season.name)


def _compared(
    column: Column,
    window: Floats,
    reference: Floats,
    *,
    null: Null,
    rules: Rules,
    units: tuple[int, int],
    season: str,
) -> Comparison:
    effect = column.geometry.effect(window, reference)
    return Comparison(
        units=units[0],
        reference_units=units[1],
        effect=effect,
        excess=null.excess(effect),
        score=null.score(effect, least=rules.least_effect),
        chance=null.chance(effect),
        p_value=column.geometry.p_value(window, reference),
        cramers_v=cramers_v(window, reference) if column.geometry.scale == "nominal" else None,
        null=null,
        season=season,
        window=window / window.sum(),
        reference=reference / reference.sum(),
    )


def window_since(column: Column, from_ms: int, rules: Rules) -> tuple[int, int]:
    """The units since a moment; of many only the latest, as far as the history before has room to calibrate them."""
    first, end = int(np.searchsorted(column.at_ms, from_ms)), len(column)
    room = max(rules.least_units, int(first / (rules.least_windows + _AHEAD)))
    return max(first, end - min(room, rules.most_units)), end


def _begins(column: Column, first: int, rules: Rules) -> int:
    """Where the reference of a window begins."""
    return int(np.searchsorted(column.at_ms, column.at_ms[first] - rules.reference_ms))


def _moments(column: Column, first: int, *, size: int, rules: Rules) -> list[int] | None:
    """Where earlier windows of this size begin; each has a reference of at least three times its size.

    The first third of what is known is left out: while it was all there was, everything was new.
    """
    start = int(np.searchsorted(column.at_ms, column.at_ms[first] - rules.history_ms))
    earliest, latest = start + max(3 * size, (first - start) // 3), first - size
    if latest - earliest < (rules.least_windows - 1) * size:
        return None
    count = int(min(rules.moments, latest - earliest + 1))
    return [int(each) for each in np.unique(np.linspace(earliest, latest, count).round())]


def _effects(history: _History, moments: list[int], *, size: int, rules: Rules) -> Iterator[float]:
    for moment in moments:
        history.move(_begins(history.column, moment, rules), moment)
        window, reference = history.pair(moment, moment + size)
        if window.sum() and reference.sum():
            yield history.column.geometry.effect(window, reference)


class _History:
    """The histogram of a stretch that only moves forward, by season."""

    def __init__(self, column: Column, season: Season) -> None:
        self.column, self._season = column, season
        self._cells = len(column.labels)
        self._counts = np.zeros((season.count, self._cells))
        self._first = self._end = 0

    def move(self, first: int, end: int) -> None:
        """Make it the stretch from `first` to `end`; neither lies before where it was."""
        if first >= self._end:
            self._counts[:] = 0
            self._first = self._end = first
        self._counts += self._table(self._end, end)
        self._counts -= self._table(self._first, first)
        self._first, self._end = first, end

    def pair(self, first: int, end: int) -> tuple[Floats, Floats]:
        """The histogram of a window, and that of the stretch weighed as the window lies in the season."""
        table = self._table(first, end)
        return table.sum(axis=0), self._season.weighed(self._counts, table.sum(axis=1))

    def _table(self, first: int, end: int) -> Floats:
        cells = self.column.between(first, end)
        if self._season.count == 1:
            return np.bincount(cells, minlength=self._cells).astype(np.float64)[None, :]
        season = self._season.of(self.column.at_ms[first:end])[self.column.owners(first, end)]
        flat = np.bincount(season * self._cells + cells, minlength=self._season.count * self._cells)
        return flat.astype(np.float64).reshape(self._season.count, self._cells)
