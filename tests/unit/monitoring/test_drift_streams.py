"""Streaming detectors and bursts: seldom wrong on what is steady, quick where it is not, and better than a dummy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tacit.monitoring.drift.bursts import bursts
from tacit.monitoring.drift.streams import LEAST, Adwin, Always, Never, fired, rate_changes
from tacit.monitoring.drift.surges import DAY_MS, surges


def test_adwin_is_silent_on_steady_rates_where_a_dummy_is_not() -> None:
    rng = np.random.default_rng(0)
    steady = [(rng.random(2_000) < rate).astype(np.float64) for rate in (0.02, 0.1, 0.3, 0.5) * 5]

    assert sum(bool(fired(Adwin(), each)) for each in steady) == 0
    assert all(len(fired(Always(), each)) == len(each) and not fired(Never(), each) for each in steady)


def test_a_rate_that_halves_is_seen_soon_after_and_not_before() -> None:
    rng = np.random.default_rng(1)
    late = []
    for _ in range(5):
        rate = np.concatenate([rng.random(3_000) < 0.2, rng.random(2_000) < 0.1])
        late.append(fired(Adwin(), rate.astype(np.float64))[0] - 3_000)

    assert 0 < min(late) <= max(late) < 1_200


def test_a_change_of_a_rate_says_when_and_from_what_to_what() -> None:
    happened = np.arange(4_000) % 10 < np.where(np.arange(4_000) < 2_000, 1, 5)

    found = list(rate_changes("degraded", 1_000 * np.arange(4_000), happened))

    assert len(found) >= 1
    assert 2_000_000 <= found[0].at_ms < 2_400_000
    assert abs(found[0].before - 0.1) < 0.1 < 0.2 < found[-1].after
    assert list(rate_changes("degraded", np.arange(LEAST - 1), np.ones(LEAST - 1, bool))) == []


def test_items_that_burst_are_few_among_many_that_only_happen_to_be_chosen() -> None:
    rng = np.random.default_rng(2)
    chance = 1 / (5 + np.arange(500.0))
    draw = lambda count: rng.choice(500, count, p=chance / chance.sum()).astype(np.int32)  # noqa: E731
    reference, named = draw(40_000), 0
    for _ in range(30):
        named += len(bursts(draw(2_000), reference))
    shocked = np.concatenate([draw(1_900), np.full(100, 321, np.int32)])

    assert named <= 2
    assert [each.item for each in bursts(shocked, reference)] == [321]


def test_an_item_that_bursts_every_week_has_to_burst_harder_than_others() -> None:
    rng = np.random.default_rng(3)
    windows = [rng.integers(0, 200, 1_000) for _ in range(12)]
    for each in windows[::3]:
        each[:80] = 9
    window = rng.integers(0, 200, 1_000)
    window[:60], window[60:120] = 9, 10

    named = [each.item for each in bursts(window.astype(np.int32), np.concatenate(windows).astype(np.int32))]

    assert named == [10]


def test_a_rise_that_lasts_is_dated_and_growth_weekends_and_single_days_are_not() -> None:
    rng, days = np.random.default_rng(5), np.arange(240)
    usual = 200 * 1.003**days * np.where(days % 7 >= 5, 0.8, 1.0)
    usual[150] *= 2.0
    risen = usual * np.where(days >= 180, 1.6, 1.0)

    def moments(rates: NDArray[np.float64]) -> NDArray[np.int64]:
        counts = rng.poisson(rates)
        spread = [
            day * DAY_MS + np.sort(rng.integers(0, DAY_MS, count)) for day, count in zip(days, counts, strict=True)
        ]
        return np.concatenate(spread).astype(np.int64)

    found = list(surges(moments(risen)))

    assert list(surges(moments(usual))) == []
    assert [round(each.began_ms / DAY_MS) - 180 in range(-6, 4) for each in found] == [True]
    assert 180 <= found[0].seen_ms / DAY_MS <= 192
    assert found[0].after > 1.3 * found[0].before
    assert list(surges(np.zeros(0, np.int64))) == []
