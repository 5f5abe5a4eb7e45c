"""Native retrieval finds exactly what looking at every product would find, on every instruction set."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.models.recommender.engines.interfaces import Bonus, Filter
from tests.indexes import SHAPES, made, ragged

_native = pytest.importorskip("tacit._native", reason="the extension was not built")
native_index = pytest.importorskip("tacit.models.recommender.engines.native_index")
NativeIndex = native_index.NativeIndex


@pytest.fixture(autouse=True)
def fastest_again() -> Iterator[None]:
    yield
    _native.use_isa(_native.available()[-1])


def indexed(factors: np.ndarray, coarse_bytes: int) -> NativeIndex:
    """An index with four-bit codes too if the eight-bit ones take so many bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native_index, "_COARSE_BYTES", coarse_bytes)
        return NativeIndex(factors)


@dataclass(frozen=True)
class Question:
    query: np.ndarray
    count: int
    excluded: np.ndarray | None = None
    mask: np.ndarray | None = None
    bonus: Bonus | None = None

    def asked(self, index: NativeIndex) -> tuple[np.ndarray, np.ndarray]:
        only = None if self.mask is None else index.filter(self.mask)
        found = index.search(self.query, self.count, excluded=self.excluded, only=only, bonus=self.bonus)
        return found.items, found.scores

    def by_hand(self, products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Look at everything: the best by score, equal scores by position."""
        scores, allowed = products.copy(), np.ones(len(products), bool)
        if self.bonus is not None:
            scores[self.bonus.items] += self.bonus.scores
        if self.excluded is not None:
            allowed[self.excluded] = False
        if self.mask is not None:
            allowed &= self.mask
        positions = np.flatnonzero(allowed)
        best = positions[np.lexsort((positions, -scores[positions]))][: self.count]
        return best.astype(np.int32), scores[best]


@st.composite
def questions(draw: st.DrawFn, n: int, k: int) -> Question:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    query = rng.normal(size=k) * draw(st.sampled_from([1.0, 1.0, 1.0, 0.0, 1e-41, 1e10]))
    if draw(st.booleans()):
        query = np.round(query)
    excluded = mask = bonus = None
    if draw(st.booleans()):
        excluded = rng.integers(0, n, size=draw(st.integers(0, 2 * n))).astype(np.int32) if n else np.empty(0, np.int32)
    if draw(st.booleans()):
        mask = rng.random(n) < draw(st.sampled_from([0.0, 0.05, 0.24, 0.5, 1.0]))
    if draw(st.booleans()):
        items = np.flatnonzero(rng.random(n) < draw(st.sampled_from([0.01, 0.3, 1.0]))).astype(np.int32)
        size = draw(st.sampled_from([0.1, 5.0, 1e4]))
        bonus = Bonus(items, (size * rng.normal(size=len(items))).astype(np.float32))
    count = draw(st.sampled_from([1, 2, 10, 63, 100, 1_000]))
    return Question(query.astype(np.float32), count, excluded, mask, bonus)


@settings(max_examples=50, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_nothing_better_is_ever_missed_whatever_the_numbers(data: st.DataObject, seed: int) -> None:
    n = data.draw(st.sampled_from([0, 1, 2, 63, 64, 65, 300, 1_500]))
    k = data.draw(st.sampled_from([1, 2, 3, 4, 5, 7, 16, 17, 64, 100, 128]))
    factors = made(data.draw(st.sampled_from(SHAPES)), n, k, seed)
    question = data.draw(questions(n, k))
    coarse_bytes = data.draw(st.sampled_from([0, 1 << 60]))
    answers = []
    for isa in _native.available():
        _native.use_isa(isa)
        index = indexed(factors, coarse_bytes)
        expected = question.by_hand(index.products(question.query, np.arange(n, dtype=np.int32)))
        items, scores = question.asked(index)

        np.testing.assert_array_equal(items, expected[0])
        np.testing.assert_array_equal(scores.view(np.int32), expected[1].view(np.int32))
        answers.append((items.tobytes(), scores.tobytes()))
    assert len(set(answers)) == 1


@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32), k=st.integers(1, 40), n=st.integers(1, 400))
def test_whole_numbers_are_ranked_as_in_exact_arithmetic(data: st.DataObject, seed: int, k: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    factors = rng.integers(-20, 21, size=(n, k)).astype(np.float32)
    question = Question(rng.integers(-20, 21, size=k).astype(np.float32), data.draw(st.integers(1, 50)))

    items, scores = question.asked(NativeIndex(factors))

    expected = question.by_hand(factors.astype(np.int64) @ question.query.astype(np.int64))
    np.testing.assert_array_equal(items, expected[0])
    np.testing.assert_array_equal(scores, expected[1])


@pytest.mark.parametrize("k", [1, 15, 16, 33, 128])
def test_a_score_is_sixteen_float32_sums_added_pairwise(k: int) -> None:
    factors, query = made("spread", 20, k, 1), made("plain", 1, k, 2)[0]
    padded = np.zeros((2, 20, (k + 15) // 16 * 16), np.float32)
    padded[0, :, :k], padded[1, :, :k] = factors, query
    lanes = np.zeros((20, 16), np.float32)
    for start in range(0, padded.shape[2], 16):
        lanes += padded[0, :, start : start + 16] * padded[1, :, start : start + 16]
    while lanes.shape[1] > 1:
        half = lanes.shape[1] // 2
        lanes = lanes[:, :half] + lanes[:, half:]

    products = NativeIndex(factors).products(query, np.arange(20, dtype=np.int32))

    np.testing.assert_array_equal(products, lanes[:, 0])
    exact = factors.astype(np.float64) @ query.astype(np.float64)
    assert (np.abs(products - exact) <= 1e-5 * np.linalg.norm(factors, axis=1) * np.linalg.norm(query)).all()


@pytest.mark.parametrize("isa", _native.available())
@pytest.mark.parametrize("share", [None, 0.1, 0.6])
def test_many_queries_at_once_find_what_each_finds_alone(isa: str, share: float | None) -> None:
    _native.use_isa(isa)
    rng = np.random.default_rng(3)
    n, q = 900, 150
    factors, queries = made("spread", n, 24, 4), made("plain", q, 24, 5)
    counts = rng.integers(1, 60, size=q).astype(np.int32)
    excluded, bonus = ragged(rng, q, n, 300), ragged(rng, q, n, 50)
    index = NativeIndex(factors, threads=2)
    only = None if share is None else index.filter(rng.random(n) < share)

    lists = index.search_many(queries, counts, excluded=excluded, only=only, bonus=bonus)

    assert lists.items.shape == lists.scores.shape == (q, counts.max())
    for row in range(q):
        part = slice(bonus.indptr[row], bonus.indptr[row + 1])
        alone = index.search(
            queries[row],
            int(counts[row]),
            excluded=excluded.indices[excluded.indptr[row] : excluded.indptr[row + 1]],
            only=only,
            bonus=Bonus(bonus.indices[part], bonus.data[part]),
        )
        size = len(alone.items)
        np.testing.assert_array_equal(lists.items[row, :size], alone.items)
        np.testing.assert_array_equal(lists.scores[row, :size], alone.scores)
        assert (lists.items[row, size:] == -1).all()
        assert np.isneginf(lists.scores[row, size:]).all()


def test_neither_threads_nor_portions_change_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    factors, queries = made("plain", 700, 32, 6), made("plain", 100, 32, 7)
    expected = NativeIndex(factors, threads=1).search_many(queries, 20)
    monkeypatch.setattr(native_index, "_FIRST_PORTION", 1)
    monkeypatch.setattr(native_index, "_PORTION_SECONDS", 1e-9)
    for threads in (1, 2, 3):
        lists = NativeIndex(factors, threads=threads).search_many(queries, 20)
        np.testing.assert_array_equal(lists.items, expected.items)
        np.testing.assert_array_equal(lists.scores, expected.scores)


def test_no_queries_give_no_lists() -> None:
    lists = NativeIndex(made("plain", 10, 4, 1)).search_many(np.empty((0, 4), np.float32), 5)
    assert len(lists.items) == len(lists.scores) == 0


def test_an_index_answers_many_threads_at_once() -> None:
    factors, queries = made("plain", 3_000, 32, 8), made("plain", 200, 32, 9)
    index = NativeIndex(factors)
    expected = [index.search(query, 10).items.tolist() for query in queries]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda query: index.search(query, 10).items.tolist(), queries)) == expected


def test_a_query_of_zeros_finds_the_first_items() -> None:
    found = NativeIndex(made("plain", 3_000, 16, 10)).search(
        np.zeros(16, np.float32), 7, excluded=np.array([1], np.int32)
    )
    assert found.items.tolist() == [0, 2, 3, 4, 5, 6, 7]
    assert not found.scores.any()


def test_short_catalogues_and_full_exclusions_give_short_lists() -> None:
    index, query = NativeIndex(made("plain", 5, 3, 11)), np.ones(3, np.float32)
    assert len(index.search(query, 1_000).items) == 5
    assert len(index.search(query, 3, excluded=np.array([4, 0, 4, 1, 2], np.int32)).items) == 1
    assert len(index.search(query, 3, excluded=np.arange(5, dtype=np.int32)).items) == 0
    assert len(index.search(query, 3, only=index.filter(np.zeros(5, bool))).items) == 0
    assert len(NativeIndex(np.empty((0, 3), np.float32)).search(query, 3).items) == 0


def test_a_bonus_lifts_an_item_from_the_very_bottom() -> None:
    factors = np.abs(made("plain", 5_000, 16, 12))
    factors[4_321] = 1e-6
    found = NativeIndex(factors).search(
        np.ones(16, np.float32), 3, bonus=Bonus(np.array([4_321], np.int32), np.array([1e3], np.float32))
    )
    assert found.items[0] == 4_321
    assert found.scores[0] == pytest.approx(1e3)


def repeated(row: np.ndarray, times: int = 64) -> np.ndarray:
    """A block of one row, all exact in eight bits: a threshold that is known before the next block is looked at."""
    return np.repeat(row[None].astype(np.float32), times, axis=0)


def test_what_rounding_hides_in_every_factor_of_an_item_is_found() -> None:
    # In steps of 1 the item rounds to (127, 0, 0, ...): its whole score, 30.9, is rounding.  Sixty-four others have 25.
    hidden, plain, query = np.full(64, 0.49), np.zeros(64), np.ones(64, np.float32)
    hidden[0] = plain[0] = 127
    plain[1:26] = 1
    query[0] = 0
    factors = np.concatenate([repeated(plain), hidden[None].astype(np.float32)])
    assert NativeIndex(factors).search(query, 1).items.tolist() == [64]


def test_what_rounding_hides_in_every_factor_of_a_query_is_found() -> None:
    # In steps of 1 the query rounds to (127, 0, ..., 0): only its rounding meets the last item, whose 30.4 beats 20.3.
    query, plain, hidden = np.full(64, 0.49, np.float32), np.zeros(64), np.ones(64)
    query[0], query[-1] = 127, 0
    plain[0], plain[-1] = 0.16, 0.16 * 127
    hidden[0] = 0
    factors = np.concatenate([repeated(plain), hidden[None].astype(np.float32)])
    assert NativeIndex(factors).search(query, 1).items.tolist() == [64]


@pytest.mark.requirement("TRAIN-019")
def test_unequal_norms_end_the_scan_early() -> None:
    factors = made("plain", 20_000, 32, 13) / np.arange(1, 20_001, dtype=np.float32)[:, None]
    effort = NativeIndex(factors).effort(factors[0], 10)
    assert effort.scanned <= 1_000
    assert effort.rescored <= 40


@pytest.mark.requirement("TRAIN-019")
def test_equal_norms_leave_little_to_compute_in_float32() -> None:
    factors = made("plain", 20_000, 128, 14)
    factors /= np.linalg.norm(factors, axis=1, keepdims=True)
    effort = NativeIndex(factors).effort(made("plain", 1, 128, 15)[0], 10)
    assert effort.scanned == 20_000
    assert effort.rescored <= 40


@pytest.mark.requirement("TRAIN-019")
def test_a_narrow_filter_is_scanned_alone() -> None:
    factors = made("plain", 20_000, 32, 16)
    index, mask = NativeIndex(factors), np.arange(20_000) % 10 == 0
    narrow: Filter = index.filter(mask)
    assert narrow.allowed == 2_000
    assert index.effort(factors[1], 10, only=narrow).scanned <= 2_000


def test_the_codes_take_little_more_than_a_byte_a_factor() -> None:
    assert NativeIndex(made("plain", 10_000, 128, 17)).memory_bytes <= 1.12 * 10_000 * 128


@pytest.mark.parametrize("coarse_bytes", [0, 1 << 60])
@pytest.mark.parametrize("kind", ["plain", "spread", "one dimension"])
def test_a_large_catalogue_hides_nothing_behind_its_bounds(kind: str, coarse_bytes: int) -> None:
    factors, queries = made(kind, 12_000, 48, 23), made("plain", 40, 48, 24)
    index = indexed(factors, coarse_bytes)
    for query in queries:
        items, scores = Question(query, 10).asked(index)
        expected = Question(query, 10).by_hand(index.products(query, np.arange(12_000, dtype=np.int32)))
        np.testing.assert_array_equal(items, expected[0])
        np.testing.assert_array_equal(scores, expected[1])


@pytest.mark.skipif("avx512" not in _native.available(), reason="four bits pay with AVX-512 alone")
def test_four_bits_spare_most_of_the_eight_and_cost_half_as_much_memory() -> None:
    factors, query = made("plain", 20_000, 128, 25), made("plain", 1, 128, 26)[0]
    fine, coarse = indexed(factors, 1 << 60), indexed(factors, 0)
    assert fine.memory_bytes < coarse.memory_bytes < 1.5 * fine.memory_bytes
    assert fine.effort(query, 1).rescored <= coarse.effort(query, 1).rescored <= 1_000


def test_factors_may_be_a_read_only_file_and_are_kept_alive(tmp_path: Path) -> None:
    np.save(tmp_path / "factors.npy", made("plain", 2_000, 16, 18))
    mapped = np.load(tmp_path / "factors.npy", mmap_mode="r")
    query, expected = np.array(mapped[3]), np.array(mapped) @ np.array(mapped[3])
    index = NativeIndex(mapped)
    del mapped
    gc.collect()
    assert index.search(query, 1).scores[0] == pytest.approx(expected.max(), rel=1e-5)


def test_what_can_be_converted_is() -> None:
    factors = made("plain", 300, 8, 19)
    index = NativeIndex(factors)
    query = np.repeat(factors[5].astype(np.float64), 2)[::2]
    found = index.search(query, np.int64(4), excluded=np.array([5, 6], np.int64)[::-1])
    assert found.items.tolist() == index.search(factors[5], 4, excluded=np.array([5, 6], np.int32)).items.tolist()
    assert len(index.search(factors[5], 4, excluded=np.array([])).items) == 4
