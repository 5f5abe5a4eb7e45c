"""What A/B tests and attribution take: wired over the platform, and kept for as long as a server runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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


Rest = Callable[[float], object]
"""Waits, where somebody else may have more to do, after so many seconds of work."""

_SPARE_LISTS = 200
"""Lists looked at in one go beside answering: some milliseconds."""
_RESTS = 9
"""How many times as long as it worked such a look rests."""


def outcomes_of(settings: Settings, database: Database) -> OutcomeReports:
    """What came of the lists that were shown, as the settings say which events count."""
    from tacit.adapters.sql.outcomes import SqlOutcomeStore

    return SqlOutcomeStore(database, window_hours=settings.attribution.window_hours)


def resting_outcomes_of(settings: Settings, database: Database, rest: Rest) -> OutcomeReports:
    """The same, looked at a little at a time, with a rest after each."""
    from tacit.adapters.sql.outcomes import SqlOutcomeStore

    hours = settings.attribution.window_hours
    return SqlOutcomeStore(database, window_hours=hours, lists_at_once=_SPARE_LISTS, rest=rest)


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


@contextmanager
def keeping_ab(app: App, metrics: MetricSink) -> Iterator[None]:
    """End A/B tests that must not go on, and measure what comes of the lists that are shown; now and every while."""
    from tacit.rollout.ab_desk import AbKeeper

    every, over = app.settings.ab.check_seconds, threading.Event()
    ending = _ending(app, AbKeeper(app.ab, clock_ms=now_ms), metrics)
    with (
        repeated(ending, name="ab-keeper", every_seconds=every),
        # Apart, for a test that must end does not wait until a day was gone through.
        repeated(_measuring(app, metrics, over), name="ab-measuring", every_seconds=every, over=over),
    ):
        yield


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


def _measuring(app: App, metrics: MetricSink, over: threading.Event) -> Callable[[], None]:
    """Goes through all lists of a day, which takes longer the more are shown, and must be in nobody's way."""
    window_ms = round(app.settings.attribution.window_hours * 3_600_000)
    outcomes_there = app.resting_outcomes(resting(over))

    def measure() -> None:
        found = outcomes_there.by_source(since_ms=now_ms() - window_ms)
        for source in measured.SOURCES:
            outcomes = found.get(source)
            metrics.set(measured.ATTRIBUTED_LISTS, outcomes.lists if outcomes else 0, source=source)
            metrics.set(measured.CLICKED_LISTS, outcomes.clicked if outcomes else 0, source=source)

    def measure_unless_over() -> None:
        with suppress(Over):
            measure()

    return measure_unless_over


class Over(Exception):
    """Whoever rests need not go on."""


def resting(over: threading.Event) -> Rest:
    """A rest that is nine times as long as the work before it, so that this takes a tenth of the time at most.

    It is taken after every bit of work: with one long rest at the end, whoever is to be answered meanwhile would share
    the core, and the interpreter, with it for as long as it takes.

    Raises:
        Over: When called, once that is set.
    """

    def rest(seconds: float) -> None:
        if over.wait(_RESTS * seconds):
            raise Over

    return rest
