"""What came of the lists that were shown, asked of the database."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.sql.selectable import FromClause

from tacit.adapters.sql.ab_tables import attributed_events
from tacit.adapters.sql.dialects import is_in_list
from tacit.adapters.sql.engine import Database
from tacit.adapters.sql.tables import exposures
from tacit.adapters.sql.traffic_tables import exposure_arms
from tacit.rollout.outcomes import CLOCK_SKEW_MS, DEFAULT_WINDOW_HOURS, Outcomes, UserOutcomes

LISTS_AT_ONCE = 1_000
"""Lists that one reading looks at: where readers keep writers waiting, it is over well within a tenth of a second."""

_OF_A_SPLIT = exposures.join(exposure_arms, exposures.c.recommendation_id == exposure_arms.c.recommendation_id)
_NO_END = 2**62

Sums = Mapping[tuple[str, str | None], Outcomes]
"""What came of lists, by key and user."""


@dataclass(frozen=True)
class _Asked:
    """Which lists are meant, and by what they are counted.

    Attributes:
        key: By what.
        at_ms: When each was shown, in the table whose index finds them.
        among: Where they are.
        where: What holds for them beside their time.
        is_known: Whether those shown to known users are meant, or the others.
    """

    key: ColumnElement[str]
    at_ms: ColumnElement[int] = field(default_factory=lambda: exposures.c.at_ms)
    among: FromClause = exposures
    where: tuple[ColumnElement[bool], ...] = ()
    is_known: bool = True


class SqlOutcomeStore:
    """An `OutcomeReports` over the tables of exposures and of the events that name one.

    Lists are found by their time and events by the list they name, so that a question costs what its time holds,
    whatever else the tables do.  It is asked a little at a time, oldest first: a list that is shown meanwhile counts if
    it is in time, and no writer waits for long.

    Args:
        database: Where both are.
        window_hours: How long after a list an event still counts for it.
        lists_at_once: Lists that one reading looks at.
        rest: Told after each reading how many seconds it took; may wait, and nobody waits for it meanwhile.
    """

    def __init__(
        self,
        database: Database,
        *,
        window_hours: float = DEFAULT_WINDOW_HOURS,
        lists_at_once: int = LISTS_AT_ONCE,
        rest: Callable[[float], object] = lambda _: None,
    ) -> None:
        self._database = database
        self._window_ms = round(window_hours * 3_600_000)
        self._lists_at_once = lists_at_once
        self._rest = rest

    def by_arm(self, split_id: str, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, Outcomes]:
        return _by_key(self._sums(_of_split(split_id), since_ms, until_ms))

    def by_source(self, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, Outcomes]:
        return _by_key(self._sums(_Asked(exposures.c.source), since_ms, until_ms))

    def by_version(self, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, Outcomes]:
        return _by_key(self._sums(_Asked(exposures.c.model_version), since_ms, until_ms))

    def anonymous(self, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, Outcomes]:
        return _by_key(self._sums(_Asked(exposures.c.source, is_known=False), since_ms, until_ms))

    def by_user(self, split_id: str, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, UserOutcomes]:
        arms: dict[str, dict[str, Outcomes]] = defaultdict(dict)
        for (arm, user_id), outcomes in self._sums(_of_split(split_id), since_ms, until_ms).items():
            arms[arm][str(user_id)] = outcomes
        return {arm: _users(arms[arm]) for arm in sorted(arms)}

    def of_users(self, *, since_ms: int, until_ms: int) -> UserOutcomes:
        users: dict[str, Outcomes] = {}
        for (_, user_id), outcomes in self._sums(_Asked(exposures.c.source), since_ms, until_ms).items():
            users[str(user_id)] = _added(users.get(str(user_id), Outcomes()), outcomes)
        return _users(users)

    def _sums(self, asked: _Asked, since_ms: int, until_ms: int | None) -> Sums:
        sums: dict[tuple[str, str | None], Outcomes] = {}
        began = time.monotonic()
        for first_ms, end_ms in self._slices(asked, since_ms, _NO_END if until_ms is None else until_ms):
            statement = _summed(self._lists(asked, first_ms, end_ms))
            with self._database.reading(patient=True) as connection:
                rows = connection.execute(statement).all()
            for row in rows:
                found = Outcomes(row.lists, row.clicked, int(row.all_clicks), row.watch_seconds)
                place = (row.key, row.user_id)
                sums[place] = _added(sums.get(place, Outcomes()), found)
            self._rest(time.monotonic() - began)
            began = time.monotonic()
        return sums

    def _slices(self, asked: _Asked, since_ms: int, until_ms: int) -> Iterator[tuple[int, int]]:
        """The time asked for, cut where so many lists were shown."""
        while since_ms < until_ms:
            later = select(asked.at_ms).where(*asked.where, asked.at_ms >= since_ms, asked.at_ms < until_ms)
            cut = later.order_by(asked.at_ms).offset(self._lists_at_once).limit(1)
            with self._database.reading(patient=True) as connection:
                at_ms = connection.scalar(cut)
            # Lists of one millisecond are not told apart by time, and are looked at together.
            end_ms = until_ms if at_ms is None else max(at_ms, since_ms + 1)
            yield since_ms, end_ms
            since_ms = end_ms

    def _lists(self, asked: _Asked, since_ms: int, until_ms: int) -> Select[Any]:
        """One row for each list: its key, its user, and how many events count for it."""
        shown, event = exposures.c, attributed_events.c
        counts = [
            event.recommendation_id == shown.recommendation_id,
            event.occurred_at_ms.between(shown.at_ms - CLOCK_SKEW_MS, shown.at_ms + self._window_ms),
            is_in_list(event.item_id, shown.item_ids),
            *([event.user_id == shown.user_id] if asked.is_known else []),
        ]
        who = shown.user_id.is_not(None) if asked.is_known else shown.user_id.is_(None)
        return (
            select(
                asked.key.label("key"),
                shown.user_id.label("user_id"),
                func.count(event.turn).label("clicks"),
                func.coalesce(func.sum(event.watch_seconds), 0.0).label("watch_seconds"),
            )
            .select_from(asked.among.outerjoin(attributed_events, and_(*counts)))
            .where(*asked.where, who, asked.at_ms >= since_ms, asked.at_ms < until_ms)
            # Not by the bare id: SQLite would go through all lists in its order, rather than to those in time.
            .group_by(shown.recommendation_id.concat(""), asked.key, shown.user_id)
        )


def _of_split(split_id: str) -> _Asked:
    arms = exposure_arms.c
    return _Asked(arms.arm, arms.at_ms, _OF_A_SPLIT, (arms.split_id == split_id,))


def _summed(lists: Select[Any]) -> Select[Any]:
    """Lists counted by their key and user."""
    each = lists.subquery()
    return select(
        each.c.key,
        each.c.user_id,
        func.count().label("lists"),
        func.count(func.nullif(each.c.clicks, 0)).label("clicked"),
        func.sum(each.c.clicks).label("all_clicks"),
        func.sum(each.c.watch_seconds).label("watch_seconds"),
    ).group_by(each.c.key, each.c.user_id)


def _added(first: Outcomes, second: Outcomes) -> Outcomes:
    """Two of the same users, or of none."""
    return Outcomes(
        first.lists + second.lists,
        first.clicked + second.clicked,
        first.clicks + second.clicks,
        first.watch_seconds + second.watch_seconds,
        first.users + second.users,
    )


def _by_key(sums: Sums) -> Mapping[str, Outcomes]:
    found: dict[str, Outcomes] = {}
    for key, user_id in sorted(sums, key=lambda place: place[0]):
        outcomes = _added(found.get(key, Outcomes()), sums[key, user_id])
        found[key] = outcomes if user_id is None else _added(outcomes, Outcomes(users=1))
    return found


def _users(users: Mapping[str, Outcomes]) -> UserOutcomes:
    # Sorted here: databases do not agree on the order of texts.
    ordered = sorted(users)
    return UserOutcomes(
        tuple(ordered),
        np.array([users[user_id].lists for user_id in ordered], np.int64),
        np.array([users[user_id].clicked for user_id in ordered], np.int64),
        np.array([users[user_id].watch_seconds for user_id in ordered], np.float64),
    )
