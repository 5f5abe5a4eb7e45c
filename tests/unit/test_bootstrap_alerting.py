"""What the settings make of alerts: thresholds, who is told, the files, and where figures come from."""

from __future__ import annotations

import json
import math
import sqlite3
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tacit.adapters.prometheus import PrometheusSink
from tacit.bootstrap import MODEL, build, load_settings
from tacit.bootstrap.alerting import alert_choices, checked_rules, receivers_of, rules_of, written_files
from tacit.bootstrap.host_numbers import check_trails, last_applied, measuring, watch_host, watch_model
from tacit.bootstrap.live_quality import LiveQuality
from tacit.data import synthetic
from tacit.entrypoints.cli.program import run
from tacit.errors import Misconfigured, NotFound
from tacit.monitoring import host_metrics as host
from tacit.monitoring import model_metrics as measured
from tacit.monitoring.alerting.choices import AlertChoices, Pair
from tacit.security.audit import AuditEntry
from tacit.settings import Settings
from tests.event_stores import MOMENT, effect


def chosen(**flags: object) -> Settings:
    return load_settings(flags={name.replace("__", "."): value for name, value in flags.items()}, environ={}).settings


@pytest.mark.requirement("ALERT-001")
@pytest.mark.requirement("ALERT-002")
@pytest.mark.requirement("ALERT-005")
@pytest.mark.requirement("ALERT-006")
@pytest.mark.requirement("ALERT-008")
@pytest.mark.requirement("ALERT-010")
@pytest.mark.requirement("ALERT-011")
def test_thresholds_are_those_that_the_source_documents_settled_on() -> None:
    choices = alert_choices(chosen())

    assert choices.workloads[0].error_rate == Pair(0.01, 0.05)
    assert (choices.latency_avg, choices.latency_p95) == (Pair(0.5, 2.0), Pair(0.8, 1.0))
    assert choices.memory == (0.80, 0.85, 0.90)
    assert (choices.volume_per_minute, choices.drift, choices.quality_drop) == (100, Pair(0.3, 0.6), 0.10)
    assert (choices.model_age_days, choices.availability) == (Pair(90, 365), 0.99)
    assert choices.job_overdue_seconds["train"] == 14 * 86_400


def test_the_rooms_own_defaults_are_those_of_the_settings() -> None:
    own, of_settings = AlertChoices(), alert_choices(chosen())
    apart = {"owners", "job_overdue_seconds"}

    differing = {name for name in vars(own) if getattr(own, name) != getattr(of_settings, name)}
    assert differing <= apart
    assert {own.owner(category) == name for category, name in of_settings.owners.items()} == {True}


@pytest.mark.requirement("ALERT-003")
@pytest.mark.requirement("ALERT-004")
@pytest.mark.requirement("ALERT-007")
@pytest.mark.requirement("ALERT-016")
@pytest.mark.requirement("GATE-007")
def test_a_workload_that_is_there_has_thresholds_of_its_own() -> None:
    with_vision = chosen(alerts__vision_routes="/api/v1/vision/.*")
    thresholds = {each.name: each.threshold for each in rules_of(with_vision) if each.workload == "vision"}

    assert thresholds.keys() == {"ErrorRateHigh", "ErrorRateCritical", "InferenceSlow", "AccuracyBelowFloor"}
    assert thresholds["ErrorRateHigh"].startswith("above 5 %")
    assert thresholds["ErrorRateCritical"].startswith("above 10 %")
    assert (thresholds["InferenceSlow"], thresholds["AccuracyBelowFloor"]) == ("p99 above 0.5 s", "below 85 %")
    assert {each.workload for each in rules_of(chosen())} == {"recommender"}


@pytest.mark.parametrize(
    ("flags", "multiple"),
    [
        ({}, None),
        ({"auth.mode": "required"}, 3.0),
        ({"auth.mode": "required", "alerts.request_volume.measure": "absolute"}, None),
        ({"alerts.request_volume.measure": "multiple", "alerts.request_volume.multiple": 5}, 5.0),
    ],
)
def test_how_many_requests_are_many_depends_on_whether_somebody_only_tries(
    flags: dict[str, object], multiple: float | None
) -> None:
    assert alert_choices(load_settings(flags=flags, environ={}).settings).volume_multiple == multiple


def test_a_job_that_is_never_done_by_itself_is_never_late() -> None:
    off = chosen(retraining__schedule="off", retraining__search="off")

    assert alert_choices(off).job_overdue_seconds.keys() == {"full_refit", "precompute", "drift"}


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("alerts.error_rate.recommender.critical", 0.001, "critical is below warning"),
        ("slo.latency.avg.warning", 3.0, "critical is below warning"),
        ("alerts.disk_free.critical", 0.5, "critical is above warning"),
    ],
)
def test_thresholds_in_the_wrong_order_are_refused(key: str, value: float, told: str) -> None:
    with pytest.raises(Misconfigured, match=told):
        load_settings(flags={key: value}, environ={})


