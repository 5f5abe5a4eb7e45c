"""Implicit alternating least squares: factors whose products say how much a user would like an item.

The objective is that of Hu, Koren and Volinsky (ICDM 2008, eq. 3) with the frequency-scaled regularisation of Rendle,
Krichene, Zhang and Koren ("Revisiting the Performance of iALS on Item Recommendation Benchmarks", RecSys 2022, eq. 6):

    L = Σ_{u,i} c_ui (p_ui - x_u·y_i)²  +  Σ_u λ_u |x_u|²  +  Σ_i λ_i |y_i|²

with `p_ui` 1 where user `u` met item `i` and 0 elsewhere, `c_ui = 1 + w_ui` where they met and 1 elsewhere, and
`λ_u = λ (ᾱ n_u + n_items)^ν`: `n_u` items of the user, `ᾱ` the mean weight. (Rendle counts an observation as 1 and a
non-observation as `α₀ = 1/ᾱ`; multiplying his objective by `ᾱ` gives ours, so that `λ` means the same in both.)

Each half of an iteration holds one side and moves every row of the other towards its optimum (Hu et al., §4); how, is
the engine's business. The loop around the halves is the same for every engine and does five things more:

* *A start from the data.* Unless told otherwise, item factors begin near the leading directions of the weights
  (`training_start`), a few iterations ahead of random ones.
* *Popularity order.* While training, the items that most users met stand side by side, so that the rows gathered most
  stay in cache. The order changes no sum but its rounding, and is undone at the end. Putting the weights into it takes
  half an iteration, and each gains a tenth: it is done when the sixth iteration begins, if one does.
* *Over-relaxation* (Young, "Iterative Methods for Solving Partial Difference Equations of Elliptic Type", 1954, on
  blocks). From the second iteration on, a row moves `ω` times as far as the solver says. With the other side held, the
  objective is quadratic, and on the line through the solver's step `Δ` it is least at `Δ` itself: an exact solve ends
  in the minimum, and conjugate gradients end in the minimum over a subspace that holds `Δ`. So the half gains
  `1 - (1 - ω)²` of what it would at `ω = 1`, and loses nothing for `0 ≤ ω ≤ 2`; beyond 1 it gives a little away for a
  better start of the other half. Should rounding make the objective rise all the same, `ω` is 1 from then on.
* *Losses for nothing.* An engine tells the objective before a half step, which falls off while its residuals are
  computed. So the loss of each iteration is told by the next; only the last is measured by itself.
* *One basis.* A half step may turn both sides by the same rotation, which leaves every product alone. The rotations are
  accumulated, and turned back at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tacit.data.interfaces import Progress, silent
from tacit.errors import Refused
from tacit.models.recommender.confidence import Confidence, Curve
from tacit.models.recommender.defaults import density_rule, factors_rule
from tacit.models.recommender.engines.interfaces import Doubles, Engine, Floats, HalfStep, Method, Ridge, Steps
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.engines.numpy_engine import objective
from tacit.models.recommender.training_start import first_factors, spectral_factors

__all__ = ["AlsSettings", "Confidence", "Curve", "Factors", "Judge", "density_rule", "loss", "mean_weight", "train"]

_RISE = 1e-5
"""By what share the objective may rise from rounding alone."""

_ORDERED_FROM = 6
"""The iteration from which items stand in order of popularity: in fewer than that, the order would not pay."""

Start = Literal["spectral", "random"]


@dataclass(frozen=True)
class AlsSettings:
    """What can be chosen about a training run.

    Attributes:
        factors: Length of the vectors, `k`; `None` takes `factors_rule`.
        iterations: The most times both sides are solved.
        alpha: Mean weight of an observation (of one play, on the `plain` curve); `None` takes `density_rule`.
        regularization: `λ`; `None` takes `density_rule`.
        frequency_exponent: `ν`, how much more those with many interactions are regularised.
        curve: How values become weights.
        seed: Seed of the first item factors.
        start: Where item factors begin: near the leading directions of the weights, or at random.
        method: `cg` takes `cg_steps` steps from a row's present value; `cholesky` solves every row exactly.
        cg_steps: Conjugate-gradient steps of a row in a half step.
        relaxation: `ω` from the second iteration on, in [0, 2); 1 is plain.
        judge_every: Iterations between two questions to the judge, if there is one.
        patience: How many answers in a row may bring nothing better before training ends.
        tells_last_loss: Whether the objective after the last iteration is measured too, for a sixth of an iteration.
    """

    factors: int | None = None
    iterations: int = 16
    alpha: float | None = None
    regularization: float | None = None
    frequency_exponent: float = 1.0
    curve: Curve = "log"
    seed: int = 20_260
    start: Start = "spectral"
    method: Method = "cg"
    cg_steps: int = 2
    relaxation: float = 1.5
    judge_every: int = 2
    patience: int = 2
    tells_last_loss: bool = True

    def resolved(self, matrix: Any) -> AlsSettings:
        """The same with the rules' values where none were chosen, for a `Matrix` or SciPy's CSR."""
        users, items = matrix.shape
        cells = max(1, users * items)
        alpha, regularization = density_rule(matrix.nnz / cells, matrix.nnz / cells**0.5)
        return replace(
            self,
            factors=factors_rule(users, items) if self.factors is None else self.factors,
            alpha=alpha if self.alpha is None else self.alpha,
            regularization=regularization if self.regularization is None else self.regularization,
        )

    @property
    def k(self) -> int:
        """`factors`, once chosen.

        Raises:
            ValueError: The settings are not resolved.
        """
        if self.factors is None:
            raise ValueError("settings must be resolved before training")
        return self.factors

    def ridge(self, mean: float) -> Ridge:
        """How rows are regularised where the mean weight is so much.

        Raises:
            ValueError: The settings are not resolved.
        """
        if self.regularization is None:
            raise ValueError("settings must be resolved before training")
        return Ridge(self.regularization, self.frequency_exponent, mean)


@dataclass(frozen=True)
class Factors:
    """What a training run learnt.

    Attributes:
        user_factors: `(n_users, k)` float32, as the last half step left them: not exact for these item factors.
        item_factors: `(n_items, k)` float32.
        losses: The objective after each iteration that ran (the last only if it was asked for), never rising but for
            rounding: near the optimum it wavers by some hundred-thousandths where an engine gathers in half precision.
        iteration: The iteration these factors come from: the last, or the best if somebody judged.
        judged: What the judge said, `(iteration, score)` each.
    """

    user_factors: Floats
    item_factors: Floats
    losses: tuple[float, ...] = ()
    iteration: int = 0
    judged: tuple[tuple[int, float], ...] = ()


Judge = Callable[[Factors], float]
"""Says how good factors are, the higher the better.

