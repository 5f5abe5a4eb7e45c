"""Work in the background, wired: the book of jobs, who runs them, and who sees to what is due."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tacit.bootstrap.repeating import repeated
from tacit.errors import Misconfigured
from tacit.settings import ENV_PREFIX, Settings, SettingsInForce

if TYPE_CHECKING:
    from celery import Celery

    from tacit.adapters.job_host import JobHost
    from tacit.bootstrap.app import App
    from tacit.jobs.interfaces import JobRunner
    from tacit.jobs.job import Job
    from tacit.jobs.keeper import JobKeeper
    from tacit.jobs.schedule import ScheduleRules
    from tacit.monitoring.interfaces import MetricSink
    from tacit.rollout.training_desk import TrainingDesk

KEEP_SECONDS = 5.0
_TIDY_SECONDS = 3_600.0
_SETTLING_SECONDS = 60.0
"""How long a server answers before it asks for what is due: what it slept through comes when it is well awake."""
_COMMAND = (sys.executable, "-m", "tacit.entrypoints.job_process")


def job_host(app: App) -> JobHost:
    """Runs jobs of an installation, each in a process of its own."""
    from tacit.adapters.job_host import HostRules, JobHost

    chosen = app.settings.retraining
    limit = chosen.memory_limit_mib
    rules = HostRules(niceness=chosen.niceness, memory_bytes=None if limit is None else limit * 2**20)
    return JobHost(app.jobs, _COMMAND, environment=lambda: environment_of(app.in_force), rules=rules)


def environment_of(in_force: SettingsInForce) -> dict[str, str]:
    """Variables by which another process comes to the settings in force here, and to no other.

    Secrets go this way too: of all ways to hand them over, it is the one that nobody else on the machine can read.
    """
    threads = job_threads(in_force.settings)
    spread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    ours = {_variable("als.threads"): str(threads), _variable("imports.threads"): str(threads)}
    return {**told_environment(in_force), **spread, **ours}


def told_environment(in_force: SettingsInForce) -> dict[str, str]:
    """The same, with as many threads as the settings say."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    kept = {name: os.environ[name] for name in ("TACIT_ISA",) if name in os.environ}
    chosen = {_variable(key): text for key, text in _texts(in_force.settings.model_dump())}
    # All settings are told, so that a file that changed meanwhile has no say.
    return {**inherited, **kept, **chosen, "TACIT_CONFIG": os.devnull}


def job_threads(settings: Settings) -> int:
    """How many threads a job's process may have: a processor is left to those who answer, where there are two."""
    mine = settings.retraining.threads or max(1, len(os.sched_getaffinity(0)) - 1)
    return min(mine, settings.als.threads or mine)


def _variable(key: str) -> str:
    return ENV_PREFIX + key.upper().replace(".", "__")


