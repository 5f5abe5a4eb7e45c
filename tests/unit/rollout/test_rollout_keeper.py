"""A version is brought to users by itself as far as that was asked for, is ended in time, and people decide last."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tacit.errors import Refused
from tacit.monitoring import metrics
from tacit.rollout.moving import Mover
from tacit.rollout.outcomes import Outcomes
from tacit.rollout.rollouts import KEEPER, promoted
from tacit.rollout.traffic import CHAMPION_ARM, Arm, Split
from tests.rollouts import COURSE, MODEL, Journey, arm, journey, took, users


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Journey]:
    with journey(tmp_path) as road:
        yield road


def on_five_percent(road: Journey) -> None:
    road.start(3)
    assert road.tick_well().stage == "canary-5"


def bad(road: Journey) -> None:
    """The canary's requests fail, one in ten."""
    road.said.arms[road.desk.under_way().stage] = {  # type: ignore[union-attr]
        "canary": arm(200, errors=20),
        "champion": arm(3_800, errors=4),
    }


def trail(road: Journey) -> list[tuple[str, str]]:
    entries = [entry for entry in road.bench.audit.entries() if entry.action.startswith("rollout_")]
    return [(entry.action, entry.actor) for entry in reversed(entries)]


@pytest.mark.requirement("ROLL-001")
@pytest.mark.requirement("ROLL-002")
@pytest.mark.requirement("C-18")
def test_a_good_version_reaches_all_users_step_by_step_and_is_watched(road: Journey) -> None:
    road.start(3)
    stages = [road.tick_well().stage for _ in range(4)]
    watched = road.tick_well(100)
    done = road.tick_well(100)

    assert stages == ["canary-5", "canary-25", "canary-100", "watch"]
    assert (watched.state, done.state, road.champion()) == ("watching", "done", 3)
    assert (road.plan().split, road.plan().shadow) == (None, None)
    assert trail(road) == [
        ("rollout_started", "ann"),
        *[("rollout_advanced", KEEPER)] * 3,
        ("rollout_concluded", KEEPER),
        ("rollout_flipped", KEEPER),
        ("rollout_completed", KEEPER),
    ]
    assert road.bench.versions.promotions(MODEL)[-1].reason == "rollout 1: better"


@pytest.mark.requirement("ROLL-003")
@pytest.mark.requirement("GATE-005")
def test_a_bad_version_is_ended_at_the_first_look_with_its_reasons_kept(road: Journey) -> None:
    on_five_percent(road)
    bad(road)
    ended = road.tick(2)

    assert (ended.state, ended.by, road.champion()) == ("aborted", KEEPER, 2)
    assert "10.00% of 200 requests failed" in ended.reasons[0]
    assert (road.plan().split, road.plan().shadow) == (None, None)
    assert road.metrics.value(metrics.ROLLOUT_ABORTS, reason="errors") == 1
    assert road.metrics.value(metrics.ROLLOUT_STATE, state="aborted") == 1
    assert road.metrics.value(metrics.ROLLOUT_MEASURED, check="errors") == pytest.approx(0.1)
    assert 0 < road.metrics.value(metrics.ROLLOUT_LIMIT, check="errors") < 0.1
    findings = road.desk.status(1).history[-1].findings["findings"]
    assert any(each["gate"] == "errors" and each["outcome"] == "fail" for each in findings)  # type: ignore[attr-defined]


@pytest.mark.requirement("ROLL-004")
@pytest.mark.requirement("GATE-009")
def test_without_a_mirrored_request_no_user_ever_meets_the_version(road: Journey) -> None:
    road.start(3)
    states = {road.tick(10**7).state for _ in range(3)}

    assert states == {"shadow"}
    assert road.champion() == 2


def test_a_stage_without_traffic_waits_for_it(road: Journey) -> None:
    on_five_percent(road)
    road.said.arms, road.said.lists = {}, {}

    assert [road.tick(10**6).stage for _ in range(3)] == ["canary-5"] * 3


