"""The recommender as a workload of the platform: fit, evaluate, save, load."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tacit.data.catalog import Item
from tacit.data.datasets import Snapshot
from tacit.data.interfaces import Progress, silent
from tacit.errors import Refused
from tacit.models.interfaces import Evaluation, Fitted
from tacit.models.recommender import artifact
from tacit.models.recommender.als import AlsSettings, Confidence, Factors, train
from tacit.models.recommender.blend import Blend
from tacit.models.recommender.blend_choice import voice_settings
from tacit.models.recommender.engines.choosing import choose_engine
from tacit.models.recommender.engines.interfaces import Engine, Floats
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.evaluation import Lister, evaluate
from tacit.models.recommender.factor_lister import FactorLister, weighted
from tacit.models.recommender.memory import BATCH_USERS, TrainingSize, refuse_beyond
from tacit.models.recommender.model import RecommenderModel
from tacit.models.recommender.nearest import nearest_items
from tacit.models.recommender.neighbours import CoOccurrence
from tacit.models.recommender.popularity import Popularity
from tacit.models.recommender.training_plan import Plan, PlanRules, VoiceRecipe, planned, recipe_of
from tacit.models.recommender.voice_lister import VoiceLister


@cache
def _usual_engine() -> Engine:
    return choose_engine()


def unlimited() -> int | None:
    """As much memory as a training wants."""
    return None


@dataclass(frozen=True)
class RecommenderWorkload:
    """Implicit ALS on one snapshot, judged against popularity and item neighbours.

    What is judged is what is served: the item factors learnt from the training part are the ones that ship. Each
    user's vector is then folded in over the whole history, hold-out included, so that serving knows the latest plays
    and never shows them again, while a later re-evaluation on the same hold-out stays fair.

    Attributes:
        settings: What to train.
        neighbours: How many similar items the item-neighbour baseline keeps.
        rules: What is decided on a validation fold first: when to stop, and which second voice to blend in.
        engine: Runs the algebra.
        memory: Tells how many bytes a training may take, at the time it starts; `None` is as many as it wants.
        start: A model whose item factors to start from, item by item by id. Its user factors know the hold-out, which
            training may not, and are left alone.
        start_label: Which version that is, for the manifest.
    """

    settings: AlsSettings
    neighbours: int = 100
    rules: PlanRules = field(default_factory=PlanRules)
    engine: Engine = field(default_factory=_usual_engine, repr=False, compare=False)
    memory: Callable[[], int | None] = unlimited
    start: RecommenderModel | None = field(default=None, repr=False, compare=False)
    start_label: str | None = field(default=None, compare=False)
    name: str = "recommender"
    primary_metric: str = "ndcg@10"
    primary_baseline: str = "popularity"

    @property
    def recipe(self) -> Mapping[str, object]:
        """What is asked of a training before rules fill in the rest; where it starts from is no part of it."""
        return {**asdict(self.settings), "rules": asdict(self.rules)}

    def going_on(
        self, model: RecommenderModel, facts: Mapping[str, object], *, label: str, iterations: int
    ) -> RecommenderWorkload:
        """The workload that starts from a version and keeps what was decided for it.

        Its second voice is made anew by the same recipe, and so many iterations are run.  A validation fold is not
        asked: the version has learnt from what the fold would set aside, and would be flattered.

        Args:
            model: The version's model.
            facts: The facts of its training.
            label: How it is called.
            iterations: How often both sides are solved.
        """
        recipe = None if self.rules.blend == "off" else recipe_of(facts)
        settings = replace(self.settings, iterations=iterations)
        return replace(self, settings=settings, rules=PlanRules(blend=recipe or "off"), start=model, start_label=label)

    def fit(self, data: Snapshot, *, progress: Progress = silent) -> Fitted[RecommenderModel]:
        """Train on the training part and fold every known user in.

        Raises:
            Refused: `nothing_to_learn` if the snapshot's filters left no interaction; `training_too_large`;
                `factors_below_popularity` if a validation fold says so beyond doubt.
        """
        if not data.training.nnz:
            raise _nothing_to_learn(data)
        settings = self.settings.resolved(data.training)
        settings = replace(settings, factors=max(1, min(settings.k, *data.training.shape)))
        refuse_beyond(training_size(data, settings, self.rules), self.memory())
        start = None if self.start is None else _aligned(self.start, data)
        plan = planned(data.training, settings, self.rules, engine=self.engine, start=start, progress=progress)
        settings = replace(settings, iterations=plan.iterations)
        confidence = Confidence.fitted(settings.curve, settings.alpha or 0.0, data.training.data)
        item_factors, losses = self._learnt(data, settings, confidence, start=start, progress=progress)
        blend = self._blend(plan.voice, data, item_factors, progress=progress)
        model = replace(self._model(data, item_factors, confidence=confidence, settings=settings), blend=blend)
        model = replace(model, nearest=nearest_items(model, progress=progress))
        return Fitted(model, self._facts(settings, plan), losses)

    def _learnt(
        self,
        data: Snapshot,
        settings: AlsSettings,
        confidence: Confidence,
        *,
        start: Factors | None,
        progress: Progress,
    ) -> tuple[Floats, tuple[float, ...]]:
        """Item factors and the losses; the user factors are given up at once, since all users are folded in anew."""
        weights = weighted(Matrix.of(data.training), confidence)
        learnt = train(weights, settings, self.engine, start=start, progress=progress)
        return learnt.item_factors, learnt.losses

    def _blend(
        self, recipe: VoiceRecipe | None, data: Snapshot, item_factors: Floats, *, progress: Progress
    ) -> Blend | None:
        """The second voice made from all of the training part."""
        if recipe is None:
            return None
        by_user = Matrix.of(data.training)
        made = voice_settings(recipe.kind, recipe.parameters)
        voice = made.fit(self.engine, by_user, self.engine.transpose(by_user), progress=progress)
        return Blend.of(voice, recipe.weight, item_factors)

    def _facts(self, settings: AlsSettings, plan: Plan) -> dict[str, object]:
        """What the manifest says of how the model was learnt."""
        voice = plan.voice
        return {
            "engine": self.engine.name,
            **asdict(settings),
            "started_from": self.start_label,
            "voice": None if voice is None else voice.kind,
            "voice_parameters": None if voice is None else dict(voice.parameters),
            "voice_weight": None if voice is None else voice.weight,
            "validation": None if plan.validation is None else dict(plan.validation),
        }

    def _model(
        self, data: Snapshot, item_factors: Floats, *, confidence: Confidence, settings: AlsSettings
    ) -> RecommenderModel:
        """What ships: the factors learnt, and everybody folded in over their whole history."""
        draft = RecommenderModel(
            user_ids=data.user_ids,
            items=data.items,
            user_factors=np.zeros((len(data.user_ids), item_factors.shape[1]), np.float32),
            item_factors=item_factors,
            indptr=data.indptr,
            indices=data.indices,
            values=data.values,
            listeners=_listeners(data),
            popular=_popular(_listeners(data), data.items),
            confidence=confidence,
            regularization=settings.regularization or 0.0,
            frequency_exponent=settings.frequency_exponent,
            engine=self.engine,
        )
        for start in range(0, len(data.user_ids), BATCH_USERS):
            rows = slice(start, start + BATCH_USERS)
            histories = weighted(draft.histories(rows), confidence)
            draft.user_factors[rows] = self.engine.solve(draft.side, histories)
        return draft

    def baselines(self, data: Snapshot) -> Mapping[str, Lister]:
        """Popularity and item neighbours, learnt from the training part."""
        item_ids = tuple(item.item_id for item in data.items[: data.n_items])
        by_user = Matrix.of(data.training)
        cosine = CoOccurrence(0.5, 0.5, 0.0, keep=self.neighbours, by_target=False)
        similar = cosine.fit(self.engine, by_user, self.engine.transpose(by_user))
        return {
            "popularity": Popularity.fit(data.training, item_ids),
            "item_neighbours": VoiceLister(item_ids, self.engine, similar),
        }

    def evaluate(self, model: RecommenderModel | Lister, data: Snapshot, *, progress: Progress = silent) -> Evaluation:
        """Score a model, or a baseline, on the hold-out; users are folded in from the training part alone."""
        lister = FactorLister.of(model) if isinstance(model, RecommenderModel) else model
        return evaluate(lister, data, progress)

    def save(self, model: RecommenderModel, folder: Path) -> None:
        """Write the model's files into an empty folder."""
        artifact.save(model, folder)

    def load(self, folder: Path) -> RecommenderModel:
        """Read a verified model, memory-mapped, and refuse one that contradicts itself."""
        return artifact.load(folder, self.engine)