def test_a_secret_of_a_file_is_named_and_no_file_of_ours_holds_it(tmp_path: Path) -> None:
    secret = tmp_path / "pagerduty"
    secret.write_text("R0UT1NGKEY\n")
    secret.chmod(0o600)
    environ = {"TACIT_ALERTS__RECEIVERS__PAGERDUTY_FILE": str(secret), "TACIT_ALERTS__RECEIVERS__SLACK": "https://h/x"}
    in_force = load_settings(environ=environ)

    assert receivers_of(in_force.settings).pagerduty_key == "R0UT1NGKEY"
    paths = written_files(
        in_force, tmp_path / "out", ["127.0.0.1:9000"], alertmanager="127.0.0.1:9093", prometheus="127.0.0.1:9090"
    )

    texts = {path.name: path.read_text("utf-8") for path in paths}
    assert "R0UT1NGKEY" not in "".join(texts.values())
    assert f"routing_key_file: {secret}" in texts["alertmanager.yml"]
    assert "api_url: https://h/x" in texts["alertmanager.yml"]
    modes = {path.name: path.stat().st_mode & 0o777 for path in paths}
    assert modes["alertmanager.yml"] == 0o600


def test_a_rule_without_a_runbook_is_found_in_an_installation(tmp_path: Path) -> None:
    for name in {rule.runbook for rule in rules_of(chosen())} - {"drift", "event-lag"}:
        (tmp_path / f"{name}.md").touch()

    found = checked_rules(chosen(), tmp_path)

    assert {each.rule for each in found.problems if "runbook" in each.detail} == {
        "EventLagHigh", "DriftHigh", "DriftCallsForTraining"
    }  # fmt: skip
    assert "Nobody is paged: alerts.receivers.pagerduty is unset." in found.notes


def test_the_shell_writes_the_files_and_says_what_is_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "files"
    asked = ["monitoring", "files", "--out", str(out), "--target", "10.0.0.5:9000", "--home", str(tmp_path / "home")]

    assert run(asked) == 0
    said = capsys.readouterr().out
    assert f"promtool check config {out}/prometheus.yml" in said
    assert "10.0.0.5:9000" in (out / "prometheus.yml").read_text("utf-8")
    assert not (tmp_path / "home").exists()

    (tmp_path / "taken").touch()
    assert run(["monitoring", "files", "--out", str(tmp_path / "taken"), "--json"]) == 78
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "files_unwritable"


def test_the_shell_ends_with_a_refusal_where_rules_are_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["monitoring", "check", "--runbooks", str(tmp_path), "--json"]) == 4
    found, refused = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert {"rule": "TacitDown", "detail": "There is no runbook tacit-down."} in found["problems"]
    assert refused["error"]["code"] == "rules_wrong"

    assert run(["monitoring", "check", "--runbooks", str(tmp_path / "none")]) == 4
    assert "runbooks_missing" in capsys.readouterr().err


@pytest.mark.requirement("MON-013")
@pytest.mark.requirement("MON-017")
def test_the_machine_and_the_process_are_measured(tmp_path: Path) -> None:
    sink = PrometheusSink()
    watch_host(sink, tmp_path)

    assert 0 < sink.value(host.MEMORY_RATIO) <= 1
    assert sink.value(host.CPU_CORES) > 0
    assert 0 <= sink.value(host.DISK_FREE) <= 1
    assert 0 <= sink.value(host.UPTIME) < 60
    text = sink.text().decode()
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total", "python_gc_collections_total"):
        assert f"\n{name}" in text


def test_the_version_that_answers_tells_its_age_and_what_it_scored() -> None:
    sink, manifest = (
        PrometheusSink(),
        SimpleNamespace(created_at="1970-01-01T00:01:00+00:00", metrics={"ndcg@10": 0.25}),
    )
    pool: Any = SimpleNamespace(loaded=None)
    watch_model(sink, pool, clock=lambda: 100.0)

    assert math.isnan(sink.value(measured.MODEL_AGE))
    pool.loaded = SimpleNamespace(manifest=manifest)
    assert sink.value(measured.MODEL_AGE) == 40
    assert sink.value(measured.QUALITY_BASELINE, metric="ndcg@10") == 0.25
    assert math.isnan(sink.value(measured.QUALITY_BASELINE, metric="precision@10"))
    assert math.isnan(sink.value(measured.QUALITY_LIVE, metric="ndcg@10"))


