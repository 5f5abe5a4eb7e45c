"""What every `ExposureLog` promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tacit.adapters.memory import MemoryExposureLog
from tacit.adapters.sql.engine import open_database
from tacit.adapters.sql.exposures import SqlExposureLog
from tacit.rollout.traffic import Place
from tacit.serving.exposures import Exposure, ExposureLog


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ExposureLog]:
    if request.param == "memory":
        yield MemoryExposureLog()
        return
    if request.param == "postgres":
        yield SqlExposureLog(request.getfixturevalue("postgres_database"))
        return
    database = open_database(f"sqlite:///{tmp_path}/tacit.db")
    yield SqlExposureLog(database)
    database.close()


def exposure(number: int) -> Exposure:
    """Shown at `number` milliseconds after some moment far beyond 32 bits."""
    return Exposure(f"r{number}", "recommender/7", "ann", "personal", False, ("a", "ü,\n"), 1_767_355_200_000 + number)


def test_an_exposure_comes_back_as_it_went_in(log: ExposureLog) -> None:
    log.write([exposure(1)])

    assert list(log.recent(10)) == [exposure(1)]


def test_somebody_unknown_and_a_degraded_empty_list_are_kept_as_such(log: ExposureLog) -> None:
    nobody = replace(exposure(1), user_id=None, degraded=True, item_ids=())

    log.write([nobody])

    assert list(log.recent(1)) == [nobody]


def test_an_exposure_says_which_arm_it_came_from_where_users_were_divided(log: ExposureLog) -> None:
    placed = replace(exposure(2), place=Place("rollout-1", "canary-5", "canary"))
    log.write([exposure(1), placed])

    assert list(log.recent(10)) == [placed, exposure(1)]


def test_an_explored_list_keeps_how_probable_each_place_was_and_is_forgotten_with_it(log: ExposureLog) -> None:
    explored = replace(exposure(2), propensities=(0.95, 0.05 / 60))
    log.write([exposure(1), explored])
    log.write([explored])

    assert list(log.recent(10)) == [explored, exposure(1)]
    log.prune(explored.at_ms + 1)
    log.write([replace(explored, propensities=(0.5, 0.5))])
    assert [each.propensities for each in log.recent(10)] == [(0.5, 0.5)]


def test_an_exposure_says_whether_it_was_rehearsed_and_is_pruned_with_that(log: ExposureLog) -> None:
    rehearsed = replace(exposure(2), source="static", rehearsed=True)
    log.write([exposure(1), rehearsed])
    log.write([rehearsed])
    assert list(log.recent(10)) == [rehearsed, exposure(1)]

    assert log.prune(exposure(5).at_ms) == 2
    log.write([replace(rehearsed, rehearsed=False)])
    assert list(log.recent(10)) == [replace(rehearsed, rehearsed=False)]


def test_the_latest_come_first_and_no_more_than_asked_for(log: ExposureLog) -> None:
    log.write([exposure(2), exposure(3)])
    log.write([exposure(1)])

    assert list(log.recent(2)) == [exposure(3), exposure(2)]
    assert log.count() == 3


def test_a_batch_written_again_after_a_doubtful_failure_is_kept_once(log: ExposureLog) -> None:
    log.write([exposure(1), exposure(2)])
    log.write([exposure(1), exposure(2), exposure(3)])

    assert log.count() == 3


def test_an_empty_batch_changes_nothing(log: ExposureLog) -> None:
    log.write([])

    assert log.count() == 0


def test_pruning_forgets_what_was_shown_before_and_nothing_else(log: ExposureLog) -> None:
    log.write([exposure(number) for number in range(5)])

    assert log.prune(exposure(3).at_ms) == 3
    assert list(log.recent(10)) == [exposure(4), exposure(3)]
