"""The ledger of runs, wired: the tracker that the settings ask for, and every training of a version written down."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tacit.errors import Misconfigured, Unavailable
from tacit.settings import Settings

if TYPE_CHECKING:
    from tacit.models.experiments.interfaces import RunStore, Tracker
    from tacit.models.experiments.notebook import Notebook
    from tacit.models.experiments.runs import Outcome, Recipe
    from tacit.rollout.candidates import Candidate, Lesson

TRAINING = "training"
"""The experiment that trainings of versions belong to."""


def notebook_over(
    store: RunStore, tracker: Tracker, *, clock: Callable[[], str], tell: Callable[[str], None]
) -> Notebook:
    """Where runs are written down."""
    from tacit.adapters.peak_memory import PeakMemory
    from tacit.models.experiments.notebook import Notebook

    return Notebook(store, tracker, PeakMemory(), clock=clock, new_id=lambda: uuid.uuid4().hex, tell=tell)


def tracker_of(settings: Settings) -> Tracker:
    """The tracker that the settings ask for.

    Raises:
        Misconfigured: `extra_missing`.
    """
    from tacit.adapters.memory_runs import NoTracker

    chosen = settings.experiments
    if chosen.tracker == "none":
        return NoTracker()
    from tacit.adapters.mlflow_tracker import MlflowTracker, check_installed

    check_installed()
    home = settings.home.resolve() / "mlflow"
    uri = f"sqlite:///{home}/runs.db" if chosen.tracking_uri is None else chosen.tracking_uri.get_secret_value()
    is_local = "://" not in uri or uri.startswith(("sqlite:", "postgresql", "file:"))
    if is_local:
        home.mkdir(parents=True, exist_ok=True)
    return MlflowTracker(uri, artifacts=home / "artifacts" if is_local else None, seconds=chosen.tracker_seconds)


def write_training(
    candidate: Candidate,
    lesson: Lesson,
    *,
    store: RunStore,
    settings: Settings,
    started: str,
    clock: Callable[[], str],
) -> Candidate:
    """Write the training of a version into the ledger of runs, and tell the tracker, its model card included.

    The version is registered already: what goes wrong here is told in the log and takes nothing from it.

    Returns:
        The candidate, as it came.
    """
    import structlog

    from tacit.models.experiments.notebook import Page

    logger = structlog.get_logger(__name__)
    recipe, outcome = _lines_of(candidate, lesson)
    page = Page("training", TRAINING, f"{candidate.version.name}/{candidate.version.number}", lesson.dataset)

    def tell(sentence: str) -> None:
        logger.warning("tracker_not_told", detail=sentence)

    try:
        notebook = notebook_over(store, _tracker_or_none(settings, tell), clock=clock, tell=tell)
        notebook.written(page, recipe, outcome, started=started, texts=card_in(candidate.version.folder))
    except Unavailable as problem:
        logger.warning("run_not_written", code=problem.code, detail=problem.detail)
    return candidate


def _tracker_or_none(settings: Settings, tell: Callable[[str], None]) -> Tracker:
    from tacit.adapters.memory_runs import NoTracker

    try:
        return tracker_of(settings)
    except Misconfigured as problem:
        tell(f"{problem.detail} {problem.fix}")
        return NoTracker()


def card_in(folder: Path) -> Mapping[str, str]:
    """The model card in a version's folder, by its file's name."""
    card = folder / "model_card.md"
    return {card.name: card.read_text("utf-8")} if card.is_file() else {}


def _lines_of(candidate: Candidate, lesson: Lesson) -> tuple[Recipe, Outcome]:
    """What the ledger says of a version's training."""
    from tacit.models.experiments.judging import digest_of
    from tacit.models.experiments.runs import Outcome, Recipe, numbers_of
    from tacit.models.recommender.als import Factors

    run, model = candidate.run, candidate.run.fitted.model
    recipe = Recipe(lesson.snapshot, lesson.code, "holdout", _plain(run.fitted.hyperparameters))
    others = {f"{name}/{key}": value for name, each in run.baselines.items() for key, value in each.metrics.items()}
    outcome = Outcome(
        metrics=numbers_of({**run.evaluation.metrics, **others}),
        curves={"loss": tuple(enumerate(run.fitted.losses, 1))},
        seconds=run.fit_seconds,
        factor_bytes=model.user_factors.nbytes + model.item_factors.nbytes,
        factors_digest=digest_of(Factors(model.user_factors, model.item_factors)),
    )
    return recipe, outcome


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    """Hyperparameters as JSON can say them."""
    found: dict[str, object] = json.loads(json.dumps(dict(values), default=str))
    return found
