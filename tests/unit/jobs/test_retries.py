"""What becomes of a job when a try ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.jobs.job import Problem
from tacit.jobs.retries import Ending, RetryRules, ended
from tests.job_books import START_MS, job

RULES = RetryRules(tries=3, first_seconds=10, most_seconds=60, jitter=0.5)
AWAY = Ending(problem=Problem("database_unavailable", "It is away."), is_systems_fault=True)
WRONG = Ending(problem=Problem("dataset_unknown", "There is none."))
RUNNING = job(state="running", tries=1, claim="here 1", beat_at_ms=START_MS)


def test_pauses_double_up_to_the_longest() -> None:
    assert [RULES.pause(tries, 0.0) for tries in (1, 2, 3, 4, 5_000)] == [10, 20, 40, 60, 60]


@given(st.integers(1, 100), st.floats(0, 1), st.floats(0, 1))
def test_chance_shortens_a_pause_by_no_more_than_its_share(tries: int, jitter: float, chance: float) -> None:
    rules = RetryRules(first_seconds=10, most_seconds=60, jitter=jitter)

    assert rules.pause(tries, 0.0) * (1 - jitter) <= rules.pause(tries, chance) <= rules.pause(tries, 0.0)


@pytest.mark.requirement("TRAIN-009")
def test_what_the_system_had_wrong_is_tried_again_after_a_pause() -> None:
    after = ended(RUNNING, AWAY, at_ms=START_MS + 5_000, rules=RULES, chance=1.0)

    assert (after.state, after.tries, after.claim) == ("queued", 1, None)
    assert after.start_after_ms == START_MS + 5_000 + 5_000
    assert after.problem == AWAY.problem


@pytest.mark.requirement("TRAIN-009")
def test_what_the_order_has_wrong_is_not_tried_again() -> None:
    after = ended(RUNNING, WRONG, at_ms=START_MS, rules=RULES, chance=0.0)

    assert (after.state, after.ended_at_ms, after.problem) == ("failed", START_MS, WRONG.problem)


def test_the_last_try_of_all_fails_the_job() -> None:
    last = job(state="running", tries=3, claim="here 3")

    assert ended(last, AWAY, at_ms=START_MS, rules=RULES, chance=0.0).state == "failed"


def test_a_try_that_was_interrupted_does_not_count() -> None:
    after = ended(RUNNING, Ending(is_interrupted=True), at_ms=START_MS, rules=RULES, chance=0.0)

    assert (after.state, after.tries, after.start_after_ms) == ("queued", 0, START_MS)


def test_a_job_that_somebody_wanted_to_end_is_cancelled_however_it_ended() -> None:
    wanted = job(state="running", tries=1, claim="here 1", cancelled_by="bob")

    for ending in (AWAY, WRONG, Ending(is_cancelled=True), Ending(is_interrupted=True)):
        assert ended(wanted, ending, at_ms=START_MS, rules=RULES, chance=0.0).state == "cancelled"


def test_what_was_done_before_it_could_be_cancelled_has_succeeded() -> None:
    wanted = job(state="running", tries=1, claim="here 1", cancelled_by="bob")
    after = ended(wanted, Ending(outcome={"version": "recommender/2"}), at_ms=START_MS, rules=RULES, chance=0.0)

    assert (after.state, after.outcome, after.problem) == ("succeeded", {"version": "recommender/2"}, None)
