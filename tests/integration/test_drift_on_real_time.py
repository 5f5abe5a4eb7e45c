"""Drift on two public logs in their own order of time: silent where they are steady, loud where they are shifted."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks._drift_data import STREAMS
from benchmarks._drift_sides import false_alarms, power, surge

pytestmark = pytest.mark.slow


@pytest.mark.requirement("DRIFT-008")
@pytest.mark.parametrize("name", sorted(STREAMS))
def test_steady_windows_of_any_size_warn_in_one_of_a_hundred_at_most_where_a_textbook_test_fires_on_most(
    shared_data: Path, name: str
) -> None:
    found = false_alarms(STREAMS[name](shared_data), windows=40)

    for row in found.values():
        assert row["windows"] >= 20
        assert row["any_feature_warns"] <= 0.01
        assert row["any_feature_retrains"] == 0
        assert row["textbook_p_below_0.05"] > 0.3


def test_a_window_half_of_which_is_replaced_by_items_and_users_never_seen_is_found(shared_data: Path) -> None:
    found = power(STREAMS["jodie-wikipedia"](shared_data), windows=3)

    assert found["500"]["items never seen"]["0.5"]["warns"] == 1
    assert found["500"]["users never seen"]["0.5"]["warns"] == 1
    assert found["5000"]["one neighbourhood of tastes"]["0.5"]["warns"] >= 2 / 3


def test_the_surge_at_the_turn_of_2016_is_seen_within_weeks(shared_data: Path) -> None:
    found = surge(STREAMS["coco-courses"](shared_data))["surge_of_2017"]

    assert found is not None
    assert "2016-12-20" <= found["began"] <= found["seen"] <= "2017-02-15"
    assert found["events_a_day_after"] > 1.3 * found["events_a_day_before"]
