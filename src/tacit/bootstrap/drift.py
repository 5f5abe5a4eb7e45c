"""Drift, wired: the look that a job takes, and what it does about what it finds."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tacit.bootstrap.drift_watching import drift_desk, thresholds_of
from tacit.bootstrap.repeating import now_ms
from tacit.data.interfaces import Progress, silent

if TYPE_CHECKING:
    from tacit.bootstrap.app import App
    from tacit.jobs.job import Job
    from tacit.jobs.keeper import JobKeeper
    from tacit.monitoring.drift.interfaces import DriftStore
    from tacit.monitoring.drift.looking import Choices
    from tacit.monitoring.drift.report import DriftReport
    from tacit.settings import Settings

REPORTS = Path("reports") / "drift"
"""Where in a home the daily reports lie."""
_REPORT = re.compile(r"\.?(?P<day>\d{4}-\d{2}-\d{2})\.(html|json)(\..*)?")
"""What they are called, and what one is called of which the writing was cut off."""


def choices_of(settings: Settings) -> Choices:
    """How a look is made."""
    from tacit.bootstrap.drift_reading import HISTORY
    from tacit.monitoring.drift.comparing import Rules
    from tacit.monitoring.drift.looking import Choices
    from tacit.monitoring.drift.report import FEATURES

    chosen = settings.drift
    rules = Rules(
        least_units=chosen.least_units,
        reference_ms=round(chosen.reference_days * 86_400_000),
        history_ms=round(HISTORY * chosen.reference_days * 86_400_000),
        alarm=chosen.alarm_share / len(FEATURES),
        least_effect=chosen.least_effect,
        is_seasonal=chosen.is_seasonal,
    )
    return Choices(round(chosen.window_hours * 3_600_000), rules, thresholds_of(settings))


def look_for_drift(app: App, progress: Progress = silent, *, at_ms: int | None = None) -> DriftReport:
    """Look, keep what was found, ask for a training if it is time for one, and write the day's report.

    Args:
        app: The platform.
        progress: Told of each step.
        at_ms: The moment to look from; else now.
    """
    from tacit.bootstrap.drift_reading import known_now
    from tacit.bootstrap.jobs import job_keeper, job_teller
    from tacit.monitoring.drift.looking import look

    moment = now_ms() if at_ms is None else at_ms
    progress("reading", 0.0)
    known = known_now(app, now_ms=moment)
    progress("comparing", 0.5)
    found = look(known, choices_of(app.settings), now_ms=moment)
    with job_teller(app) as runner:
        report = answered(found, app.drift.store, job_keeper(app, runner))
    app.drift.store.add(report)
    oldest = moment - app.settings.drift.keep_days * 86_400_000
    app.drift.store.prune(oldest)
    progress("writing", 0.95)
    write_report(app, report, app.settings.home / REPORTS)
    prune_reports(app.settings.home / REPORTS, oldest)
    return report


def answered(report: DriftReport, store: DriftStore, keeper: JobKeeper) -> DriftReport:
    """What is done about a look: above the trigger, one training for as long as drift stays there.

    Raises:
        Unavailable: The book of jobs cannot be asked.
    """
    from tacit.monitoring.drift.retraining import has_answer, rose_at

    if report.state != "retrain" or report.overall is None:
        return report
    rose_ms = rose_at(report.at_ms, store.looks(limit=1_000, before_ms=report.at_ms))
    if has_answer(keeper.past().tallies, rose_ms):
        return replace(report, retraining="answered")
    return _with_job(report, keeper.request_retraining(report.overall))


def _with_job(report: DriftReport, job: Job | None) -> DriftReport:
    if job is None:
        return replace(report, retraining="held")
    return replace(report, retraining="asked", job_id=job.job_id)


def write_report(app: App, report: DriftReport, folder: Path) -> tuple[Path, Path]:
    """The page and the facts of a look, as `DAY.html` and `DAY.json` in a folder; each is replaced as a whole."""
    import json

    from tacit.monitoring.drift.desk import day_of

    day = day_of(report.at_ms)
    page, facts = folder / f"{day}.html", folder / f"{day}.json"
    folder.mkdir(parents=True, exist_ok=True)
    _replace(page, drift_desk(app).page(report))
    _replace(facts, json.dumps(report.as_dict(), indent=1) + "\n")
    return page, facts


def prune_reports(folder: Path, before_ms: int) -> None:
    """Remove the reports of days that were over before a moment; whatever else lies there is not ours to remove."""
    from tacit.monitoring.drift.desk import day_of

    oldest = day_of(before_ms)
    for path in folder.iterdir():
        named = _REPORT.fullmatch(path.name)
        if named is not None and named["day"] < oldest:
            path.unlink(missing_ok=True)


def _replace(path: Path, text: str) -> None:
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(scratch).replace(path)
    finally:
        Path(scratch).unlink(missing_ok=True)
