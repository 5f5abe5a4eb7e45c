"""The side of `diversity`: one training, and every user's list at every strength."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks import _ours
from benchmarks._folds import Csr, read_published
from benchmarks._meter import Meter
from tacit.models.recommender.als import AlsSettings, Confidence, train
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.factor_lister import FactorLister, weighted
from tacit.models.recommender.validation_fold import ValidationFold
from tacit.serving.diversity import diversified

CUTOFF = 10
POOL = 100
Floats = NDArray[np.float32]


def compare(
    meter: Meter, *, split: str, recipe: dict[str, Any], strengths: list[float], threads: int, seed: int
) -> dict[str, Any]:
    """Train, find each user's best hundred, and judge what is chosen from them."""
    training, test = read_published(Path(split))
    met = np.flatnonzero((np.diff(test.indptr) > 0) & (np.diff(training.indptr) > 0))
    users = np.sort(np.random.default_rng(seed).permutation(met)[: recipe["users"]])
    meter.start()
    factors, lister = _trained(training, recipe, threads=threads)
    meter.pause()
    fold = ValidationFold(training, sparse.csr_array(test), users)
    pools = np.asarray(lister.lists(fold.seen, POOL), np.int32)
    norms = np.linalg.norm(factors, axis=1, keepdims=True)
    units = (factors / np.maximum(norms, 1e-12)).astype(np.float32)
    points = [_point(pools, units, fold, strength=strength) for strength in strengths]
    for point in points:
        point["ndcg_kept"] = point["ndcg"] / points[0]["ndcg"]
        point["distance_gained"] = point["distance"] / points[0]["distance"] - 1
    return {"points": points, "users": len(users), "items": int(training.shape[1]), "training_cpu": meter.cpu}


def _trained(training: Csr, recipe: dict[str, Any], *, threads: int) -> tuple[Floats, FactorLister]:
    settings = AlsSettings(factors=recipe["factors"], iterations=recipe["iterations"], tells_last_loss=False)
    settings = settings.resolved(training)
    confidence = Confidence.fitted(settings.curve, settings.alpha or 0.0, training.data)
    engine = _ours.engine(threads)
    learnt = train(weighted(Matrix.of(training), confidence), settings, engine).item_factors
    return learnt, FactorLister.of_factors(learnt, settings, confidence, engine=engine)


def _point(pools: NDArray[np.int32], units: Floats, fold: ValidationFold, *, strength: float) -> dict[str, float]:
    """What lists of one strength are worth, how unlike their items are, and how long one takes to choose."""
    began = time.perf_counter()
    lists = np.array(
        [pool[diversified(units[pool], CUTOFF, diversity=strength)] for pool in pools]
        if strength
        else pools[:, :CUTOFF]
    )
    seconds = time.perf_counter() - began
    chosen = units[lists].astype(np.float64)  # (users, 10, k)
    cosines = np.einsum("uik,ujk->uij", chosen, chosen)
    pairs = np.triu_indices(CUTOFF, 1)
    return {
        "diversity": strength,
        "ndcg": float(fold.ndcg(lists).mean()),
        "distance": float((1 - cosines[:, pairs[0], pairs[1]]).mean()),
        "distinct_items": len(np.unique(lists)),
        "microseconds_a_list": 1e6 * seconds / len(lists),
    }
