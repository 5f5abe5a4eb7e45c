"""What the shipped settings make of a rollout: its steps, and how long a new champion is watched."""

from __future__ import annotations

from pathlib import Path

import pytest

from tacit.bootstrap import load_settings
from tacit.bootstrap.rollouts import course_of
from tests.rollouts import arm, journey


@pytest.mark.requirement("ROLL-002")
@pytest.mark.requirement("ROLL-010")
def test_as_shipped_a_version_takes_three_steps_and_is_watched_for_thirty_minutes(tmp_path: Path) -> None:
    course = course_of(load_settings(environ={}).settings)
    with journey(tmp_path, course=course) as road:
        road.start(3)
        stages = [road.tick_well(600).stage for _ in range(4)]
        early = road.tick_well(30 * 60 - 1)
        late = road.tick_well(1)

    assert stages == ["canary-5", "canary-25", "canary-100", "watch"]
    assert (early.state, late.state) == ("watching", "done")


@pytest.mark.requirement("ROLL-010")
def test_as_shipped_a_breach_in_the_last_of_the_thirty_minutes_takes_the_champion_back(tmp_path: Path) -> None:
    course = course_of(load_settings(environ={}).settings)
    with journey(tmp_path, course=course) as road:
        road.start(3)
        road.desk.promote(1, actor="bob", reason="now")
        road.said.arms["watch"] = {"champion": arm(300, errors=100)}
        ended = road.tick(30 * 60 - 1)

    assert (ended.state, road.champion()) == ("aborted", 2)