@pytest.mark.requirement("GATE-008")
def test_what_was_opened_by_hand_waits_for_a_word_at_every_step(road: Journey) -> None:
    road.start(3, advance="manual")
    assert road.tick_well().stage == "shadow"
    for expected in ("canary-5", "canary-25", "canary-100"):
        assert road.desk.advance(1, actor="bob", reason="looks well").stage == expected
        assert road.tick_well().stage == expected
    ended = road.desk.advance(1, actor="bob", reason="to all")

    assert (ended.state, road.champion()) == ("watching", 3)
    assert road.bench.versions.promotions(MODEL)[-1].actor == "bob"


def test_a_person_may_carry_a_version_to_all_users_from_any_step(road: Journey) -> None:
    on_five_percent(road)
    now = road.desk.promote(1, actor="bob", reason="the rest is a formality")

    assert (now.state, road.champion()) == ("watching", 3)
    assert road.plan().split == Split("rollout-1", "watch", (Arm(CHAMPION_ARM, 1.0),))


def test_a_person_may_end_it_at_any_step(road: Journey) -> None:
    on_five_percent(road)
    now = road.desk.abort(1, actor="bob", reason="a bad feeling")

    assert (now.state, now.reasons, road.champion()) == ("aborted", ("a bad feeling",), 2)
    assert road.plan().split is None
    with pytest.raises(Refused) as refusal:
        road.desk.abort(1, actor="bob", reason="again")
    assert refusal.value.code == "rollout_over"


@pytest.mark.requirement("ROLL-003")
@pytest.mark.requirement("ROLL-009")
def test_a_breach_while_it_is_watched_takes_the_champion_back(road: Journey) -> None:
    on_five_percent(road)
    road.desk.promote(1, actor="bob", reason="now")
    road.said.arms["watch"] = {"champion": arm(300, errors=100)}
    ended = road.tick(2)

    assert (ended.state, road.champion()) == ("aborted", 2)
    last = road.bench.versions.promotions(MODEL)[-1]
    assert (last.kind, last.actor) == ("rolled_back", KEEPER)
    assert last.reason.startswith("rollout 1: 33.33% of 300 requests failed")


def test_a_drop_of_clicks_while_it_is_watched_takes_the_champion_back(road: Journey) -> None:
    on_five_percent(road)
    road.desk.promote(1, actor="bob", reason="now")
    road.said.arms["watch"] = {"champion": arm(20_000)}
    before = Outcomes(20_000, 4_000, 4_000, 0.0, 900)
    road.said.lists = {CHAMPION_ARM: Outcomes(20_000, 2_400, 2_400, 0.0, 900)}
    counts = road.said

    def by_arm(split_id: str, *, since_ms: int, until_ms: int | None = None) -> object:
        return {CHAMPION_ARM: before} if until_ms is not None else counts.lists

    counts.by_arm = by_arm  # type: ignore[method-assign, assignment]

    assert (road.tick(2).state, road.champion()) == ("aborted", 2)


def test_a_drop_of_clicks_is_weighed_by_users_before_it_ends_anything(road: Journey) -> None:
    on_five_percent(road)
    road.said.arms["canary-5"] = {"canary": arm(400), "champion": arm(7_600)}
    road.said.lists = {
        "canary": Outcomes(2_000, 280, 280, 0.0, 100),
        "champion": Outcomes(38_000, 7_600, 7_600, 0.0, 1_900),
    }
    road.said.users = {"canary": users([20] * 100, [20] * 14 + [0] * 86)}
    assert road.tick(2).stage == "canary-5"

    road.said.users = {"canary": users([20] * 100, [3] * 80 + [2] * 20)}
    assert road.tick(2).state == "aborted"


