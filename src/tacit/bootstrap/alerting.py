"""Rules of alerts and the files that say so, from what an installation chose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tacit.errors import Misconfigured
from tacit.settings import Settings, SettingsInForce

if TYPE_CHECKING:
    from pydantic import SecretStr

    from tacit.monitoring.alerting.choices import AlertChoices, Pair, Receivers, WorkloadLimits
    from tacit.monitoring.alerting.lint import Problem
    from tacit.monitoring.alerting.rules import AlertRule, Category
    from tacit.settings.alerts import Falling, Rising
    from tacit.settings.loading import Origin

RULES_FILE, PROMETHEUS_FILE, ALERTMANAGER_FILE = "tacit.rules.yml", "prometheus.yml", "alertmanager.yml"
_DAYS = {"daily": 1, "weekly": 7, "monthly": 31, "quarterly": 92}
_LATE = 2
"""How many cadences a job may be late: one that failed is tried again at the next."""


def rules_of(settings: Settings) -> tuple[AlertRule, ...]:
    """Every alert of this installation."""
    from tacit.monitoring.alerting.catalogue import alert_rules

    return alert_rules(alert_choices(settings))


def monitoring_files(
    settings: Settings,
    targets: Sequence[str],
    *,
    alertmanager: str,
    prometheus: str | None = None,
    origins: Iterable[Origin] = (),
) -> dict[str, str]:
    """What Prometheus and Alertmanager read, by file name; they are to lie beside each other.

    Args:
        settings: What was chosen.
        targets: Where `/metrics` is, each as `host:port`.
        alertmanager: Where Alertmanager is, as `host:port`.
        prometheus: Where Prometheus itself is; unset, it does not look at itself.
        origins: Where settings came from: a secret of a file is named by it, and stands in none of these then.
    """
    from tacit.monitoring.alerting import files

    config = files.prometheus_file(
        targets,
        rule_paths=[RULES_FILE],  # beside it
        alertmanager=alertmanager,
        prometheus=prometheus,
        scrape_seconds=settings.monitoring.scrape_seconds,
    )
    return {
        PROMETHEUS_FILE: config,
        RULES_FILE: files.rule_file(alert_choices(settings)),
        ALERTMANAGER_FILE: files.alertmanager_file(receivers_of(settings, origins)),
    }


def written_files(
    in_force: SettingsInForce, folder: Path, targets: Sequence[str], *, alertmanager: str, prometheus: str
) -> tuple[Path, ...]:
    """Write them for servers that somebody else starts; what holds a secret can be read by its owner alone.

    Raises:
        Misconfigured: `files_unwritable`.
    """
    found = monitoring_files(
        in_force.settings, targets, alertmanager=alertmanager, prometheus=prometheus, origins=in_force.origins
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in found.items():
            path = folder / name
            path.unlink(missing_ok=True)
            path.touch(mode=0o600 if name == ALERTMANAGER_FILE else 0o644)
            path.write_text(text, "utf-8")
    except OSError as problem:
        raise Misconfigured(
            "files_unwritable", f"{folder} cannot be written to: {problem.strerror}.", field="out", fix="Name another."
        ) from problem
    return tuple(folder / name for name in found)


@dataclass(frozen=True)
class CheckedRules:
    """What came of looking at the rules of an installation.

    Attributes:
        rules: How many there are, recordings with them.
        metrics: Of how many metrics they may read.
        notes: What is not wrong, and worth knowing.
    """

    rules: int
    metrics: int
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def checked_rules(settings: Settings, runbooks: Path | None) -> CheckedRules:
    """Look for what is wrong with the rules.

    Args:
        settings: What was chosen.
        runbooks: Folder of the pages that explain them; `None` leaves that out.
    """
    from tacit.monitoring.alerting.catalogue import alert_rules
    from tacit.monitoring.alerting.lint import lint
    from tacit.monitoring.alerting.recordings import recording_rules
    from tacit.monitoring.metrics import CATALOGUE

    choices = alert_choices(settings)
    rules, recordings = alert_rules(choices), recording_rules(choices)
    pages = None if runbooks is None else frozenset(path.stem for path in runbooks.glob("*.md"))
    found = lint(rules, recordings, CATALOGUE, runbooks=pages)
    return CheckedRules(len(rules) + len(recordings), len(CATALOGUE), found, _silent(settings))


def _silent(settings: Settings) -> tuple[str, ...]:
    """Whom no alert reaches."""
    to, said = receivers_of(settings), []
    if not (to.webhooks or to.slack_url or to.email_to):
        said.append("No warning reaches anybody: set alerts.receivers.webhook, slack or email_to.")
    if to.pagerduty_key is None:
        said.append("Nobody is paged: alerts.receivers.pagerduty is unset.")
    if to.dead_man_url is None:
        said.append("Nobody would miss the heartbeat: alerts.receivers.dead_man is unset.")
    return tuple(said)


def alert_choices(settings: Settings) -> AlertChoices:
    """What the settings say of alerts, as rules take it."""
    from tacit.monitoring.alerting.choices import AlertChoices, Pair

    chosen, memory = settings.alerts, settings.overload.memory
    same = (
        "min_requests", "low_traffic_errors", "shed_requests", "missed_deadlines", "worker_restarts", "event_lag",
        "reader_lag", "quarantine_share", "quarantine_events", "event_drop", "data_age_days", "quality_drop",
        "sign_in_failures", "blocks", "secret_age_days", "cpu", "open_files", "runbook_url", "time_scale",
    )  # fmt: skip
    return AlertChoices(
        scrape_seconds=settings.monitoring.scrape_seconds,
        workloads=_workloads(settings),
        availability=settings.slo.availability,
        latency_avg=_pair(settings.slo.latency.avg),
        latency_p95=_pair(settings.slo.latency.p95),
        memory=(memory.warn, memory.critical, memory.degraded),
        volume_per_minute=chosen.request_volume.per_minute,
        volume_multiple=_volume_multiple(settings),
        degraded_share=_pair(chosen.degraded_share),
        loop_lag=chosen.loop_lag_seconds,
        model_age_days=_pair(chosen.model_age_days),
        drift=Pair(settings.drift.warn, settings.retraining.drift_trigger),
        job_overdue_seconds=_overdue(settings),
        disk_free=_pair(chosen.disk_free),
        owners=cast("Mapping[Category, str]", chosen.owners.model_dump()),
        **{name: getattr(chosen, name) for name in same},
    )


def receivers_of(settings: Settings, origins: Iterable[Origin] = ()) -> Receivers:
    """Where alerts go; a secret that lies in a file by its path, any other as itself."""
    from tacit.monitoring.alerting.choices import Receivers

    chosen = settings.alerts.receivers
    files = {each.key: each.source.removeprefix("file:") for each in origins if each.source.startswith("file:")}

    def path(name: str) -> str | None:
        return files.get(f"alerts.receivers.{name}")

    webhook = _said(chosen.webhook)
    return Receivers(
        webhooks=() if webhook is None else (webhook,),
        slack_url=_said(chosen.slack),
        slack_url_file=path("slack"),
        slack_channel=chosen.slack_channel,
        email_to=chosen.email_to,
        email_from=chosen.email_from,
        smarthost=chosen.smarthost,
        email_user=chosen.email_user,
        email_password=_said(chosen.email_password),
        email_password_file=path("email_password"),
        email_tls=chosen.email_tls,
        pagerduty_key=_said(chosen.pagerduty),
        pagerduty_key_file=path("pagerduty"),
        pagerduty_url=chosen.pagerduty_url,
        sms_url=_said(chosen.sms),
        dead_man_url=_said(chosen.dead_man),
        group_seconds=chosen.group_seconds,
        repeat_seconds=chosen.repeat_hours * 3_600,
    )


def _workloads(settings: Settings) -> tuple[WorkloadLimits, ...]:
    from tacit.monitoring.alerting.choices import WorkloadLimits

    chosen = settings.alerts
    recommender = WorkloadLimits("recommender", _pair(chosen.error_rate.recommender))
    if chosen.vision_routes is None:
        return (recommender,)
    vision = WorkloadLimits(
        "vision",
        _pair(chosen.error_rate.vision),
        routes=chosen.vision_routes,
        p99=settings.slo.latency.p99,
        accuracy_floor=chosen.accuracy_floor,
    )
    return recommender, vision


def _volume_multiple(settings: Settings) -> float | None:
    """How many times the usual is too much; `None` where a number of requests is."""
    chosen = settings.alerts.request_volume
    is_absolute = settings.auth.mode == "open" if chosen.measure == "auto" else chosen.measure == "absolute"
    return None if is_absolute else chosen.multiple


def _overdue(settings: Settings) -> Mapping[str, float]:
    """Seconds after which a job that is done by itself is late, by kind; what is off is never late."""
    chosen = settings.retraining
    cadences = {
        "train": chosen.schedule,
        "full_refit": chosen.full_refit,
        "search": chosen.search,
        "precompute": chosen.precompute,
    }
    found = {kind: _LATE * _DAYS[cadence] * 86_400.0 for kind, cadence in cadences.items() if cadence != "off"}
    return found | ({"drift": _LATE * settings.drift.every_minutes * 60.0} if settings.drift.every_minutes else {})


def _pair(limits: Rising | Falling) -> Pair:
    from tacit.monitoring.alerting.choices import Pair

    return Pair(limits.warning, limits.critical)


def _said(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
