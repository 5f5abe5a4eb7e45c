"""Our own side: the only place where the benchmarks touch the engine and the training loop."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._folds import Csr
from benchmarks._harness import ENGINE_VARIABLE
from tacit.data.catalog import Item
from tacit.data.datasets import Snapshot, SnapshotRules
from tacit.models.recommender.als import AlsSettings, density_rule
from tacit.models.recommender.als import train as train_als
from tacit.models.recommender.engines.choosing import choose_engine
from tacit.models.recommender.engines.interfaces import Engine, FixedSide, Index, Ridge
from tacit.models.recommender.engines.matrix import Matrix

if TYPE_CHECKING:
    from benchmarks._trainers import After, Recipe

Floats = NDArray[np.float32]


@cache
def engine(threads: int) -> Engine:
    """Our engine, on so many threads."""
    return choose_engine(os.environ.get(ENGINE_VARIABLE, "auto"), threads)


def engine_name() -> str:
    """Which engine that is, its instruction set included."""
    return engine(1).name


def rule(density: float) -> tuple[float, float]:
    """What every side's grid multiplies: `(alpha, share)`, our rule for a matrix of this density."""
    return density_rule(density)


def snapshot(pairs: Csr, *, held: NDArray[np.bool_], dataset: str) -> Snapshot:
    """Pairs in the order of a CSR matrix as a snapshot, its users and items numbered as they are."""
    users, items = pairs.shape
    return Snapshot(
        fingerprint="",
        dataset=dataset,
        rules=SnapshotRules(min_user_interactions=1, min_item_interactions=1),
        split="given",
        import_ids=(),
        watermark_ms=None,
        user_ids=tuple(map(str, range(users))),
        items=tuple(Item(str(item), str(item)) for item in range(items)),
        n_users=users,
        n_items=items,
        indptr=pairs.indptr.astype(np.int64),
        indices=pairs.indices.astype(np.int32),
        values=np.ones(pairs.nnz, np.float32),
        held=held,
    )


def train(weights: Csr, recipe: Recipe, after: After | None = None) -> tuple[Floats, Floats]:
    """Our training loop over our engine, from SciPy's matrix, which is checked first, to factors."""
    settings = AlsSettings(
        factors=recipe.factors,
        iterations=recipe.iterations,
        alpha=recipe.alpha,
        regularization=recipe.share,
        seed=recipe.seed,
        judge_every=1,
        patience=recipe.iterations + 1,
        tells_last_loss=False,  # no other side is asked for it either
    )
    told: Any = None
    if after is not None:
        call = after

        def told(factors: Any) -> float:
            call(factors.iteration, factors.user_factors, factors.item_factors)
            return 0.0  # none is better than the first: nothing is stopped early, and nothing copied after that

    learnt = train_als(scaled(weights, recipe.alpha), settings, engine(recipe.threads), judge=told)
    return learnt.user_factors, learnt.item_factors


def scaled(weights: Csr, alpha: float) -> Matrix:
    """`alpha w`, checked."""
    matrix = Matrix.of(weights)
    data = (np.float32(alpha) * matrix.data).astype(np.float32, copy=False)
    return Matrix.trusted(matrix.indptr, matrix.indices, data, columns=matrix.columns)


def index(item_factors: Floats, threads: int) -> Index:
    """Exact retrieval over item factors, whosever they are."""
    return engine(threads).index(item_factors)


def matrix_of(csr: Csr) -> Matrix:
    """A checked matrix."""
    return Matrix.of(csr)


def side(item_factors: Floats, *, alpha: float, share: float, threads: int = 1) -> FixedSide:
    """Item factors, prepared to fold users in."""
    return engine(threads).fixed_side(item_factors, Ridge(share, 1.0, alpha))
