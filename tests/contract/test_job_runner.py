"""What every way to run jobs promises, with real processes, a real broker, a real worker and a real beat."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tacit.adapters.sql.audit import SqlAuditTrail
from tacit.errors import Refused
from tests.job_books import order
from tests.job_shops import CeleryShop, ProcessShop, Shop, shop
from tests.stages import wait_until


@pytest.fixture(scope="module", params=["process", pytest.param("celery", marks=pytest.mark.slow)])
def opened_shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shop(request.param, tmp_path_factory.mktemp(request.param)) as made:
        yield made


@pytest.fixture
def runs(opened_shop: Shop) -> Iterator[Shop]:
    """A shop in which nothing is left to do, before and after."""
    yield opened_shop
    opened_shop.clear()


pytestmark = pytest.mark.timeout(300)


def is_there(pid: int) -> bool:
    try:
        # One that its parent has not buried yet runs no more.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.requirement("TRAIN-009")
def test_a_job_that_is_asked_for_is_done_and_says_what_it_brought(runs: Shop) -> None:
    job = runs.awaited(runs.ask())

    assert (job.state, job.tries, job.problem) == ("succeeded", 1, None)
    assert job.outcome == {"version": "recommender/1", "metrics": {"ndcg@10": 0.5, "nothing": None}}
    assert job.queued_at_ms <= (job.started_at_ms or 0) <= (job.ended_at_ms or 0)


def test_what_a_job_says_is_kept_line_by_line(runs: Shop) -> None:
    job = runs.awaited(runs.ask())

    said = runs.book.log(job)
    assert "this is done, of ann" in said
    assert '"event": "job_step_begun"' in said or "job_step_begun" in said
    assert job.log_tail
    assert said.endswith(job.log_tail)


def test_a_second_job_of_its_kind_is_refused_while_one_runs(runs: Shop) -> None:
    job = runs.ask("sleep")
    runs.child()

    with pytest.raises(Refused) as refusal:
        runs.book.ask(order(dataset="done"))

    assert (refusal.value.code, refusal.value.context) == ("job_in_flight", {"job_id": job.job_id})


@pytest.mark.parametrize(
    ("behaviour", "code"), [("away", "database_unavailable"), ("crash", "job_crashed"), ("killed", "job_killed")]
)
def test_what_the_system_had_wrong_is_tried_again(runs: Shop, behaviour: str, code: str) -> None:
    job = runs.awaited(runs.ask(behaviour))

    assert (job.state, job.tries) == ("succeeded", 2)
    assert code in runs.book.log(job)


def test_what_the_order_has_wrong_is_told_and_not_tried_again(runs: Shop) -> None:
    job = runs.awaited(runs.ask("wrong"))

    assert (job.state, job.tries) == ("failed", 1)
    assert job.problem is not None
    assert (job.problem.code, job.problem.fix) == ("dataset_unknown", "Name another.")


def test_a_running_job_that_is_cancelled_ends_within_seconds(runs: Shop) -> None:
    job = runs.ask("sleep")
    pid = runs.child()

    asked = runs.book.cancel(job.job_id, actor="bob")
    over = runs.awaited(job, seconds=60)

    assert (asked.state, over.state, over.cancelled_by, over.tries) == ("running", "cancelled", "bob", 1)
    wait_until(lambda: not is_there(pid))


def test_one_that_does_not_listen_is_killed_after_its_grace(runs: Shop) -> None:
    job = runs.ask("stubborn")
    pid = runs.child()

    runs.book.cancel(job.job_id, actor="bob")

    assert runs.awaited(job, seconds=60).state == "cancelled"
    wait_until(lambda: not is_there(pid))


def test_a_job_that_takes_too_much_memory_is_ended_and_not_tried_again(runs: Shop) -> None:
    job = runs.awaited(runs.ask("hungry"))

    assert (job.state, job.tries) == ("failed", 1)
    assert job.problem is not None
    assert job.problem.code == "memory_limit"


def test_a_job_steps_back_behind_everybody_else(runs: Shop) -> None:
    job = runs.awaited(runs.ask("polite"))

    said = next(line for line in runs.book.log(job).splitlines() if line.startswith("niceness"))
    words = said.split()
    assert int(words[1]) >= 10
    assert (int(words[3]), words[5]) == (os.SCHED_OTHER, "800")


def test_how_far_a_job_is_can_be_seen_while_it_runs(runs: Shop) -> None:
    job = runs.ask("sleep")

    wait_until(lambda: runs.book.job(job.job_id).step == "sleeping", seconds=60)
    assert runs.book.job(job.job_id).share == 0.25


def test_a_job_whose_runner_is_killed_dies_with_it_and_is_tried_again(runs: Shop) -> None:
    job = runs.ask("sleep")
    pid = runs.child()

    runs.end(signal.SIGKILL)
    wait_until(lambda: not is_there(pid), seconds=60)
    assert runs.book.job(job.job_id).state == "running"
    runs.start()
    over = runs.awaited(job)

    assert (over.state, over.tries) == ("succeeded", 2)


def test_a_server_that_ends_has_its_job_wait_without_counting_the_try(runs: Shop) -> None:
    if not isinstance(runs, ProcessShop):
        pytest.skip("a worker of Celery that is told to end lets its jobs end first")
    job = runs.ask("sleep")
    runs.child()

    runs.end(signal.SIGTERM)
    waiting = runs.book.job(job.job_id)
    runs.start()
    over = runs.awaited(job)

    assert (waiting.state, waiting.tries, waiting.problem) == ("queued", 0, None)
    assert (over.state, over.tries) == ("succeeded", 1)


def test_everything_that_became_of_a_job_stands_in_the_trail(runs: Shop) -> None:
    job = runs.awaited(runs.ask())

    trail = runs.book.audit.trail  # type: ignore[attr-defined]
    assert isinstance(trail, SqlAuditTrail)
    acts = [each for each in reversed(trail.entries(limit=1_000)) if each.subject == f"job/{job.job_id}"]
    assert [each.action for each in acts] == ["job_asked", "job_started", "job_ended"]
    assert acts[0].facts == {"kind": "train", "why": "person"}
    assert acts[2].facts == {"kind": "train", "state": "succeeded"}


def test_what_goes_to_the_broker_is_json_and_names_a_job_alone(runs: Shop) -> None:
    if not isinstance(runs, CeleryShop):
        pytest.skip("a runner without a broker sends nothing")
    from redis import Redis

    runs.end(signal.SIGTERM)
    job = runs.ask()
    with Redis.from_url(runs.url) as client:
        [raw] = client.lrange("tacit-tests:tacit-jobs-tests", 0, -1)[:1]
    message = json.loads(raw)

    assert message["content-type"] == "application/json"
    assert job.job_id in str(message["headers"]["argsrepr"])
    runs.start()
    assert runs.awaited(job).state == "succeeded"