def test_a_trail_that_somebody_changed_is_measured_as_broken(tmp_path: Path) -> None:
    sink = PrometheusSink()
    with build(load_settings(flags={"home": tmp_path}, environ={})) as app:
        for number in range(3):
            app.audit.append(AuditEntry("tested", actor="ann", subject=str(number), at=app.clock(), facts={}))
        check_trails(app, sink)
        assert sink.value(host.TRAIL_BROKEN, trail="audit") == 0
        with sqlite3.connect(tmp_path / "tacit.db") as database:
            database.execute("DROP TRIGGER audit_refuse_update")
            database.execute("UPDATE audit SET actor = 'eve' WHERE subject = '1'")
        check_trails(app, sink)

    assert sink.value(host.TRAIL_BROKEN, trail="audit") == 1
    assert sink.value(host.TRAIL_BROKEN, trail="accesses") == 0


def test_after_a_restart_it_is_known_when_the_last_event_came(tmp_path: Path) -> None:
    sink = PrometheusSink()
    pool: Any = SimpleNamespace(loaded=None)
    with build(load_settings(flags={"home": tmp_path}, environ={})) as app:
        app.event_store.apply([effect(1), effect(2)], offset=2)
        with measuring(app, pool, sink):
            assert sink.value(measured.LAST_EVENT) == (MOMENT + 5_002) / 1_000
    with build(load_settings(flags={"home": tmp_path, "serving.role": "reader"}, environ={})) as app:
        reader = PrometheusSink()
        with measuring(app, pool, reader):  # others take events: what it knows would grow old
            assert reader.value(measured.LAST_EVENT) == 0


def test_nothing_is_old_where_no_event_ever_came(tmp_path: Path) -> None:
    sink, began = PrometheusSink(), time.monotonic()
    with build(load_settings(flags={"home": tmp_path}, environ={})) as app:
        pool: Any = SimpleNamespace(loaded=None)
        assert last_applied(app) == 0
        with measuring(app, pool, sink):
            assert sink.value(measured.LAST_EVENT) == 0
            assert sink.value(host.UPTIME) <= time.monotonic() - began


@pytest.mark.requirement("ALERT-015")
def test_quality_is_the_latest_that_anybody_measured_of_the_version_that_answers() -> None:
    """A job scored it; a later candidate was compared with it; what was measured of others says nothing."""
    sink, jobs, manifests = PrometheusSink(), [], {}
    pool: Any = SimpleNamespace(loaded=SimpleNamespace(label="recommender/2", version=SimpleNamespace(number=2)))

    def versions(_: str) -> list[Any]:
        return [
            SimpleNamespace(number=number, created_at=f"1970-01-0{number}T00:00:00+00:00") for number in range(1, 6)
        ]

    def manifest(_: str, number: int) -> Any:
        if number not in manifests:
            raise NotFound("version_unknown", "There is none.")
        return SimpleNamespace(gate={"champion_number": manifests[number][0], "champion_metrics": manifests[number][1]})

    app: Any = SimpleNamespace(
        jobs=SimpleNamespace(store=SimpleNamespace(jobs=lambda **_: jobs)),
        versions=SimpleNamespace(versions=versions),
        registry=SimpleNamespace(manifest=manifest),
    )

    def live() -> float:
        LiveQuality(app, pool, sink).look()
        return sink.value(measured.QUALITY_LIVE, metric="precision@10")

    def evaluated(label: str, score: float) -> Any:
        outcome = {"version": label, "metrics": {"precision@10": score}}
        return SimpleNamespace(outcome=outcome, ended_at_ms=2 * 86_400_000 + 1)

    assert math.isnan(live())
    jobs.append(evaluated("recommender/1", 0.9))
    assert math.isnan(live())
    jobs.append(evaluated("recommender/2", 0.3))
    assert live() == 0.3
    manifests |= {4: (2, {"precision@10": 0.2}), 5: (3, {"precision@10": 0.8})}
    assert live() == 0.2


@pytest.mark.slow
def test_training_a_candidate_measures_the_champion_again(tmp_path: Path) -> None:
    synthetic.generate(tmp_path / "community", users=150, items=100, artists_per_user=20)
    quick = {"home": tmp_path / "home", "als.engine": "numpy", "als.factors": 4, "als.iterations": 2}
    sink = PrometheusSink()
    with build(load_settings(flags=quick, environ={})) as app:
        app.import_data("auto", tmp_path / "community", actor="t")
        champion = app.train(actor="t").version
        app.promote(champion.number, actor="t", force=True, reason="test")
        app.train(actor="t")
        loaded: Any = SimpleNamespace(label="recommender/1", version=champion, manifest=app.registry.manifest(MODEL, 1))
        pool: Any = SimpleNamespace(loaded=loaded)
        watch_model(sink, pool, clock=time.time)
        LiveQuality(app, pool, sink).look()
        compared: Any = app.registry.manifest(MODEL, 2).gate["champion_metrics"]

    assert sink.value(measured.QUALITY_LIVE, metric="precision@10") == compared["precision@10"] > 0
    assert sink.value(measured.QUALITY_BASELINE, metric="precision@10") == loaded.manifest.metrics["precision@10"]
