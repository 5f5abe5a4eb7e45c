"""The one place where interfaces meet adapters: settings in, the wired platform out.

Drivers and whatever else takes long to import are imported by the function that needs them, so that a door that only
reads the settings opens at once.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tacit.data.imports import ImportReport, Limits, TableSpec
from tacit.data.interfaces import HistoryStore, Importer, Progress, silent
from tacit.errors import NotFound, Unavailable
from tacit.registry.interfaces import Signer, VersionStore
from tacit.registry.versions import Version
from tacit.rollout.events import ModelPromoted, ModelRolledBack
from tacit.security.audit import AuditEntry, AuditRecorder, AuditTrail
from tacit.serving.exposures import ExposureLog
from tacit.settings import Settings, SettingsInForce, load_settings

if TYPE_CHECKING:
    from tacit.adapters.artifacts import FolderArtifacts
    from tacit.adapters.history import ParquetHistory
    from tacit.adapters.prometheus import PrometheusSink
    from tacit.adapters.publisher import Publication, Publisher
    from tacit.adapters.snapshots import SnapshotFolder
    from tacit.adapters.sql.engine import Database
    from tacit.data.datasets import Snapshot, SnapshotRules
    from tacit.models.interfaces import Evaluation
    from tacit.models.recommender.workload import RecommenderWorkload
    from tacit.registry.registry import Registry
    from tacit.rollout.candidates import Candidate
    from tacit.rollout.gates import GateRules
    from tacit.rollout.release import Release
    from tacit.serving.model_pool import ModelPool
    from tacit.serving.recommend import RecommendationService

MODEL = "recommender"
"""Name of the model that this installation trains and serves."""

SERVING_LOCK = "serving.lock"

__all__ = [
    "MODEL",
    "App",
    "Serving",
    "Settings",
    "SettingsInForce",
    "build",
    "load_settings",
    "serving",
    "serving_lock",
    "serving_process",
]


@dataclass(frozen=True)
class App:
    """The wired platform.  Every door receives one of these and nothing else.

    Each operation reads what it needs, asks the rooms, and writes what they decided.
    """

    in_force: SettingsInForce
    history: HistoryStore
    importer: Importer
    snapshots: SnapshotFolder
    workload: RecommenderWorkload
    registry: Registry
    release: Release
    versions: VersionStore
    audit: AuditTrail
    exposures: ExposureLog
    publisher: Publisher
    publication: Publication

    @property
    def settings(self) -> Settings:
        return self.in_force.settings

    def dataset(self) -> str:
        """The dataset to train on.

        Raises:
            NotFound: `dataset_unknown` if nothing was imported, or not what the settings name.
        """
        known = self.history.datasets()
        chosen = self.settings.dataset or (known[-1] if known else None)
        if chosen is None or chosen not in known:
            raise NotFound(
                "dataset_unknown",
                "Nothing was imported yet." if chosen is None else f"There is no dataset {ascii(chosen)[:64]}.",
                field="dataset",
                fix="Run `tacit import`, or set dataset to one of: " + (", ".join(known) or "(none)") + ".",
            )
        return chosen

    def import_data(
        self,
        name: str,
        path: Path,
        *,
        actor: str,
        spec: TableSpec | None = None,
        dataset: str | None = None,
        force: bool = False,
        progress: Progress = silent,
    ) -> ImportReport:
        """Import what is at a path and write it into the audit trail."""
        from tacit.data.importing import import_path

        report = import_path(
            self.importer,
            name=name,
            path=path,
            limits=_limits(self.settings),
            spec=spec,
            dataset=dataset,
            force=force,
            progress=progress,
        )
        facts = {"read": report.read, "accepted": report.accepted, "repeated": report.repeated}
        subject = f"{report.dataset}/{report.import_id}"
        self.audit.append(AuditEntry("data_imported", actor=actor, subject=subject, at=_now(), facts=facts))
        return report

    def freeze(self, dataset: str | None = None) -> Snapshot:
        """Freeze a dataset as the settings say, and keep the snapshot."""
        from tacit.data.datasets import freeze

        chosen = dataset or self.dataset()
        snapshot = freeze(self.history.interactions(chosen), self.history.items(chosen), _rules(self.settings))
        self.snapshots.save(snapshot)
        return snapshot

    def train(self, dataset: str | None = None, *, actor: str, progress: Progress = silent) -> Candidate:
        """Freeze, train, judge, sign and register a candidate."""
        from tacit.adapters.own_source import code_digest
        from tacit.rollout.candidates import Lesson, train_candidate

        progress("freezing", 0.0)
        snapshot = self.freeze(dataset)
        lesson = Lesson(snapshot, snapshot.dataset, snapshot.fingerprint, snapshot.facts(), code_digest())
        return train_candidate(
            lesson,
            workload=self.workload,
            registry=self.registry,
            name=MODEL,
            rules=_gate_rules(self.settings, self.workload),
            actor=actor,
            progress=progress,
        )

    def evaluate(
        self, number: int, dataset: str | None = None, *, progress: Progress = silent
    ) -> tuple[Evaluation, Mapping[str, Evaluation]]:
        """Score a registered version, and the baselines, on the dataset's hold-out as it is now."""
        from tacit.models.training import score

        version, manifest = self.registry.open(MODEL, number)
        snapshot = self.freeze(dataset or manifest.dataset)
        return score(self.workload, self.workload.load(version.folder), snapshot, progress=progress)

    def promote(self, number: int, *, actor: str, force: bool = False, reason: str = "") -> ModelPromoted:
        """Make a version the champion."""
        return self.release.promote(MODEL, number, actor=actor, force=force, reason=reason)

    def rollback(self, *, actor: str, reason: str) -> ModelRolledBack:
        """Return to the champion before this one."""
        return self.release.rollback(MODEL, actor=actor, reason=reason)


