"""Factors and rows for tests of retrieval."""

from __future__ import annotations

import numpy as np

from tacit.models.recommender.engines.matrix import Matrix

SHAPES = ["plain", "equal", "whole numbers", "spread", "one dimension", "tiny", "huge", "few directions", "zeros"]


def made(kind: str, n: int, k: int, seed: int) -> np.ndarray:
    """Factors that are hard to prune, or to bound, in one way each."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(n, k))
    if kind == "equal":
        factors[:] = 1
    elif kind == "whole numbers":
        factors = rng.integers(-3, 4, size=(n, k)).astype(float)
    elif kind == "spread":
        factors *= np.exp(3 * rng.normal(size=(n, 1)))
    elif kind == "one dimension":
        factors[:, 0] *= 1e6
    elif kind == "tiny":
        factors *= 10.0 ** rng.integers(-44, -36, size=(n, 1))
    elif kind == "huge":
        factors *= 1e18 / (1 + np.linalg.norm(factors, axis=1, keepdims=True))
    elif kind == "few directions":
        factors = factors[rng.integers(0, max(1, min(n, 3)), size=n)] if n else factors
    elif kind == "zeros":
        factors[rng.random(n) < 0.8] = 0
    return np.ascontiguousarray(factors, np.float32)


def ragged(rng: np.random.Generator, rows: int, n: int, longest: int) -> Matrix:
    lengths = rng.integers(0, longest, size=rows)
    indices = [np.sort(rng.choice(n, length, replace=False)) for length in lengths]
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    items = np.concatenate(indices) if rows else np.empty(0)
    return Matrix(indptr, items.astype(np.int32), rng.normal(size=len(items)).astype(np.float32), n)
