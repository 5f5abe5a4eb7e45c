"""What runs in the processes of the benchmark `training`: one trainer each, under a meter."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks._folds import Csr, Folds, load_csr, log_weights
from benchmarks._meter import Meter, back_memory, cpu_seconds
from benchmarks._scoring import ndcg, ndcg_of_users
from benchmarks._trainers import TRAINERS, After, Recipe

_MEMORY = 24
"""Bytes for each byte of weights that are made ready: what the hungriest side has needed, and some more."""


def _weights(folder: str) -> Csr:
    """The training part in memory, as every side is given it."""
    return log_weights(load_csr(Path(folder) / "train", mapped=False))


def _warm(trainer: str, recipe: dict[str, Any], weights: Csr) -> None:
    """Train on next to nothing and touch memory, so that imports, first calls and first pages are off every clock."""
    random = np.random.default_rng(0)
    matrix = sparse.random(60, 40, density=0.2, format="csr", dtype=np.float32, rng=random)
    matrix.sort_indices()
    TRAINERS[trainer](matrix, Recipe(**{**recipe, "factors": 8, "iterations": 1}), None)
    back_memory(_MEMORY * weights.data.nbytes)


def trace(meter: Meter, *, folder: str, trainer: str, recipe: dict[str, Any]) -> dict[str, Any]:
    """One training, scored on the validation fold after every iteration with the meter standing still.

    Returns:
        `points`, of each iteration its number, the seconds so far and NDCG@10; `best`, the best iteration and what its
        factors score on either fold.
    """
    weights, folds = _weights(folder), Folds.load(Path(folder))
    points: list[dict[str, float]] = []
    best: list[Any] = []

    def after(iteration: int, user_factors: Any, item_factors: Any) -> None:
        with meter.paused():
            score = _score(user_factors, item_factors, folds, part="validation", threads=recipe["threads"])
            if score > max((point["validation"] for point in points), default=-1.0):
                best[:] = [iteration, user_factors.copy(), item_factors.copy()]
            points.append({"iteration": iteration, "wall": meter.wall, "cpu": meter.cpu, "validation": score})

    _warm(trainer, recipe, weights)
    with meter.running():
        TRAINERS[trainer](weights, Recipe(**recipe), after)
    return {"points": points, "best": {"iteration": best[0], **_both(*best[1:], folds, threads=recipe["threads"])}}


def timed(meter: Meter, *, folder: str, trainer: str, recipe: dict[str, Any], score: bool = True) -> dict[str, Any]:
    """One training as a user runs it: matrix in, factors out, nothing in between; scored when the meter has stopped.

    Returns:
        NDCG@10 on either fold, and of each user of the test fold, so that sides can be compared user by user.
    """
    weights = _weights(folder)
    _warm(trainer, recipe, weights)
    with meter.running():
        factors = TRAINERS[trainer](weights, Recipe(**recipe), None)
    if not score:
        return {}
    folds = Folds.load(Path(folder))
    found = {
        part: ndcg_of_users(*factors, train=folds.train, fold=getattr(folds, part), threads=recipe["threads"])
        for part in ("validation", "test")
    }
    means: dict[str, Any] = {part: float(scores.mean()) for part, scores in found.items()}
    return {**means, "test_users": [round(float(score), 5) for score in found["test"]]}


def _both(user_factors: Any, item_factors: Any, folds: Folds, *, threads: int) -> dict[str, float]:
    return {
        part: _score(user_factors, item_factors, folds, part=part, threads=threads) for part in ("validation", "test")
    }


def _score(user_factors: Any, item_factors: Any, folds: Folds, *, part: str, threads: int) -> float:
    return ndcg(user_factors, item_factors, train=folds.train, fold=getattr(folds, part), threads=threads)


def tune(meter: Meter, *, folder: str, trainer: str, recipes: list[dict[str, Any]]) -> dict[str, Any]:
    """Several configurations one after the other, each judged by its best iteration on the validation fold.

    Returns:
        `tried`: the best NDCG@10 of each configuration and the iteration it was reached at.
    """
    weights, folds = _weights(folder), Folds.load(Path(folder))
    tried = []
    _warm(trainer, recipes[0], weights)
    for recipe in recipes:
        scores: list[float] = []
        after = _scorer(meter, folds, scores, threads=recipe["threads"])
        with meter.running():
            TRAINERS[trainer](weights, Recipe(**recipe), after)
        tried.append({"validation": max(scores), "iteration": 1 + int(np.argmax(scores))})
    return {"tried": tried}


def _scorer(meter: Meter, folds: Folds, scores: list[float], *, threads: int) -> After:
    """What scores factors on the validation fold and adds the score to a list, off the clock."""

    def after(_: int, user_factors: Any, item_factors: Any) -> None:
        with meter.paused():
            scores.append(_score(user_factors, item_factors, folds, part="validation", threads=threads))

    return after


def per_iteration(
    meter: Meter, *, folder: str, trainer: str, recipe: dict[str, Any], few: int, many: int
) -> dict[str, float]:
    """Seconds of one iteration: the difference between a longer and a shorter training, over the iterations between.

    What is done once, preparation and copies, thereby falls out.
    """
    weights = _weights(folder)
    _warm(trainer, recipe, weights)
    spent = []
    with meter.running():
        for iterations in (few, many):
            wall, cpu = time.perf_counter(), cpu_seconds()
            TRAINERS[trainer](weights, Recipe(**{**recipe, "iterations": iterations}), None)
            spent.append((time.perf_counter() - wall, cpu_seconds() - cpu))
    between = many - few
    return {"wall": (spent[1][0] - spent[0][0]) / between, "cpu": (spent[1][1] - spent[0][1]) / between}