def training_size(data: Snapshot, settings: AlsSettings, rules: PlanRules) -> TrainingSize:
    """What a training's memory follows from; the settings are resolved."""
    return TrainingSize(
        users=data.n_users,
        items=data.n_items,
        interactions=data.training.nnz,
        factors=settings.k,
        known_users=len(data.user_ids),
        is_judged=rules.early_stopping,
        is_blended=rules.blend == "auto",
    )


def _aligned(start: RecommenderModel, data: Snapshot) -> Factors:
    """A model's item factors in the order of a snapshot's items, 0 where it knows none; no user factors.

    Raises:
        Refused: `start_unrelated` if they share no item with factors.
    """
    n, k = start.item_factors.shape
    rows = np.array([start.item_rows.get(item.item_id, n) for item in data.items[: data.n_items]], np.intp)
    if not np.any(rows < n):
        raise Refused(
            "start_unrelated",
            f"None of the {len(rows)} items of the snapshot has factors in the version to start from.",
            field="warm_start",
            fix="Start from a version of the same dataset, or from none.",
        )
    items = np.zeros((len(rows), k), np.float32)
    items[rows < n] = start.item_factors[rows[rows < n]]
    return Factors(np.zeros((0, k), np.float32), items)


def _nothing_to_learn(data: Snapshot) -> Refused:
    least = data.rules
    return Refused(
        "nothing_to_learn",
        f"None of the {len(data.indices)} interactions is left to learn from: no {least.min_user_interactions} items "
        f"of one user were each met by {least.min_item_interactions} users.",
        field="snapshot",
        fix="Import more, or lower snapshot.min_user_interactions and snapshot.min_item_interactions.",
    )


def _listeners(data: Snapshot) -> NDArray[np.int64]:
    return np.bincount(data.indices, minlength=len(data.items)).astype(np.int64)


def _popular(listeners: NDArray[np.int64], items: tuple[Item, ...]) -> dict[str, NDArray[np.int32]]:
    """The most listened-to items, overall under "" and by category; nobody's items are not popular."""
    ranked = np.argsort(-listeners, kind="stable")
    ranked = ranked[listeners[ranked] > 0]
    by_category: dict[str, list[int]] = {}
    for position in ranked.tolist():
        for category in items[position].categories:
            by_category.setdefault(category, []).append(position)
    kept = {name: np.array(found[: artifact.POPULAR_DEPTH], np.int32) for name, found in sorted(by_category.items())}
    return {"": ranked[: artifact.POPULAR_DEPTH].astype(np.int32), **kept}
