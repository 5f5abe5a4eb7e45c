"""What the native neighbours promise beyond the contract of all engines: the same bits however the work is shared."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import sparse

from tacit.errors import Refused
from tacit.models.recommender.engines.matrix import Matrix

_native = pytest.importorskip("tacit._native", reason="the native extension was not built")

from tacit.models.recommender.engines import native_neighbours  # noqa: E402


def met_at_random(seed: int, users: int = 400, items: int = 150, *, density: float = 0.06) -> Matrix:
    """Who met what, with popular items first."""
    generator = np.random.default_rng(seed)
    chance = density * 2 * np.linspace(1, 0, items)
    return Matrix.of(sparse.csr_array((generator.random((users, items)) < chance).astype(np.float32)))


def transposed(matrix: Matrix) -> Matrix:
    return Matrix.of(matrix.scipy().T.tocsr())


def found_for(matrix: Matrix, *, keep: int = 20, threads: int = 1, seed: int = 5, **more: object) -> Matrix:
    generator = np.random.default_rng(seed)
    draw = lambda n: generator.uniform(0.1, 3, n).astype(np.float32)  # noqa: E731
    return native_neighbours.neighbours(
        matrix,
        transposed(matrix),
        user_weights=draw(matrix.rows),
        source_scales=draw(matrix.columns),
        target_scales=draw(matrix.columns),
        keep=keep,
        threads=threads,
        **more,  # type: ignore[arg-type]
    )


def same_bits(one: Matrix, other: Matrix) -> bool:
    return (
        np.array_equal(one.indptr, other.indptr)
        and np.array_equal(one.indices, other.indices)
        and np.array_equal(one.data.view(np.uint32), other.data.view(np.uint32))
    )


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_neighbours_have_the_same_bits_for_any_number_of_threads(threads: int) -> None:
    matrix = met_at_random(1)

    assert same_bits(found_for(matrix, threads=threads), found_for(matrix))


def test_neighbours_have_the_same_bits_on_every_instruction_set() -> None:
    matrix, before = met_at_random(2), _native.isa()
    found = []
    try:
        for isa in _native.available():
            _native.use_isa(isa)
            found.append(found_for(matrix))
    finally:
        _native.use_isa(before)

    assert all(same_bits(found[0], other) for other in found[1:])


@pytest.mark.parametrize(("work", "slots"), [(1, 10**9), (10**9, 1), (700, 300)])
def test_neighbours_have_the_same_bits_in_portions_of_any_size(
    monkeypatch: pytest.MonkeyPatch, work: int, slots: int
) -> None:
    matrix = met_at_random(3)
    whole = found_for(matrix)
    monkeypatch.setattr(native_neighbours, "_PORTION_WORK", work)
    monkeypatch.setattr(native_neighbours, "_PORTION_SLOTS", slots)

    assert same_bits(found_for(matrix), whole)


def test_products_have_the_same_bits_for_any_number_of_threads_and_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    histories, rows = met_at_random(4), found_for(met_at_random(5))
    whole = native_neighbours.weighted_rows(histories, rows, threads=1)
    monkeypatch.setattr(native_neighbours, "_PORTION_WORK", 900)

    assert same_bits(native_neighbours.weighted_rows(histories, rows, threads=3), whole)


def test_one_history_gets_what_it_gets_among_many() -> None:
    histories, rows = met_at_random(6), found_for(met_at_random(5))
    together = native_neighbours.weighted_rows(histories, rows, threads=2)

    for row in range(0, histories.rows, 37):
        alone = native_neighbours.weighted_rows(histories.part(slice(row, row + 1)), rows, threads=2)
        assert same_bits(alone, together.part(slice(row, row + 1)))


def test_what_cancels_out_is_there_with_zero() -> None:
    rows = Matrix.of(sparse.csr_array(np.array([[0, 1, 2], [0, -1, 0], [0, 0, 0]], np.float32)))
    histories = Matrix.of(sparse.csr_array(np.array([[1, 1, 1]], np.float32)))

    found = native_neighbours.weighted_rows(histories, rows, threads=1)

    assert found.indices.tolist() == [1, 2]
    assert found.data.tolist() == [0, 2]


def test_scratch_that_is_used_again_holds_nothing_of_the_last_call() -> None:
    wide, narrow = found_for(met_at_random(7, items=300)), found_for(met_at_random(8, items=40))
    histories = met_at_random(9, users=5, items=40, density=0.3)
    expected = histories.scipy() @ narrow.scipy()

    for _ in range(3):
        native_neighbours.weighted_rows(met_at_random(9, users=9, items=300), wide, threads=2)
        found = native_neighbours.weighted_rows(histories, narrow, threads=2)
        np.testing.assert_allclose(found.scipy().toarray(), expected.toarray(), rtol=1e-6)


def test_callers_in_many_threads_do_not_share_scratch() -> None:
    rows = found_for(met_at_random(5))
    histories = [met_at_random(seed, users=50) for seed in range(16)]
    alone = [native_neighbours.weighted_rows(each, rows, threads=1) for each in histories]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda each: native_neighbours.weighted_rows(each, rows, threads=2), histories * 8))

    assert all(same_bits(found, alone[at % 16]) for at, found in enumerate(together))


def test_whoever_says_stop_is_heard_between_two_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_neighbours, "_PORTION_WORK", 1_000)
    told: list[float] = []

    def stop_at_half(step: str, share: float) -> None:
        told.append(share)
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        found_for(met_at_random(1), progress=stop_at_half)

    assert 0.5 < told[-1] < 1


def test_similarities_beyond_float32_are_refused_rather_than_kept_as_infinite() -> None:
    matrix = met_at_random(1)
    large = np.full(matrix.columns, 1e38, np.float32)

    with pytest.raises(Refused, match="beyond float32"):
        native_neighbours.neighbours(
            matrix,
            transposed(matrix),
            user_weights=np.ones(matrix.rows, np.float32),
            source_scales=large,
            target_scales=large,
            keep=3,
            threads=1,
        )


def test_similarities_too_small_for_float32_are_no_neighbours() -> None:
    matrix = met_at_random(1)
    small = np.full(matrix.columns, 1e-30, np.float32)
    found = native_neighbours.neighbours(
        matrix,
        transposed(matrix),
        user_weights=np.ones(matrix.rows, np.float32),
        source_scales=small,
        target_scales=small,
        keep=3,
        threads=1,
    )

    assert found.nnz == 0


@pytest.mark.requirement("TRAIN-012")
def test_python_sets_aside_no_more_than_the_result_can_hold() -> None:
    matrix, keep = met_at_random(1, users=3_000, items=600), 10
    by_item = transposed(matrix)
    ones = np.ones(3_000, np.float32)
    tracemalloc.start()
    native_neighbours.neighbours(
        matrix, by_item, user_weights=ones, source_scales=ones[:600], target_scales=ones[:600], keep=keep, threads=2
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 600 * keep * 8 * 2 + 100_000  # a dense product would take 1,440,000
