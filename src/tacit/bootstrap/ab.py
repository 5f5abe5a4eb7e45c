"""What A/B tests and attribution take: wired over the platform, and kept for as long as a server runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from tacit.bootstrap.app import MODEL, App
from tacit.bootstrap.repeating import now_ms, repeated
from tacit.errors import Refused
from tacit.monitoring import metrics as measured
from tacit.monitoring.interfaces import MetricSink
from tacit.security.audit import AuditRecorder, AuditTrail
from tacit.settings import Settings

if TYPE_CHECKING:
    from tacit.adapters.sql.engine import Database
    from tacit.registry.registry import Registry
    from tacit.rollout.ab_desk import AbDesk, AbKeeper
    from tacit.rollout.outcomes import OutcomeReports
    from tacit.rollout.traffic import TrafficStore


def outcomes_of(settings: Settings, database: Database) -> OutcomeReports:
    """What came of the lists that were shown, as the settings say which events count."""
    from tacit.adapters.sql.outcomes import SqlOutcomeStore

    return SqlOutcomeStore(database, window_hours=settings.attribution.window_hours)


def ab_desk(
    settings: Settings,
    database: Database,
    *,
    registry: Registry,
    audit: AuditTrail,
    traffic: TrafficStore,
    outcomes: OutcomeReports,
) -> AbDesk:
    """Where A/B tests are looked after."""
    from tacit.adapters.sql.ab import SqlAbStore
    from tacit.rollout.ab_desk import AbDesk, AbRules, AbStores

    chosen = settings.coldstart
    rules = AbRules(
        is_on=settings.ab.enabled,
        window_hours=settings.attribution.window_hours,
        keep_days=settings.exposures.keep_days,
        settings={"coldstart.blended_from": chosen.blended_from, "coldstart.personal_from": chosen.personal_from},
    )
    return AbDesk(
        AbStores(SqlAbStore(database), traffic, outcomes),
        name=MODEL,
        rules=rules,
        audit=AuditRecorder(audit),
        clock_ms=now_ms,
        check_version=_passed_its_gate(registry, accepts_foreign=settings.registry.foreign_verdicts == "accept"),
        transaction=database.transaction,
    )


def keeping_ab(app: App, metrics: MetricSink) -> AbstractContextManager[None]:
    """End A/B tests that must not go on, and measure what comes of the lists that are shown; now and every while."""
    from tacit.rollout.ab_desk import AbKeeper

    keeper = AbKeeper(app.ab, clock_ms=now_ms)
    work = (_ending(app, keeper, metrics), sparing(_measuring(app, metrics)))
    return repeated(*work, name="ab-keeper", every_seconds=app.settings.ab.check_seconds)


def _passed_its_gate(registry: Registry, *, accepts_foreign: bool) -> Callable[[int], None]:
    from tacit.registry.exchange import IMPORTED

    def check(number: int) -> None:
        version, manifest = registry.open(MODEL, number)
        verdict = str(manifest.gate.get("verdict"))
        if verdict != "pass":
            detail = f"The gate's verdict on {version.name}/{version.number} is {verdict}."
            fix = "Compare a version that passed; no other is shown to users."
            raise Refused("gate_not_passed", detail, field="arms", fix=fix, context={"verdict": verdict})
        if IMPORTED in manifest.lineage and not accepts_foreign:
            detail = f"{version.name}/{version.number} was imported, and its gate's verdict is another installation's."
            fix = "Compare a version that was judged here, or set registry.foreign_verdicts to accept."
            raise Refused("judged_elsewhere", detail, field="arms", fix=fix)

    return check


def _ending(app: App, keeper: AbKeeper, metrics: MetricSink) -> Callable[[], None]:
    def end() -> None:
        for test in keeper.tick():
            metrics.increment(measured.AB_ENDED, state=test.state)
        metrics.set(measured.AB_RUNNING, len(app.ab.tests("running")))

    return end


def _measuring(app: App, metrics: MetricSink) -> Callable[[], None]:
    window_ms = round(app.settings.attribution.window_hours * 3_600_000)

    def measure() -> None:
        found = app.outcomes.by_source(since_ms=now_ms() - window_ms)
        for source in measured.SOURCES:
            outcomes = found.get(source)
            metrics.set(measured.ATTRIBUTED_LISTS, outcomes.lists if outcomes else 0, source=source)
            metrics.set(measured.CLICKED_LISTS, outcomes.clicked if outcomes else 0, source=source)

    return measure


def sparing(work: Callable[[], None], *, timer: Callable[[], float] = time.monotonic) -> Callable[[], None]:
    """Work that is passed over until nine times as long has gone by as it took last.

    What goes through all lists of a day takes longer the more are shown, and must not be all that a server does.
    """
    rests_until = -math.inf

    def spared() -> None:
        nonlocal rests_until
        began = timer()
        if began < rests_until:
            return
        try:
            work()
        finally:
            ended = timer()
            rests_until = ended + 9 * (ended - began)

    return spared
