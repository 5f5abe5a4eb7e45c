"""Optuna as the sampler of a search: TPE proposes, a pruner gives up; seeded, in memory, our ledger being the record.

The study is asked and told by one thread.  So the same seed and the same answers give the same proposals, on every
machine, and nothing of the study need be kept: a search that goes on tells it from the ledger.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from typing import Literal

import optuna
from optuna.trial import Trial, TrialState

from tacit.models.experiments.exploring import Proposal
from tacit.models.recommender.search_space import Box, Point

LEAST_FACTORS = 8
Pruning = Literal["median", "hyperband", "none"]


class OptunaSampler:
    """A `Sampler` over a study in memory.

    Args:
        seed: Of the sampler.
        most_factors: The longest vectors to try.
        first: What to try first, in order.
        pruning: Who gives trials up: below the median of earlier ones at the same iteration, by successive halving,
            or nobody.
        most_iterations: How far a trial may go, for successive halving.
    """

    def __init__(
        self,
        *,
        seed: int,
        most_factors: int,
        first: Sequence[tuple[Point, int]],
        pruning: Pruning = "median",
        most_iterations: int = 16,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._most = max(1, most_factors)
        self._least = min(LEAST_FACTORS, self._most)
        with _quiet():
            self._study = optuna.create_study(
                direction="maximize",
                sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(5, len(first)), multivariate=True),
                pruner=_pruner(pruning, most_iterations),
            )
            for point, factors in first:
                self._study.enqueue_trial(_values(point, factors))
        self._trials: dict[int, Trial] = {}
        self._heard: dict[tuple[int, int], bool] = {}

    def ask(self) -> Proposal:
        box = Box()
        with _quiet():
            trial = self._study.ask()
            point = Point(
                trial.suggest_float("alpha", *box.alpha, log=True),
                trial.suggest_float("strength", *box.strength, log=True),
                trial.suggest_float("frequency_exponent", 0.5, 1.0),
            )
            factors = trial.suggest_int("factors", self._least, self._most, log=True)
        self._trials[trial.number] = trial
        return Proposal(trial.number, point, factors)

    def is_hopeless(self, number: int, iteration: int, value: float) -> bool:
        heard = (number, iteration)
        if heard not in self._heard:
            trial = self._trials[number]
            with _quiet():
                trial.report(value, iteration)
                self._heard[heard] = trial.should_prune()
        return self._heard[heard]

    def tell(self, number: int, value: float | None) -> None:
        trial = self._trials.pop(number)
        with _quiet():
            if value is None:
                self._study.tell(trial, state=TrialState.PRUNED if self._was_heard(number) else TrialState.FAIL)
            else:
                self._study.tell(trial, value)

    def _was_heard(self, number: int) -> bool:
        return any(heard == number for heard, _ in self._heard)


def _values(point: Point, factors: int) -> dict[str, float]:
    return {
        "alpha": point.alpha,
        "strength": point.strength,
        "frequency_exponent": point.frequency_exponent,
        "factors": factors,
    }


def _pruner(pruning: Pruning, most_iterations: int) -> optuna.pruners.BasePruner:
    if pruning == "none":
        return optuna.pruners.NopPruner()
    if pruning == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=2, max_resource=most_iterations, reduction_factor=2)
    return optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=2)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's notices that a feature is young: they are for whoever chose it, and we did."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
