"""When the next worker is started."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.serving.restarts import Ended, RestartRules, is_failing, pause_before_next

RULES = RestartRules(limit=6, window_seconds=600.0)


def pauses(served: Sequence[float | None], rules: RestartRules = RULES) -> tuple[list[float], list[float]]:
    """Each pause and each start of a worker that ends as soon as it has served so long."""
    ends: list[Ended] = []
    waited, starts, now = [], [], 0.0
    for seconds in served:
        now += seconds or 0.0
        ends.append(Ended(now, seconds))
        waited.append(pause_before_next(ends, rules, now))
        now += waited[-1]
        starts.append(now)
    return waited, starts


def test_one_that_served_is_replaced_at_once_and_one_that_cannot_begin_after_twice_as_long_each_time() -> None:
    assert pauses([3_600.0, 1_000.0, 2_000.0])[0] == [0.0, 0.0, 0.0]
    assert pauses([None] * 6)[0] == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0]


def test_one_that_is_killed_again_and_again_soon_after_it_served_is_replaced_at_once_each_time() -> None:
    assert pauses([3_600.0, 0.1, 0.5, 2.0, 0.1])[0] == [0.0] * 5
    # Killed once before it served: that says nothing of the next.
    assert pauses([0.5, None, 0.5, None, 0.5])[0] == [0.0] * 5


@pytest.mark.parametrize("seconds", [0.1, 20.0])
def test_one_that_fails_again_and_again_after_it_served_is_started_once_a_minute(seconds: float) -> None:
    waited = pauses([seconds] * 8)[0]

    assert waited == [0.0] * 6 + [60.0, 60.0]


@given(st.lists(st.sampled_from([None, 0.5, 5.0, 20.0]), min_size=1, max_size=20))
def test_pauses_are_never_negative_nor_longer_than_the_window(served: list[float | None]) -> None:
    assert all(0 <= each <= RULES.window_seconds for each in pauses(served)[0])


@given(st.integers(1, 10), st.integers(5, 25))
def test_one_that_never_serves_has_hardly_more_restarts_in_any_window_than_may_be(limit: int, ends: int) -> None:
    rules = RestartRules(limit=limit, window_seconds=600.0)
    _, starts = pauses([None] * ends, rules)

    for start in starts:
        # The first end of a window is forgotten before the restart that it made.
        assert sum(start - 600.0 < each <= start for each in starts) <= limit + 1


def test_ends_of_long_ago_are_forgotten() -> None:
    ends = [Ended(float(at), 1.0) for at in range(7)]

    assert is_failing(ends, RULES, 7.0)
    assert not is_failing(ends, RULES, 700.0)
