"""Users are divided evenly, stay where they are, and nobody is moved by an arm that only grows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.rollout.arm_traffic import LATENCY_BOUNDS, NO_LATENCIES, ArmCounts, ShadowCounts, bucket_of, quantile
from tacit.rollout.traffic import Arm, Split, bucket

USERS = [f"user-{number}" for number in range(20_000)]


def canary(share: float, split_id: str = "rollout-1") -> Split:
    return Split(split_id, "canary", (Arm("canary", share, 2), Arm("champion", 1 - share)))


@given(st.text(), st.text())
def test_a_user_always_stands_at_the_same_place_within_the_unit_interval(salt: str, user_id: str) -> None:
    assert 0 <= bucket(salt, user_id) < 1
    assert bucket(salt, user_id) == bucket(salt, user_id)


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5])
def test_an_arm_gets_its_share_of_the_users(share: float) -> None:
    met = sum(canary(share).arm_of(user).name == "canary" for user in USERS) / len(USERS)

    # Five standard errors of a share among 20,000.
    assert abs(met - share) < 5 * (share * (1 - share) / len(USERS)) ** 0.5


def test_users_who_met_the_canary_still_do_when_it_grows() -> None:
    before = {user for user in USERS if canary(0.05).arm_of(user).name == "canary"}
    after = {user for user in USERS if canary(0.25).arm_of(user).name == "canary"}

    assert before < after


def test_another_split_divides_users_anew() -> None:
    first = {user for user in USERS if canary(0.25).arm_of(user).name == "canary"}
    second = {user for user in USERS if canary(0.25, "rollout-2").arm_of(user).name == "canary"}

    assert abs(len(first & second) / len(USERS) - 0.0625) < 0.01


@pytest.mark.parametrize(
    "arms", [(Arm("a", 0.5), Arm("b", 0.4)), (Arm("a", 0.5), Arm("a", 0.5))], ids=["short", "twice"]
)
def test_arms_that_do_not_divide_the_users_are_refused(arms: tuple[Arm, ...]) -> None:
    with pytest.raises(ValueError, match="arms"):
        Split("x", "y", arms)


def test_a_quantile_of_latencies_is_at_most_a_fifth_too_long() -> None:
    times = [0.001 * step for step in range(1, 1_001)]
    buckets = list(NO_LATENCIES)
    for seconds in times:
        buckets[bucket_of(seconds)] += 1

    assert 0.99 <= quantile(tuple(buckets), 0.99) <= 0.99 * 1.22
    assert quantile(tuple(buckets), 0.5) <= 0.5 * 1.22
    assert bucket_of(99.0) == len(LATENCY_BOUNDS)


def test_counts_of_two_processes_add_up_bucket_by_bucket() -> None:
    one = ArmCounts(2, 1, 1, (2, *NO_LATENCIES[1:]))
    shadow = ShadowCounts(3, 2, 1, 0, 1.5, 0.25, (2, *NO_LATENCIES[1:]), NO_LATENCIES)

    assert one + one == ArmCounts(4, 2, 2, (4, *NO_LATENCIES[1:]))
    assert (shadow + shadow).overlap == 3.0
    assert (shadow + shadow).latencies[0] == 4