@contextmanager
def build(in_force: SettingsInForce) -> Iterator[App]:
    """Wire the platform over a home folder, and close what was opened at the end.

    Raises:
        Misconfigured: The home cannot be used (`home_unusable`, `schema_newer`, …).
    """
    from tacit.adapters.homes import usable_home
    from tacit.adapters.sql.engine import file_url, open_database

    home = usable_home(in_force.settings.home)
    database = open_database(file_url(home / "tacit.db"))
    try:
        yield _wired(in_force, home, database)
    finally:
        database.close()


def serving_lock(in_force: SettingsInForce) -> AbstractContextManager[None]:
    """Keeps every other process from serving from the same home, for as long as it is entered.

    Raises:
        Misconfigured: `home_unusable`.
        Unavailable: `home_in_use`, saying by whom; on entering.
    """
    from tacit.adapters.homes import usable_home
    from tacit.adapters.locks import held_lock

    return held_lock(usable_home(in_force.settings.home) / SERVING_LOCK, "serving")


def serving_process(in_force: SettingsInForce) -> Mapping[str, object] | None:
    """What the process that serves from this home says of itself; `None` if there is none."""
    from tacit.adapters.locks import holder

    return holder(in_force.settings.home.resolve() / SERVING_LOCK)


def _wired(in_force: SettingsInForce, home: Path, database: Database) -> App:
    from tacit.adapters.artifacts import FolderArtifacts
    from tacit.adapters.publisher import MOVIELENS_LATEST_SMALL, Publisher
    from tacit.adapters.signers import signer_over
    from tacit.adapters.snapshots import SnapshotFolder
    from tacit.adapters.sql.audit import SqlAuditTrail
    from tacit.adapters.sql.exposures import SqlExposureLog
    from tacit.adapters.sql.registry import SqlVersionStore
    from tacit.models.recommender.als import AlsSettings
    from tacit.models.recommender.workload import RecommenderWorkload
    from tacit.rollout.release import Release

    history = _history(in_force.settings, home)
    artifacts = FolderArtifacts(home / "versions")
    versions = SqlVersionStore(database, artifacts.folder)
    audit = SqlAuditTrail(database)
    workload = RecommenderWorkload(AlsSettings(**in_force.settings.als.model_dump()))
    signer = signer_over(home / "keys", in_force.settings.signer)
    registry = _registry(versions, artifacts, signer=signer, audit=audit, keys=home / "keys", database=database)
    release = Release(
        registry, versions, audit=audit, clock=_now, check=_answers(workload), transaction=database.transaction
    )
    return App(
        in_force=in_force,
        history=history,
        importer=history,
        snapshots=SnapshotFolder(home / "snapshots"),
        workload=workload,
        registry=registry,
        release=release,
        versions=versions,
        audit=audit,
        exposures=SqlExposureLog(database),
        publisher=Publisher(home / "downloads"),
        publication=MOVIELENS_LATEST_SMALL,
    )


