"""What the settings make of jobs: their process has the same ones, and what an order says of the model stands above."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tacit.adapters.prometheus import PrometheusSink
from tacit.bootstrap import build, load_settings
from tacit.bootstrap.job_numbers import watch_jobs
from tacit.bootstrap.job_work import _trained as carried_out
from tacit.bootstrap.job_work import policy_of, settings_for
from tacit.bootstrap.jobs import (
    environment_of,
    job_keeper,
    job_teller,
    job_threads,
    keeping_jobs,
    schedule_rules,
    version_births,
)
from tacit.data import synthetic
from tacit.data.interfaces import silent
from tacit.errors import Misconfigured
from tacit.jobs.job import Why
from tacit.jobs.retries import Ending
from tacit.jobs.schedule import ScheduleRules
from tacit.monitoring import metrics as catalogue
from tests.job_books import Desk, order


def test_a_jobs_process_has_the_settings_in_force_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACIT_PORT", "9")
    monkeypatch.chdir(tmp_path)
    chosen = {
        "home": "here",
        "als.factors": 7,
        "als.early_stopping": False,
        "database_url": "postgresql://ann:s%20cret@host/tacit",
        "retraining.stale_days": 2.5,
        "retraining.schedule": "off",
        "rollout.steps": [1, 10.5, 100],
        "port": 8_123,
    }
    here = load_settings(flags=chosen, environ={})
    (tmp_path / "tacit.toml").write_text("nonsense = [", "utf-8")

    there = load_settings(environ=environment_of(here)).settings

    threads = job_threads(here.settings)
    expected = here.settings.model_copy(
        update={
            "home": tmp_path / "here",
            "als": here.settings.als.model_copy(update={"threads": threads}),
            "imports": here.settings.imports.model_copy(update={"threads": threads}),
        }
    )
    assert there == expected


def test_an_order_says_of_the_model_what_the_settings_did_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TACIT_ALS__FACTORS", "16")
    monkeypatch.setenv("TACIT_ALS__ITERATIONS", "4")

    chosen = settings_for(order(factors=100, regularization=0.25, dataset="x", warm_start=3)).settings.als

    assert (chosen.factors, chosen.regularization, chosen.iterations) == (100, 0.25, 4)


def test_how_many_iterations_an_order_says_holds_for_a_warm_start_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACIT_CONFIG", "/dev/null")

    chosen = settings_for(order(iterations=50, warm_start="champion")).settings.als

    assert (chosen.iterations, chosen.warm_iterations) == (50, 50)


@pytest.mark.parametrize(
    ("why", "chosen", "policy"),
    [
        ("schedule", "auto", "refresh"),
        ("staleness", "auto", "refresh"),
        ("drift", "auto", "refresh"),
        ("person", "auto", None),
        ("schedule", "improve", None),
    ],
)
def test_what_nobody_asked_for_is_judged_as_a_refresh_unless_an_operator_chose(
    why: Why, chosen: str, policy: str | None
) -> None:
    settings = load_settings(flags={"gate.policy": chosen}, environ={}).settings

    assert policy_of(order(why=why), settings) == policy


@pytest.mark.parametrize("is_warm", [True, False])
def test_a_setting_says_whether_a_refresh_goes_on_from_the_champion(tmp_path: Path, is_warm: bool) -> None:
    flags = {"home": tmp_path, "retraining.warm_start": is_warm}
    with build(load_settings(flags=flags, environ={})) as app, job_teller(app) as teller:
        keeper = replace(job_keeper(app, teller), versions=lambda: (0, 0))
        asked = keeper.request_retraining(0.9)

    assert asked is not None
    assert asked.order.parameters == ({"warm_start": "champion"} if is_warm else {})


def test_a_champion_that_nobody_can_trust_is_no_reason_not_to_train(tmp_path: Path) -> None:
    synthetic.generate(tmp_path / "community", users=150, items=100, artists_per_user=20)
    quick = {"home": tmp_path / "home", "als.engine": "numpy", "als.factors": 4, "als.iterations": 2}
    with build(load_settings(flags=quick, environ={})) as app:
        app.import_data("auto", tmp_path / "community", actor="t")
        champion = app.train(actor="t").version
        app.promote(champion.number, actor="t", force=True, reason="test")
        (champion.folder / "item_factors.npy").write_bytes(b"no factors")
        trained = carried_out(app, order(why="schedule", warm_start="champion"), silent)

    assert (trained["version"], trained["warm_start"]) == ("recommender/2", None)


def test_a_reader_takes_orders_and_has_others_carry_them_out(tmp_path: Path) -> None:
    flags = {"home": tmp_path, "serving.role": "reader"}
    with build(load_settings(flags=flags, environ={})) as app, keeping_jobs(app, PrometheusSink()) as desk:
        job = desk.ask("search", {}, actor="ann")
        threads = {thread.name for thread in threading.enumerate()}

    assert job.state == "queued"
    assert not threads & {"job-runner", "job-keeper"}


def test_a_job_never_has_more_threads_than_a_training_may(tmp_path: Path) -> None:
    few = load_settings(flags={"als.threads": 1, "retraining.threads": 8}, environ={}).settings
    many = load_settings(flags={"retraining.threads": 8}, environ={}).settings

    assert (job_threads(few), job_threads(many)) == (1, 8)


@pytest.mark.requirement("RETR-001")
@pytest.mark.requirement("RETR-002")
@pytest.mark.requirement("RETR-003")
def test_unless_told_otherwise_it_retrains_weekly_refits_monthly_and_searches_quarterly() -> None:
    assert schedule_rules(load_settings(environ={}).settings) == ScheduleRules(
        refresh="weekly", full_refit="monthly", search="quarterly", drift_trigger=0.6, drift_minutes=60.0
    )


def test_an_installation_without_a_version_has_nothing_to_retrain(tmp_path: Path) -> None:
    with build(load_settings(flags={"home": tmp_path}, environ={})) as app:
        assert version_births(app) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [("retraining.hour", 24), ("retraining.schedule", "hourly"), ("retraining.niceness", 20), ("retraining.tries", 0)],
)
def test_settings_of_retraining_that_make_no_sense_are_refused(key: str, value: object) -> None:
    with pytest.raises(Misconfigured) as refusal:
        load_settings(flags={key: value}, environ={})

    assert (refusal.value.code, refusal.value.field) == ("setting_invalid", key)


def test_metrics_say_how_many_jobs_there_are_and_how_long_ago_one_succeeded() -> None:
    desk, metrics = Desk(), PrometheusSink()
    for ending in (Ending(outcome={}), None):
        job = desk.book.claim(desk.book.ask(order()).job_id, "vm/1/1")
        assert job is not None
        if ending is not None:
            desk.book.end(job, ending)
    desk.clock.pass_by(seconds=90)

    watch_jobs(desk.book, metrics)

    assert metrics.value(catalogue.JOBS, kind="train", state="succeeded") == 1
    assert metrics.value(catalogue.JOBS, kind="train", state="running") == 1
    assert metrics.value(catalogue.JOBS, kind="search", state="failed") == 0
    assert metrics.value(catalogue.JOB_SUCCESS_AGE, kind="train") == 90
    assert b'tacit_job_last_success_age_seconds{kind="search"} NaN' in metrics.text()
