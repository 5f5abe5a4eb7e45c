"""Which version answers whom: by arm, sticky, never two in one answer, and the champion wherever an arm fails."""

from __future__ import annotations

import gc
import random
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from tacit.adapters.memory import MemoryMetricSink
from tacit.errors import NotFound, Unavailable
from tacit.models.recommender.model import RecommenderModel
from tacit.rollout.traffic import Arm, Place, Split, TrafficPlan
from tacit.serving.events import TrafficLost
from tacit.serving.recommend import RecommendationService
from tacit.serving.rehearsals import Rehearsals
from tests.arms import HALF, ROLLOUT, DividedStage, divided_stage, failing_load, marks_of, split
from tests.event_stores import effect
from tests.stages import WORKLOAD, spoil, wait_until

LABELS = {"recommender/1": "one", "recommender/2": "two"}


@pytest.fixture
def made(tmp_path: Path) -> Iterator[DividedStage]:
    with divided_stage(tmp_path) as made:
        yield made


def test_each_user_is_answered_by_the_version_of_their_arm_and_the_exposure_says_which(made: DividedStage) -> None:
    divided = split()
    made.divide(divided)
    users = made.pool.current().model.user_ids
    answers = {user_id: made.service.for_user(user_id) for user_id in users}

    for user_id, answer in answers.items():
        arm = divided.arm_of(user_id).name
        assert (answer.model_version, marks_of(answer)) == (
            ("recommender/2", {"two"}) if arm == "canary" else ("recommender/1", {"one"})
        )
    assert made.exposures.close().written == len(users)
    places = {each.user_id: each.place for each in made.log.recent(1_000)}
    assert places == {user_id: Place(ROLLOUT, HALF, divided.arm_of(user_id).name) for user_id in users}
    counted = made.counted("canary") + made.counted("champion")
    assert (counted.requests, counted.errors, counted.degraded) == (len(users), 0, 0)


def test_without_a_plan_the_champion_answers_everybody_and_nothing_is_counted(made: DividedStage) -> None:
    made.traffic.refresh()
    answer = made.service.for_user("u000")

    assert (answer.model_version, made.traffic.roster.plan) == ("recommender/1", TrafficPlan())
    assert made.exposures.close().written == 1
    assert made.log.recent(1)[0].place is None
    assert made.counted("champion").requests == 0


def test_nobody_whom_the_champion_does_not_know_has_a_place(made: DividedStage) -> None:
    made.divide(split(share=1.0))

    with pytest.raises(NotFound, match="Nobody by this id"):
        made.service.for_user("stranger")
    answers = [made.service.for_likes(["i001"]), made.service.similar("i001"), made.service.popular()]
    assert {answer.model_version for answer in answers} == {"recommender/1"}
    assert made.counted("canary").requests == 0


def test_somebody_known_by_their_events_alone_has_a_place_like_all_others(made: DividedStage) -> None:
    made.divide(split(share=1.0))
    made.store.apply([effect(1, user_id="new-here", item_id="i001")], offset=1)
    made.users.told({"new-here"})

    assert made.service.for_user("new-here").model_version == "recommender/2"


def test_a_version_is_whole_and_asked_before_it_gets_any_traffic(tmp_path: Path) -> None:
    loading, may_end = threading.Event(), threading.Event()

    def load(folder: Path) -> RecommenderModel:
        if folder.name == "2":
            loading.set()
            assert may_end.wait(10)
        return WORKLOAD.load(folder)

    with divided_stage(tmp_path, load=load) as made:
        made.plans.set_split("recommender", split(share=1.0), split_id=ROLLOUT)
        follower = threading.Thread(target=made.traffic.refresh)
        follower.start()
        assert loading.wait(10)
        meanwhile = made.service.for_user("u000")
        may_end.set()
        follower.join()

        assert (meanwhile.model_version, meanwhile.degraded) == ("recommender/1", False)
        assert made.service.for_user("u000").model_version == "recommender/2"
        assert made.counted("canary").requests == 1


def test_an_arm_ends_before_another_version_is_loaded(tmp_path: Path) -> None:
    loading, may_end = threading.Event(), threading.Event()

    def load(folder: Path) -> RecommenderModel:
        if folder.name == "3":
            loading.set()
            assert may_end.wait(10)
        return WORKLOAD.load(folder)

    with divided_stage(tmp_path, load=load) as made:
        made.register("three")
        made.divide(split(share=1.0))
        made.plans.set_split("recommender", split(canary=3, share=1.0, stage="next"), split_id=ROLLOUT)
        follower = threading.Thread(target=made.traffic.refresh)
        follower.start()
        assert loading.wait(10)
        assert made.service.for_user("u000").model_version == "recommender/1"
        may_end.set()
        follower.join()


