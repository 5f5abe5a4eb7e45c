"""What the platform can do: each operation reads what it needs, asks the rooms, and writes what they decided."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tacit.data.imports import ImportReport, Limits, TableSpec
from tacit.data.interfaces import HistoryStore, Importer, Progress, silent
from tacit.errors import NotFound, Refused
from tacit.registry.interfaces import VersionStore
from tacit.rollout.events import ModelPromoted, ModelRolledBack
from tacit.security.audit import AuditEntry, AuditTrail
from tacit.serving.exposures import ExposureLog
from tacit.settings import Settings, SettingsInForce

if TYPE_CHECKING:
    from tacit.adapters.publisher import Publication, Publisher
    from tacit.adapters.snapshots import SnapshotFolder
    from tacit.bootstrap.freezing import Known
    from tacit.bootstrap.rollouts import Rollouts
    from tacit.data.catalog_edits import EditableCatalog
    from tacit.data.datasets import Snapshot, SnapshotRules
    from tacit.data.ingestion import EventStore
    from tacit.data.quarantine import Quarantine
    from tacit.models.interfaces import Evaluation
    from tacit.models.recommender.search import Budget, SearchResult
    from tacit.models.recommender.workload import RecommenderWorkload
    from tacit.registry.registry import Registry
    from tacit.rollout.arm_traffic import ArmTrafficStore
    from tacit.rollout.candidates import Candidate
    from tacit.rollout.gates import GateRules
    from tacit.rollout.release import Release
    from tacit.rollout.traffic import TrafficStore

MODEL = "recommender"
"""Name of the model that this installation trains and serves."""


@dataclass(frozen=True)
class App:
    """The wired platform.  Every door receives one of these and nothing else.

    Attributes:
        notices: What an operator should hear of once where it matters, such as that the slower engine runs.
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
    event_store: EventStore
    quarantine: Quarantine
    catalog: EditableCatalog
    publisher: Publisher
    publication: Publication
    traffic: TrafficStore
    arm_traffic: ArmTrafficStore
    rollouts: Rollouts
    notices: tuple[str, ...] = ()

    @property
    def settings(self) -> Settings:
        return self.in_force.settings

    def dataset(self) -> str:
        """The dataset to train on.

        Raises:
            NotFound: `dataset_unknown` if nothing was imported and no event applied, or not what the settings name.
        """
        known = self.history.datasets()
        chosen = self.settings.dataset or (known[-1] if known else None)
        if self.event_store.last_turn and (chosen is None or chosen not in known):
            own = self._known().events_dataset()
            chosen = own if chosen in (None, own) else chosen
            known = (*known, own)
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
        self.audit.append(AuditEntry("data_imported", actor=actor, subject=subject, at=now(), facts=facts))
        return report

    def freeze(self, dataset: str | None = None) -> Snapshot:
        """Freeze a dataset with its events, as the settings and the catalogue's door say, and keep the snapshot."""
        from tacit.data.catalog_merging import all_entries, described, removed, without_items
        from tacit.data.datasets import freeze

        chosen = dataset or self.dataset()
        interactions, turn = self._known().interactions(chosen)
        entries = all_entries(self.catalog)
        items = self.history.items(chosen) if chosen in self.history.datasets() else iter(())
        kept = without_items(interactions, removed(entries))
        snapshot = replace(freeze(kept, described(items, entries), _rules(self.settings)), events_turn=turn)
        self.snapshots.save(snapshot)
        return snapshot

    def _known(self) -> Known:
        from tacit.bootstrap.freezing import Known

        return Known(self.history, self.event_store, self.registry, MODEL, self.settings)

    def train(
        self,
        dataset: str | None = None,
        *,
        actor: str,
        found: SearchResult | None = None,
        warm_start: int | None = None,
        progress: Progress = silent,
    ) -> Candidate:
        """Freeze, train, judge, sign and register a candidate.

        Args:
            dataset: What to learn from; else the setting, else the latest.
            actor: Who asks.
            found: What a search found, to train with.
            warm_start: Number of a version whose item factors to start from.
            progress: Told several times a second.

        Raises:
            Refused: `space_low` if the disk is nearly full.
        """
        from tacit.adapters.own_source import code_digest
        from tacit.rollout.candidates import Lesson, train_candidate

        _check_space(self.settings.home)
        progress("freezing", 0.0)
        snapshot = self.freeze(dataset)
        lesson = Lesson(snapshot, snapshot.dataset, snapshot.fingerprint, snapshot.facts(), code_digest())
        return train_candidate(
            lesson,
            workload=self._workload(found, warm_start),
            registry=self.registry,
            name=MODEL,
            rules=_gate_rules(self.settings, self.workload),
            actor=actor,
            progress=progress,
        )

    def _workload(self, found: SearchResult | None, warm_start: int | None) -> RecommenderWorkload:
        workload = self.workload if found is None else _as_found(self.workload, found)
        if warm_start is None:
            return workload
        version, _ = self.registry.open(MODEL, warm_start)
        return replace(workload, start=workload.load(version.folder))

    def search(self, dataset: str | None = None, *, budget: Budget, progress: Progress = silent) -> SearchResult:
        """Try settings on a validation fold of a dataset's training part; its hold-out is not looked at.

        Vectors longer than memory affords are not tried.
        """
        from tacit.models.recommender.memory import TrainingSize, affordable_factors
        from tacit.models.recommender.search import MOST_FACTORS, search

        progress("freezing", 0.0)
        training = self.freeze(dataset).training
        own, (users, items) = self.workload, training.shape
        largest = TrainingSize(users, items, training.nnz, MOST_FACTORS, users, is_judged=True, is_blended=True)
        return search(
            training,
            own.engine,
            budget=budget,
            settings=own.settings,
            most_factors=affordable_factors(largest, own.memory()),
            progress=progress,
        )

    def write_lists(
        self,
        path: Path,
        *,
        count: int = 100,
        category: str | None = None,
        number: int | None = None,
        progress: Progress = silent,
    ) -> Mapping[str, object]:
        """Write everybody's personal list by a version, the champion unless one is named, into one file.

        What must not be shown now is in no list, and what a version's history holds not in its user's; what somebody
        did since, or is against, is known to answers alone.

        Raises:
            BadInput: `limit_range`, or what `check_kind` says of the path.
            NotFound: `category_unknown`, or that there is no such version.
            Refused: `champion_missing`; what the registry says of a version that does not verify.
        """
        from tacit.adapters.list_files import check_kind, write_lists
        from tacit.data.catalog_merging import all_entries, hidden
        from tacit.models.recommender.lists import check_question, lists_for_all

        check_kind(path)
        version, manifest = self.registry.open(MODEL, self._champion() if number is None else number)
        model = self.workload.load(version.folder)
        check_question(model, count, category)
        least = self.settings.coldstart.blended_from
        rows = (model.item_rows.get(item_id) for item_id in hidden(all_entries(self.catalog), int(time.time() * 1_000)))
        off = [row for row in rows if row is not None]
        chunks = lists_for_all(model, count, category=category, min_interactions=least, hidden=off, progress=progress)
        facts = {"version": f"{version.name}/{version.number}", "dataset": manifest.dataset, "category": category or ""}
        item_ids = [item.item_id for item in model.items]
        written = write_lists(path, chunks, user_ids=model.user_ids, item_ids=item_ids, facts=facts)
        return {**facts, "category": category, "path": str(path), "users": written, "count": count}

    def _champion(self) -> int:
        champion = self.registry.champion(MODEL)
        if champion is None:
            raise Refused("champion_missing", "There is no champion.", fix="Promote a version, or name one.")
        return champion.number

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


def _as_found(workload: RecommenderWorkload, found: SearchResult) -> RecommenderWorkload:
    """The workload that trains what a search found, and decides nothing more."""
    from tacit.models.recommender.training_plan import PlanRules

    return replace(workload, settings=found.settings, rules=PlanRules(blend=found.voice or "off"))


def _check_space(home: Path) -> None:
    from tacit.adapters.reserve import is_low

    if is_low(home):
        detail = "The disk is nearly full: what space there is belongs to events and answers."
        raise Refused("space_low", detail, fix="Free some space, then train.")


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


def now() -> str:
    """The time as ledgers write it: UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
