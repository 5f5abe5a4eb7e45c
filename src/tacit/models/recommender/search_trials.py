"""One trial of a search: factors trained on the fold's training part, judged every few iterations, best one kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

from tacit.data.interfaces import Progress, silent
from tacit.models.recommender.als import AlsSettings, train
from tacit.models.recommender.blend_choice import Cases
from tacit.models.recommender.confidence import Confidence
from tacit.models.recommender.engines.interfaces import Engine, Floats
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.factor_lister import FactorLister, weighted
from tacit.models.recommender.popularity import Popularity
from tacit.models.recommender.search_space import Point, equal_strength, regularization_of, shrinkage
from tacit.models.recommender.validation_fold import CUTOFF, ValidationFold

MOST_ITERATIONS = 16
"""With over-relaxation the best iteration lay from the 4th to the 14th on every set we looked at."""

JUDGED_EVERY = 2


@dataclass(frozen=True)
class Trial:
    """What was tried, and what it came to.

    Attributes:
        stage: Which part of the search asked for it.
        factors: `k`.
        alpha: Mean weight of an observation.
        regularization: `λ`.
        frequency_exponent: `ν`.
        iterations: The best iteration.
        ndcg: Mean NDCG@20 on the fold there.
        seconds: How long it took, judging included.
        voice: Kind of the second voice, where there is one.
        parameters: The second voice's.
        weight: The second voice's.
    """

    stage: str
    factors: int
    alpha: float
    regularization: float
    frequency_exponent: float
    iterations: int
    ndcg: float
    seconds: float
    voice: str | None = None
    parameters: Mapping[str, float] | None = None
    weight: float = 0.0

    def as_dict(self) -> dict[str, object]:
        """As plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Tried:
    """A trial of factors, with what it learnt.

    Attributes:
        trial: The numbers.
        point: The same settings relative to the density rule.
        settings: What trains the same again: resolved, as many iterations as were best.
        item_factors: `(n_items, k)`, of the best iteration.
    """

    trial: Trial
    point: Point
    settings: AlsSettings
    item_factors: Floats


@dataclass(frozen=True)
class Ground:
    """What all trials of a search share.

    Attributes:
        fold: Learnt from and judged by.
        values: The fold's training part.
        engine: Runs the algebra.
        settings: What is not searched: the curve, the seed, the solver.
    """

    fold: ValidationFold
    values: Matrix
    engine: Engine
    settings: AlsSettings

    def popularity(self) -> float:
        """Mean NDCG@20 of the list everyone would get."""
        lists = Popularity.fit(self.fold.training, ("",) * self.values.columns).lists(self.fold.seen, CUTOFF)
        return float(self.fold.ndcg(lists).mean())

    def resolved(self, point: Point, factors: int) -> AlsSettings:
        """A point as settings: the density rule's values times the point's."""
        rule = replace(self.settings, alpha=None, regularization=None, factors=factors).resolved(self.values)
        chosen = replace(rule, alpha=(rule.alpha or 0.0) * point.alpha, frequency_exponent=point.frequency_exponent)
        before, after = (self._confidence(each).mean_weight for each in (rule, chosen))
        density = self.values.nnz / (self.values.rows * self.values.columns)
        rho = shrinkage(rule.regularization or 0.0, mean_weight=before, density=density) * point.strength
        regularization = equal_strength(
            regularization_of(rho, mean_weight=after, density=density),
            point.frequency_exponent,
            mean_weight=after,
            counts=(self.values.counts, self.values.column_counts),
        )
        return replace(chosen, regularization=regularization)

    def trained(
        self,
        point: Point,
        factors: int,
        *,
        stage: str,
        progress: Progress = silent,
        clock: Callable[[], float] = time.monotonic,
    ) -> Tried:
        """Train at a point, judged every other iteration, until the fold says that it gets no better."""
        started = clock()
        settings = replace(
            self.resolved(point, factors), iterations=MOST_ITERATIONS, judge_every=JUDGED_EVERY, patience=2
        )
        learnt = train(
            weighted(self.values, self._confidence(settings)),
            settings,
            self.engine,
            judge=lambda factors: self._ndcg(factors.item_factors, settings),
            progress=progress,
        )
        trial = Trial(
            stage=stage,
            factors=settings.k,
            alpha=settings.alpha or 0.0,
            regularization=settings.regularization or 0.0,
            frequency_exponent=settings.frequency_exponent,
            iterations=learnt.iteration,
            ndcg=max(score for _, score in learnt.judged),
            seconds=clock() - started,
        )
        return Tried(trial, point, replace(settings, iterations=learnt.iteration), learnt.item_factors)

    def cases(self, tried: Tried) -> Cases:
        """The judged users under some factors, to choose a second voice by."""
        users = self._lister(tried.item_factors, tried.settings).folded(self.fold.seen)
        return Cases(users, self.fold.seen, Matrix.of(self.fold.wanted))

    def _ndcg(self, item_factors: Floats, settings: AlsSettings) -> float:
        """Mean NDCG@20 of the judged users, folded in as serving would."""
        lists = self._lister(item_factors, settings).lists(self.fold.seen, CUTOFF)
        return float(self.fold.ndcg(lists).mean())

    def _lister(self, item_factors: Floats, settings: AlsSettings) -> FactorLister:
        return FactorLister.of_factors(item_factors, settings, self._confidence(settings), engine=self.engine)

    def _confidence(self, settings: AlsSettings) -> Confidence:
        return Confidence.fitted(settings.curve, settings.alpha or 0.0, self.values.data)
