"""A community that looks at lists over HTTP and clicks what it likes, so that a click-through rate means something.

Each user likes some items, which the platform is never told, and goes down a list with a fixed chance of clicking what
they like, and a small one of clicking what they do not.  The chance that a list is clicked follows from the list alone,
so that the rate of a version, or of an arm, is known without the noise of the clicks: `true_ctr`.
"""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any
from urllib.parse import quote

import httpx2
import numpy as np


@dataclass(frozen=True)
class Tastes:
    """What users like, and how surely they click it.

    Attributes:
        liked: The items that each user likes.
        keen: The chance of clicking an item that is liked.
        stray: The chance of clicking any other.
        watches: Seconds that a clicked item is watched, on average.
    """

    liked: Mapping[str, Collection[str]]
    keen: float = 0.1
    stray: float = 0.02
    watches: float = 120.0

    def chance(self, user_id: str, item_ids: Iterable[str]) -> float:
        """The chance that a user clicks something on a list."""
        return 1 - prod(1 - self.chance_of(user_id, item_id) for item_id in item_ids)

    def chance_of(self, user_id: str, item_id: str) -> float:
        """The chance that a user clicks an item."""
        return self.keen if item_id in self.liked[user_id] else self.stray


@dataclass(frozen=True)
class Visit:
    """A list that somebody looked at.

    Attributes:
        user_id: Who.
        recommendation_id: Names the list.
        model_version: The version that answered.
        item_ids: What stood on it.
        clicked: What of it was clicked.
        seconds: How long the answer took.
        is_degraded: Whether it was not the answer that they were to get.
        at_ms: When it came, in milliseconds since 1970.
    """

    user_id: str
    recommendation_id: str
    model_version: str
    item_ids: tuple[str, ...]
    clicked: tuple[str, ...]
    seconds: float
    is_degraded: bool
    at_ms: int


@dataclass
class ClickingUsers:
    """The community, and all it looked at so far.

    Args:
        tastes: What they like.
        seed: Of their clicks.
        limit: How long their lists are.
    """

    tastes: Tastes
    seed: int = 1
    limit: int = 10
    visits: list[Visit] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._generator = np.random.default_rng(self.seed)
        self._numbers = itertools.count(1)

    @property
    def user_ids(self) -> Sequence[str]:
        return sorted(self.tastes.liked)

    def visit_all(self, client: httpx2.Client, *, rounds: int = 1, users: Iterable[str] | None = None) -> None:
        """Have everybody look, in an order that changes, and tell the platform what they clicked."""
        for _ in range(rounds):
            chosen = list(self.user_ids if users is None else users)
            for place in self._generator.permutation(len(chosen)):
                self.visit(client, chosen[place])

    def visit(self, client: httpx2.Client, user_id: str, *, teller: httpx2.Client | None = None) -> Visit:
        """Look at a list, and tell the platform what was clicked.

        Args:
            client: Of the server that is asked.
            user_id: Who looks.
            teller: Of the server that takes events; the one that is asked, unless that is another.
        """
        path = f"/api/v1/users/{quote(user_id, safe='')}/recommendations"
        response = client.get(path, params={"limit": self.limit})
        response.raise_for_status()
        body = response.json()
        item_ids = tuple(item["item_id"] for item in body["items"])
        clicked = self._clicked(user_id, item_ids)
        visit = Visit(
            user_id,
            body["recommendation_id"],
            body["model_version"],
            item_ids,
            clicked,
            response.elapsed.total_seconds(),
            body["degraded"],
            int(time.time() * 1_000),
        )
        self.visits.append(visit)
        if clicked:
            (teller or client).post("/api/v1/events", json=[*self._events(visit)]).raise_for_status()
        return visit

    def true_ctr(self, of: Callable[[Visit], Hashable]) -> dict[Any, float]:
        """The chance that a list is clicked, by version (`lambda visit: visit.model_version`), arm or what else."""
        return self._means(of, lambda visit: self.tastes.chance(visit.user_id, visit.item_ids))

    def seen_ctr(self, of: Callable[[Visit], Hashable]) -> dict[Any, float]:
        """The share of lists that was clicked, which is that and noise; what the platform should have counted."""
        return self._means(of, lambda visit: float(bool(visit.clicked)))

    def _clicked(self, user_id: str, item_ids: Sequence[str]) -> tuple[str, ...]:
        draws = self._generator.random(len(item_ids))
        pairs = zip(item_ids, draws, strict=True)
        return tuple(item_id for item_id, draw in pairs if draw < self.tastes.chance_of(user_id, item_id))

    def _events(self, visit: Visit) -> Iterable[dict[str, Any]]:
        about = {"user_id": visit.user_id, "recommendation_id": visit.recommendation_id}
        for item_id in visit.clicked:
            seconds = round(float(self._generator.exponential(self.tastes.watches)), 3)
            for kind, value in (("view", {}), ("watch_time", {"value": seconds})):
                event_id = f"click-{self.seed}-{next(self._numbers)}"
                yield {**about, "event_id": event_id, "item_id": item_id, "type": kind, **value}

    def _means(self, of: Callable[[Visit], Hashable], value: Callable[[Visit], float]) -> dict[Any, float]:
        values: dict[Any, list[float]] = defaultdict(list)
        for visit in self.visits:
            values[of(visit)].append(value(visit))
        return {key: float(np.mean(each)) for key, each in values.items()}