def _history(settings: Settings, home: Path) -> ParquetHistory:
    from tacit.adapters.history import ParquetHistory

    chosen = settings.imports
    return ParquetHistory(home / "history", memory_limit_bytes=chosen.memory_limit_mib * 2**20, threads=chosen.threads)


def _registry(
    versions: VersionStore,
    artifacts: FolderArtifacts,
    *,
    signer: Signer,
    audit: AuditTrail,
    keys: Path,
    database: Database,
) -> Registry:
    from tacit.adapters.signers import VerifierByAlgorithm
    from tacit.registry.registry import Registry

    return Registry(
        versions,
        artifacts,
        signer=signer,
        verifier=VerifierByAlgorithm(keys),
        audit=AuditRecorder(audit),
        clock=_now,
        transaction=database.transaction,
    )


def _answers(workload: RecommenderWorkload) -> Callable[[Version], None]:
    """The question a version must answer before it is promoted: the one that a server asks before it swaps."""

    def check(version: Version) -> None:
        from tacit.serving.model_pool import ask_once

        ask_once(workload.load(version.folder))

    return check


def _limits(settings: Settings) -> Limits:
    chosen = settings.imports
    return Limits(
        bad_row_budget=chosen.bad_row_budget,
        max_id_bytes=chosen.max_id_bytes,
        max_line_bytes=chosen.max_line_bytes,
        max_expansion=chosen.max_expansion,
    )


def _rules(settings: Settings) -> SnapshotRules:
    from tacit.data.datasets import SnapshotRules

    chosen = settings.snapshot.model_dump()
    return SnapshotRules(**{**chosen, "split": None if chosen["split"] == "auto" else chosen["split"]})


def _gate_rules(settings: Settings, workload: RecommenderWorkload) -> GateRules:
    from tacit.rollout.gates import GateRules

    return GateRules(metric=workload.primary_metric, **settings.gate.model_dump())


@dataclass(frozen=True)
class Serving:
    """What answering questions takes, for as long as a server runs."""

    service: RecommendationService
    pool: ModelPool
    metrics: PrometheusSink


@contextmanager
def serving(app: App) -> Iterator[Serving]:
    """Wire what a server needs over the platform; at the end every exposure that waits is written."""
    from tacit.adapters.journal import log_serving_event
    from tacit.adapters.prometheus import PrometheusSink
    from tacit.serving.exposures import ExposureQueue
    from tacit.serving.model_pool import ModelPool
    from tacit.serving.recommend import RecommendationService, ServingLimits

    chosen = app.settings.serving
    kept = app.settings.exposures
    metrics = PrometheusSink()
    pool = ModelPool(
        app.registry,
        app.versions,
        app.workload.load,
        metrics=metrics,
        name=MODEL,
        observe=log_serving_event,
        poll_seconds=chosen.refresh_seconds,
    )
    queue = ExposureQueue(app.exposures, capacity=kept.capacity, flush_seconds=kept.flush_seconds)
    limits = ServingLimits(min_personal_interactions=chosen.min_personal_interactions, unknown_user=chosen.unknown_user)
    service = RecommendationService(
        pool,
        queue,
        metrics,
        clock=time.time,
        new_id=lambda: uuid.uuid4().hex,
        limits=limits,
        observe=log_serving_event,
    )
    with _pruned(app.exposures, keep_days=kept.keep_days):
        try:
            yield Serving(service, pool, metrics)
        finally:
            queue.close()


@contextmanager
def _pruned(log: ExposureLog, *, keep_days: int) -> Iterator[None]:
    """Remove exposures past their age now and every hour."""
    import structlog

    logger = structlog.get_logger(__name__)
    over = threading.Event()

    def prune() -> None:
        while True:
            try:
                log.prune(int((time.time() - keep_days * 86_400) * 1_000))
            except Unavailable as problem:
                logger.warning("exposures_unpruned", code=problem.code, detail=problem.detail)
            if over.wait(3_600):
                return

    pruner = threading.Thread(target=prune, name="exposure-pruning", daemon=True)
    pruner.start()
    try:
        yield
    finally:
        over.set()
        pruner.join(timeout=10)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