They may stand turned by a rotation, which no product notices; it must neither keep nor change them.
"""


def train(
    matrix: Matrix,
    settings: AlsSettings,
    engine: Engine,
    *,
    start: Factors | None = None,
    judge: Judge | None = None,
    progress: Progress = silent,
) -> Factors:
    """Learn factors from `(n_users, n_items)` weights `w_ui` > 0; deterministic for given settings and engine.

    Args:
        matrix: The weights; `settings` must be resolved (`regularization` chosen).
        settings: What to train.
        engine: Runs the half steps.
        start: Factors to start from instead of random ones, for the first rows of both sides: users and items that
            came later start from nothing. With another `k`, missing factors are drawn and those too many left out,
            the weakest directions first.
        judge: Asked every `judge_every` iterations and at the last. The factors it liked best are returned, and
            training ends early when `patience` answers in a row were no better.
        progress: Told several times a second; whatever it raises stops the training.

    Raises:
        Refused: `matrix_invalid`, `factors_invalid` (of `start`), `training_diverged`.
    """
    run = _Run(matrix, settings, engine, start=start, progress=progress)
    best = _Best(judge, settings)
    for iteration in range(1, settings.iterations + 1):
        run.iterate(_within(progress, iteration, settings.iterations))
        if best.is_enough(run):
            break
    if settings.tells_last_loss:
        run.measure()
    return best.of(run)


class _Run:
    """A training under way: both sides, the basis they stand in, and the objective so far."""

    def __init__(
        self, matrix: Matrix, settings: AlsSettings, engine: Engine, *, start: Factors | None, progress: Progress
    ) -> None:
        self.settings, self.engine = settings, engine
        self.ridge = settings.ridge(mean_weight(matrix))
        self.by_user, self.by_item = matrix, engine.transpose(matrix)
        self.order: NDArray[np.intp] | None = None
        self.users, self.items = self._first(start, progress)
        self.basis: Doubles = np.eye(settings.k)
        self.losses: list[float] = []
        self.iteration = 0
        self._relaxation = settings.relaxation
        self._objective = np.inf

    def _first(self, start: Factors | None, progress: Progress) -> tuple[Floats, Floats]:
        """Both sides as the first iteration finds them."""
        settings, shape = self.settings, self.by_user.shape
        if start is None and settings.start == "spectral":
            users, items = (np.empty((rows, settings.k), np.float32) for rows in shape)
            both = self.by_user, self.by_item
            spectral_factors(both, users, items, seed=settings.seed, engine=self.engine, progress=_starting(progress))
            return users, items
        factors = None if start is None else (start.user_factors, start.item_factors)
        return first_factors(*shape, k=settings.k, seed=settings.seed, start=factors)

    def iterate(self, told: Callable[[float], None]) -> None:
        """Move the users, then the items."""
        self.iteration += 1
        if self.iteration == _ORDERED_FROM:
            self._put_popular_first()
        relaxation = 1.0 if self.iteration == 1 else self._relaxation
        before = self._half("users", relaxation, lambda _, share: told(share / 2))
        if self.iteration > 1:
            self.losses.append(before)
        self._half("items", min(relaxation, self._relaxation), lambda _, share: told(0.5 + share / 2))

    def measure(self) -> None:
        """Add the last iteration's loss: a half step without a step."""
        self.losses.append(self._half("users", 0.0, silent))

    def result(self, users: Floats, items: Floats, basis: Doubles) -> Factors:
        """Factors of the run, or a copy of them in the caller's order, turned into the basis they began in."""
        if not np.array_equal(basis, np.eye(len(basis))):
            self.engine.rotate(users, np.ascontiguousarray(basis.T))
            self.engine.rotate(items, np.ascontiguousarray(basis.T))
        return Factors(users, items, tuple(self.losses), self.iteration)

    def in_order(self, items: Floats) -> Floats:
        """Item factors in the caller's order."""
        if self.order is None:
            return items
        ordered = np.empty_like(items)
        ordered[self.order] = items
        return ordered

    def _put_popular_first(self) -> None:
        """Put the items in order of popularity from here on.

        Items that stand nearly in order already, as a snapshot's do, are left as they are: it is their first sixteenth
        that matters, and whether it holds nine tenths of the interactions that it could.
        """
        counts = self.by_user.column_counts
        order = np.argsort(-counts, kind="stable")
        head = max(1, len(order) // 16)
        if int(counts[:head].sum()) >= 0.9 * int(counts[order[:head]].sum()):
            return
        del self.by_item  # there is no need to hold three of them
        self.by_user, self.by_item = _renamed(self.by_user, order, self.engine)
        self.items, self.order = np.ascontiguousarray(self.items[order]), order

    def _half(self, side: str, relaxation: float, progress: Progress) -> float:
        matrix, solved, fixed = (
            (self.by_user, self.users, self.items) if side == "users" else (self.by_item, self.items, self.users)
        )
        settings = self.settings
        # Where nothing is moved, nothing need be solved.
        steps = Steps(settings.method, settings.cg_steps, relaxation) if relaxation else Steps("cg", 0, 0.0)
        try:
            done = self.engine.half_step(solved, fixed, matrix=matrix, ridge=self.ridge, steps=steps, progress=progress)
        except Refused as refusal:
            if refusal.code != "factors_invalid":
                raise
            raise _diverged(self.iteration) from refusal  # they were finite when the training began
        self.basis = self.basis @ done.basis
        self._heed(done)
        return done.loss

    def _heed(self, done: HalfStep) -> None:
        """Stop over-relaxing if the objective rose since the half step before."""
        if not np.isfinite(done.loss):
            raise _diverged(self.iteration)
        if done.loss > self._objective * (1 + _RISE):
            self._relaxation = 1.0
        self._objective = done.loss


class _Best:
    """What the judge said, and the factors it liked best."""

    def __init__(self, judge: Judge | None, settings: AlsSettings) -> None:
        self._judge, self._settings = judge, settings
        self._judged: list[tuple[int, float]] = []
        self._kept: tuple[int, Floats, Floats, Doubles] | None = None

    def is_enough(self, run: _Run) -> bool:
        """Ask the judge when it is time to; whether nothing better is to be expected."""
        every, last = self._settings.judge_every, self._settings.iterations
        if self._judge is None or (run.iteration % every and run.iteration != last):
            return False
        score = float(self._judge(Factors(run.users, run.in_order(run.items), tuple(run.losses), run.iteration)))
        is_better = score > self._best_score()
        self._judged.append((run.iteration, score))
        if is_better:
            # The last iteration's factors need no copy: nothing changes them any more.
            self._kept = None if run.iteration == last else _copied(run)
        return self._since_best() >= self._settings.patience

    def of(self, run: _Run) -> Factors:
        """The best factors of a run, or its last if nobody judged them."""
        if self._kept is None or self._kept[0] == run.iteration:
            learnt = run.result(run.users, run.in_order(run.items), run.basis)
        else:
            iteration, users, items, basis = self._kept
            learnt = replace(run.result(users, items, basis), iteration=iteration)
        return replace(learnt, judged=tuple(self._judged))

    def _best_score(self) -> float:
        return max((score for _, score in self._judged), default=-np.inf)

    def _since_best(self) -> int:
        scores = [score for _, score in self._judged]
        return len(scores) - 1 - scores.index(max(scores))


def _copied(run: _Run) -> tuple[int, Floats, Floats, Doubles]:
    return run.iteration, run.users.copy(), np.array(run.in_order(run.items)), run.basis


def _renamed(matrix: Matrix, order: NDArray[np.intp], engine: Engine) -> tuple[Matrix, Matrix]:
    """The weights by user and by item, items in another order."""
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    # Renamed, a row's columns no longer ascend; a transposition does not mind, and a second one puts them in order.
    renamed = Matrix.trusted(matrix.indptr, place[matrix.indices], matrix.data, columns=matrix.columns)
    by_item = engine.transpose(renamed)
    return engine.transpose(by_item), by_item


def mean_weight(weights: Matrix) -> float:
    """`ᾱ`, the mean of the weights there are."""
    return float(weights.data.mean(dtype=np.float64)) if weights.nnz else 0.0


def _starting(progress: Progress) -> Progress:
    return lambda _, __: progress("starting", 0.0)


def _within(progress: Progress, iteration: int, iterations: int) -> Callable[[float], None]:
    return lambda share: progress(f"iteration {iteration} of {iterations}", (iteration - 1 + share) / iterations)


def _diverged(iteration: int) -> Refused:
    return Refused(
        "training_diverged",
        f"The objective is no longer finite in iteration {iteration}: the weights are too large for float32.",
        field="als.alpha",
        fix="Lower alpha, or raise the regularization.",
    )


def loss(weights: Matrix, user_factors: Floats, item_factors: Floats, *, settings: AlsSettings) -> float:
    """The objective `L` of the module's docstring, in float64: O(nnz k + (users + items) k²) time.

    Args:
        weights: `(n_users, n_items)`.
        user_factors: `(n_users, k)`.
        item_factors: `(n_items, k)`.
        settings: Resolved.
    """
    ridge = settings.ridge(mean_weight(weights))
    return objective(user_factors, item_factors, matrix=weights, ridge=ridge)
