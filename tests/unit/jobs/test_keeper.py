"""The keeper of jobs, over weeks that pass in no time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tacit.errors import BadInput, Unavailable
from tacit.jobs.job import Job, Kind, Problem
from tacit.jobs.keeper import JobKeeper
from tacit.jobs.retries import Ending
from tacit.jobs.schedule import ScheduleRules
from tests.job_books import START_MS, Desk, order


@dataclass
class Bell:
    """A `JobRunner` that remembers whom it was told of."""

    told: list[str] = field(default_factory=list)
    is_away: bool = False

    def wake(self, job: Job) -> None:
        if self.is_away:
            raise Unavailable("broker_unavailable", "It is away.")
        self.told.append(job.job_id)


@dataclass
class Keeping:
    """A keeper, whose jobs are done as soon as they are asked for unless told otherwise."""

    desk: Desk = field(default_factory=Desk)
    bell: Bell = field(default_factory=Bell)
    rules: ScheduleRules = field(default_factory=lambda: ScheduleRules(precompute="off"))
    newest_ms: int | None = START_MS

    @property
    def keeper(self) -> JobKeeper:
        return JobKeeper(self.desk.book, self.bell, self.rules, self.versions, lambda _: False)

    def versions(self) -> tuple[int, int] | None:
        return None if self.newest_ms is None else (START_MS, self.newest_ms)

    def do(self, ending: Callable[[], Ending] = lambda: Ending(outcome={})) -> list[Kind]:
        """Begin and end all that waits; of which kinds it was."""
        done: list[Kind] = []
        for job in self.desk.book.waiting():
            claimed = self.desk.book.claim(job.job_id, "vm/1/1")
            assert claimed is not None
            self.desk.book.end(claimed, ending())
            if ending().outcome is not None and job.order.kind != "search":
                self.newest_ms = self.desk.clock()
            done.append(job.order.kind)
        return done


@pytest.fixture
def keeping() -> Keeping:
    return Keeping()


def hours(keeping: Keeping, count: int, ending: Callable[[], Ending] = lambda: Ending(outcome={})) -> list[Kind]:
    """Let hours pass, looking in each; what was done."""
    done: list[Kind] = []
    for _ in range(count):
        keeping.desk.clock.pass_by(seconds=3_600)
        keeping.keeper.tick()
        done += keeping.do(ending)
    return done


@pytest.mark.requirement("RETR-001")
@pytest.mark.requirement("RETR-002")
@pytest.mark.requirement("RETR-003")
def test_in_a_quarter_there_are_weekly_refreshes_monthly_refits_and_one_search(keeping: Keeping) -> None:
    done = hours(keeping, 24 * 91)  # from Friday, 2 January, to Friday, 3 April 2026

    # 13 Mondays, and the firsts of February, March and April, two of them Sundays.
    assert (done.count("train"), done.count("full_refit"), done.count("search")) == (13, 3, 1)


def test_a_keeper_that_slept_for_weeks_asks_once_for_each(keeping: Keeping) -> None:
    keeping.desk.clock.pass_by(days=100)

    keeping.keeper.tick()
    first = keeping.do()
    keeping.keeper.tick()

    assert sorted(first) == ["full_refit", "search"]
    assert keeping.do() == []


def test_a_clock_that_goes_back_asks_for_nothing_again(keeping: Keeping) -> None:
    hours(keeping, 24 * 4)
    keeping.desk.clock.pass_by(days=-3)

    assert hours(keeping, 24 * 3) == []


def test_what_is_due_carries_why_and_a_refresh_goes_on_from_the_champion(keeping: Keeping) -> None:
    hours(keeping, 24 * 4)

    [job] = keeping.desk.store.jobs(limit=9)
    assert (job.order.kind, job.order.why, job.order.actor) == ("train", "schedule", "keeper")
    assert job.order.parameters == {"warm_start": "champion"}


def test_a_keeper_that_only_tends_asks_for_nothing_and_wakes_what_waits(keeping: Keeping) -> None:
    keeping.desk.clock.pass_by(days=100)
    job = keeping.desk.book.ask(order("search"))

    keeping.keeper.tend()

    assert [each.job_id for each in keeping.desk.store.alive()] == [job.job_id]
    assert keeping.bell.told == [job.job_id]


def test_two_keepers_of_one_book_ask_for_each_job_once(keeping: Keeping) -> None:
    other = Keeping(desk=keeping.desk, bell=Bell())
    keeping.desk.clock.pass_by(days=4)

    keeping.keeper.tick()
    other.keeper.tick()

    assert len(keeping.desk.store.jobs(limit=9)) == 1
    assert keeping.bell.told == other.bell.told


@pytest.mark.requirement("RETR-005")
def test_drift_above_the_trigger_begins_a_training_and_a_second_one_only_after_the_cooldown(keeping: Keeping) -> None:
    keeping.desk.clock.pass_by(days=2)
    asked = keeping.keeper.request_retraining(0.61)
    while_it_waits = keeping.keeper.request_retraining(0.9)
    keeping.do()
    keeping.desk.clock.pass_by(seconds=3_600)
    too_soon = keeping.keeper.request_retraining(0.9)
    keeping.desk.clock.pass_by(days=1)
    later = keeping.keeper.request_retraining(0.9)

    assert asked is not None
    assert (asked.order.why, asked.order.actor, keeping.bell.told[0]) == ("drift", "drift", asked.job_id)
    assert (while_it_waits, too_soon) == (None, None)
    assert later is not None


@pytest.mark.requirement("RETR-005")
def test_drift_no_higher_than_the_trigger_begins_nothing(keeping: Keeping) -> None:
    assert (keeping.keeper.request_retraining(0.6), keeping.keeper.request_retraining(0.0)) == (None, None)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -0.1, 1.1])
def test_what_is_no_score_is_refused(keeping: Keeping, score: float) -> None:
    with pytest.raises(BadInput):
        keeping.keeper.request_retraining(score)


def test_drift_that_nobody_can_be_told_of_is_queued_all_the_same(keeping: Keeping) -> None:
    keeping.bell.is_away = True

    job = keeping.keeper.request_retraining(0.9)
    keeping.bell.is_away = False
    keeping.keeper.tick()

    assert job is not None
    assert keeping.bell.told == [job.job_id]


@pytest.mark.requirement("RETR-006")
def test_a_person_is_kept_back_by_no_cooldown(keeping: Keeping) -> None:
    for _ in range(3):
        keeping.desk.book.ask(order())
        assert keeping.do() == ["train"]


def test_a_training_that_always_fails_is_asked_for_no_more_often_than_the_cooldown_lets(keeping: Keeping) -> None:
    keeping.rules = ScheduleRules(
        refresh="off", full_refit="off", search="off", precompute="off", stale_days=1, cooldown_hours=24
    )

    done = hours(keeping, 24 * 10, lambda: Ending(problem=Problem("dataset_unknown", "There is none.")))

    assert len(done) == 9


def test_jobs_past_their_age_are_forgotten_with_their_logs(keeping: Keeping) -> None:
    for _ in range(2):
        job = keeping.desk.book.ask(order())
        keeping.desk.logs.append(job.job_id, b"said\n")
        keeping.do()
        keeping.desk.clock.pass_by(days=1)
    keeping.desk.clock.pass_by(days=400)

    keeping.keeper.tidy()

    [left] = keeping.desk.store.jobs(limit=9)
    assert left.job_id == job.job_id
    assert keeping.desk.logs.read(job.job_id) == "said\n"
