"""What users did with the lists they were shown: exposures joined with the events that name them (values)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

DEFAULT_WINDOW_HOURS = 24.0
"""How long after a list was shown an event still counts for it."""

CLOCK_SKEW_MS = 300_000
"""How long before its list an event may claim to have happened: clocks differ, and it named the list all the same."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What came of the lists that were shown.

    A list is *clicked* if at least one event of positive weight names its `recommendation_id`, and an item on it.

    Attributes:
        lists: Lists shown to known users.
        clicked: Of these, those that were clicked.
        clicks: Events of positive weight that name one of them.
        watch_seconds: Sum of the values of their `watch_time` events.
        users: Users who were shown one.
    """

    lists: int = 0
    clicked: int = 0
    clicks: int = 0
    watch_seconds: float = 0.0
    users: int = 0

    @property
    def ctr(self) -> float:
        """Share of the lists that were clicked; NaN where there are none."""
        return self.clicked / self.lists if self.lists else float("nan")


@dataclass(frozen=True)
class UserOutcomes:
    """The same for each user of an arm, so that arms are compared by users, who were what was split.

    Attributes:
        user_ids: `(users,)`, sorted.
        lists: `(users,)` int64, lists shown to each.
        clicked: `(users,)` int64, of these clicked.
        watch_seconds: `(users,)` float64.
    """

    user_ids: tuple[str, ...]
    lists: NDArray[np.int64]
    clicked: NDArray[np.int64]
    watch_seconds: NDArray[np.float64]


class OutcomeStore(Protocol):
    """Joins exposures with events."""

    def by_arm(self, split_id: str, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, Outcomes]:
        """What came of the lists that a split's arms showed within a time, by the arm's name."""
        ...

    def by_source(self, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, Outcomes]:
        """What came of all lists shown within a time, by the step of the chain that produced them."""
        ...

    def by_user(self, split_id: str, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, UserOutcomes]:
        """What came of a split's lists for each user, by the arm's name."""
        ...


class OutcomeReports(OutcomeStore, Protocol):
    """The same, for whoever looks at more than a split.

    Everywhere an event counts once, for the list it names: if it is of positive weight, of an item on that list, by the
    user who was shown it, and within the window.  Whatever it is that does not hold, it counts nowhere else instead.
    """

    def by_version(self, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, Outcomes]:
        """What came of all lists shown within a time, by the version that answered."""
        ...

    def anonymous(self, *, since_ms: int, until_ms: int | None = None) -> Mapping[str, Outcomes]:
        """What came of the lists shown to nobody known, by source; events count whoever sent them, and users are 0."""
        ...

    def of_users(self, *, since_ms: int, until_ms: int) -> UserOutcomes:
        """What came of all lists shown within a time for each user, whatever split they were in."""
        ...
