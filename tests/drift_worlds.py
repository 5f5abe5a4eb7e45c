"""Made-up worlds that are steady until they are not, for the tests of drift."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tacit.monitoring.drift.happenings import Happenings, Items, ShownList
from tacit.monitoring.drift.report import Bar, Burst, DriftReport, FeatureDrift, Quality, RateChange

DAY_MS = 86_400_000
NOON = 1_767_355_200_000
"""Friday, 2 January 2026, 12:00 UTC."""
START = NOON // DAY_MS * DAY_MS - 84 * DAY_MS
ITEMS, GENRES = 200, ("rock", "folk", "jazz", "techno")


def genres() -> Items:
    """Item `i` is of genre `i % 4`; its vector says so."""
    factors = (
        np.eye(4, dtype=np.float32)[np.arange(ITEMS) % 4] + 0.01 * np.arange(ITEMS, dtype=np.float32)[:, None] / ITEMS
    )
    return Items({item: (item % 4,) for item in range(ITEMS)}, GENRES, factors.astype(np.float32))


def steady(*, a_day: int = 400, days: int = 85, seed: int = 1, weekend: float = 0.0) -> Happenings:
    """Events of users who do the same every day; on weekends a share of them turns to techno."""
    rng = np.random.default_rng(seed)
    count = a_day * days
    at_ms = START + np.sort(rng.integers(0, days * DAY_MS, count))
    chance = 1.0 / (20 + np.arange(ITEMS))
    items = rng.choice(ITEMS, count, p=chance / chance.sum())
    is_weekend = (at_ms // DAY_MS + 3) % 7 >= 5
    turned = is_weekend & (rng.random(count) < weekend)
    items[turned] = items[turned] // 4 * 4 + 3
    users = rng.integers(0, 300, count)
    stars = rng.choice([3.0, 4.0, 5.0], count, p=[0.2, 0.5, 0.3])
    codes = [each.astype(np.int32) for each in (users, items, np.zeros(count))]
    return Happenings(at_ms, codes[0], codes[1], codes[2], stars, ("play",))


def turned_to_jazz(events: Happenings, share: float, *, since_ms: int) -> Happenings:
    """The same, but from a moment on a share of what is chosen is jazz."""
    rng = np.random.default_rng(7)
    hit = (events.at_ms >= since_ms) & (rng.random(len(events)) < share)
    items = events.items.copy()
    items[hit] = items[hit] // 4 * 4 + 2
    return replace(events, items=items)


def shown_lists(
    count: int, *, ctr: float, until_ms: int, seed: int = 3, popular: float = 0.2, a_day: int = 400
) -> list[ShownList]:
    """Lists of a steady server, the last of them at a moment."""
    rng = np.random.default_rng(seed)
    moments = until_ms - np.arange(count)[::-1] * (DAY_MS // a_day)
    return [
        ShownList(int(at), "popular" if rng.random() < popular else "personal", False, hit, int(hit), 10, "ann")
        for at, hit in zip(moments, _hits(rng, count, ctr), strict=True)
    ]


def _hits(rng: np.random.Generator, count: int, share: float) -> NDArray[np.bool_]:
    return rng.random(count) < share


def report(at_ms: int = NOON, *, overall: float | None = 0.7, state: str = "retrain", **changes: object) -> DriftReport:
    """A look that found something of everything."""
    found = DriftReport(
        at_ms=at_ms,
        from_ms=at_ms - DAY_MS,
        to_ms=at_ms,
        reference_from_ms=at_ms - 29 * DAY_MS,
        version=3,
        overall=overall,
        state=state,  # type: ignore[arg-type]
        features=(
            FeatureDrift(
                "categories", "retrain", 400, 0.7, 0.4, "Jensen-Shannon distance", 0.1, 1e-6, 0.0, 0.3, 11_200, 55.0,
                "week", (Bar("<b>jazz</b>", 0.2, 0.6), Bar("rock", 0.4, 0.1)),
            ),
            FeatureDrift("values", "not_enough_data", 12),
        ),
        quality=(Quality("ctr", 0.12, 0.11, 0.06, 0.05, 0.07, 900, "warn"),),
        rates=(RateChange("ctr", at_ms - 1_000, 0.12, 0.06),),
        bursts=(Burst("i1", "A & B", 90, 4.5, 11.2),),
    )  # fmt: skip
    return replace(found, **changes)  # type: ignore[arg-type]
