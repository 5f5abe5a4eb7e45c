"""Counting requests: nothing is lost while the store is away, and nothing grows with them."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from tacit.adapters.memory_traffic import MemoryArmTrafficStore
from tacit.errors import Unavailable
from tacit.rollout.arm_traffic import ArmCounts, ShadowCounts, bucket_of
from tacit.rollout.traffic import Place
from tacit.serving.arm_tallies import ArmTallies, ArmTally, compared
from tests.stages import wait_until

CANARY = Place("rollout-1", "canary-5", "canary")
CHAMPION = Place("rollout-1", "canary-5", "champion")


class Store(MemoryArmTrafficStore):
    """A store that may be away."""

    is_away = False

    def add(self, split_id: str, stage: str, counts: Mapping[str, ArmCounts]) -> None:
        self._check()
        super().add(split_id, stage, counts)

    def add_shadow(self, split_id: str, counts: ShadowCounts) -> None:
        self._check()
        super().add_shadow(split_id, counts)

    def _check(self) -> None:
        if self.is_away:
            raise Unavailable("database_timeout", "It does not answer.")


def test_a_request_is_counted_by_what_became_of_it_and_how_long_it_took() -> None:
    tally = ArmTally()
    tally.count(0.002, is_failed=False, is_degraded=False)
    tally.count(0.5, is_failed=True, is_degraded=True)
    tally.count(60.0, is_failed=False, is_degraded=True)
    counts = tally.take()

    assert (counts.requests, counts.errors, counts.degraded) == (3, 1, 2)
    assert [counts.latencies[bucket_of(seconds)] for seconds in (0.002, 0.5, 60.0)] == [1, 1, 1]
    assert tally.take() == ArmCounts()


def test_many_who_count_at_once_are_all_counted() -> None:
    tally = ArmTally()
    askers = [
        threading.Thread(
            target=lambda: [tally.count(0.001, is_failed=True, is_degraded=False) for _ in range(5_000)]
        )
        for _ in range(4)
    ]  # fmt: skip
    for asker in askers:
        asker.start()
    taken = ArmCounts()
    while any(asker.is_alive() for asker in askers):
        taken += tally.take()
    taken += tally.take()

    assert (taken.requests, taken.errors) == (20_000, 20_000)


@given(st.lists(st.sampled_from(["canary", "champion", "shadow", "flush", "away", "back", "later"]), max_size=60))
def test_whatever_becomes_of_the_store_all_that_was_counted_arrives_once(steps: list[str]) -> None:
    now = [0.0]
    store = Store()
    tallies = ArmTallies(store, failed=lambda _: None, clock=lambda: now[0])
    for step in steps:
        match step:
            case "canary" | "champion":
                place = CANARY if step == "canary" else CHAMPION
                tallies.of_arm(place).count(0.001, is_failed=step == "canary", is_degraded=False)
            case "shadow":
                tallies.of_shadow("rollout-1").add(ShadowCounts(mirrored=1))
            case "flush":
                tallies.flush()
            case "later":
                now[0] += 61.0
            case _:
                store.is_away = step == "away"
    store.is_away = False

    assert tallies.flush()
    counts = store.counts("rollout-1", "canary-5")
    assert counts.get("canary", ArmCounts()).requests == steps.count("canary")
    assert counts.get("canary", ArmCounts()).errors == steps.count("canary")
    assert counts.get("champion", ArmCounts()).requests == steps.count("champion")
    assert store.shadow("rollout-1").mirrored == steps.count("shadow")


def test_what_waits_for_a_store_that_is_away_takes_no_more_room_with_every_request() -> None:
    store, failures = Store(), []
    store.is_away = True
    tallies = ArmTallies(store, failed=failures.append)
    for _ in range(50):
        tallies.of_arm(CANARY).count(0.001, is_failed=False, is_degraded=False)
        assert not tallies.flush()

    assert len(failures) == 50
    assert len(tallies._waiting) == 1


def test_places_of_which_nothing_more_is_counted_are_forgotten() -> None:
    now = [0.0]
    tallies = ArmTallies(Store(), failed=print, clock=lambda: now[0])
    for stage in range(100):
        tallies.of_arm(Place("rollout-1", f"stage-{stage}", "canary"))
    now[0] = 61.0
    tallies.of_arm(CANARY)
    tallies.flush()

    assert list(tallies._arms) == [CANARY]


def test_a_thread_hands_on_what_was_counted_and_the_rest_at_the_end() -> None:
    store = Store()
    tallies = ArmTallies(store, failed=print, flush_seconds=0.01)
    tallies.start()
    tallies.of_arm(CANARY).count(0.001, is_failed=False, is_degraded=False)
    wait_until(lambda: store.counts("rollout-1", "canary-5"))
    tallies.of_arm(CANARY).count(0.001, is_failed=False, is_degraded=False)
    tallies.stop()

    assert store.counts("rollout-1", "canary-5")["canary"].requests == 2


def test_two_lists_are_compared_by_the_items_and_scores_they_share() -> None:
    counts = compared({"a": 1.0, "b": 0.5, "c": 0.4}, {"b": 0.25, "a": 1.25}, seconds=(0.02, 0.001))

    assert (counts.answered, counts.overlap, counts.score_shift) == (1, 2 / 3, 0.25)
    assert (counts.latencies[bucket_of(0.02)], counts.served_latencies[bucket_of(0.001)]) == (1, 1)
    assert compared({}, {}, seconds=(0.1, 0.1)).overlap == 1.0
    assert compared({"a": 1.0}, {}, seconds=(0.1, 0.1)).overlap == 0.0
