"""The steps a rollout may take, whatever happens to it and in whatever order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.errors import Refused, TacitError, Unavailable
from tacit.registry.versions import Promotion
from tacit.rollout.rollouts import (
    KEEPER,
    OVER,
    Advance,
    Rollout,
    aborted,
    advanced,
    failed,
    flipped,
    foreign_move,
    judged,
    promoted,
    reverted,
    step_of,
    superseded,
    traffic_of,
    was_recently_good,
)
from tacit.rollout.verdicts import Finding, Outcome, Verdict
from tests.registries import NOON
from tests.rollouts import COURSE

EVENTS = ("pass", "fail", "insufficient", "advance", "promote", "abort", "settle", "break", "supersede")


def begun(advance: Advance = "automatic", **changes: object) -> Rollout:
    first = Rollout(
        rollout_id=7,
        name="recommender",
        version=3,
        replaces=2,
        ledger_length=2,
        advance=advance,
        is_forced=False,
        actor="ann",
        purpose="better",
        opened_ms=0,
        course=COURSE,
        state="shadow",
        step=-1,
        entered_ms=0,
        by="ann",
    )
    return replace(first, **changes)  # type: ignore[arg-type]


def verdict(outcome: Outcome) -> Verdict:
    return Verdict((Finding("errors", outcome, f"It says {outcome}."), Finding("bake", "pass", "Long enough.")))


def move(to_number: int, *, kind: str = "promoted", from_number: int = 2, reason: str = "by hand") -> Promotion:
    return Promotion("recommender", kind, from_number, to_number, "bob", False, reason, NOON)  # type: ignore[arg-type]


def after(rollout: Rollout, event: str) -> Rollout:
    """Where an event leads, or where it was if that is refused."""
    try:
        if event in ("pass", "fail", "insufficient"):
            return judged(rollout, verdict(event), at_ms=1) or rollout  # type: ignore[arg-type]
        if event == "settle":
            settled = {"flipping": flipped, "reverting": reverted}.get(rollout.state)
            return rollout if settled is None else settled(rollout, at_ms=1)
        if event == "break":
            is_moving = rollout.state in ("flipping", "reverting")
            return failed(rollout, detail="it does not verify", at_ms=1) if is_moving else rollout
        if event == "supersede":
            return rollout if rollout.is_over else superseded(rollout, move(2), at_ms=1)
        decide = {"advance": advanced, "promote": promoted, "abort": aborted}[event]
        return decide(rollout, by="ann", reasons=("so be it",), at_ms=1)
    except TacitError:
        return rollout


@given(events=st.lists(st.sampled_from(EVENTS), max_size=25), advance=st.sampled_from(["automatic", "manual"]))
def test_whatever_happens_only_what_passed_or_a_person_carries_a_version_on(
    events: list[str], advance: Advance
) -> None:
    rollout = begun(advance)
    for event in events:
        now = after(rollout, event)
        split, shadow = traffic_of(now)

        assert now.revision - rollout.revision == (now != rollout)
        if now.share > rollout.share or (now.state, rollout.state) in {
            ("flipping", "canary"),
            ("flipping", "shadow"),
        }:
            assert event in ("advance", "promote") or (event == "pass" and advance == "automatic"), (event, now)
        if event == "insufficient":
            assert now == rollout
        if now.is_over:
            assert (split, shadow) == (None, None)
        else:
            assert split is not None
            assert split.split_id == "rollout-7"
            assert sum(arm.share for arm in split.arms if arm.version == 3) == (
                now.share if split.stage.startswith("canary") else 0
            )
        if rollout.state in OVER:
            assert now == rollout
        rollout = now


@given(events=st.lists(st.sampled_from(EVENTS), max_size=25))
def test_the_champion_is_moved_once_there_and_at_most_once_back(events: list[str]) -> None:
    states = ["shadow"]
    rollout = begun()
    for event in events:
        rollout = after(rollout, event)
        states.append(rollout.state)
    changes = [b for a, b in pairwise(states) if a != b]

    assert changes.count("watching") <= 1
    assert changes.count("reverting") <= 1
    assert "reverting" not in changes or changes.index("reverting") > changes.index("watching")
    assert "watching" not in changes or changes[changes.index("watching") - 1] == "flipping"


@pytest.mark.requirement("ROLL-002")
@pytest.mark.requirement("C-18")
def test_a_version_that_passes_everything_meets_five_then_twenty_five_then_all_users() -> None:
    rollout, met = begun(), []
    for event in ("pass", "pass", "pass", "pass", "settle", "pass"):
        rollout = after(rollout, event)
        met.append((rollout.state, rollout.stage, rollout.share))

    assert met == [
        ("canary", "canary-5", 0.05),
        ("canary", "canary-25", 0.25),
        ("canary", "canary-100", 1.0),
        ("flipping", "canary-100", 1.0),
        ("watching", "watch", 1.0),
        ("done", "watch", 1.0),
    ]


@given(user=st.text(min_size=1, max_size=20))
def test_a_user_who_met_the_version_still_does_when_it_grows(user: str) -> None:
    arms = []
    for step in range(3):
        split, _ = traffic_of(begun(state="canary", step=step))
        assert split is not None
        assert isclose(sum(arm.share for arm in split.arms), 1)
        arms.append(split.arm_of(user).name)

    assert arms == sorted(arms, key=["champion", "canary"].index)
    assert arms[-1] == "canary"


def test_the_shadow_is_asked_in_secret_only_and_the_traffic_is_taken_meanwhile() -> None:
    split, shadow = traffic_of(begun())

    assert shadow is not None
    assert (shadow.split_id, shadow.version) == ("rollout-7", 3)
    assert split is not None
    assert [(arm.name, arm.share, arm.version) for arm in split.arms] == [("champion", 1.0, None)]


def test_a_failure_names_the_checks_that_failed_and_no_others() -> None:
    ended = judged(begun(state="canary", step=0), verdict("fail"), at_ms=5)

    assert ended is not None
    assert (ended.state, ended.by, ended.reasons, ended.entered_ms) == ("aborted", KEEPER, ("It says fail.",), 5)
    assert step_of(ended, verdict("fail")).findings["verdict"] == "fail"


@pytest.mark.parametrize("decide", [advanced, promoted, aborted])
def test_what_is_over_or_moving_is_decided_by_nobody(decide: object) -> None:
    for state, kind, code in (
        ("done", Refused, "rollout_over"),
        ("flipping", Unavailable, "rollout_moving"),
        ("reverting", Unavailable, "rollout_moving"),
    ):
        with pytest.raises(kind) as refusal:
            decide(begun(state=state), by="ann", reasons=(), at_ms=1)  # type: ignore[operator]
        assert refusal.value.code == code


def test_a_move_of_the_champion_is_foreign_unless_it_carries_the_rollouts_mark() -> None:
    before = [move(1), move(2)]
    rollout = begun()

    assert foreign_move(rollout, before) is None
    assert foreign_move(rollout, [*before, move(3, reason=rollout.mark + "better")]) is None
    assert foreign_move(rollout, [*before, move(3, reason="rollout 71: better")]) == move(
        3, reason="rollout 71: better"
    )
    assert foreign_move(rollout, [*before, move(4), move(2, kind="rolled_back")]) == move(2, kind="rolled_back")


@pytest.mark.parametrize(
    ("moves", "since", "is_good"),
    [
        ([move(2), move(3)], "2026-01-02T11:00:00+00:00", True),
        ([move(2), move(3)], "2026-01-02T13:00:00+00:00", False),
        ([move(2), move(1, kind="rolled_back")], "2026-01-02T11:00:00+00:00", False),
        ([move(1, from_number=3)], "2026-01-02T11:00:00+00:00", False),
    ],
)
def test_only_a_version_that_left_for_a_better_one_lately_need_not_bake_again(
    moves: list[Promotion], since: str, is_good: bool
) -> None:
    assert was_recently_good(2, moves, since=datetime.fromisoformat(since).astimezone(UTC)) is is_good