@pytest.mark.parametrize("stage", ["shadow", "canary-5", "watch"])
def test_whoever_moves_the_champion_by_hand_ends_the_rollout_and_keeps_their_champion(
    road: Journey, stage: str
) -> None:
    road.start(3)
    if stage != "shadow":
        road.tick_well()
    if stage == "watch":
        road.desk.promote(1, actor="bob", reason="now")
    road.bench.release.promote(MODEL, 1, actor="carol", reason="mine")
    road.said.arms["watch"] = {"champion": arm(300, errors=100)}
    ended = road.tick(2)

    assert (ended.state, ended.reasons) == ("superseded", ("carol made recommender/1 the champion meanwhile.",))
    assert road.champion() == 1
    assert (road.plan().split, road.plan().shadow) == (None, None)


def test_a_person_who_acts_in_the_very_moment_of_a_rollback_is_not_overridden(road: Journey) -> None:
    on_five_percent(road)
    road.desk.promote(1, actor="bob", reason="now")
    road.said.arms["watch"] = {"champion": arm(300, errors=100)}
    road.bench.smoke.meanwhile.append(lambda: road.bench.release.promote(MODEL, 1, actor="carol", reason="mine"))
    ended = road.tick(2)

    assert (ended.state, road.champion()) == ("superseded", 1)


def test_a_person_who_acts_in_the_very_moment_of_the_flip_is_not_overridden(road: Journey) -> None:
    on_five_percent(road)
    road.bench.smoke.meanwhile.append(lambda: road.bench.release.promote(MODEL, 1, actor="carol", reason="mine"))
    ended = road.desk.promote(1, actor="bob", reason="now")

    assert (ended.state, road.champion()) == ("superseded", 1)


def test_a_version_that_no_longer_answers_at_the_flip_fails_and_changes_nothing(road: Journey) -> None:
    on_five_percent(road)
    road.bench.smoke.silent.add(3)
    ended = road.desk.promote(1, actor="bob", reason="now")

    assert (ended.state, road.champion(), road.plan().split) == ("failed", 2, None)
    assert "does not answer" in ended.reasons[0]


def test_a_rollback_that_is_impossible_is_said_and_ends_the_rollout(road: Journey) -> None:
    on_five_percent(road)
    road.desk.promote(1, actor="bob", reason="now")
    road.bench.smoke.silent.update({1, 2})
    ended = road.desk.abort(1, actor="bob", reason="back")

    assert (ended.state, road.champion()) == ("failed", 3)
    assert "No earlier champion" in ended.reasons[0]


def test_of_two_keepers_that_decide_at_once_one_acts(road: Journey) -> None:
    on_five_percent(road)
    first = road.keeper
    road.restart()
    bad(road)
    road.said.meanwhile.append(first.tick)
    ended = road.tick(2)

    assert (ended.state, road.champion()) == ("aborted", 2)
    assert [step.state for step in road.store.history(1)] == ["shadow", "canary", "aborted"]
    assert trail(road).count(("rollout_aborted", KEEPER)) == 1
    assert road.metrics.value(metrics.ROLLOUT_ABORTS, reason="errors") == 1


def test_of_two_that_flip_at_once_one_moves_the_champion(road: Journey) -> None:
    on_five_percent(road)
    other = road.keeper
    road.bench.smoke.meanwhile.append(other.tick)
    now = road.desk.promote(1, actor="bob", reason="now")

    assert (road.champion(), now.state) == (3, "watching")
    assert [each.to_number for each in road.bench.versions.promotions(MODEL)] == [1, 2, 3]


def test_whoever_decides_to_flip_is_left_the_time_to_do_it(tmp_path: Path) -> None:
    with journey(tmp_path, patience_ms=10_000) as road:
        on_five_percent(road)
        road.bench.smoke.meanwhile.append(lambda: road.tick(9) and None)
        now = road.desk.promote(1, actor="bob", reason="now")

        assert (now.state, road.champion()) == ("watching", 3)


def test_users_who_are_divided_otherwise_than_the_rollout_says_are_led_back(road: Journey) -> None:
    on_five_percent(road)
    planned = road.plan().split
    road.traffic.set_split(MODEL, None, split_id="rollout-1")
    road.tick(1)
    assert road.plan().split == planned

    road.desk.abort(1, actor="bob", reason="no")
    road.traffic.set_split(MODEL, planned, split_id="rollout-1")
    road.tick(1)
    assert road.plan().split is None


