"""A stage is looked at as often as that is worth what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tacit.rollout.observing import Observer
from tacit.rollout.outcomes import Outcomes
from tests.rollouts import Journey, arm, journey


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Journey]:
    with journey(tmp_path) as road:
        yield road


def test_what_became_of_lists_is_read_no_more_often_than_its_cost_allows_while_counts_are_fresh(road: Journey) -> None:
    road.start(3)
    assert road.tick_well().stage == "canary-5"
    seconds, read = [0.0], []
    said, lists = road.said, {"canary": Outcomes(500, 100, 100, 0.0, 50), "champion": Outcomes(9_500, 1_900, 1_900)}

    def by_arm(split_id: str, *, since_ms: int, until_ms: int | None = None) -> dict[str, Outcomes]:
        read.append(seconds[0])
        seconds[0] += 3
        return lists

    said.by_arm = by_arm  # type: ignore[method-assign, assignment]
    observer = Observer(said, said, settling_ms=0, rest=20, timer=lambda: seconds[0])
    rollout = road.desk.under_way()
    assert rollout is not None
    for _ in range(40):
        seconds[0] += 2
        observer.verdict(rollout, at_ms=road.now_ms)
    said.arms["canary-5"] = {"canary": arm(200, errors=20), "champion": arm(3_800, errors=4)}
    found = observer.verdict(rollout, at_ms=road.now_ms)

    assert read == [2.0, 65.0]
    assert found is not None
    assert found.outcome == "fail"
