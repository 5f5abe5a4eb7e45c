"""What came of the lists that were shown, in process: for tests, demonstrations and trials."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tacit.data.event_effects import AppliedEvent, watch_seconds
from tacit.data.ingestion import EventStore
from tacit.rollout.outcomes import CLOCK_SKEW_MS, DEFAULT_WINDOW_HOURS, Outcomes, UserOutcomes
from tacit.serving.exposures import Exposure, ExposureLog

_ALL = 2**31


@dataclass(frozen=True)
class _List:
    """A list, and the events that count for it."""

    shown: Exposure
    events: tuple[AppliedEvent, ...]

    @property
    def watch_seconds(self) -> float:
        return sum(watch_seconds(each.logged.event) for each in self.events)


class MemoryOutcomeStore:
    """An `OutcomeReports` that goes through everything each time it is asked."""

    def __init__(
        self, exposures: ExposureLog, events: EventStore, *, window_hours: float = DEFAULT_WINDOW_HOURS
    ) -> None:
        self._exposures = exposures
        self._events = events
        self._window_ms = round(window_hours * 3_600_000)

    def by_arm(self, split_id: str, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, Outcomes]:
        return _outcomes(self._of_split(split_id, since_ms, until_ms), _arm)

    def by_source(self, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, Outcomes]:
        return _outcomes(self._known(since_ms, until_ms), lambda each: each.source)

    def by_version(self, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, Outcomes]:
        return _outcomes(self._known(since_ms, until_ms), lambda each: each.model_version)

    def anonymous(self, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, Outcomes]:
        lists = (each for each in self._lists(since_ms, until_ms) if each.shown.user_id is None)
        return _outcomes(lists, lambda each: each.source)

    def by_user(self, split_id: str, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, UserOutcomes]:
        grouped = _grouped(self._of_split(split_id, since_ms, until_ms), _arm)
        return {arm: _users(lists) for arm, lists in grouped.items()}

    def of_users(self, *, since_ms: int, until_ms: int) -> UserOutcomes:
        return _users(self._known(since_ms, until_ms))

    def _of_split(self, split_id: str, since_ms: int, until_ms: int | None) -> Iterator[_List]:
        for each in self._known(since_ms, until_ms):
            if each.shown.place is not None and each.shown.place.split_id == split_id:
                yield each

    def _known(self, since_ms: int, until_ms: int | None) -> Iterator[_List]:
        return (each for each in self._lists(since_ms, until_ms) if each.shown.user_id is not None)

    def _lists(self, since_ms: int, until_ms: int | None) -> Iterator[_List]:
        named: dict[str, list[AppliedEvent]] = defaultdict(list)
        for applied in self._events.applied(0, limit=_ALL):
            if applied.weight > 0 and applied.logged.event.recommendation_id is not None:
                named[applied.logged.event.recommendation_id].append(applied)
        for shown in self._exposures.recent(_ALL):
            if since_ms <= shown.at_ms and (until_ms is None or shown.at_ms < until_ms):
                events = (each for each in named[shown.recommendation_id] if self._counts(each, shown))
                yield _List(shown, tuple(events))

    def _counts(self, applied: AppliedEvent, shown: Exposure) -> bool:
        event = applied.logged.event
        return (
            event.item_id in shown.item_ids
            and shown.user_id in (None, event.user_id)
            and -CLOCK_SKEW_MS <= event.occurred_at_ms - shown.at_ms <= self._window_ms
        )


def _arm(shown: Exposure) -> str:
    return "" if shown.place is None else shown.place.arm


def _grouped(lists: Iterable[_List], key: Callable[[Exposure], str]) -> Mapping[str, list[_List]]:
    groups: dict[str, list[_List]] = defaultdict(list)
    for each in lists:
        groups[key(each.shown)].append(each)
    return dict(sorted(groups.items()))


def _outcomes(lists: Iterable[_List], key: Callable[[Exposure], str]) -> Mapping[str, Outcomes]:
    return {name: _outcome(group) for name, group in _grouped(lists, key).items()}


def _outcome(lists: list[_List]) -> Outcomes:
    return Outcomes(
        lists=len(lists),
        clicked=sum(bool(each.events) for each in lists),
        clicks=sum(len(each.events) for each in lists),
        watch_seconds=sum(each.watch_seconds for each in lists),
        users=len({each.shown.user_id for each in lists} - {None}),
    )


def _users(lists: Iterable[_List]) -> UserOutcomes:
    groups = _grouped(lists, lambda shown: shown.user_id or "")
    found = [_outcome(group) for group in groups.values()]
    return UserOutcomes(
        tuple(groups),
        np.array([each.lists for each in found], np.int64),
        np.array([each.clicked for each in found], np.int64),
        np.array([each.watch_seconds for each in found], np.float64),
    )