def test_who_looked_before_a_rollout_was_ended_divides_nobody_by_it_again(road: Journey) -> None:
    on_five_percent(road)
    looked_at = road.store.rollout(1)
    assert looked_at is not None
    road.desk.abort(1, actor="bob", reason="no")
    Mover(road.standing).align(looked_at)

    assert (road.plan().split, road.plan().shadow) == (None, None)


def test_who_looked_before_a_rollout_advanced_leaves_users_where_they_are_now(road: Journey) -> None:
    on_five_percent(road)
    looked_at = road.store.rollout(1)
    assert looked_at is not None
    road.desk.advance(1, actor="bob", reason="on")
    Mover(road.standing).align(looked_at)

    assert road.plan().split is not None
    assert road.plan().split.stage == "canary-25"


def test_whoever_finds_the_champion_moved_already_is_told_where_the_rollout_is(road: Journey) -> None:
    on_five_percent(road)
    looked_at = road.store.rollout(1)
    assert looked_at is not None
    mover = Mover(road.standing)
    decided = mover.make(promoted(looked_at, by="bob", reasons=(), at_ms=road.now_ms))
    assert road.tick(60).state == "watching"

    assert mover.settle(decided).state == "watching"
    assert [step.state for step in road.store.history(1)] == ["shadow", "canary", "flipping", "watching"]


ACTS = ("well", "badly", "nothing", "advance", "promote", "abort", "by hand", "back by hand", "restart")


def act(road: Journey, what: str) -> None:
    desk, under_way = road.desk, road.desk.under_way()
    if what == "well":
        road.tick_well()
    elif what == "badly":
        road.said.arms = {
            stage: {"canary": arm(200, errors=60), "champion": arm(3_800 if stage != "watch" else 300, errors=100)}
            for stage in ("canary-5", "canary-25", "canary-100", "watch")
        }
        road.said.secret = replace(road.said.secret, errors=500, answered=500, latencies=took(0.02, 500))
        road.tick(1)
    elif what == "nothing":
        road.said.arms, road.said.lists, road.said.secret = {}, {}, type(road.said.secret)()
        road.tick(10**5)
    elif what == "restart":
        road.restart()
    elif what == "by hand":
        others = [number for number in (1, 2, 3) if number != road.champion()]
        road.bench.release.promote(MODEL, others[0], actor="carol", reason="by hand")
    elif what == "back by hand":
        road.bench.release.rollback(MODEL, actor="carol", reason="by hand")
    elif under_way is not None:
        {"advance": desk.advance, "promote": desk.promote, "abort": desk.abort}[what](
            under_way.rollout_id, actor="bob", reason="so be it"
        )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(acts=st.lists(st.sampled_from(ACTS), max_size=12))
def test_whatever_people_and_traffic_do_there_is_one_champion_and_theirs_stays(acts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as home, journey(Path(home)) as road:
        road.start(3)
        for what in acts:
            people = [each for each in road.bench.versions.promotions(MODEL) if each.actor == "carol"]
            with suppress(Refused):
                act(road, what)
            moves = road.bench.versions.promotions(MODEL)
            under_way, plan = road.desk.under_way(), road.plan()

            assert moves[-1].to_number == road.champion()
            if what in ("badly", "nothing"):
                assert not any(each.actor == KEEPER and each.kind == "promoted" for each in moves[-1:])
            if people:
                last = max(place for place, each in enumerate(moves) if each.actor == "carol")
                assert len(moves) == last + 1, "somebody decided, and it was overridden"
            if under_way is None:
                road.keeper.tick()
                assert (road.plan().split, road.plan().shadow) == (None, None)
            elif plan.split is not None:
                assert plan.split.split_id == under_way.split_id


def test_the_course_is_that_of_the_day_it_began(tmp_path: Path) -> None:
    with journey(tmp_path, course=replace(COURSE, steps=(50.0, 100.0))) as road:
        road.start(3)
        road.course = COURSE
        road.restart()

        assert road.tick_well().stage == "canary-50"
