"""How the platform is put together: each interface gets the adapter that the settings ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from tacit.bootstrap.app import MODEL, App, now
from tacit.registry.interfaces import Clock, VersionStore
from tacit.registry.versions import Version
from tacit.security.audit import AuditRecorder, AuditTrail
from tacit.security.blocks import GuardStore
from tacit.security.trail_questions import AskedAccesses
from tacit.settings import Als, Settings, SettingsInForce

if TYPE_CHECKING:
    from tacit.adapters.artifacts import FolderArtifacts
    from tacit.adapters.history import ParquetHistory
    from tacit.adapters.publisher import Publication, Publisher
    from tacit.adapters.snapshots import SnapshotFolder
    from tacit.adapters.sql.engine import Database
    from tacit.bootstrap.accounts import People
    from tacit.bootstrap.drift_parts import DriftParts
    from tacit.bootstrap.rollouts import Rollouts
    from tacit.data.catalog_edits import EditableCatalog
    from tacit.data.hiding import HidingStore
    from tacit.data.ingestion import EventStore
    from tacit.data.quarantine import Quarantine
    from tacit.models.experiments.interfaces import RunStore
    from tacit.models.recommender.workload import RecommenderWorkload
    from tacit.registry.exchange import Exchange
    from tacit.registry.registry import Registry
    from tacit.registry.retention import Retention
    from tacit.rollout.ab_desk import AbDesk
    from tacit.rollout.arm_traffic import ArmTrafficStore
    from tacit.rollout.moving import Standing
    from tacit.rollout.outcomes import OutcomeReports
    from tacit.rollout.release import Release
    from tacit.rollout.traffic import TrafficPlan, TrafficStore
    from tacit.serving.exposures import ExposureLog
    from tacit.serving.mood_desk import MoodDesk


class _Kept(TypedDict):
    exposures: ExposureLog
    event_store: EventStore
    catalog: EditableCatalog
    hiding: HidingStore
    moods: MoodDesk
    runs: RunStore
    people: People
    accesses: AskedAccesses
    guards: GuardStore
    drift: DriftParts
    transaction: Callable[[], AbstractContextManager[None]]


class _Files(TypedDict):
    history: ParquetHistory
    importer: ParquetHistory
    snapshots: SnapshotFolder
    publisher: Publisher
    publication: Publication


class _Tried(TypedDict):
    traffic: TrafficStore
    arm_traffic: ArmTrafficStore
    outcomes: OutcomeReports
    resting_outcomes: Callable[[Callable[[float], object]], OutcomeReports]
    ab: AbDesk
    rollouts: Rollouts
    traffic_plan: Callable[[], TrafficPlan]


@contextmanager
def build(in_force: SettingsInForce, *, clock: Clock = now) -> Iterator[App]:
    """Wire the platform over a home folder, and close what was opened at the end.

    Args:
        in_force: What the operator chose.
        clock: Tells the time to whatever is written down: imports, versions, the ledger, the audit trail.

    Raises:
        Misconfigured: The home cannot be used (`home_unusable`, `schema_newer`, `database_unsupported`, …).
    """
    from tacit.adapters.homes import usable_home
    from tacit.adapters.sql.engine import file_url, open_database

    home = usable_home(in_force.settings.home)
    address = in_force.settings.database_url
    database = open_database(file_url(home / "tacit.db") if address is None else address.get_secret_value())
    try:
        yield _wired(in_force, home, database, clock=clock)
    finally:
        database.close()


def reach_database(in_force: SettingsInForce) -> None:
    """See that the database that the settings name is there and lets us in; nothing is made or changed.

    Raises:
        Misconfigured, Unavailable: It cannot be used, or not now.
    """
    from tacit.adapters.sql import engine

    address = in_force.settings.database_url
    if address is not None:
        engine.reach_database(address.get_secret_value())


def _wired(in_force: SettingsInForce, home: Path, database: Database, *, clock: Clock) -> App:
    from tacit.adapters.artifacts import FolderArtifacts
    from tacit.adapters.sql.audit import SqlAuditTrail
    from tacit.adapters.sql.registry import SqlVersionStore
    from tacit.bootstrap.callers import keys_over
    from tacit.bootstrap.job_book import job_book

    settings = in_force.settings
    artifacts = FolderArtifacts(home / "versions")
    versions = SqlVersionStore(database, artifacts.folder)
    audit = SqlAuditTrail(database)
    notices: list[str] = []
    workload = _workload(settings.als, notify=notices.append)
    registry = _registry(versions, artifacts, settings, audit=audit, home=home, database=database, clock=clock)
    kept = _kept(database, settings, home, audit=audit)
    release = _release(registry, versions, workload, settings=settings, audit=audit, database=database, clock=clock)
    return App(
        in_force=in_force,
        **_files(settings, home, clock),
        workload=workload,
        registry=registry,
        release=release,
        retention=_retention(versions, artifacts, audit=audit, database=database, clock=clock),
        exchange=_exchange(registry, versions, settings, audit=audit, home=home, database=database, clock=clock),
        versions=versions,
        audit=audit,
        **kept,
        quarantine=_quarantine(kept["event_store"], settings, audit=audit, database=database, clock=clock),
        **_tried(settings, database, registry, release=release, versions=versions, audit=audit),
        clock=clock,
        jobs=job_book(settings, home, audit=audit, database=database),
        keys=keys_over(settings, home, audit=audit, database=database),
        notices=tuple(notices),
    )


def _files(settings: Settings, home: Path, clock: Clock) -> _Files:
    """What lies in files of its own, and where more of it comes from."""
    from tacit.adapters.publisher import MOVIELENS_LATEST_SMALL, Publisher
    from tacit.adapters.snapshots import SnapshotFolder

    history = _history(settings, home, clock)
    return {
        "history": history,
        "importer": history,
        "snapshots": SnapshotFolder(home / "snapshots"),
        "publisher": Publisher(home / "downloads"),
        "publication": MOVIELENS_LATEST_SMALL,
    }


def _kept(database: Database, settings: Settings, home: Path, *, audit: AuditTrail) -> _Kept:
    """What the relational database keeps beside versions and what is tried with them."""
    from tacit.adapters.sql.accesses import SqlAccessTrail
    from tacit.adapters.sql.catalog import SqlCatalogStore
    from tacit.adapters.sql.events import SqlEventStore
    from tacit.adapters.sql.exposures import SqlExposureLog
    from tacit.adapters.sql.guards import SqlGuardStore
    from tacit.adapters.sql.hiding import SqlHidingStore
    from tacit.adapters.sql.runs import SqlRunStore
    from tacit.bootstrap.accounts import People
    from tacit.bootstrap.browsing import mood_desk
    from tacit.bootstrap.drift_parts import drift_parts

    return {
        "exposures": SqlExposureLog(database),
        "event_store": SqlEventStore(database),
        "catalog": SqlCatalogStore(database),
        "hiding": SqlHidingStore(database),
        "moods": mood_desk(settings, database),
        "runs": SqlRunStore(database),
        "people": People(settings, home, database, audit),
        "accesses": SqlAccessTrail(database),
        "guards": SqlGuardStore(database),
        "drift": drift_parts(database),
        "transaction": database.transaction,
    }


def _tried(
    settings: Settings,
    database: Database,
    registry: Registry,
    *,
    release: Release,
    versions: VersionStore,
    audit: AuditTrail,
) -> _Tried:
    """What trying one version against another takes: who meets which, what came of it, and who decides."""
    from tacit.adapters.sql.arm_traffic import SqlArmTrafficStore
    from tacit.adapters.sql.traffic import SqlTrafficStore
    from tacit.bootstrap.ab import ab_desk, outcomes_of, resting_outcomes_of

    traffic, arms, outcomes = SqlTrafficStore(database), SqlArmTrafficStore(database), outcomes_of(settings, database)
    standing = _standing(database, traffic, release=release, versions=versions, audit=audit)
    return {
        "traffic": traffic,
        "arm_traffic": arms,
        "outcomes": outcomes,
        "resting_outcomes": partial(resting_outcomes_of, settings, database),
        "ab": ab_desk(settings, database, registry=registry, audit=audit, traffic=traffic, outcomes=outcomes),
        "rollouts": _rollouts(standing, settings, registry, arms=arms, outcomes=outcomes),
        "traffic_plan": lambda: traffic.plan(MODEL),
    }


def _release(
    registry: Registry,
    versions: VersionStore,
    workload: RecommenderWorkload,
    *,
    settings: Settings,
    audit: AuditTrail,
    database: Database,
    clock: Clock,
) -> Release:
    from tacit.rollout.release import Release

    return Release(
        registry,
        versions,
        audit=audit,
        clock=clock,
        check=_answers(workload),
        transaction=database.transaction,
        accepts_foreign_verdicts=settings.registry.foreign_verdicts == "accept",
    )


def _retention(
    versions: VersionStore, artifacts: FolderArtifacts, *, audit: AuditTrail, database: Database, clock: Clock
) -> Retention:
    from tacit.registry.retention import Retention

    return Retention(versions, artifacts, audit=AuditRecorder(audit), clock=clock, transaction=database.transaction)


def _exchange(
    registry: Registry,
    versions: VersionStore,
    settings: Settings,
    *,
    audit: AuditTrail,
    home: Path,
    database: Database,
    clock: Clock,
) -> Exchange:
    from tacit.adapters.signers import VerifierByAlgorithm, signer_over
    from tacit.registry.exchange import Exchange

    return Exchange(
        registry,
        versions,
        signer=signer_over(home / "keys", settings.signer),
        verifier=VerifierByAlgorithm(home / "keys"),
        audit=AuditRecorder(audit),
        clock=clock,
        transaction=database.transaction,
    )


def _standing(
    database: Database, traffic: TrafficStore, *, release: Release, versions: VersionStore, audit: AuditTrail
) -> Standing:
    from tacit.adapters.sql.rollouts import SqlRolloutStore
    from tacit.bootstrap.repeating import now_ms
    from tacit.rollout.moving import Standing

    return Standing(
        store=SqlRolloutStore(database),
        traffic=traffic,
        versions=versions,
        release=release,
        audit=AuditRecorder(audit),
        clock=now,
        clock_ms=now_ms,
        transaction=database.transaction,
    )


def _rollouts(
    standing: Standing, settings: Settings, registry: Registry, *, arms: ArmTrafficStore, outcomes: OutcomeReports
) -> Rollouts:
    from tacit.bootstrap.rollouts import rollouts_over

    return rollouts_over(standing, settings, name=MODEL, registry=registry, arms=arms, outcomes=outcomes)


def _workload(chosen: Als, *, notify: Callable[[str], None]) -> RecommenderWorkload:
    from tacit.adapters.host import available_memory
    from tacit.models.recommender.als import AlsSettings
    from tacit.models.recommender.engines.choosing import choose_engine
    from tacit.models.recommender.training_plan import PlanRules
    from tacit.models.recommender.workload import RecommenderWorkload

    limit = chosen.memory_limit_mib
    names = {each.name for each in fields(AlsSettings)}
    return RecommenderWorkload(
        AlsSettings(**{name: value for name, value in chosen.model_dump().items() if name in names}),
        rules=PlanRules(chosen.early_stopping, chosen.blend),
        engine=choose_engine(chosen.engine, chosen.threads, notify=notify),
        memory=available_memory if limit is None else lambda: limit * 2**20,
    )


def _history(settings: Settings, home: Path, clock: Clock) -> ParquetHistory:
    from tacit.adapters.history import ParquetHistory

    chosen = settings.imports
    return ParquetHistory(
        home / "history",
        memory_limit_bytes=chosen.memory_limit_mib * 2**20,
        threads=chosen.threads,
        clock=lambda: datetime.fromisoformat(clock()),
    )


def _registry(
    versions: VersionStore,
    artifacts: FolderArtifacts,
    settings: Settings,
    *,
    audit: AuditTrail,
    home: Path,
    database: Database,
    clock: Clock,
) -> Registry:
    from tacit.adapters.signers import VerifierByAlgorithm, signer_over
    from tacit.registry.registry import Registry

    return Registry(
        versions,
        artifacts,
        signer=signer_over(home / "keys", settings.signer),
        verifier=VerifierByAlgorithm(home / "keys"),
        audit=AuditRecorder(audit),
        clock=clock,
        transaction=database.transaction,
    )


def _quarantine(
    store: EventStore, settings: Settings, *, audit: AuditTrail, database: Database, clock: Clock
) -> Quarantine:
    from tacit.bootstrap.events import rules_of
    from tacit.data.quarantine import Quarantine

    rules = rules_of(settings)
    return Quarantine(store, rules, audit=AuditRecorder(audit), clock=clock, transaction=database.transaction)


def _answers(workload: RecommenderWorkload) -> Callable[[Version], None]:
    """The question a version must answer before it is promoted: the one that a server asks before it swaps."""

    def check(version: Version) -> None:
        from tacit.serving.model_pool import ask_once

        ask_once(workload.load(version.folder))

    return check
