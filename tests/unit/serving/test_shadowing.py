"""A shadow is asked what users ask, and whatever it does, no user notices."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tacit.models.recommender.model import RecommenderModel
from tacit.rollout.arm_traffic import ShadowCounts
from tacit.rollout.traffic import Shadow
from tacit.serving.shadowing import CAPACITY
from tests.arms import ROLLOUT, DividedStage, divided_stage, failing_load, split
from tests.stages import WORKLOAD, spoil, wait_until

USERS = [f"u{number:03}" for number in range(40)]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[DividedStage]:
    with divided_stage(tmp_path) as made:
        yield made


def cast(made: DividedStage, *, version: int = 2, share: float = 1.0) -> None:
    """Have a version be the shadow from now on."""
    made.plans.set_shadow("recommender", Shadow(ROLLOUT, version, share), split_id=ROLLOUT)
    made.traffic.refresh()


def compared(made: DividedStage) -> ShadowCounts:
    """What the store was handed, this moment included."""
    made.tallies.flush()
    return made.counts.shadow(ROLLOUT)


@pytest.mark.requirement("ROLL-004")
def test_a_shadow_is_asked_what_users_are_answered_and_its_answers_are_seen_by_nobody(made: DividedStage) -> None:
    cast(made)
    answers = [made.service.for_user(user_id) for user_id in USERS]
    wait_until(lambda: compared(made).answered == len(USERS))
    counts = compared(made)

    assert {answer.model_version for answer in answers} == {"recommender/1"}
    assert (counts.mirrored, counts.errors, counts.dropped) == (len(USERS), 0, 0)
    assert sum(counts.latencies) == sum(counts.served_latencies) == len(USERS)
    assert 0 < counts.overlap < len(USERS)
    assert counts.score_shift > 0
    assert made.exposures.close().written == len(USERS)
    assert {each.model_version for each in made.log.recent(1_000)} == {"recommender/1"}


def test_a_shadow_of_the_champion_itself_finds_what_was_given(made: DividedStage) -> None:
    cast(made, version=1)
    for user_id in USERS:
        made.service.for_user(user_id)
    wait_until(lambda: compared(made).answered == len(USERS))

    assert (compared(made).overlap, compared(made).score_shift) == (len(USERS), 0.0)


def test_a_shadow_gets_no_more_than_its_share(made: DividedStage) -> None:
    cast(made, share=0.0)
    made.service.for_user("u000")

    assert compared(made) == ShadowCounts()


def test_a_category_that_the_shadow_does_not_have_is_not_asked_of_it(made: DividedStage) -> None:
    cast(made)
    shadow = made.traffic.roster.shadow
    assert shadow is not None
    assert shadow.loaded is not None
    del shadow.loaded.model.categories["odd"]
    made.service.for_user("u000", category="odd")

    assert compared(made) == ShadowCounts()


def test_a_shadow_that_fails_costs_no_answer_and_is_counted(tmp_path: Path) -> None:
    is_failing = False
    with divided_stage(tmp_path, load=failing_load(2, lambda: is_failing)) as made:
        cast(made)
        is_failing = True
        assert not made.service.for_user("u000").degraded
        wait_until(lambda: compared(made).errors == 1)

        assert compared(made).answered == 0


def test_a_shadow_that_cannot_be_loaded_fails_at_whatever_it_is_asked(made: DividedStage) -> None:
    spoil(made.register("three").folder, "user_factors.npy")
    cast(made, version=3)

    assert not made.service.for_user("u000").degraded
    assert (compared(made).mirrored, compared(made).errors) == (1, 1)


def test_a_shadow_that_hangs_holds_up_nobody_and_what_finds_no_room_is_dropped(tmp_path: Path) -> None:
    is_hanging, may_end = False, threading.Event()

    def hangs() -> bool:
        return is_hanging and not may_end.wait(30)

    with divided_stage(tmp_path, load=failing_load(2, hangs), keeps_lists=True) as made:
        cast(made)
        is_hanging = True
        slowest = 0.0
        for turn in range(CAPACITY + 21):
            began = time.perf_counter()
            assert not made.service.for_user(USERS[turn % len(USERS)]).degraded
            slowest = max(slowest, time.perf_counter() - began)
        counts = compared(made)

        assert (counts.mirrored, counts.answered, counts.dropped) == (CAPACITY + 21, 0, 20)
        assert slowest < 10

        # It is let go though it hangs, and what waited is given up once it comes to itself.
        made.plans.set_shadow("recommender", None, split_id=ROLLOUT)
        made.traffic.refresh()
        assert made.traffic.roster.shadow is None
        may_end.set()
        wait_until(lambda: compared(made).dropped == 20 + CAPACITY)


def test_a_shadow_is_kept_while_the_split_beside_it_changes(made: DividedStage) -> None:
    cast(made)
    before = made.traffic.roster.shadow
    made.divide(split(share=0.1))

    assert made.traffic.roster.shadow is before


def test_a_shadow_that_nobody_asked_for_long_is_counted_again_once_somebody_does(
    made: DividedStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast(made)
    now = made.tallies._clock() + 61.0
    monkeypatch.setattr(made.tallies, "_clock", lambda: now)
    made.tallies.flush()
    made.traffic.refresh()
    made.service.for_user("u000")

    wait_until(lambda: compared(made).answered == 1)


def test_a_shadow_whose_loading_takes_long_leaves_the_champion_answering(tmp_path: Path) -> None:
    loading, may_end = threading.Event(), threading.Event()

    def load(folder: Path) -> RecommenderModel:
        if folder.name == "2":
            loading.set()
            assert may_end.wait(10)
        return WORKLOAD.load(folder)

    with divided_stage(tmp_path, load=load) as made:
        caster = threading.Thread(target=cast, args=(made,))
        caster.start()
        assert loading.wait(10)
        assert made.service.for_user("u000").model_version == "recommender/1"
        may_end.set()
        caster.join()
        assert made.traffic.roster.shadow is not None
