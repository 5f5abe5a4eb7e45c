"""One source, three instruction sets: whichever is forced, through the engine, the answers are the same."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from tacit.models.recommender.engines.interfaces import Found, Steps
from tests.engines import RIDGE, random_factors, random_matrix, running

native = pytest.importorskip("tacit._native", reason="the native extension was not built", exc_type=ImportError)

LESSER = ("avx2", "baseline")
"""The sets that a processor with AVX-512 would not choose by itself."""


def trained(isa: str) -> np.ndarray:
    """The products of factors after three iterations of conjugate gradients."""
    matrix = random_matrix(7, (300, 200), density=0.1)
    users, items = random_factors(1, (300, 48)), random_factors(2, (200, 48))
    with running(f"native {isa}") as engine:
        turned = engine.transpose(matrix)
        for _ in range(3):
            engine.half_step(users, items, matrix=matrix, ridge=RIDGE, steps=Steps("cg", 2))
            engine.half_step(items, users, matrix=turned, ridge=RIDGE, steps=Steps("cg", 2))
    return users @ items.T


def folded_in(isa: str) -> np.ndarray:
    with running(f"native {isa}") as engine:
        return engine.solve(
            engine.fixed_side(random_factors(3, (500, 64)), RIDGE), random_matrix(4, (40, 500), density=0.1)
        )


def found(isa: str) -> list[Found]:
    """Lists over factors with many near-equal scores, where one differing bit would change the order."""
    factors = np.round(random_factors(5, (5_000, 96)), 1)
    queries = np.round(random_factors(6, (20, 96)), 1)
    with running(f"native {isa}") as engine:
        index = engine.index(factors)
        return [index.search(query, 100) for query in queries]


def ran(code: str, **environment: str) -> str:
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return told.stdout.strip()


@pytest.mark.parametrize("isa", LESSER)
def test_retrieval_agrees_to_the_bit_on_every_instruction_set(isa: str) -> None:
    best = found(native.available()[-1])

    lesser = found(isa)

    assert [one.items.tolist() for one in lesser] == [one.items.tolist() for one in best]
    assert [one.scores.tobytes() for one in lesser] == [one.scores.tobytes() for one in best]


@pytest.mark.parametrize("isa", LESSER)
def test_training_agrees_to_rounding_on_every_instruction_set(isa: str) -> None:
    np.testing.assert_allclose(trained(isa), trained(native.available()[-1]), atol=2e-3)


@pytest.mark.parametrize("isa", LESSER)
def test_fold_in_agrees_to_rounding_on_every_instruction_set(isa: str) -> None:
    np.testing.assert_allclose(folded_in(isa), folded_in(native.available()[-1]), atol=1e-4)


@pytest.mark.parametrize("isa", ["avx512", *LESSER])
def test_the_environment_forces_the_instruction_set(isa: str) -> None:
    if isa not in native.available():
        pytest.skip(f"this processor or build has no {isa}")

    assert ran("from tacit import _native; print(_native.isa())", TACIT_ISA=isa) == isa


def test_an_instruction_set_nobody_knows_leaves_the_best_one() -> None:
    assert ran("from tacit import _native; print(_native.isa())", TACIT_ISA="mmx") == native.available()[-1]


def test_forcing_what_the_processor_lacks_is_refused_and_changes_nothing() -> None:
    before = native.isa()

    with pytest.raises(ValueError, match="no mmx"):
        native.use_isa("mmx")

    assert native.isa() == before
