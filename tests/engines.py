"""The engines that a contract is held against, matrices and factors to hold it with, and what must come out."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import sparse
from threadpoolctl import threadpool_limits

from tacit.models.recommender.engines.interfaces import Bonus, Engine, Ridge
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.engines.numpy_engine import NumpyEngine

ENGINES = ("numpy", "native avx512", "native avx2", "native baseline")
"""Every engine and instruction set that a contract is run on, where it is at hand."""

RIDGE = Ridge(regularization=0.02, frequency_exponent=1.0, mean_weight=3.0)


@contextmanager
def running(name: str, threads: int = 2) -> Iterator[Engine]:
    """The engine of that name; the test is skipped, saying why, where it cannot run."""
    if name == "numpy":
        yield NumpyEngine()
        return
    if importlib.util.find_spec("tacit._native") is None:
        pytest.skip("the native extension was not built")
    from tacit import _native
    from tacit.models.recommender.engines.native_engine import NativeEngine

    wanted = name.split()[1]
    if wanted not in _native.available():
        pytest.skip(f"this processor or build has no {wanted}")
    before = _native.isa()
    _native.use_isa(wanted)
    try:
        yield NativeEngine(threads)
    finally:
        _native.use_isa(before)


def random_matrix(seed: int, shape: tuple[int, int], *, density: float = 0.3, largest: float = 6.0) -> Matrix:
    """Weights between 0.1 and `largest`, anywhere; rows and columns may be empty."""
    generator = np.random.default_rng(seed)
    met = generator.random(shape) < density
    return from_dense(np.where(met, generator.uniform(0.1, largest, shape), 0))


def from_dense(values: Any) -> Matrix:
    return Matrix.of(sparse.csr_array(np.asarray(values, np.float32)))


def random_factors(seed: int, shape: tuple[int, int], *, scale: float = 0.3) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, shape).astype(np.float32)


# Idle BLAS threads spin, which on a busy machine costs these small systems far more than it saves.
@threadpool_limits.wrap(limits=1, user_api="blas")  # type: ignore[untyped-decorator]
def exact_rows(matrix: Matrix, fixed: np.ndarray, ridge: Ridge) -> np.ndarray:
    """Hu et al. 2008, eq. 4, row by row with LAPACK in float64."""
    fixed = fixed.astype(np.float64)
    weights, regularization = matrix.scipy().toarray().astype(np.float64), ridge.of(matrix.counts, len(fixed))
    solved = np.zeros((matrix.rows, fixed.shape[1]))
    for row in np.flatnonzero(matrix.counts):
        confidence, met = 1 + weights[row], weights[row] > 0
        system = fixed.T @ (confidence[:, None] * fixed) + regularization[row] * np.eye(fixed.shape[1])
        solved[row] = np.linalg.solve(system, fixed.T @ (confidence * met))
    return solved


def explicit_objective(solved: np.ndarray, fixed: np.ndarray, *, matrix: Matrix, ridge: Ridge) -> float:
    """The objective as a sum over every cell, in float64."""
    solved, fixed = solved.astype(np.float64), fixed.astype(np.float64)
    weights = matrix.scipy().toarray().astype(np.float64)
    met = weights > 0
    total = np.sum((1 + weights) * (met - solved @ fixed.T) ** 2)
    total += ridge.of(met.sum(axis=1), len(fixed)).astype(np.float64) @ (solved**2).sum(axis=1)
    total += ridge.of(met.sum(axis=0), len(solved)).astype(np.float64) @ (fixed**2).sum(axis=1)
    return float(total)


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest distance of a row from what it should be, as a share of that row's norm."""
    distance = np.linalg.norm(found.astype(np.float64) - expected, axis=-1)
    return float((distance / np.maximum(np.linalg.norm(expected, axis=-1), 1e-30)).max(initial=0.0))


def best_by_hand(
    scores: np.ndarray, count: int, *, excluded: Any = (), mask: Any = None, bonus: Bonus | None = None
) -> list[tuple[int, float]]:
    """Positions and scores, the best first and equals by position, found by sorting all of them."""
    total = scores.astype(np.float64)
    if bonus is not None:
        total[bonus.items] += bonus.scores
    allowed = set(range(len(scores))) - {int(item) for item in excluded}
    if mask is not None:
        allowed &= set(np.flatnonzero(mask).tolist())
    return [(item, float(total[item])) for item in sorted(allowed, key=lambda item: (-total[item], item))[:count]]


@st.composite
def whole_factors(draw: st.DrawFn, *, most_items: int = 150) -> tuple[np.ndarray, np.ndarray]:
    """Items and one query whose products are whole numbers below 2**24, and so exact in float32 in any order.

    They are of the kinds that tempt an index to stop early or to prune too much.
    """
    n, k = draw(st.integers(0, most_items)), draw(st.sampled_from([1, 2, 3, 4, 7, 15, 16, 17, 33, 64]))
    kind = draw(st.sampled_from(["small", "equal", "zero", "huge", "dominant", "sparse", "negative", "repeated"]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    items = generator.integers(-3, 4, (n, k)).astype(np.float32)
    query = generator.integers(-5, 6, k).astype(np.float32)
    if kind == "equal":
        items[:] = 1
    elif kind == "zero":
        items[generator.random(n) < 0.7] = 0
        query *= draw(st.sampled_from([0, 1]))
    elif kind == "huge":
        items[generator.random(n) < 0.1] *= 4_096
    elif kind == "dominant":
        items[:, 0] *= 8_192
    elif kind == "sparse":
        items *= generator.random((n, k)) < 0.1
    elif kind == "negative":
        items, query = -np.abs(items), np.abs(query)
    elif kind == "repeated" and n:
        items = items[generator.integers(0, max(1, n // 8), n)]
    return np.ascontiguousarray(items), query
