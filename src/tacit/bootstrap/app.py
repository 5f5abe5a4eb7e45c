"""What the platform can do: each operation reads what it needs, asks the rooms, and writes what they decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tacit.data.imports import ImportReport, Limits, TableSpec
from tacit.data.interfaces import HistoryStore, Importer, Progress, silent
from tacit.errors import NotFound, Refused
from tacit.registry.interfaces import Clock, VersionStore
from tacit.rollout.events import ModelPromoted, ModelRolledBack
from tacit.rollout.traffic import TrafficPlan
from tacit.security.audit import AuditEntry
from tacit.security.blocks import GuardStore
from tacit.security.trail_questions import AskedAccesses, AskedActs
from tacit.serving.exposures import ExposureLog
from tacit.settings import Settings, SettingsInForce

if TYPE_CHECKING:
    from tacit.adapters.publisher import Publication, Publisher
    from tacit.adapters.snapshots import SnapshotFolder
    from tacit.bootstrap.accounts import People
    from tacit.bootstrap.callers import Keys
    from tacit.bootstrap.drift_parts import DriftParts
    from tacit.bootstrap.freezing import Known
    from tacit.bootstrap.rollouts import Rollouts
    from tacit.data.catalog_edits import EditableCatalog
    from tacit.data.datasets import Snapshot, SnapshotRules
    from tacit.data.hiding import HidingStore
    from tacit.data.ingestion import EventStore
    from tacit.data.quarantine import Quarantine
    from tacit.jobs.book import JobBook
    from tacit.models.experiments.interfaces import RunStore
    from tacit.models.interfaces import Evaluation
    from tacit.models.recommender.search import Budget, SearchResult
    from tacit.models.recommender.workload import RecommenderWorkload
    from tacit.registry.exchange import Exchange
    from tacit.registry.registry import Registry
    from tacit.registry.retention import Retention
    from tacit.rollout.ab_desk import AbDesk
    from tacit.rollout.arm_traffic import ArmTrafficStore
    from tacit.rollout.candidates import Candidate, Lesson
    from tacit.rollout.outcome_questions import OutcomeDesk
    from tacit.rollout.outcomes import OutcomeReports
    from tacit.rollout.rehearsal import Stage
    from tacit.rollout.release import Release
    from tacit.rollout.traffic import TrafficStore
    from tacit.rollout.verdicts import GateRules
    from tacit.serving.mood_desk import MoodDesk

MODEL = "recommender"
"""Name of the model that this installation trains and serves."""


@dataclass(frozen=True)
class App:
    """The wired platform.  Every door receives one of these and nothing else.

    Attributes:
        transaction: Makes what is written within it appear together, or not at all.
        traffic_plan: Tells how users are divided now, and what is asked in secret.
        resting_outcomes: What came of the lists that were shown, for whoever has time: after each bit of work, what is
            given is told for how many seconds it went on, and may wait.
        clock: Tells the time, as ledgers write it.
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
    audit: AskedActs
    accesses: AskedAccesses
    guards: GuardStore
    drift: DriftParts
    transaction: Callable[[], AbstractContextManager[None]]
    exposures: ExposureLog
    event_store: EventStore
    quarantine: Quarantine
    catalog: EditableCatalog
    hiding: HidingStore
    moods: MoodDesk
    publisher: Publisher
    publication: Publication
    jobs: JobBook
    keys: Keys
    runs: RunStore
    people: People
    clock: Clock
    traffic: TrafficStore
    arm_traffic: ArmTrafficStore
    outcomes: OutcomeReports
    resting_outcomes: Callable[[Callable[[float], object]], OutcomeReports]
    rollouts: Rollouts
    ab: AbDesk
    retention: Retention
    exchange: Exchange
    traffic_plan: Callable[[], TrafficPlan] = TrafficPlan
    notices: tuple[str, ...] = ()

    @property
    def settings(self) -> Settings:
        return self.in_force.settings

    @property
    def outcome_desk(self) -> OutcomeDesk:
        """Where somebody asks what came of the lists that were shown."""
        from tacit.rollout.outcome_questions import OutcomeDesk

        return OutcomeDesk(self.outcomes, self.traffic, MODEL)

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
        self.audit.append(AuditEntry("data_imported", actor=actor, subject=subject, at=self.clock(), facts=facts))
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
        warm_start: int | Literal["champion"] | None = None,
        policy: str | None = None,
        progress: Progress = silent,
    ) -> Candidate:
        """Freeze, train, judge, sign and register a candidate.

        Args:
            dataset: What to learn from; else the setting, else the latest.
            actor: Who asks.
            found: What a search found, to train with.
            warm_start: Number of a version to start from, or the champion; what was decided for it is kept.
            policy: What the gate asks of it, `auto`, `improve` or `refresh`; else the setting.
            progress: Told several times a second.

        Raises:
            BadInput: `policy_unknown`.
            Refused: `space_low` if the disk is nearly full.
        """
        from tacit.rollout.candidates import train_candidate

        rules = _gate_rules(self.settings, self.workload, policy)
        lesson, started = self._lesson(dataset, progress), self.clock()
        candidate = train_candidate(
            lesson,
            workload=self._workload(found, warm_start),
            registry=self.registry,
            name=MODEL,
            rules=rules,
            stage=self._stage(),
            clock=self.clock,
            actor=actor,
            progress=progress,
        )
        return self._written(candidate, lesson, started=started, actor=actor)

    def _written(self, candidate: Candidate, lesson: Lesson, *, started: str, actor: str) -> Candidate:
        """A candidate, once its training is in the ledger of runs, and what need not be kept any longer is gone."""
        from tacit.bootstrap.pruning import prune_quietly
        from tacit.bootstrap.run_ledger import write_training

        prune_quietly(self.retention, self.settings, self.traffic_plan, name=MODEL, actor=actor)
        return write_training(
            candidate, lesson, store=self.runs, settings=self.settings, started=started, clock=self.clock
        )

    def _lesson(self, dataset: str | None, progress: Progress) -> Lesson:
        from tacit.adapters.own_source import code_digest
        from tacit.rollout.candidates import Lesson

        check_space(self.settings.home)
        progress("freezing", 0.0)
        snapshot = self.freeze(dataset)
        return Lesson(snapshot, snapshot.dataset, snapshot.fingerprint, snapshot.facts(), code_digest())

    def _stage(self) -> Stage:
        """Where a candidate answers before any user meets it."""
        from tacit.adapters.artifacts import FolderArtifacts
        from tacit.bootstrap.rehearsing import ServingStage

        return ServingStage(FolderArtifacts(self.settings.home / "versions"), self.exposures.recent)

    def _workload(
        self, found: SearchResult | None, warm_start: int | Literal["champion"] | None
    ) -> RecommenderWorkload:
        workload = self.workload if found is None else _as_found(self.workload, found)
        if warm_start is None:
            return workload
        number = self._champion() if warm_start == "champion" else warm_start
        with self.registry.held(MODEL, number) as (version, manifest):
            model = workload.load(version.folder)
        label, iterations = f"{version.name}/{version.number}", self.settings.als.warm_iterations
        if found is not None:
            return replace(workload, start=model, start_label=label)
        return workload.going_on(model, manifest.hyperparameters, label=label, iterations=iterations)

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

        What must not be shown now is in no list, and what a version's history holds, what they hid and what they are
        against not in its user's; what somebody did since is known to answers alone.

        Raises:
            BadInput: `limit_range`, or what `check_kind` says of the path.
            NotFound: `category_unknown`, or that there is no such version.
            Refused: `champion_missing`; what the registry says of a version that does not verify.
        """
        from tacit.adapters.list_files import check_kind, write_lists
        from tacit.bootstrap.listing import barred_to_users, hidden_from_all
        from tacit.models.recommender.lists import check_question, lists_for_all

        check_kind(path)
        with self.registry.held(MODEL, self._champion() if number is None else number) as (version, manifest):
            model = self.workload.load(version.folder)
        check_question(model, count, category)
        least = self.settings.coldstart.blended_from
        off, barred = hidden_from_all(self.catalog, model), barred_to_users(self.hiding, self.event_store, model)
        chunks = lists_for_all(
            model, count, category=category, min_interactions=least, hidden=off, barred=barred, progress=progress
        )
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

        with self.registry.held(MODEL, number) as (version, manifest):
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


def check_space(home: Path) -> None:
    """Raises `space_low` if the disk is nearly full."""
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


def _gate_rules(settings: Settings, workload: RecommenderWorkload, policy: str | None) -> GateRules:
    from tacit.rollout.policies import check_policy
    from tacit.rollout.verdicts import GateRules

    rules = GateRules(metric=workload.primary_metric, **settings.gate.model_dump())
    return rules if policy is None else replace(rules, policy=check_policy(policy))


def now() -> str:
    """The time as ledgers write it: UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
