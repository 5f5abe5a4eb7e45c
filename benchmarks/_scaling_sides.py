"""What runs in the processes of the benchmark `scaling`: our training on a part of the data."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks import _ours
from benchmarks._folds import Csr, load_csr, log_weights
from benchmarks._meter import Meter, cpu_seconds
from benchmarks._trainers import Recipe

FEW, MANY = 1, 4


def point(meter: Meter, *, folder: str, part: str, share: float, recipe: dict[str, Any]) -> dict[str, Any]:
    """Seconds of an iteration on a share of the pairs, the users or the items, and the shape of what that leaves."""
    weights = reduced(log_weights(load_csr(Path(folder) / "train", mapped=False)), part, share)
    _ours.train(weights[:50], Recipe(**{**recipe, "iterations": 1}))
    spent = []
    with meter.running():
        for iterations in (FEW, MANY):
            wall, cpu = time.perf_counter(), cpu_seconds()
            _ours.train(weights, Recipe(**{**recipe, "iterations": iterations}))
            spent.append((time.perf_counter() - wall, cpu_seconds() - cpu))
    (first_wall, first_cpu), (last_wall, last_cpu) = spent
    return {
        "wall": (last_wall - first_wall) / (MANY - FEW),
        "cpu": (last_cpu - first_cpu) / (MANY - FEW),
        "users": weights.shape[0],
        "items": weights.shape[1],
        "nnz": int(weights.nnz),
    }


def reduced(weights: Csr, part: str, share: float) -> Csr:
    """A random share of the `nnz`, `users` or `items`; everything for another part or a share of 1."""
    if share >= 1 or part not in {"nnz", "users", "items"}:
        return weights
    random = np.random.default_rng(13)
    if part == "users":
        return weights[np.sort(random.choice(weights.shape[0], round(share * weights.shape[0]), replace=False))]
    if part == "items":
        columns = np.sort(random.choice(weights.shape[1], round(share * weights.shape[1]), replace=False))
        return sparse.csr_matrix(weights[:, columns])
    kept = random.random(weights.nnz) < share
    row = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))[kept]
    indptr = np.r_[0, np.cumsum(np.bincount(row, minlength=weights.shape[0]))].astype(np.int32)
    return sparse.csr_matrix((weights.data[kept], weights.indices[kept], indptr), shape=weights.shape)