def test_what_is_given_up_while_its_version_is_loaded_does_not_begin(tmp_path: Path) -> None:
    loading, may_end = threading.Event(), threading.Event()

    def load(folder: Path) -> RecommenderModel:
        if folder.name == "2":
            loading.set()
            assert may_end.wait(10)
        return WORKLOAD.load(folder)

    with divided_stage(tmp_path, load=load) as made:
        made.plans.set_split("recommender", split(share=1.0), split_id=ROLLOUT)
        follower = threading.Thread(target=made.traffic.refresh)
        follower.start()
        assert loading.wait(10)
        made.plans.set_split("recommender", None, split_id=ROLLOUT)
        may_end.set()
        follower.join()

        assert made.service.for_user("u000").model_version == "recommender/1"
        assert made.traffic.in_use() == ()


def test_an_arm_that_nobody_met_for_long_is_counted_again_once_somebody_does(
    made: DividedStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.divide(split(share=1.0))
    now = made.tallies._clock() + 61.0
    monkeypatch.setattr(made.tallies, "_clock", lambda: now)
    made.tallies.flush()  # as after a pause of the whole process, in which the plan was not read either
    made.service.for_user("u000")
    made.traffic.refresh()
    made.service.for_user("u001")

    assert made.counted("canary").requests == 2


def test_a_version_that_cannot_be_loaded_leaves_its_arm_to_the_champion_and_is_tried_again(made: DividedStage) -> None:
    broken = made.register("three")
    spoil(broken.folder, "user_factors.npy")
    made.divide(split(canary=3, share=1.0))
    answer = made.service.for_user("u000")

    assert (answer.model_version, answer.degraded, marks_of(answer)) == ("recommender/1", True, {"one"})
    assert [refused.number for refused in made.traffic.refused()] == [3]
    counted = made.counted("canary")
    assert (counted.requests, counted.errors, counted.degraded) == (1, 1, 1)

    spoil(broken.folder, "user_factors.npy")  # the same bit once more
    made.traffic.refresh()
    assert made.service.for_user("u000").model_version == "recommender/3"
    assert made.counted("canary").errors == 1


def test_a_version_that_fails_at_run_time_is_stood_in_for_by_the_champion_and_charged_with_it(tmp_path: Path) -> None:
    is_failing = False
    with divided_stage(tmp_path, load=failing_load(2, lambda: is_failing), keeps_lists=True) as made:
        made.divide(split(share=1.0))
        is_failing = True
        answer = made.service.for_user("u000")
        assert (answer.model_version, answer.degraded, marks_of(answer)) == ("recommender/1", True, {"one"})
        is_failing = False
        answer = made.service.for_user("u000")

        assert (answer.model_version, answer.degraded, marks_of(answer)) == ("recommender/2", False, {"two"})
        counted = made.counted("canary")
        assert (counted.requests, counted.errors, counted.degraded) == (2, 1, 1)


def test_an_arm_of_the_champion_itself_is_charged_with_what_fails_in_it(tmp_path: Path) -> None:
    is_failing = False
    with divided_stage(tmp_path, load=failing_load(1, lambda: is_failing)) as made:
        made.divide(split(share=0.0))
        is_failing = True
        answer = made.service.for_user("u000")

        assert (answer.source, answer.degraded) == ("blended", True)
        assert (made.counted("champion").requests, made.counted("champion").errors) == (1, 1)


def test_an_arms_own_rungs_hold_for_its_users_alone(made: DividedStage) -> None:
    divided = split(canary=None, coldstart__blended_from=100, coldstart__personal_from=200)
    made.divide(divided)
    sources = {
        arm: {made.service.for_user(user_id).source for user_id in made.users_of(divided, arm)[:8]}
        for arm in ("canary", "champion")
    }

    assert sources["canary"] == {"popular"}
    assert "personal" in sources["champion"]


@pytest.mark.parametrize(
    "settings",
    [{"cache__capacity": 1.0}, {"coldstart__personal_from": 0.5}, {"coldstart__blended_from": 50.0}],
)
def test_settings_that_make_no_sense_leave_the_arm_to_the_champion_as_it_is(
    made: DividedStage, settings: dict[str, float]
) -> None:
    made.divide(split(canary=None, share=1.0, **settings))
    answer = made.service.for_user("u000")

    assert (answer.source, answer.model_version, answer.degraded) == ("personal", "recommender/1", True)
    assert made.counted("canary").errors == 1


def test_a_category_that_only_the_champion_has_is_asked_of_it_and_charged_to_nobody(made: DividedStage) -> None:
    made.divide(split(share=1.0))
    loaded = next(each for each in made.traffic.in_use() if each.label == "recommender/2")
    del loaded.model.categories["odd"]
    answer = made.service.for_user("u000", category="odd")

    assert (answer.model_version, answer.degraded) == ("recommender/1", False)
    assert made.counted("canary").requests == 0


def test_kept_lists_of_one_version_are_never_the_answer_of_another(tmp_path: Path) -> None:
    with divided_stage(tmp_path, keeps_lists=True) as made:
        for share in (1.0, 0.0, 1.0, 0.0):
            made.divide(split(share=share))
            for _ in range(2):
                answer = made.service.for_user("u000")
                assert marks_of(answer) == {LABELS[answer.model_version]}
                assert answer.model_version == ("recommender/2" if share else "recommender/1")


def test_a_version_that_leaves_the_plan_leaves_the_memory(made: DividedStage) -> None:
    made.store.apply([effect(1, user_id="u000", item_id="i020")], offset=1)
    made.users.told({"u000"})
    made.divide(split(share=1.0))
    made.service.for_user("u000")
    loaded = weakref.ref(next(each for each in made.traffic.in_use() if each.label == "recommender/2"))
    factors = weakref.ref(loaded().model.item_factors)  # type: ignore[union-attr]
    made.divide(None)
    shelf = made.service._making._shelf
    assert shelf is not None
    shelf.forget(loaded())  # type: ignore[arg-type]  # what the keeper does within half a second
    gc.collect()

    assert loaded() is None
    assert factors() is None
    assert made.service.for_user("u000").model_version == "recommender/1"


def test_a_plan_that_cannot_be_read_is_told_once_and_the_last_one_stays_in_force(made: DividedStage) -> None:
    made.divide(split(share=1.0))

    def away(_: str) -> TrafficPlan:
        raise Unavailable("database_timeout", "It does not answer.")

    made.plans.plan = away  # type: ignore[method-assign]
    made.traffic.poll()
    made.traffic.poll()

    assert made.service.for_user("u000").model_version == "recommender/2"
    assert [event.code for event in made.events if isinstance(event, TrafficLost)] == ["database_timeout"]


def test_a_champion_that_moves_does_not_charge_the_arm_that_shares_its_version(made: DividedStage) -> None:
    made.promote(2)
    made.divide(split(share=1.0))
    made.bench.release.rollback("recommender", actor="ann", reason="worse")
    made.pool.refresh()
    answer = made.service.for_user("u000")

    assert (answer.model_version, answer.degraded) == ("recommender/2", False)
    assert made.counted("canary").errors == 0


def test_a_version_that_becomes_champion_is_not_left_for_the_one_of_before_meanwhile(made: DividedStage) -> None:
    made.divide(split(share=1.0))
    made.bench.release.promote("recommender", 2, actor="ann")
    made.divide(Split(ROLLOUT, "watch", (Arm("champion", 1.0),)))

    assert made.service.for_user("u000").model_version == "recommender/2"


@pytest.mark.parametrize("keeps_lists", [False, True])
def test_whatever_is_swapped_meanwhile_no_answer_mixes_two_versions(tmp_path: Path, keeps_lists: bool) -> None:
    """Champion, plan and shares change at random while many ask; each answer's words are of the version it names."""
    turns = random.Random(20_261_121)
    with divided_stage(tmp_path, keeps_lists=keeps_lists) as made:
        made.traffic.start()
        users = made.pool.current().model.user_ids
        over, wrong, answered = threading.Event(), [], set()

        def ask(salt: int) -> None:
            own = random.Random(salt)
            while not over.is_set():
                answer = made.service.for_user(own.choice(users), limit=own.randint(1, 12))
                if marks_of(answer) != {LABELS[answer.model_version]} or answer.degraded:
                    wrong.append(answer)
                answered.add(answer.model_version)

        askers = [threading.Thread(target=ask, args=(salt,)) for salt in range(3)]
        for asker in askers:
            asker.start()
        try:
            for turn in range(6):
                other = split(share=turns.choice((0.05, 0.25, 1.0)), stage=f"stage-{turn}", canary=turns.choice((1, 2)))
                made.divide(turns.choice((None, other)))
                number = made.bench.champion()
                made.promote(2 if number == 1 else 1)
        finally:
            over.set()
            for asker in askers:
                asker.join()

        assert not wrong
        assert answered == set(LABELS)


def test_a_new_plan_is_followed_without_being_told(made: DividedStage) -> None:
    made.traffic.start()
    made.plans.set_split("recommender", split(share=1.0), split_id=ROLLOUT)

    wait_until(lambda: made.service.for_user("u000").model_version == "recommender/2")


def test_a_rehearsed_list_comes_from_the_version_that_its_user_meets_and_counts_for_no_arm(made: DividedStage) -> None:
    made.divide(split(share=1.0))
    service = RecommendationService(
        made.pool,
        made.exposures,
        MemoryMetricSink(),
        clock=time.time,
        new_id=lambda: "rehearsed",
        users=made.users,
        traffic=made.traffic,
        rehearsals=Rehearsals(0.25, time.time, spared=0),
    )
    users = [user for user in made.pool.current().model.user_ids if user.startswith("u")]
    answers = [service.for_user(user, limit=2) for user in users]
    rehearsed = [answer for answer in answers if answer.rehearsed]

    assert len(rehearsed) > len(users) / 2
    assert {answer.model_version for answer in answers} == {"recommender/2"}
    assert made.counted("canary").requests == len(answers) - len(rehearsed)
