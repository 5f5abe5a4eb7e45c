"""Telling Celery's workers: what a broker that is away does to whoever asks, and what is never sent."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("celery")

from tacit.adapters.celery_runner import KEEP, CeleryRunner, celery_over
from tacit.errors import Unavailable
from tacit.jobs.job import Job
from tacit.rollout.training_desk import TrainingDesk
from tests.job_books import Desk, job
from tests.shells import free_port


def away() -> CeleryRunner:
    """A runner whose broker is not there."""
    return CeleryRunner(celery_over(f"redis://:s3cret@127.0.0.1:{free_port()}/0", namespace="tests"))


def test_a_broker_that_is_away_is_told_of_in_seconds_and_without_its_password() -> None:
    started = time.monotonic()

    with pytest.raises(Unavailable) as failure:
        away().wake(job())

    assert time.monotonic() - started < 30
    assert failure.value.code == "broker_unavailable"
    assert "s3cret" not in str(failure.value.as_dict())


def test_a_job_that_no_worker_can_be_told_of_is_queued_all_the_same() -> None:
    desk = Desk()
    training = TrainingDesk(desk.book, away(), registry=None, name="recommender")  # type: ignore[arg-type]

    asked: Job = training.ask("train", {}, actor="ann")

    assert [each.job_id for each in desk.book.waiting()] == [asked.job_id]


def test_workers_take_json_alone_and_beat_keeps_no_file() -> None:
    chosen = celery_over("redis://127.0.0.1:1/0", namespace="tests", keep_seconds=7).conf

    assert (list(chosen.accept_content), chosen.task_serializer, chosen.result_serializer) == (["json"], "json", "json")
    assert (chosen.beat_scheduler, chosen.task_ignore_result) == ("celery.beat:Scheduler", True)
    assert (chosen.beat_schedule["keep-jobs"]["task"], chosen.beat_schedule["keep-jobs"]["schedule"]) == (KEEP, 7)


def test_installations_that_share_a_broker_do_not_share_their_jobs() -> None:
    ours, theirs = (celery_over("redis://127.0.0.1:1/0", namespace=name).conf for name in ("ours", "theirs"))

    assert ours.task_default_queue != theirs.task_default_queue
    prefixes = {each.broker_transport_options["global_keyprefix"] for each in (ours, theirs)}
    assert len(prefixes) == 2
