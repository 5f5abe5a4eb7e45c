"""The drift scores, the textbook tests and two dummies, on the same windows of two public logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._drift_data import DAY_MS, SHIFTS, Stream, day, injected, moment
from tacit.monitoring.drift.columns import Column, Neighbourhoods
from tacit.monitoring.drift.comparing import Comparison, Rules, compare
from tacit.monitoring.drift.happenings import Happenings, thinned
from tacit.monitoring.drift.looking import event_columns
from tacit.monitoring.drift.report import Thresholds
from tacit.monitoring.drift.surges import surges

SIZES = (100, 500, 5_000)
SHARES = (0.1, 0.25, 0.5)
FAMILY = 0.005
"""How often a stable window may warn for any of its features: half of what is promised."""
FEATURES = 12
THRESHOLDS = Thresholds()
SURGE_FROM = "2016-07-01"
"""The days before have too few events to be counted."""


def rules_of(stream: Stream) -> Rules:
    """As shipped, with the reference that the log's pace asks for."""
    reference_ms = round(stream.reference_days * DAY_MS)
    return Rules(reference_ms=reference_ms, history_ms=3 * reference_ms, alarm=FAMILY / FEATURES)


@dataclass(frozen=True)
class Tested:
    """What the windows of one size came to.

    Attributes:
        scores: By feature, of each window that could be told of.
        tests: By feature, the p-values of the textbook tests on the same windows.
        windows: How many were looked at.
        apart: How many of them fit into the stretch side by side.
    """

    scores: Mapping[str, NDArray[np.float64]]
    tests: Mapping[str, NDArray[np.float64]]
    windows: int
    apart: float

    def row(self) -> dict[str, Any]:
        """Shares of windows at which something fires."""
        each = {name: float(np.mean(found >= THRESHOLDS.warn)) for name, found in self.scores.items() if len(found)}
        highest = np.max(np.vstack(list(self.scores.values())), axis=0)
        lowest = np.min(np.vstack(list(self.tests.values())), axis=0)
        return {
            "windows": self.windows,
            "windows_apart": round(self.apart, 1),
            "any_feature_warns": float(np.mean(highest >= THRESHOLDS.warn)),
            "any_feature_retrains": float(np.mean(highest > THRESHOLDS.retrain)),
            "highest_score": float(highest.max()),
            "by_feature": each,
            "textbook_p_below_0.05": float(np.mean(lowest < 0.05)),
            "dummy_always": 1.0,
            "dummy_never": 0.0,
        }


def false_alarms(stream: Stream, *, windows: int) -> dict[str, Any]:
    """Windows of the log's own stable stretch: whatever fires, fires for nothing."""
    found = list(_columns(stream, thinned(stream.events)))
    return {str(size): _tested(stream, found, size, windows=windows).row() for size in SIZES}


def _tested(stream: Stream, found: Sequence[Column], size: int, *, windows: int) -> Tested:
    scores: dict[str, list[float]] = {}
    tests: dict[str, list[float]] = {}
    clock = next(each for each in found if each.name == "popularity").at_ms
    first, last = np.searchsorted(clock, [stream.from_ms, stream.to_ms])
    moments = clock[np.unique(np.linspace(first, last - size, windows).astype(np.int64))]
    rules, told = rules_of(stream), 0
    for at_ms in moments:
        seen = {each.name: _from(each, int(at_ms), size, rules=rules) for each in found}
        if any(each is None for each in seen.values()):
            continue
        told += 1
        for name, comparison in seen.items():
            assert comparison is not None
            scores.setdefault(name, []).append(comparison.score)
            tests.setdefault(name, []).append(comparison.p_value)
    arrays = ({name: np.array(each) for name, each in kept.items()} for kept in (scores, tests))
    return Tested(*arrays, windows=told, apart=(last - first) / size)


def _from(column: Column, at_ms: int, size: int, *, rules: Rules) -> Comparison | None:
    first = int(np.searchsorted(column.at_ms, at_ms))
    return compare(column, first, min(len(column), first + size), rules=rules)


def _columns(stream: Stream, events: Happenings) -> Iterator[Column]:
    """The features that the log has anything of."""
    assert stream.items.factors is not None
    space = Neighbourhoods.of(stream.items.factors)
    empty = {"types", "values"}
    yield from (each for each in event_columns(events, stream.items, space) if each.name not in empty)


def power(stream: Stream, *, windows: int) -> dict[str, Any]:
    """Shifts of known size in windows that were stable: whatever does not fire, missed one."""
    events = thinned(stream.events)
    assert stream.items.factors is not None
    space, table = Neighbourhoods.of(stream.items.factors), {}
    for size in SIZES:
        ends = _ends(stream, events, size, windows=windows)
        table[str(size)] = {
            kind: {str(share): _found(stream, events, ends, space=space, size=size, kind=kind, share=share)
                   for share in SHARES}
            for kind in SHIFTS
        }  # fmt: skip
    return table


def _ends(stream: Stream, events: Happenings, size: int, *, windows: int) -> NDArray[np.int64]:
    first, last = np.searchsorted(events.at_ms, [stream.from_ms, stream.to_ms])
    # Where a long window would have too short a history, the stretch begins later.
    begins = max(first, int(last * 0.6)) + size
    return np.linspace(begins, last, windows).astype(np.int64)


def _found(
    stream: Stream,
    events: Happenings,
    ends: NDArray[np.int64],
    *,
    space: Neighbourhoods,
    size: int,
    kind: str,
    share: float,
) -> dict[str, float]:
    rules, highest = rules_of(stream), []
    for end in ends:
        start_ms = int(events.at_ms[end - size] - rules.history_ms)
        past = events.only((np.arange(len(events)) < end) & (events.at_ms >= start_ms))
        shifted = injected(past, share, kind=kind, length=size, stream=stream)
        at_ms = int(shifted.at_ms[len(shifted) - size])
        scores = [
            found.score
            for each in event_columns(shifted, stream.items, space)
            if each.name not in ("types", "values") and (found := _from(each, at_ms, size, rules=rules)) is not None
        ]
        highest.append(max(scores, default=0.0))
    scores = np.array(highest)
    return {
        "warns": float(np.mean(scores >= THRESHOLDS.warn)),
        "retrains": float(np.mean(scores > THRESHOLDS.retrain)),
        "median_score": float(np.median(scores)),
    }


def surge(stream: Stream) -> dict[str, Any]:
    """The daily numbers from 2016 on, as each later day would have seen them: every lasting rise, and when."""
    at_ms = stream.events.at_ms
    found = [
        {
            "began": day(each.began_ms),
            "seen": day(each.seen_ms),
            "events_a_day_before": each.before,
            "events_a_day_after": round(each.after, 1),
        }
        for each in surges(at_ms[at_ms >= moment(SURGE_FROM)])
    ]
    turn = [each for each in found if "2016-12-15" <= str(each["seen"]) <= "2017-02-15"]
    weeks = range(moment("2016-12-01"), moment("2017-02-15"), 7 * DAY_MS)
    return {
        "changes": found,
        "surge_of_2017": turn[0] if turn else None,
        "events_a_day": {day(at): _daily(stream, at) for at in weeks},
        "dummy_always": "every day",
        "dummy_never": "never",
    }


def _daily(stream: Stream, at_ms: int) -> float:
    first, end = np.searchsorted(stream.events.at_ms, [at_ms, at_ms + 7 * DAY_MS])
    return round(float(end - first) / 7, 1)
