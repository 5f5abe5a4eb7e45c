"""What every engine promises about retrieval: exactly the best, in order, whatever the numbers and the conditions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from tacit.errors import Refused
from tacit.models.recommender.engines.interfaces import Bonus, Engine, Found
from tacit.models.recommender.engines.matrix import Matrix
from tests.engines import ENGINES, best_by_hand, from_dense, random_factors, running, whole_factors

SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with threadpool_limits(1, user_api="blas"), running(request.param) as engine:
        yield engine


def pairs(found: Found) -> list[tuple[int, float]]:
    """What was found as plain values, its types checked on the way."""
    assert (found.items.dtype, found.scores.dtype) == (np.int32, np.float32)
    return list(zip(found.items.tolist(), found.scores.tolist(), strict=True))


def some_of(generator: np.random.Generator, n: int, share: float) -> np.ndarray:
    return np.flatnonzero(generator.random(n) < share).astype(np.int32)


def some_bonus(generator: np.random.Generator, n: int, share: float) -> Bonus:
    items = some_of(generator, n, share)
    return Bonus(items, generator.integers(-200, 201, len(items)).astype(np.float32))


@settings(max_examples=20, deadline=None)
@given(case=whole_factors(), count=st.integers(1, 200))
def test_the_best_are_found_in_order_equals_by_position(
    engine: Engine, case: tuple[np.ndarray, np.ndarray], count: int
) -> None:
    items, query = case

    assert pairs(engine.index(items).search(query, count)) == best_by_hand(items @ query, count)


@settings(max_examples=20, deadline=None)
@given(
    case=whole_factors(),
    count=st.integers(1, 40),
    seed=SEEDS,
    barred=st.sampled_from([None, 0.0, 0.1, 0.9, 1.0]),
    passing=st.sampled_from([None, 0.0, 0.05, 0.5, 1.0]),
    boosted=st.sampled_from([None, 0.0, 0.1, 1.0]),
)
def test_exclusions_filters_and_bonuses_hold_together(
    engine: Engine,
    case: tuple[np.ndarray, np.ndarray],
    count: int,
    seed: int,
    barred: float | None,
    passing: float | None,
    boosted: float | None,
) -> None:
    items, query = case
    generator = np.random.default_rng(seed)
    index, n = engine.index(items), len(items)
    excluded = np.empty(0, np.int32) if barred is None else some_of(generator, n, barred)
    excluded = np.concatenate((excluded[::-1], excluded[:3]))
    mask = None if passing is None else generator.random(n) < passing
    bonus = None if boosted is None else some_bonus(generator, n, boosted)

    found = index.search(
        query,
        count,
        excluded=None if barred is None else excluded,
        only=None if mask is None else index.filter(mask),
        bonus=bonus,
    )

    assert pairs(found) == best_by_hand(items @ query, count, excluded=excluded, mask=mask, bonus=bonus)


@settings(max_examples=20, deadline=None)
@given(case=whole_factors(), seed=SEEDS, queries=st.integers(0, 20), conditions=st.booleans())
def test_many_queries_find_what_each_finds_alone(
    engine: Engine, case: tuple[np.ndarray, np.ndarray], seed: int, queries: int, conditions: bool
) -> None:
    items, query = case
    generator = np.random.default_rng(seed)
    index, n = engine.index(items), len(items)
    asked = np.stack([query * generator.integers(-1, 3) for _ in range(queries)] or [query])[:queries]
    counts = generator.integers(1, 30, queries).astype(np.int32)
    excluded = from_dense(generator.random((queries, n)) < 0.2)
    bonus = from_dense(generator.integers(-50, 51, (queries, n)) * (generator.random((queries, n)) < 0.2))
    only = index.filter(generator.random(n) < 0.6)
    given = {"excluded": excluded, "bonus": bonus, "only": only} if conditions else {}

    lists = index.search_many(asked, counts, **given)

    assert lists.items.shape == lists.scores.shape == (queries, max(counts.tolist(), default=0))
    for row in range(queries):
        alone = index.search(
            asked[row],
            int(counts[row]),
            excluded=excluded.part(slice(row, row + 1)).indices if conditions else None,
            bonus=bonus_of(bonus, row) if conditions else None,
            only=only if conditions else None,
        )
        found = len(alone.items)
        assert lists.items[row].tolist() == alone.items.tolist() + [-1] * (lists.items.shape[1] - found)
        assert lists.scores[row, :found].tolist() == alone.scores.tolist()
        assert (lists.scores[row, found:] == -np.inf).all()


def bonus_of(matrix: Matrix, row: int) -> Bonus:
    alone = matrix.part(slice(row, row + 1))
    return Bonus(alone.indices, alone.data)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 3_000), k=st.sampled_from([1, 5, 16, 40, 64, 128]), count=st.integers(1, 60))
def test_scores_of_any_numbers_are_right_to_five_digits(engine: Engine, seed: int, n: int, k: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    items = random_factors(seed % 1_000, (n, k)) * generator.pareto(1.2, (n, 1)).astype(np.float32)
    query = generator.normal(size=k).astype(np.float32)
    exact = items.astype(np.float64) @ query
    slack = 1e-5 * np.linalg.norm(items, axis=1) * np.linalg.norm(query) + 1e-30

    found = engine.index(items).search(query, count)

    assert (np.abs(found.scores - exact[found.items]) <= slack[found.items]).all()
    assert (np.diff(found.scores) <= 0).all()
    missed = np.setdiff1d(np.arange(n), found.items)
    assert len(found.items) == min(n, count)
    assert (exact[missed] - slack[missed] <= found.scores[-1]).all()


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, n=st.integers(2, 400), k=st.sampled_from([3, 16, 31, 64, 100]))
def test_equal_items_score_equally_wherever_they_stand(engine: Engine, seed: int, n: int, k: int) -> None:
    generator = np.random.default_rng(seed)
    kinds = generator.normal(size=(max(1, n // 10), k)).astype(np.float32)
    kind = generator.integers(0, len(kinds), n)
    query = generator.normal(size=k).astype(np.float32)

    found = engine.index(np.ascontiguousarray(kinds[kind])).search(query, n)

    scores = {int(kind[item]): score for item, score in pairs(found)}
    assert found.scores.tolist() == [scores[int(kind[item])] for item in found.items]
    assert found.items.tolist() == sorted(range(n), key=lambda item: (-scores[int(kind[item])], item))


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, count=st.integers(1, 50))
def test_batches_and_conditions_change_no_digit_of_a_score(engine: Engine, seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    index = engine.index(generator.normal(size=(500, 40)).astype(np.float32))
    queries = generator.normal(size=(30, 40)).astype(np.float32)
    everything = index.filter(np.ones(500, bool))

    lists = index.search_many(queries, count)

    for row, query in enumerate(queries):
        alone = index.search(query, count, only=everything, excluded=np.empty(0, np.int32))
        assert lists.items[row].tolist() == alone.items.tolist()
        assert lists.scores[row].tobytes() == alone.scores.tobytes()


@settings(max_examples=15, deadline=None)
@given(case=whole_factors(most_items=4_000), count=st.integers(1, 1_000), seed=SEEDS)
def test_large_catalogues_are_searched_as_exactly(
    engine: Engine, case: tuple[np.ndarray, np.ndarray], count: int, seed: int
) -> None:
    items, query = case
    generator = np.random.default_rng(seed)
    excluded, mask = some_of(generator, len(items), 0.3), generator.random(len(items)) < 0.1
    index = engine.index(items)

    assert pairs(index.search(query, count, excluded=excluded)) == best_by_hand(items @ query, count, excluded=excluded)
    assert pairs(index.search(query, count, only=index.filter(mask))) == best_by_hand(items @ query, count, mask=mask)


def test_positions_and_queries_of_wider_types_are_taken(engine: Engine) -> None:
    items = np.diag(np.arange(1, 9)).astype(np.float32)
    index = engine.index(items)

    found = index.search(
        np.ones(8), np.int64(3), excluded=np.array([7, 7, 2]), bonus=Bonus(np.array([0]), np.array([100.0]))
    )  # type: ignore[arg-type]

    assert pairs(found) == [(0, 101.0), (6, 7.0), (5, 6.0)]


def test_every_item_excluded_leaves_an_empty_list(engine: Engine) -> None:
    index = engine.index(random_factors(1, (300, 8)))

    assert pairs(index.search(np.ones(8, np.float32), 10, excluded=np.arange(300, dtype=np.int32))) == []
    assert pairs(index.search(np.ones(8, np.float32), 10, only=index.filter(np.zeros(300, bool)))) == []


def test_a_filter_knows_how_many_it_lets_pass(engine: Engine) -> None:
    index = engine.index(random_factors(1, (300, 8)))
    mask = np.arange(300) % 3 == 0

    prepared = index.filter(mask)
    mask[:] = True

    assert prepared.allowed == 100
    assert len(index.search(np.ones(8, np.float32), 1_000, only=prepared).items) == 100


@pytest.mark.parametrize("n", [0, 1, 999, 1_001, 3_000])
def test_a_thousand_may_be_asked_of_any_catalogue(engine: Engine, n: int) -> None:
    items = np.random.default_rng(n).integers(-9, 10, (n, 12)).astype(np.float32)
    query = np.arange(-6, 6).astype(np.float32)

    assert pairs(engine.index(items).search(query, 1_000)) == best_by_hand(items @ query, 1_000)


def test_norms_at_the_edge_of_float32_are_ordered(engine: Engine) -> None:
    items = np.array([[2.0**62, 0], [2.0**60, 2.0**60], [-(2.0**62), 0], [2.0**-60, 0], [0, 0]], np.float32)

    found = engine.index(items).search(np.array([2.0**62, 0], np.float32), 5)

    assert pairs(found) == [(0, 2.0**124), (1, 2.0**122), (3, 4.0), (4, 0.0), (2, -(2.0**124))]


def test_factors_are_kept_by_reference_and_never_written(engine: Engine) -> None:
    factors = random_factors(1, (1_000, 16))
    factors.flags.writeable = False

    index = engine.index(factors)
    index.search(factors[3], 10)

    assert 0 <= index.memory_bytes < 3 * factors.nbytes


QUERY = np.ones(4, np.float32)
GOOD = {"query": QUERY, "count": 3}


@pytest.mark.parametrize(
    "asked",
    [
        {"query": np.ones(5, np.float32)},
        {"query": np.ones((1, 4), np.float32)},
        {"query": np.array([1, np.nan, 0, 0], np.float32)},
        {"query": np.array([1, np.inf, 0, 0], np.float32)},
        {"query": np.full(4, 1e30, np.float32)},
        {"count": 0},
        {"count": -1},
        {"count": 1_001},
        {"excluded": np.array([20], np.int32)},
        {"excluded": np.array([-1], np.int32)},
        {"bonus": Bonus(np.array([20], np.int32), np.ones(1, np.float32))},
        {"bonus": Bonus(np.array([-1], np.int32), np.ones(1, np.float32))},
        {"bonus": Bonus(np.array([3, 2], np.int32), np.ones(2, np.float32))},
        {"bonus": Bonus(np.array([3, 3], np.int32), np.ones(2, np.float32))},
        {"bonus": Bonus(np.array([3, 4], np.int32), np.ones(1, np.float32))},
        {"bonus": Bonus(np.array([3], np.int32), np.array([np.nan], np.float32))},
        {"bonus": Bonus(np.array([3], np.int32), np.array([np.inf], np.float32))},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(engine: Engine, asked: dict[str, object]) -> None:
    index = engine.index(random_factors(1, (20, 4)))

    with pytest.raises(Refused) as refused:
        index.search(**(GOOD | asked))  # type: ignore[arg-type]

    assert refused.value.code == "query_invalid"


@pytest.mark.parametrize(
    "asked",
    [
        {"queries": np.ones((2, 5), np.float32)},
        {"queries": np.array([[1, 1, 1, 1], [1, np.nan, 1, 1]], np.float32)},
        {"counts": 0},
        {"counts": np.array([1, 1_001], np.int32)},
        {"counts": np.array([1, 1, 1], np.int32)},
        {"excluded": from_dense(np.ones((2, 19)))},
        {"excluded": from_dense(np.ones((3, 20)))},
        {"bonus": from_dense(np.ones((1, 20)))},
        {"bonus": from_dense(np.full((2, 20), 3e38))},
    ],
)
def test_many_questions_that_make_no_sense_are_refused(engine: Engine, asked: dict[str, object]) -> None:
    index = engine.index(random_factors(1, (20, 4)))

    with pytest.raises(Refused) as refused:
        index.search_many(**({"queries": np.ones((2, 4), np.float32), "counts": 3} | asked))  # type: ignore[arg-type]

    assert refused.value.code == "query_invalid"


@settings(max_examples=12, deadline=None)
@given(seed=SEEDS, wanted=st.integers(0, 40), boosted=st.sampled_from([None, 0.0, 0.2, 1.0]))
def test_the_scores_of_single_items_are_those_of_the_search(
    engine: Engine, seed: int, wanted: int, boosted: float | None
) -> None:
    generator = np.random.default_rng(seed)
    index = engine.index(random_factors(seed, (60, 7)))
    query = generator.normal(size=7).astype(np.float32)
    bonus = None if boosted is None else some_bonus(generator, 60, boosted)
    by_item = dict(pairs(index.search(query, 60, bonus=bonus)))
    some = generator.permutation(60)[:wanted].astype(np.int32)

    assert index.products(query, some, bonus=bonus).tolist() == [by_item[item] for item in some.tolist()]


@pytest.mark.parametrize("mask", [np.ones(19, bool), np.ones(20, np.int8), np.ones((20, 1), bool)])
def test_a_mask_that_is_not_one_word_an_item_is_refused(engine: Engine, mask: np.ndarray) -> None:
    with pytest.raises(Refused) as refused:
        engine.index(random_factors(1, (20, 4))).filter(mask)

    assert refused.value.code == "query_invalid"


def test_a_filter_of_another_index_is_refused(engine: Engine) -> None:
    factors = random_factors(1, (20, 4))
    foreign = engine.index(factors).filter(np.ones(20, bool))
    index = engine.index(factors)

    for ask in (
        lambda: index.search(QUERY, 3, only=foreign),
        lambda: index.search_many(QUERY[None], 3, only=foreign),
    ):
        with pytest.raises(Refused) as refused:
            ask()
        assert refused.value.code == "query_invalid"


@pytest.mark.parametrize(
    "factors",
    [
        np.array([[1, np.nan]], np.float32),
        np.array([[1, 2], [np.inf, 0]], np.float32),
        np.array([[1, 2], [1e30, 0]], np.float32),
        np.ones((3, 2), np.float64),
        np.ones(3, np.float32),
        np.ones((3, 0), np.float32),
        np.ones((3, 4), np.float32)[:, ::2],
    ],
)
def test_factors_that_cannot_be_ranked_are_refused(engine: Engine, factors: np.ndarray) -> None:
    with pytest.raises(Refused) as refused:
        engine.index(factors)

    assert refused.value.code == "factors_invalid"
