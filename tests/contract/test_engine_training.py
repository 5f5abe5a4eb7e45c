"""The training loop on every engine: the same optimum, the same bytes whatever the threads, and stopped when asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tacit.errors import Refused
from tacit.models.recommender.als import AlsSettings, loss, train
from tacit.models.recommender.engines.matrix import Matrix
from tests.engines import ENGINES, random_matrix, running

NATIVE = ENGINES[1:]
CHOSEN = AlsSettings(factors=12, iterations=40, alpha=3.0, regularization=0.05, start="random")
"""From random factors, so that forty iterations have all the way to go."""


def weights() -> Matrix:
    return random_matrix(7, (160, 90), density=0.15)


@pytest.fixture(scope="module")
def oracle() -> float:
    """Where the objective ends when every row is solved exactly in NumPy."""
    with running("numpy") as engine:
        return train(weights(), CHOSEN, engine).losses[-1]


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("method", ["cg", "cholesky"])
def test_training_ends_within_a_ten_thousandth_of_the_oracles_objective(name: str, method: str, oracle: float) -> None:
    with running(name) as engine:
        learnt = train(weights(), replace(CHOSEN, method=method), engine)  # type: ignore[arg-type]

    ended = loss(weights(), learnt.user_factors, learnt.item_factors, settings=CHOSEN)
    assert learnt.losses[-1] == pytest.approx(ended, rel=1e-4)
    assert ended <= oracle * (1 + 1e-4)


@pytest.mark.parametrize("name", ENGINES)
def test_no_iteration_raises_the_objective_but_by_rounding(name: str) -> None:
    with running(name) as engine:
        losses = np.array(train(weights(), replace(CHOSEN, iterations=25), engine).losses)

    # Half-precision factors are gathered: near the optimum the objective wavers by some hundred-thousandths.
    assert (losses[1:] <= losses[:-1] * (1 + 1e-4)).all()


@pytest.mark.parametrize("name", NATIVE)
def test_training_gives_the_same_bytes_on_one_thread_and_on_three(name: str) -> None:
    learnt = []
    for threads in (1, 3):
        with running(name, threads) as engine:
            learnt.append(train(weights(), replace(CHOSEN, iterations=5), engine))

    assert learnt[0].item_factors.tobytes() == learnt[1].item_factors.tobytes()
    assert learnt[0].user_factors.tobytes() == learnt[1].user_factors.tobytes()
    assert learnt[0].losses == learnt[1].losses


@pytest.mark.parametrize("name", NATIVE)
def test_weights_too_large_for_float32_end_in_a_refusal_that_names_alpha(name: str) -> None:
    huge = weights().with_data(np.full(weights().nnz, 3e38))

    with running(name) as engine, pytest.raises(Refused) as refusal:
        train(huge, CHOSEN, engine)

    assert (refusal.value.code, refusal.value.field) == ("training_diverged", "als.alpha")


@pytest.mark.parametrize("name", ENGINES)
def test_the_best_factors_are_those_of_that_iteration(name: str) -> None:
    scores = iter([1.0, 2.0, 0.0, 0.0])
    with running(name) as engine:
        best = train(weights(), replace(CHOSEN, iterations=12), engine, judge=lambda _: next(scores))
        fourth = train(weights(), replace(CHOSEN, iterations=4), engine)

    assert best.iteration == 4
    assert np.abs(best.item_factors - fourth.item_factors).max() < 1e-5
