"""Training a configuration on a validation fold's training part, and scoring it there by full rankings."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tacit.data.datasets import Snapshot
from tacit.data.interfaces import Progress, silent
from tacit.errors import Refused
from tacit.models.experiments.runs import Fold, Outcome, Recipe
from tacit.models.recommender.als import AlsSettings, Factors, train
from tacit.models.recommender.confidence import Confidence
from tacit.models.recommender.engines.interfaces import Engine, Floats
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.factor_lister import FactorLister, weighted
from tacit.models.recommender.memory import TrainingSize, refuse_beyond
from tacit.models.recommender.popularity import Popularity
from tacit.models.recommender.ranking_metrics import CUTOFFS, coverage, per_user_metrics
from tacit.models.recommender.search_trials import Ground
from tacit.models.recommender.validation_fold import cut_fold

LEAST_JUDGED = 20

Lists = NDArray[np.intp]


@dataclass(frozen=True)
class Course:
    """What all runs of an experiment share: one snapshot, one fold cut from its training part, one engine.

    Attributes:
        snapshot: The data; its hold-out is not looked at here.
        code: Digest of the code that trains.
        ground: The fold, and what runs the algebra.
        memory: Tells how many bytes a training may take; `None` is as many as it wants.
    """

    snapshot: Snapshot
    code: str
    ground: Ground
    memory: Callable[[], int | None]

    @classmethod
    def over(cls, snapshot: Snapshot, engine: Engine, *, code: str, memory: Callable[[], int | None]) -> Course:
        """Cut the fold.

        Raises:
            Refused: `nothing_to_judge_by` if fewer than twenty users have anything to hold out.
        """
        fold = cut_fold(snapshot.training)
        if len(fold.judged) < LEAST_JUDGED:
            raise _nothing_to_judge_by(len(fold.judged))
        return cls(snapshot, code, Ground(fold, Matrix.of(fold.training), engine, AlsSettings()), memory)

    def recipe(self, settings: AlsSettings, *, fold: Fold = "validation", is_judged: bool = False) -> Recipe:
        """What decides a run with these settings.

        Args:
            settings: Resolved.
            fold: What the run is scored on.
            is_judged: Whether the fold also says after how many iterations to stop.
        """
        said = {**asdict(settings), "engine": self.ground.engine.name, "judged": is_judged}
        return Recipe(self.snapshot.fingerprint, self.code, fold, said)

    def resolved(self, settings: AlsSettings) -> AlsSettings:
        """Settings with nothing left open: the rules' values for the fold's training part, no more factors than rows.

        A run is judged by what it trains on, so that the rules are asked about that part too.
        """
        found = settings.resolved(self.ground.values)
        return replace(found, factors=max(1, min(found.k, *self.ground.values.shape)))

    def attempt(self, settings: AlsSettings, progress: Progress = silent) -> Outcome:
        """Train with resolved settings for all their iterations, then score the judged users' lists.

        Raises:
            Refused: `training_too_large`, `training_diverged`.
        """
        ground, values = self.ground, self.ground.values
        self.check_memory(settings)
        started = time.monotonic()
        learnt = train(weighted(values, self.confidence(settings)), settings, ground.engine, progress=progress)
        seconds = time.monotonic() - started
        return Outcome(
            metrics=self.scores(learnt.item_factors, settings),
            curves={"loss": tuple(enumerate(learnt.losses, 1))},
            seconds=seconds,
            factor_bytes=self.factor_bytes(settings.k),
            factors_digest=digest_of(learnt),
        )

    def scores(self, item_factors: Floats, settings: AlsSettings) -> dict[str, float]:
        """What item factors score on the fold, each judged user folded in as serving would."""
        confidence, engine = self.confidence(settings), self.ground.engine
        lister = FactorLister.of_factors(item_factors, settings, confidence, engine=engine)
        return self._means(np.asarray(lister.lists(self.ground.fold.seen, max(CUTOFFS)), np.intp))

    def confidence(self, settings: AlsSettings) -> Confidence:
        """How values become weights under resolved settings."""
        return Confidence.fitted(settings.curve, settings.alpha or 0.0, self.ground.values.data)

    def check_memory(self, settings: AlsSettings) -> None:
        """See that a training with resolved settings fits into memory.

        Raises:
            Refused: `training_too_large`.
        """
        values = self.ground.values
        refuse_beyond(TrainingSize(*values.shape, values.nnz, settings.k, values.rows), self.memory())

    def factor_bytes(self, factors: int) -> int:
        """Size of the factors of a version of this snapshot."""
        return 4 * factors * (len(self.snapshot.user_ids) + self.snapshot.n_items)

    @cached_property
    def baselines(self) -> Mapping[str, Mapping[str, float]]:
        """What popularity scores on the same fold, and the precision that lists drawn at random are to be expected."""
        fold, columns = self.ground.fold, self.ground.values.columns
        lists = Popularity.fit(fold.training, ("",) * columns).lists(fold.seen, max(CUTOFFS))
        left = np.maximum(columns - np.diff(fold.seen.indptr), 1)
        by_chance = float((np.diff(fold.wanted.indptr) / left).mean())
        return {
            "popularity": self._means(np.asarray(lists, np.intp)),
            "random": {f"precision@{k}": by_chance for k in CUTOFFS},
        }

    def _means(self, lists: Lists) -> dict[str, float]:
        fold = self.ground.fold
        listeners = np.bincount(fold.training.indices, minlength=fold.training.shape[1]).astype(np.int64)
        per_case = per_user_metrics(lists, fold.wanted, listeners, users=fold.training.shape[0])
        spread = {f"coverage@{k}": coverage(lists, fold.training.shape[1], k) for k in CUTOFFS}
        return {**{name: float(found.mean()) for name, found in per_case.items()}, **spread}


def digest_of(learnt: Factors) -> str:
    """SHA-256 (hex) over both sides' factors, their shapes included."""
    digest = hashlib.sha256()
    for side in (learnt.user_factors, learnt.item_factors):
        digest.update(f"{side.shape}\n".encode())
        digest.update(np.ascontiguousarray(side, "<f4").tobytes())
    return digest.hexdigest()


def _nothing_to_judge_by(users: int) -> Refused:
    return Refused(
        "nothing_to_judge_by",
        f"Only {users} users have enough interactions to set one of them aside; {LEAST_JUDGED} are needed.",
        field="dataset",
        fix="Import more, or lower snapshot.min_user_interactions.",
    )
