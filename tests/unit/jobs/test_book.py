"""The book of jobs: what may follow on what, and that the trail hears of it."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tacit.errors import BadInput, NotFound, Refused
from tacit.jobs.job import Job, Problem
from tacit.jobs.retries import Ending, RetryRules
from tests.job_books import Clock, Desk, order

AWAY = Ending(problem=Problem("database_unavailable", "It is away."), is_systems_fault=True)
DONE = Ending(outcome={"version": "recommender/2"})


@pytest.fixture
def desk() -> Desk:
    return Desk()


def begun(desk: Desk, job: Job, runner: str = "vm/1/1") -> Job:
    found = desk.book.claim(job.job_id, runner)
    assert found is not None
    return found


def test_a_job_is_asked_for_begun_and_ended_and_the_trail_says_so(desk: Desk) -> None:
    job = begun(desk, desk.book.ask(order()))

    over = desk.book.end(job, DONE)

    assert over is not None
    assert (over.state, over.outcome, over.claim) == ("succeeded", {"version": "recommender/2"}, None)
    assert desk.told() == ["job_asked", "job_started", "job_ended"]


def test_what_is_wrong_with_an_order_is_said_before_anything_is_queued(desk: Desk) -> None:
    with pytest.raises(BadInput):
        desk.book.ask(order(factors=0))

    assert (list(desk.store.alive()), desk.told()) == ([], [])


def test_a_job_is_begun_once_however_many_runners_want_it(desk: Desk) -> None:
    job = desk.book.ask(order())

    assert desk.book.claim(job.job_id, "a/1/1") is not None
    assert desk.book.claim(job.job_id, "b/1/1") is None


def test_a_job_that_failed_by_the_systems_fault_is_not_begun_before_its_pause_is_over(desk: Desk) -> None:
    job = begun(desk, desk.book.ask(order()))
    desk.book.end(job, AWAY)

    desk.clock.pass_by(seconds=29)
    assert (desk.book.waiting(), desk.book.claim(job.job_id, "a/1/1")) == ([], None)
    desk.clock.pass_by(seconds=1)
    assert [each.job_id for each in desk.book.waiting()] == [job.job_id]
    assert begun(desk, job).tries == 2


def test_a_waiting_job_that_is_cancelled_ends_at_once_and_a_running_one_is_asked_to(desk: Desk) -> None:
    waiting = desk.book.cancel(desk.book.ask(order()).job_id, actor="bob")
    job = begun(desk, desk.book.ask(order()))
    running = desk.book.cancel(job.job_id, actor="bob")
    seen = desk.book.beat(job, "learning", 0.5)

    assert (waiting.state, running.state, running.cancelled_by) == ("cancelled", "running", "bob")
    assert seen is not None
    assert (seen.cancelled_by, seen.step) == ("bob", "learning")
    over = desk.book.end(job, Ending(is_cancelled=True))
    assert over is not None
    assert over.state == "cancelled"


def test_what_has_ended_cannot_be_cancelled_and_what_never_was_is_unknown(desk: Desk) -> None:
    job = begun(desk, desk.book.ask(order()))
    desk.book.end(job, DONE)

    with pytest.raises(Refused, match="it succeeded") as refusal:
        desk.book.cancel(job.job_id, actor="bob")
    assert refusal.value.code == "job_over"
    with pytest.raises(NotFound):
        desk.book.cancel("x\0y", actor="bob")


def test_a_runner_that_fell_silent_has_lost_its_job_and_can_change_nothing_more(desk: Desk) -> None:
    job = begun(desk, desk.book.ask(order()))

    desk.clock.pass_by(seconds=59)
    assert desk.book.recover(lambda _: False) == []
    desk.clock.pass_by(seconds=2)
    [lost] = desk.book.recover(lambda _: False)

    assert (lost.state, lost.problem and lost.problem.code) == ("queued", "runner_lost")
    assert (desk.book.beat(job, "on", 0.1), desk.book.current(job), desk.book.end(job, DONE)) == (None, None, None)
    assert desk.book.job(job.job_id) == lost


def test_a_runner_known_to_be_dead_has_lost_its_job_at_once(desk: Desk) -> None:
    begun(desk, desk.book.ask(order()), runner="vm/77/5")

    assert desk.book.recover(lambda name: name == "vm/76/5") == []
    assert len(desk.book.recover(lambda name: name == "vm/77/5")) == 1


def test_the_same_runner_that_begins_a_job_anew_is_not_taken_for_the_one_before(desk: Desk) -> None:
    first = begun(desk, desk.book.ask(order()))
    desk.book.end(first, Ending(is_interrupted=True))
    second = begun(desk, first)

    assert second.claim != first.claim
    assert (desk.book.end(first, DONE), second.tries) == (None, 1)


def test_the_end_of_what_a_job_said_stays_with_it(desk: Desk) -> None:
    job = begun(desk, desk.book.ask(order()))
    desk.logs.append(job.job_id, b"x" * 9_000 + b"the end\n")

    over = desk.book.end(job, DONE)
    desk.logs.remove([job.job_id])

    assert over is not None
    assert over.log_tail.endswith("the end\n")
    assert desk.book.log(over) == over.log_tail
    assert len(over.log_tail) == 4_000


class Jobs(RuleBasedStateMachine):
    """Two runners, a person and a keeper do what they like, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(clock=Clock(), retries=RetryRules(tries=2, first_seconds=1, jitter=0.0))
        self.held: dict[str, Job] = {}
        self.ended: dict[str, Job] = {}

    @rule()
    def ask(self) -> None:
        try:
            self.desk.book.ask(order())
        except Refused:
            assert self.desk.store.alive()

    @rule(runner=st.sampled_from(["a/1/1", "b/1/1"]))
    def claim(self, runner: str) -> None:
        for job in self.desk.book.waiting():
            claimed = self.desk.book.claim(job.job_id, runner)
            assert claimed is not None
            self.held[runner] = claimed

    @rule(runner=st.sampled_from(["a/1/1", "b/1/1"]), ending=st.sampled_from([DONE, AWAY, Ending(is_interrupted=True)]))
    def end(self, runner: str, ending: Ending) -> None:
        job = self.held.pop(runner, None)
        if job is not None:
            self.desk.book.end(job, ending)

    @rule()
    def cancel(self) -> None:
        for job in self.desk.store.alive():
            self.desk.book.cancel(job.job_id, actor="bob")

    @rule(seconds=st.integers(0, 90))
    def wait(self, seconds: int) -> None:
        self.desk.clock.pass_by(seconds=seconds)
        self.desk.book.recover(lambda _: False)

    @invariant()
    def one_at_most_is_alive(self) -> None:
        assert len(self.desk.store.alive()) <= 1

    @invariant()
    def what_has_ended_stays_as_it_ended(self) -> None:
        for job in self.desk.store.jobs(limit=1_000):
            assert job.tries <= 2
            if not job.is_alive:
                assert self.ended.setdefault(job.job_id, job) == job


Jobs.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestJobs = Jobs.TestCase
