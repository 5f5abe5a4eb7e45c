"""A process that ends at any moment of a rollout: the next one takes up from there, or nothing had begun."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from tacit.adapters.sql.engine import Database, open_database
from tacit.rollout.rollouts import Rollout
from tests.registries import bench_over
from tests.rollouts import MODEL, Crash, CrashPoint, Journey, SaidCounts, arm, journey

ENDS = {"good": ("done", 3), "bad": ("aborted", 2), "breach": ("aborted", 2)}
"""How each of the scripted rollouts ends, and who is champion then."""


@contextmanager
def road_of(home: Path, point: CrashPoint | None = None) -> Iterator[Journey]:
    home.mkdir(exist_ok=True)
    database = open_database(f"sqlite:///{home}/tacit.db")
    try:
        with journey(home, database=database) as road:
            # From here on: what was before is no part of the rollout.
            road.point = point or CrashPoint()
            road.restart()
            yield road
    finally:
        database.close()


def one_more_look(road: Journey, script: str) -> Rollout:
    """Time passes, and the keeper looks; counts are good or bad as the script says."""
    under_way = road.desk.under_way()
    if under_way is None and not road.desk.rollouts():
        return road.start(3)
    stage = "" if under_way is None else under_way.stage
    if (script, stage) == ("bad", "canary-5"):
        road.said.arms[stage] = {"canary": arm(200, errors=60), "champion": arm(3_800)}
        return road.tick(200)
    if (script, stage) == ("breach", "watch"):
        road.said.arms[stage] = {"champion": arm(300, errors=100)}
        return road.tick(200)
    return road.tick_well(200)


def run_on(road: Journey, script: str) -> Rollout:
    """Look until it is over."""
    for _ in range(12):
        rollout = one_more_look(road, script)
        if rollout.is_over:
            return rollout
    raise AssertionError(f"it never ended: {rollout}")


def boundaries(folder: Path, script: str) -> int:
    with road_of(folder) as road:
        run_on(road, script)
        return road.point.passed


@pytest.mark.parametrize("script", sorted(ENDS))
def test_on_postgresql_each_rollout_ends_as_it_does_on_sqlite(
    script: str, postgres_database: Database, tmp_path: Path
) -> None:
    with journey(tmp_path, database=postgres_database) as road:
        assert road.start(3).state == "shadow"
        ended = run_on(road, script)

        assert (ended.state, road.champion()) == ENDS[script]
        assert (road.plan().split, road.plan().shadow) == (None, None)


def survives(home: Path, script: str, *, at: int) -> None:
    """End the process at one boundary, go on in another, and end as if nothing had happened."""
    with road_of(home, CrashPoint(at)) as road:
        with pytest.raises(Crash):
            run_on(road, script)
        road.point.at = None
        road.restart()
        ended = run_on(road, script)
        states = [step.state for step in road.store.history(1)]

        assert (ended.state, road.champion()) == ENDS[script], at
        assert (road.plan().split, road.plan().shadow) == (None, None)
        assert [step.revision for step in road.store.history(1)] == list(range(1, len(states) + 1))
        assert len(road.bench.versions.promotions(MODEL)) == {"good": 3, "bad": 2, "breach": 4}[script]
        assert len(states) == len(set(states)) + max(0, states.count("canary") - 1), "a step was made twice"


@pytest.mark.requirement("ROLL-009")
@pytest.mark.parametrize("script", sorted(ENDS))
def test_a_crash_between_any_two_writes_ends_as_if_there_had_been_none(script: str, tmp_path: Path) -> None:
    """Some of the boundaries, spread over all of them; the slow test takes every one."""
    passed = boundaries(tmp_path / "whole", script)

    assert passed > 10
    for at in range(2, passed + 1, max(1, passed // 3)):
        survives(tmp_path / f"at-{at}", script, at=at)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("script", sorted(ENDS))
def test_a_crash_between_every_two_writes_ends_as_if_there_had_been_none(script: str, tmp_path: Path) -> None:
    passed = boundaries(tmp_path / "whole", script)
    for at in range(1, passed + 1):
        survives(tmp_path / f"at-{at}", script, at=at)


@contextmanager
def take_up(home: Path) -> Iterator[Journey]:
    """The journey of a home in this process, the clock where the rollout's is."""
    database = open_database(f"sqlite:///{home}/tacit.db")
    try:
        road = Journey(bench_over(home, database), SaidCounts(), database)
        road.now_ms = max((each.entered_ms for each in road.desk.rollouts()), default=road.now_ms)
        yield road
    finally:
        database.close()


def killed(home: Path, script: str, *, after: int) -> bool:
    """Let another process look once, killed after so many writes; whether it came to that."""
    child = os.fork()
    if not child:
        try:
            look_and_die(home, script, after=after)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def look_and_die(home: Path, script: str, *, after: int) -> None:
    """What that process does."""
    written = itertools.count(1)

    def count(*given: object) -> None:
        if str(given[2]).split()[0] in ("INSERT", "UPDATE", "DELETE") and next(written) == after:
            os.kill(os.getpid(), signal.SIGKILL)

    with take_up(home) as road:
        assert road.database is not None
        event.listen(road.database.engine, "after_cursor_execute", count)
        one_more_look(road, script)
    os._exit(0)


def in_every_state(home: Path, script: str, *, writes: Callable[[int], int]) -> list[tuple[str, bool]]:
    """In each state a process is killed, and then another looks; the states, and whether one was killed in them."""
    seen: list[tuple[str, bool]] = []
    for turn in itertools.count():
        with take_up(home) as road:
            before = next(iter(road.desk.rollouts()), None)
        if before is not None and before.is_over:
            return seen
        seen.append(("none" if before is None else before.stage, killed(home, script, after=writes(turn))))
        with take_up(home) as road:
            one_more_look(road, script)
    raise AssertionError("unreachable")


@pytest.mark.requirement("ROLL-009")
@pytest.mark.parametrize(
    ("script", "writes"),
    [
        ("good", 2),
        pytest.param("good", 1, marks=pytest.mark.slow),
        pytest.param("breach", 2, marks=pytest.mark.slow),
        pytest.param("bad", 4, marks=pytest.mark.slow),
    ],
)
def test_a_process_killed_in_each_state_leaves_a_rollout_that_ends_as_it_should(
    script: str, writes: int, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with road_of(home):
        pass
    seen = in_every_state(home, script, writes=lambda _: writes)
    with take_up(home) as road:
        ended = road.desk.rollouts()[0]

        assert (ended.state, road.champion()) == ENDS[script]
        assert (road.plan().split, road.plan().shadow) == (None, None)
    print(seen)
    assert [stage for stage, _ in seen][:2] == ["none", "shadow"]
    assert sum(was_killed for _, was_killed in seen) >= 2
