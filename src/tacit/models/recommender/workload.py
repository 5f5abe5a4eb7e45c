"""The recommender as a workload of the platform: fit, evaluate, save, load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tacit.data.catalog import Item
from tacit.data.datasets import Snapshot
from tacit.data.interfaces import Progress, silent
from tacit.errors import Refused
from tacit.models.interfaces import Evaluation, Fitted
from tacit.models.recommender import artifact
from tacit.models.recommender.als import AlsSettings, Confidence, Solver, train
from tacit.models.recommender.evaluation import Scorer, evaluate
from tacit.models.recommender.model import FactorScorer, RecommenderModel
from tacit.models.recommender.neighbours import ItemNeighbours
from tacit.models.recommender.popularity import Popularity

Csr = Any


@dataclass(frozen=True)
class RecommenderWorkload:
    """Implicit ALS on one snapshot, judged against popularity and item neighbours.

    What is judged is what is served: the item factors learnt from the training part are the ones that ship. Each
    user's vector is then folded in over the whole history, hold-out included, so that serving knows the latest plays
    and never shows them again, while a later re-evaluation on the same hold-out stays fair.

    Attributes:
        settings: What to train.
        neighbours: How many similar items the item-neighbour baseline keeps.
    """

    settings: AlsSettings
    neighbours: int = 100
    name: str = "recommender"
    primary_metric: str = "ndcg@10"
    primary_baseline: str = "popularity"

    def fit(self, data: Snapshot, *, progress: Progress = silent) -> Fitted[RecommenderModel]:
        """Train on the training part and fold every known user in.

        Raises:
            Refused: `nothing_to_learn` if the snapshot's filters left no interaction.
        """
        if not data.training.nnz:
            raise _nothing_to_learn(data)
        settings = self.settings.resolved(data.training)
        settings = replace(settings, factors=max(1, min(settings.factors, *data.training.shape)))
        confidence = Confidence.fitted(settings.curve, settings.alpha or 0.0, data.training.data)
        factors = train(_weighted(data.training, confidence), settings, progress)
        model = RecommenderModel(
            user_ids=data.user_ids,
            items=data.items,
            user_factors=_user_factors(data, factors.item_factors, confidence=confidence, settings=settings),
            item_factors=factors.item_factors,
            indptr=data.indptr,
            indices=data.indices,
            values=data.values,
            listeners=_listeners(data),
            popular=_popular(_listeners(data), data.items),
            confidence=confidence,
            regularization=settings.regularization or 0.0,
            frequency_exponent=settings.frequency_exponent,
        )
        return Fitted(model, asdict(settings), factors.losses)

    def baselines(self, data: Snapshot) -> Mapping[str, Scorer]:
        """Popularity and item neighbours, learnt from the training part."""
        item_ids = tuple(item.item_id for item in data.items[: data.n_items])
        return {
            "popularity": Popularity.fit(data.training, item_ids),
            "item_neighbours": ItemNeighbours.fit(data.training, item_ids, neighbours=self.neighbours),
        }

    def evaluate(self, model: RecommenderModel | Scorer, data: Snapshot, *, progress: Progress = silent) -> Evaluation:
        """Score a model, or a baseline, on the hold-out; users are folded in from the training part alone."""
        scorer = FactorScorer(model) if isinstance(model, RecommenderModel) else model
        return evaluate(scorer, data, progress)

    def save(self, model: RecommenderModel, folder: Path) -> None:
        """Write the model's files into an empty folder."""
        artifact.save(model, folder)

    def load(self, folder: Path) -> RecommenderModel:
        """Read a verified model, memory-mapped, and refuse one that contradicts itself."""
        return artifact.load(folder)


def _nothing_to_learn(data: Snapshot) -> Refused:
    least = data.rules
    return Refused(
        "nothing_to_learn",
        f"None of the {len(data.indices)} interactions is left to learn from: no {least.min_user_interactions} items "
        f"of one user were each met by {least.min_item_interactions} users.",
        field="snapshot",
        fix="Import more, or lower snapshot.min_user_interactions and snapshot.min_item_interactions.",
    )


def _weighted(matrix: Csr, confidence: Confidence) -> Csr:
    return sparse.csr_array((confidence.weights(matrix.data), matrix.indices, matrix.indptr), matrix.shape)


def _user_factors(
    data: Snapshot, item_factors: NDArray[np.float32], *, confidence: Confidence, settings: AlsSettings
) -> NDArray[np.float32]:
    solver = Solver.over(
        item_factors,
        mean_weight=confidence.mean_weight,
        regularization=settings.regularization or 0.0,
        frequency_exponent=settings.frequency_exponent,
    )
    return solver.solve(_weighted(data.history[:, : data.n_items].tocsr(), confidence))


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
