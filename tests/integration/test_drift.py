"""Drift on real parts: read from a real database, kept, shown over HTTP, and answered by one training."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tacit.adapters.prometheus import PrometheusSink
from tacit.bootstrap import App, build, load_settings
from tacit.bootstrap.drift import REPORTS, answered, look_for_drift, prune_reports
from tacit.bootstrap.drift_watching import drift_desk, watching_drift
from tacit.bootstrap.job_work import perform
from tacit.bootstrap.jobs import job_keeper, job_teller
from tacit.data.event_effects import MILLIONTHS, Effect
from tacit.data.events import Event, LoggedEvent
from tacit.data.interfaces import silent
from tacit.entrypoints.api.app import create_app
from tacit.entrypoints.api.drift import drift_routes
from tacit.jobs.job import Job
from tacit.jobs.keeper import JobKeeper
from tacit.jobs.retries import Ending
from tacit.monitoring import drift_metrics as catalogue
from tacit.monitoring.drift.desk import day_of
from tacit.monitoring.drift.report import DriftReport
from tacit.rollout.training_desk import TrainingDesk
from tacit.serving.exposures import Exposure
from tests.drift_worlds import DAY_MS, START, report, steady, turned_to_jazz
from tests.job_books import Clock, order
from tests.stages import listening, stage, wait_until

A_DAY = 130
END = START + 85 * DAY_MS


def settings_of(home: Path) -> dict[str, object]:
    return {"home": home, "drift.reference_days": 28, "events.unknown_items": "accept"}


def filled(app: App) -> None:
    """Twelve weeks of events, the last day of which is another one, and lists that half of the last are clicked."""
    events = turned_to_jazz(steady(a_day=A_DAY), 0.9, since_ms=END - DAY_MS)
    effects = []
    for at, (moment, user, item) in enumerate(zip(events.at_ms, events.users, events.items, strict=True), 1):
        said = Event(f"e{at}", f"u{user}", f"i{item}", "play", None, int(moment))
        effects.append(Effect(LoggedEvent(at, int(moment), "api", said), MILLIONTHS))
    for first in range(0, len(effects), 5_000):
        app.event_store.apply(effects[first : first + 5_000], offset=min(len(effects), first + 5_000))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    home = tmp_path_factory.mktemp("home")
    with build(load_settings(flags=settings_of(home), environ={})) as made:
        filled(made)
        yield made


@pytest.fixture(scope="module")
def found(app: App) -> DriftReport:
    reports = app.settings.home / REPORTS
    reports.mkdir(parents=True)
    (reports / "1999-01-01.html").touch()  # of a look that was forgotten long ago
    return look_for_drift(app, at_ms=END)


@pytest.mark.requirement("DRIFT-009")
def test_a_look_reads_what_was_done_keeps_what_it_found_and_writes_the_days_report(
    app: App, found: DriftReport
) -> None:
    popularity = found.feature("popularity")
    assert popularity is not None
    assert popularity.units > 100
    assert popularity.score is not None
    assert [each.state for each in found.features if each.name in ("values", "sources", "ctr")] == [
        "not_enough_data"
    ] * 3
    assert app.drift.store.latest() == found
    days = sorted(each.name for each in (app.settings.home / REPORTS).iterdir())
    assert [Path(each).suffix for each in days] == [".html", ".json"]
    assert drift_desk(app).of_day(Path(days[0]).stem) == found


def test_a_report_goes_with_the_looks_of_its_day_and_nothing_else_in_the_folder_does(tmp_path: Path) -> None:
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    days = [f"2026-11-{day}" for day in (20, 21, 22)]
    kept = {"notes.txt", "2026-11-20.pdf", "2026-11-22.html", "2026-11-22.json", ".2026-11-22.json.x1"}
    gone = {f"{day}.{kind}" for day in days[:2] for kind in ("html", "json")} | {".2026-11-20.html.cut0ff"}
    for name in kept | gone:
        (tmp_path / name).touch()

    prune_reports(tmp_path, int(noon.timestamp() * 1_000))

    assert {each.name for each in tmp_path.iterdir()} == kept


def test_lists_are_counted_as_clicked_by_who_was_shown_them_in_time_and_by_nobody_else(app: App) -> None:
    at_ms, items = END - 3_600_000, tuple(f"i{item}" for item in range(12))
    lists = [Exposure(f"r{n}", "recommender/1", "ann", "personal", n == 2, items, at_ms + n) for n in range(5)]
    app.exposures.write([*lists, replace(lists[0], recommendation_id="r9", user_id=None)])
    clicks = [("r0", "ann", "i1", 5), ("r0", "ann", "i11", 6), ("r1", "bob", "i1", 5), ("r2", "ann", "i1", 1_900_000)]
    after = app.event_store.offset
    effects = [
        Effect(
            LoggedEvent(after + n, END, "api", Event(f"c{n}", user, item, "play", None, at_ms + late, name)), MILLIONTHS
        )
        for n, (name, user, item, late) in enumerate(clicks, 1)
    ]
    app.event_store.apply(effects, offset=after + len(effects))

    shown = app.drift.source.shown(since_ms=at_ms, until_ms=at_ms + 5, settle_ms=1_800_000, limit=100)

    assert shown.clicked.tolist() == [True, False, False, False, False, False]
    assert (shown.hits.tolist()[0], set(shown.depth.tolist())) == (1, {10})
    assert (shown.known.sum(), shown.degraded.tolist().count(True)) == (5, 1)
    paged = app.drift.source.shown(since_ms=at_ms, until_ms=at_ms + 5, settle_ms=1_800_000, limit=2)
    assert paged.at_ms.tolist() == [at_ms + 3, at_ms + 4]


def test_a_servers_gauges_say_what_the_last_look_found(app: App, found: DriftReport) -> None:
    metrics = PrometheusSink()
    before = PrometheusSink()
    with watching_drift(app, metrics, every_seconds=0.05):
        wait_until(lambda: metrics.value(catalogue.DRIFT_STATE, feature="popularity") >= 0)
        score = metrics.value(catalogue.DRIFT_SCORE, feature="popularity")
        text = metrics.text().decode()

    popularity = found.feature("popularity")
    assert popularity is not None
    assert score == popularity.score
    assert 'tacit_drift_state{feature="ctr"} -1.0' in text
    assert 'tacit_drift_score{feature="ctr"} 0.0' in before.text().decode()


class Silent:
    """A `JobRunner` that runs nothing."""

    def wake(self, job: Job) -> None:
        del job


def keeper_of(app: App, clock: Clock) -> JobKeeper:
    """As after a restart: nothing is remembered but what the database holds."""
    keeper = job_keeper(app, Silent())
    return replace(keeper, book=replace(keeper.book, clock=clock), versions=lambda: (0, 0))


def looked(app: App, clock: Clock, *, state: str = "retrain") -> DriftReport:
    """A look that found this, with what was done about it, kept as a job keeps it."""
    overall = {"retrain": 0.8, "warn": 0.59}.get(state, 0.1)
    done = answered(report(clock(), state=state, overall=overall), app.drift.store, keeper_of(app, clock))
    app.drift.store.add(done)
    return done


@pytest.mark.requirement("DRIFT-008")
def test_a_crossing_starts_exactly_one_training_within_the_cooldown_and_after_a_restart_too(tmp_path: Path) -> None:
    clock, force = Clock(), load_settings(flags=settings_of(tmp_path), environ={})
    with build(force) as first:
        warned = looked(first, clock, state="warn")
        clock.pass_by(seconds=3_600)
        told = [looked(first, clock).retraining]
        clock.pass_by(seconds=3_600)
        told.append(looked(first, clock).retraining)
    with build(force) as second:
        clock.pass_by(seconds=3_600)
        told.append(looked(second, clock).retraining)
        clock.pass_by(seconds=3_600)
        looked(second, clock, state="ok")
        clock.pass_by(seconds=3_600)
        told.append(looked(second, clock).retraining)
        trainings = second.jobs.store.jobs(limit=10, kind="train")

    assert warned.retraining == "none"
    assert told == ["asked", "answered", "answered", "held"]
    assert [(job.order.why, job.order.actor) for job in trainings] == [("drift", "drift")]


def test_a_second_rise_after_the_cooldown_is_worth_a_second_training_and_a_lasting_one_is_not(tmp_path: Path) -> None:
    clock = Clock()
    with build(load_settings(flags=settings_of(tmp_path), environ={})) as app:
        told = [looked(app, clock).retraining]
        book = keeper_of(app, clock).book
        claimed = book.claim(book.waiting()[0].job_id, "vm/1/1")
        assert claimed is not None
        book.end(claimed, Ending(outcome={}))
        for days, state in ((3, "retrain"), (1, "ok"), (1, "retrain")):
            clock.pass_by(days=days)
            told.append(looked(app, clock, state=state).retraining)

    assert told == ["asked", "answered", "none", "asked"]


def test_drift_is_a_job_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACIT_HOME", str(tmp_path))
    monkeypatch.setenv("TACIT_CONFIG", "/dev/null")

    outcome = perform(order("drift"), silent)

    assert outcome == {
        "overall": None, "state": "not_enough_data", "moved": [], "retraining": "none", "job_id": None,
    }  # fmt: skip


def test_over_http_one_sees_the_last_look_those_before_it_and_the_page_of_a_day(
    tmp_path: Path, app: App, found: DriftReport
) -> None:
    with stage(tmp_path / "stage") as made, job_teller(app) as teller:
        made.release()
        training = TrainingDesk(app.jobs, teller, made.bench.registry, "recommender")
        routes = [drift_routes(drift_desk(app), training)]
        with listening(create_app(made.service, made.pool, made.metrics, version="0", extra_routers=routes)) as client:
            last, history = client.get("/api/v1/drift"), client.get("/api/v1/drift/history?limit=5")
            day = day_of(history.json()["looks"][0]["at_ms"])
            page, facts = (
                client.get(f"/api/v1/drift/reports/{day}"),
                client.get(f"/api/v1/drift/reports/{day}?format=json"),
            )
            missing, wrong = client.get("/api/v1/drift/reports/1999-01-01"), client.get("/api/v1/drift/reports/soon")
            asked, again = client.post("/api/v1/drift/run"), client.post("/api/v1/drift/run")

    assert last.json() == facts.json() == json.loads(json.dumps(found.as_dict()))
    assert history.json()["looks"][0]["overall"] == found.overall
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "Drift is not damage" in page.text
    assert (missing.status_code, wrong.status_code) == (404, 422)
    assert (asked.status_code, asked.json()["kind"], again.status_code) == (202, "drift", 409)
