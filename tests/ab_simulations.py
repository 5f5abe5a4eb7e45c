"""Simulated A/B comparisons with a known effect, many at once, looked at again and again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tacit.rollout.ab_statistics import Moments, compare, half_width, share_mismatch

_RUNS_AT_ONCE = 50


@dataclass(frozen=True)
class Trials:
    """What is simulated.

    Attributes:
        effect: By what share the arm's users click more often.
        runs: How many comparisons.
        users: Users of each.
        every: Users between two looks.
        ctr: The mean probability that a list is clicked; users differ about it.
        unlike: How unlike each other users are; larger is more alike.
        history: Lists that each user met before, on average.
        returning: Whether users come back: all are there at the first look, and each look brings more of their lists.
        share: The share of users who end in the arm; half of them are meant to.
    """

    effect: float = 0.0
    runs: int = 1_000
    users: int = 10_000
    every: int = 200
    ctr: float = 0.2
    unlike: float = 4.0
    history: float = 0.0
    returning: bool = False
    share: float = 0.5


@dataclass(frozen=True)
class Looks:
    """Estimates of the relative effect at each look, `(runs, looks)`, and the users of each arm, `(runs, looks, 2)`."""

    estimate: NDArray[np.float64]
    spread: NDArray[np.float64]
    reduction: NDArray[np.float64]
    counts: NDArray[np.float64]

    def covers(self, truth: float, *, expected: float = 0.1, alpha: float = 0.05) -> NDArray[np.bool_]:
        """Whether the interval held the truth at every look, by run."""
        width = half_width(self.spread, expected=expected, alpha=alpha)
        return np.asarray((np.abs(self.estimate - truth) <= width).all(axis=1))

    def stopped(self, limit: float, *, expected: float = 0.1, alpha: float = 0.05) -> NDArray[np.bool_]:
        """Whether some look said that the arm does more harm than that, by run."""
        width = half_width(self.spread, expected=expected, alpha=alpha)
        return np.asarray((self.estimate + width < -limit).any(axis=1))

    def mismatch(self, alpha: float) -> NDArray[np.bool_]:
        """Whether some look said that users are not halved, by run."""
        return np.asarray((share_mismatch(self.counts, np.array([0.5, 0.5])) < alpha).any(axis=1))


def looked_at(trials: Trials, *, seed: int = 1) -> Looks:
    """Simulate, and look: never twice the same users in two runs."""
    generator = np.random.default_rng(seed)
    starts = range(0, trials.runs, _RUNS_AT_ONCE)
    parts = [_some(replace(trials, runs=min(_RUNS_AT_ONCE, trials.runs - start)), generator) for start in starts]
    names = ("estimate", "spread", "reduction", "counts")
    return Looks(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _some(trials: Trials, generator: np.random.Generator) -> Looks:
    is_in_arm = generator.random((trials.runs, trials.users)) < trials.share
    tastes = generator.beta(trials.ctr * trials.unlike, (1 - trials.ctr) * trials.unlike, is_in_arm.shape)
    clicking = np.minimum(tastes * np.where(is_in_arm, 1 + trials.effect, 1.0), 1.0)
    before = generator.poisson(trials.history, is_in_arm.shape)
    known = (generator.binomial(before, tastes) / np.maximum(before, 1), (before > 0).astype(float))
    if trials.returning:
        arms = [_returning(trials, generator, clicking, chosen) for chosen in (~is_in_arm, is_in_arm)]
    else:
        lists = 1 + generator.poisson(2.0, is_in_arm.shape)
        columns = np.stack([generator.binomial(lists, clicking), lists, *known], axis=-1).astype(float)
        arms = [_arriving(trials, columns, chosen) for chosen in (~is_in_arm, is_in_arm)]
    found = compare(*arms)
    return Looks(
        found.relative, found.relative_spread, found.reduction, np.stack([each.users for each in arms], axis=-1)
    )


def _arriving(trials: Trials, columns: NDArray[np.float64], chosen: NDArray[np.bool_]) -> Moments:
    """Each look brings further users."""
    shape = (trials.runs, trials.users // trials.every, trials.every)
    here = chosen.reshape(shape).astype(float)
    parts = columns.reshape(*shape, -1)
    users = here.sum(-1).cumsum(1)
    sums = np.einsum("rlu,rluc->rlc", here, parts).cumsum(1)
    squares = np.matmul((parts * here[..., None]).swapaxes(-1, -2), parts).cumsum(1)
    return _moments(users, sums, squares)


def _returning(
    trials: Trials, generator: np.random.Generator, clicking: NDArray[np.float64], chosen: NDArray[np.bool_]
) -> Moments:
    """Each look brings further lists of the same users."""
    here = chosen.astype(float)
    totals = np.zeros((*chosen.shape, 2))
    looks = []
    for _ in range(trials.users // trials.every):
        lists = generator.poisson(1.0, chosen.shape)
        totals += np.stack([generator.binomial(lists, clicking), lists], axis=-1)
        sums = np.einsum("ru,ruc->rc", here, totals)
        squares = np.matmul((totals * here[..., None]).swapaxes(-1, -2), totals)
        looks.append(_moments(here.sum(-1), sums, squares))
    return Moments(*(np.stack([getattr(look, name) for look in looks], axis=1) for name in Moments.__annotations__))


def _moments(users: NDArray[np.float64], sums: NDArray[np.float64], squares: NDArray[np.float64]) -> Moments:
    mean = sums / users[..., None]
    return Moments(users, mean, squares / users[..., None, None] - mean[..., :, None] * mean[..., None, :])