def _texts(tree: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every setting that has a value, by dotted key, as the environment says it."""
    from pydantic import SecretStr

    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _texts(value, f"{prefix}{name}.")
        elif isinstance(value, SecretStr):
            yield f"{prefix}{name}", value.get_secret_value()
        elif isinstance(value, (tuple, list)):
            yield f"{prefix}{name}", json.dumps(value)
        elif value is not None:
            yield f"{prefix}{name}", str(value.resolve() if isinstance(value, Path) else value)


def job_keeper(app: App, runner: JobRunner) -> JobKeeper:
    """Sees to what is due in an installation."""
    from tacit.adapters.processes import is_gone
    from tacit.jobs.keeper import JobKeeper

    chosen = app.settings.retraining
    rules, births = schedule_rules(app.settings), lambda: version_births(app)
    return JobKeeper(app.jobs, runner, rules, births, is_gone, chosen.keep_days, chosen.warm_start)


def schedule_rules(settings: Settings) -> ScheduleRules:
    """When what is done by itself."""
    from tacit.jobs.schedule import ScheduleRules

    chosen = settings.retraining
    return ScheduleRules(
        refresh=chosen.schedule,
        full_refit=chosen.full_refit,
        search=chosen.search,
        precompute=chosen.precompute,
        hour=chosen.hour,
        stale_days=chosen.stale_days,
        drift_trigger=chosen.drift_trigger,
        cooldown_hours=chosen.cooldown_hours,
        drift_minutes=settings.drift.every_minutes,
    )


def version_births(app: App) -> tuple[int, int] | None:
    """When the first and the newest version came into being, in milliseconds since 1970."""
    from tacit.bootstrap.app import MODEL

    born = [int(datetime.fromisoformat(each.created_at).timestamp() * 1_000) for each in app.versions.versions(MODEL)]
    return (min(born), max(born)) if born else None


@contextmanager
def keeping_jobs(app: App, metrics: MetricSink, *, every_seconds: float = KEEP_SECONDS) -> Iterator[TrainingDesk]:
    """See to jobs for as long as a server runs: what is due is asked for, what waits is run.

    A reader only takes orders: whoever has it answer beside them is not to find a training beside the answers.

    Raises:
        Misconfigured: `extra_missing`.
    """
    from tacit.bootstrap.app import MODEL
    from tacit.bootstrap.drift_watching import watching_drift
    from tacit.bootstrap.job_numbers import watch_jobs
    from tacit.rollout.training_desk import TrainingDesk

    watch_jobs(app.jobs, metrics)
    if app.settings.serving.role == "reader":
        with job_teller(app) as teller, watching_drift(app, metrics):
            yield TrainingDesk(app.jobs, teller, app.registry, MODEL)
        return
    with job_runner(app) as runner, _kept(job_keeper(app, runner), every_seconds), watching_drift(app, metrics):
        yield TrainingDesk(app.jobs, runner, app.registry, MODEL)


@contextmanager
def job_runner(app: App) -> Iterator[JobRunner]:
    """Who runs jobs, as the settings have it: this process's side, or Celery's workers."""
    from tacit.adapters.process_runner import ProcessRunner

    if app.settings.retraining.runner == "celery":
        with _celery_runner(app.in_force) as far:
            yield far
        return
    near = ProcessRunner(app.jobs, job_host(app))
    near.start()
    try:
        yield near
    finally:
        near.close()


@contextmanager
def job_teller(app: App) -> Iterator[JobRunner]:
    """Tells whoever runs jobs that one waits, and runs none: a server on the same home finds it by itself."""
    if app.settings.retraining.runner == "celery":
        with _celery_runner(app.in_force) as far:
            yield far
        return
    yield _Nobody()


class _Nobody:
    """A `JobRunner` that leaves what waits to others."""

    def wake(self, job: Job) -> None:
        del job


@contextmanager
def _celery_runner(in_force: SettingsInForce) -> Iterator[JobRunner]:
    from tacit.adapters.celery_runner import CeleryRunner

    runner = CeleryRunner(_celery(in_force))
    try:
        yield runner
    finally:
        runner.close()


def _celery(in_force: SettingsInForce) -> Celery:
    """The application of Celery for an installation.

    Raises:
        Misconfigured: `extra_missing`, `setting_missing`.
    """
    from tacit.adapters.homes import installation_id, usable_home

    try:
        from tacit.adapters.celery_runner import celery_over
    except ModuleNotFoundError as missing:
        fix = 'Install it: pip install "tacit[celery]".'
        detail = f"Celery is not installed ({missing.name} is missing)."
        raise Misconfigured("extra_missing", detail, field="retraining.runner", fix=fix) from missing
    url = in_force.settings.retraining.broker_url
    if url is None:
        fix = "Set it (TACIT_RETRAINING__BROKER_URL)."
        raise Misconfigured("setting_missing", "No broker is named.", field="retraining.broker_url", fix=fix)
    home = usable_home(in_force.settings.home)
    return celery_over(url.get_secret_value(), namespace=installation_id(home)[:12])


def celery_worker(in_force: SettingsInForce, *, log: Callable[[], None]) -> Celery:
    """What `celery worker` and `celery beat` run.

    Each message opens the platform anew: a worker forks, and a connection must not be shared with a fork.

    Args:
        in_force: The settings.
        log: Says where the log goes.
    """
    from tacit.bootstrap.wiring import build

    app = _celery(in_force)
    from tacit.adapters.celery_runner import CeleryRunner, add_tasks, log_as_told

    def run(job_id: str) -> None:
        with build(in_force) as platform:
            job_host(platform).run(job_id)

    def keep() -> None:
        with build(in_force) as platform:
            keeper = job_keeper(platform, CeleryRunner(app))
            keeper.tick()
            keeper.tidy()

    add_tasks(app, run=run, keep=keep)
    log_as_told(log)
    return app


def _kept(keeper: JobKeeper, every_seconds: float) -> AbstractContextManager[None]:
    """Have a keeper look at once and every few seconds."""
    began = tidied_at = time.monotonic()

    def look() -> None:
        (keeper.tick if time.monotonic() - began >= _SETTLING_SECONDS else keeper.tend)()

    def tidy() -> None:
        nonlocal tidied_at
        if time.monotonic() - tidied_at > _TIDY_SECONDS:
            tidied_at = time.monotonic()
            keeper.tidy()

    return repeated(look, tidy, name="job-keeper", every_seconds=every_seconds)
