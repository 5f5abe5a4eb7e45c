"""Implicit ALS by each library, called alike: weights in memory in, factors out.

What "alike" means. Every side receives the same matrix of weights `w` (mean 1) and the same two numbers: `alpha`, which
multiplies them, and `share`, the regularisation in a form that travels between sizes. The dense part of a row's system
grows with the number of rows on the other side, and only the product of both sides' regularisation matters to the
predictions (scaling one side up and the other down changes nothing else); so a library with one constant for both gets
`share · √(users · items)`, and one that scales by frequency gets `share` itself. Everything a library then does with
the matrix, copies and transposes included, is its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks import _ours
from benchmarks._folds import Csr

Floats = NDArray[np.float32]
After = Callable[[int, Floats, Floats], None]


@dataclass(frozen=True)
class Recipe:
    """What is trained.

    Attributes:
        factors: `k`.
        iterations: Times both sides are solved.
        alpha: Mean weight of an observation over a non-observation.
        share: Regularisation, relative to the size of the problem.
        seed: Of the first factors.
        threads: How many.
    """

    factors: int
    iterations: int
    alpha: float
    share: float
    seed: int
    threads: int

    def constant(self, weights: Csr) -> float:
        """The regularisation for a library that has one constant for all rows."""
        return float(self.share * np.sqrt(float(weights.shape[0]) * weights.shape[1]))


Trainer = Callable[[Csr, Recipe, After | None], tuple[Floats, Floats]]


def _scaled(weights: Csr, alpha: float, *, plus: float = 0.0) -> Csr:
    """`plus + alpha w` over the same pattern, which is shared, not copied."""
    data = (plus + alpha * weights.data).astype(np.float32)
    return sparse.csr_matrix((data, weights.indices, weights.indptr), shape=weights.shape, copy=False)


def implicit(weights: Csr, recipe: Recipe, after: After | None = None, *, use_cg: bool = True) -> tuple[Floats, Floats]:
    """ALS of implicit: three conjugate-gradient steps (its default), or Cholesky. It is given `1 + alpha w`."""
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors=recipe.factors,
        regularization=recipe.constant(weights),
        alpha=1.0,
        iterations=recipe.iterations,
        use_cg=use_cg,
        num_threads=recipe.threads,
        random_state=recipe.seed,
    )

    def told(iteration: int, *_: object) -> None:
        if after is not None:
            after(iteration + 1, model.user_factors, model.item_factors)

    model.fit(_scaled(weights, recipe.alpha, plus=1), show_progress=False, callback=told)
    return model.user_factors, model.item_factors


def implicit_cholesky(weights: Csr, recipe: Recipe, after: After | None = None) -> tuple[Floats, Floats]:
    """ALS of implicit, every row solved exactly."""
    return implicit(weights, recipe, after, use_cg=False)


def irspack(weights: Csr, recipe: Recipe, _: After | None = None, *, solver: str = "CG") -> tuple[Floats, Floats]:
    """The iALS of irspack: three conjugate-gradient steps or blocks of 64 columns (iALS++)."""
    from irspack.recommenders.ials import IALSRecommender

    model = IALSRecommender(
        _scaled(weights, recipe.alpha),
        n_components=recipe.factors,
        alpha0=1.0,
        reg=recipe.share,
        solver_type=solver,
        max_cg_steps=3,
        random_seed=recipe.seed,
        n_threads=recipe.threads,
        train_epochs=recipe.iterations,
    )
    model.learn()
    return model.get_user_embedding(), model.get_item_embedding()


def irspack_blocks(weights: Csr, recipe: Recipe, after: After | None = None) -> tuple[Floats, Floats]:
    """The iALS++ of irspack."""
    return irspack(weights, recipe, after, solver="IALSPP")


def cmfrec(weights: Csr, recipe: Recipe, _: After | None = None) -> tuple[Floats, Floats]:
    """The implicit model of cmfrec: three conjugate-gradient steps; it takes coordinates."""
    from cmfrec import CMF_implicit

    model = CMF_implicit(
        k=recipe.factors,
        lambda_=recipe.constant(weights),
        alpha=recipe.alpha,
        niter=recipe.iterations,
        max_cg_steps=3,
        precompute_for_predictions=False,
        nthreads=recipe.threads,
        random_state=recipe.seed,
        verbose=False,
    )
    model.fit(weights.tocoo())
    return model.A_, model.B_


def lenskit(weights: Csr, recipe: Recipe, _: After | None = None) -> tuple[Floats, Floats]:
    """LensKit's implicit matrix factorisation (Cholesky, on PyTorch's CPU kernels)."""
    import pandas as pd
    from lenskit.als import ImplicitMFScorer
    from lenskit.data import from_interactions_df
    from lenskit.training import TrainingOptions

    pairs = weights.tocoo()
    table = pd.DataFrame({"user_id": pairs.row, "item_id": pairs.col, "rating": pairs.data})
    scorer = ImplicitMFScorer(
        embedding_size=recipe.factors,
        epochs=recipe.iterations,
        regularization=recipe.constant(weights),
        weight=recipe.alpha,
        use_ratings=True,
    )
    scorer.train(from_interactions_df(table), TrainingOptions(device="cpu", rng=recipe.seed))
    return np.asarray(scorer.user_embeddings), np.asarray(scorer.item_embeddings)


def spark(weights: Csr, recipe: Recipe, _: After | None = None) -> tuple[Floats, Floats]:
    """Spark ML's ALS (Cholesky) in one local process; the factors stay in Spark, which is nobody's loss here."""
    import pandas as pd
    from pyspark.ml.recommendation import ALS
    from pyspark.sql import SparkSession

    logging.getLogger("py4j").setLevel(logging.ERROR)
    builder = SparkSession.builder.master(f"local[{recipe.threads}]").config("spark.ui.enabled", "false")
    session = builder.config("spark.driver.memory", "6g").getOrCreate()
    try:
        pairs = weights.tocoo()
        table = pd.DataFrame({"user": pairs.row, "item": pairs.col, "rating": pairs.data})
        model = ALS(
            rank=recipe.factors,
            maxIter=recipe.iterations,
            regParam=recipe.share,
            alpha=recipe.alpha,
            implicitPrefs=True,
            seed=recipe.seed,
        ).fit(session.createDataFrame(table))
        model.userFactors.count()
    finally:
        session.stop()
    return np.zeros((0, recipe.factors), np.float32), np.zeros((0, recipe.factors), np.float32)


def popularity(weights: Csr, *_: Any) -> tuple[Floats, Floats]:
    """Nothing is learnt: the baseline."""
    counts = np.bincount(weights.indices, minlength=weights.shape[1]).astype(np.float32)
    return np.ones((weights.shape[0], 1), np.float32), counts[:, None]


TRAINERS: dict[str, Trainer] = {
    "tacit": _ours.train,
    "implicit": implicit,
    "implicit_cholesky": implicit_cholesky,
    "irspack": irspack,
    "irspack_blocks": irspack_blocks,
    "cmfrec": cmfrec,
    "lenskit": lenskit,
    "pyspark": spark,
}
MODULE_OF = {"implicit_cholesky": "implicit", "irspack_blocks": "irspack"}
"""Trainers that are not called as the module they come from."""
