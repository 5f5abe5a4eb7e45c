"""What `warmstart` compares, each in a process of its own: learning a newer snapshot from nothing, and from before.

The newer snapshot is a split's training part less a validation fold; the older one lacks a tenth of it: all of what
some users and some items have, who came later, and of everybody else what is drawn at random.  What was learnt from the
older one has therefore never met the validation fold.  The clock runs while training does; scoring is off it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks import _ours
from benchmarks._folds import Csr, read_published
from benchmarks._meter import Meter
from tacit.models.recommender.als import AlsSettings, Confidence, Factors, train
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.factor_lister import FactorLister, weighted
from tacit.models.recommender.validation_fold import ValidationFold, cut_fold

CUTOFF = 10
SHARE = 0.1
"""Which part of the interactions is newer."""
LATE = 0.03
"""Which part of the users, and of the items, came later altogether."""
_FACTORS, _KNOWN = "old_item_factors.npy", "old_items.npy"
Floats = NDArray[np.float32]


class _Enough(Exception):
    """The shipped rule would stop here."""


@dataclass
class _Trace:
    """A training as the shipped rule would run it, scored after every iteration.

    Attributes:
        points: Seconds so far and NDCG@10 on the fold, an iteration each.
        best: NDCG@10, iteration and item factors of what is kept.
        idle: Judgements in a row that brought nothing better.
    """

    meter: Meter
    fold: ValidationFold
    settings: AlsSettings
    confidence: Confidence
    threads: int
    stops: bool
    points: list[dict[str, float]] = field(default_factory=list)
    best: tuple[float, int, Floats] | None = None
    idle: int = 0

    def judge(self, factors: Factors) -> float:
        self.meter.pause()
        engine = _ours.engine(self.threads)
        lister = FactorLister.of_factors(factors.item_factors, self.settings, self.confidence, engine=engine)
        score = float(self.fold.ndcg(lister.lists(self.fold.seen, CUTOFF)).mean())
        self.points.append({"cpu": self.meter.cpu, "wall": self.meter.wall, "validation": score})
        self._heed(score, factors)
        self.meter.start()
        return score

    def _heed(self, score: float, factors: Factors) -> None:
        """Keep what the shipped rule keeps: it looks every other iteration, and a warm start keeps its last."""
        if not self.stops:
            self.best = (score, factors.iteration, factors.item_factors.copy())
        elif factors.iteration % self.settings.judge_every == 0:
            if self.best is None or score > self.best[0]:
                self.best, self.idle = (score, factors.iteration, factors.item_factors.copy()), 0
            else:
                self.idle += 1
        if self.stops and self.idle == self.settings.patience:
            raise _Enough


def older(meter: Meter, *, split: str, folder: str, seed: int, recipe: dict[str, Any], threads: int) -> dict[str, Any]:
    """Learn from the older snapshot from nothing, and keep the item factors for `newer` to start from."""
    newer_part = _fold(split, recipe).training
    part = without_the_newest(newer_part, seed=seed)
    found = _traced(meter, part, _fold(split, recipe), recipe=recipe, threads=threads)
    assert found.best is not None
    np.save(Path(folder) / _FACTORS, found.best[2])
    np.save(Path(folder) / _KNOWN, np.bincount(part.indices, minlength=part.shape[1]) > 0)
    return {"nnz": int(part.nnz), "share": float(part.nnz / newer_part.nnz), "iterations": found.best[1]}


def newer(
    meter: Meter, *, split: str, folder: str, recipe: dict[str, Any], warm_iterations: int, threads: int
) -> dict[str, Any]:
    """Learn from the newer snapshot, from nothing or, given iterations to do so, from what was learnt before."""
    fold, start = _fold(split, recipe), None
    if warm_iterations:
        known, learnt = np.load(Path(folder) / _KNOWN), np.load(Path(folder) / _FACTORS)
        start = Factors(np.zeros((0, learnt.shape[1]), np.float32), np.where(known[:, None], learnt, np.float32(0)))
        recipe = {**recipe, "iterations": warm_iterations}
    found = _traced(meter, fold.training, fold, recipe=recipe, threads=threads, start=start)
    assert found.best is not None
    score, iteration, item_factors = found.best
    tested = _tested(item_factors, found, split, threads=threads)
    shape, nnz = list(fold.training.shape), int(fold.training.nnz)
    kept = {"validation": score, "iteration": iteration, "test": float(tested.mean()), "test_users": tested.tolist()}
    return {"points": found.points, **kept, "factors": int(item_factors.shape[1]), "shape": shape, "nnz": nnz}


def without_the_newest(pairs: Csr, *, seed: int) -> Csr:
    """The same without a tenth: late users and items wholly, and of the rest as much as makes up a tenth."""
    random = np.random.default_rng(seed)
    row = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))
    late = (random.random(pairs.shape[0]) < LATE)[row] | (random.random(pairs.shape[1]) < LATE)[pairs.indices]
    others = np.flatnonzero(~late)
    missing = max(0, round(SHARE * pairs.nnz) - int(late.sum()))
    late[random.choice(others, min(missing, len(others)), replace=False)] = True
    kept = (pairs.data[~late], (row[~late], pairs.indices[~late]))
    return sparse.csr_matrix(kept, shape=pairs.shape)


def _fold(split: str, recipe: dict[str, Any]) -> ValidationFold:
    return cut_fold(read_published(Path(split))[0], most_users=recipe["judged"])


def _traced(
    meter: Meter,
    part: Csr,
    fold: ValidationFold,
    *,
    recipe: dict[str, Any],
    threads: int,
    start: Factors | None = None,
) -> _Trace:
    settings = AlsSettings(factors=recipe["factors"], iterations=recipe["iterations"], tells_last_loss=False)
    settings = settings.resolved(part)
    confidence = Confidence.fitted(settings.curve, settings.alpha or 0.0, part.data)
    weights = weighted(Matrix.of(part), confidence)
    trace = _Trace(meter, fold, settings, confidence, threads, stops=start is None)
    every = replace(settings, judge_every=1, patience=settings.iterations)
    meter.start()
    try:
        train(weights, every, _ours.engine(threads), start=start, judge=trace.judge)
    except _Enough:
        return trace
    meter.pause()
    return trace


def _tested(item_factors: Floats, found: _Trace, split: str, *, threads: int) -> NDArray[np.float64]:
    """NDCG@10 of each user of the published test part, folded in from what was learnt from."""
    _, test = read_published(Path(split))
    users = np.flatnonzero(np.diff(test.indptr))
    fold = ValidationFold(found.fold.training, sparse.csr_array(test), users)
    engine = _ours.engine(threads)
    lister = FactorLister.of_factors(item_factors, found.settings, found.confidence, engine=engine)
    return np.asarray(fold.ndcg(lister.lists(fold.seen, CUTOFF)), np.float64)
