"""One query, the best items: the same question put to each library, on one thread.

Each contender is built from `(n, k)` item factors and the `(q, k)` queries, and answers by the number of a query: some
of them take the vector, implicit takes a user.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import _ours

Floats = NDArray[np.float32]
Items = NDArray[Any]
Search = Callable[[int, int], Items]
"""The number of a query and how many items: the items, best first."""


@dataclass(frozen=True)
class Question:
    """A question with conditions.

    Attributes:
        excluded: `(queries, e)` int32, what each query must not find.
        allowed: `(n,)` bool, what any may find.
    """

    excluded: NDArray[np.int32]
    allowed: NDArray[np.bool_]

    def remaining(self, query: int) -> NDArray[np.intp]:
        """The items that a query may find, ascending."""
        left = self.allowed.copy()
        left[self.excluded[query]] = False
        return np.flatnonzero(left)


@dataclass(frozen=True)
class Contender:
    """A library, ready to answer.

    Attributes:
        search: Answers without conditions.
        filtered: Makes what answers under conditions; none where the library has no exact way to.
        effort: What it was set to, where it was set to anything.
    """

    search: Search
    filtered: Callable[[Question], Search] | None = None
    effort: int | None = None


Build = Callable[[Floats, Floats], Contender]


def tacit(item_factors: Floats, queries: Floats) -> Contender:
    """Our index."""
    index = _ours.engine(1).index(item_factors)

    def filtered(question: Question) -> Search:
        only = index.filter(question.allowed)
        return lambda query, count: (
            index.search(queries[query], count, excluded=question.excluded[query], only=only).items
        )

    return Contender(lambda query, count: index.search(queries[query], count).items, filtered)


def implicit(item_factors: Floats, queries: Floats) -> Contender:
    """`recommend` of implicit. It takes a list of items or of exclusions, not both: it is given what both leave over,
    worked out beforehand and off the clock.
    """
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=queries.shape[1], num_threads=1)
    model.user_factors, model.item_factors = queries, item_factors

    def search(query: int, count: int) -> Items:
        return model.recommend(query, None, N=count, filter_already_liked_items=False)[0]

    def filtered(question: Question) -> Search:
        left = [question.remaining(query) for query in range(len(question.excluded))]
        return lambda query, count: model.recommend(
            query, None, N=count, filter_already_liked_items=False, items=left[query]
        )[0]

    return Contender(search, filtered)


def numpy(item_factors: Floats, queries: Floats) -> Contender:
    """A matrix times a vector, `argpartition`, and a sort of what is left."""

    def best(scores: Floats, count: int) -> Items:
        found = np.argpartition(scores, len(scores) - count)[len(scores) - count :]
        return found[np.argsort(-scores[found])]

    def filtered(question: Question) -> Search:
        banned = ~question.allowed

        def search(query: int, count: int) -> Items:
            scores = item_factors @ queries[query]
            scores[banned] = -np.inf
            scores[question.excluded[query]] = -np.inf
            return best(scores, count)

        return search

    return Contender(lambda query, count: best(item_factors @ queries[query], count), filtered)


def _of_faiss(index: Any, item_factors: Floats, queries: Floats) -> Contender:
    import faiss

    faiss.omp_set_num_threads(1)
    if not index.is_trained:
        index.train(item_factors)
    index.add(item_factors)
    return Contender(lambda query, count: index.search(queries[query : query + 1], count)[1][0])


def faiss_flat(item_factors: Floats, queries: Floats) -> Contender:
    """Exact scan of faiss, float32."""
    import faiss

    return _of_faiss(faiss.IndexFlatIP(item_factors.shape[1]), item_factors, queries)


def faiss_sq8(item_factors: Floats, queries: Floats) -> Contender:
    """Scan of faiss over eight bits a number: approximate."""
    import faiss

    kind = faiss.ScalarQuantizer.QT_8bit
    index = faiss.IndexScalarQuantizer(item_factors.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    return _of_faiss(index, item_factors, queries)


def faiss_hnsw(item_factors: Floats, queries: Floats) -> Contender:
    """Graph of faiss, as wide a search as `RECALL` needs."""
    import faiss

    index = faiss.IndexHNSWFlat(item_factors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 200
    made = _of_faiss(index, item_factors, queries)

    def widen(effort: int) -> None:
        index.hnsw.efSearch = effort

    return _wide_enough(made.search, widen, item_factors, queries=queries)


def hnswlib(item_factors: Floats, queries: Floats) -> Contender:
    """Graph of hnswlib, as wide a search as `RECALL` needs."""
    import hnswlib as library

    index = library.Index(space="ip", dim=item_factors.shape[1])
    index.init_index(max_elements=len(item_factors), ef_construction=200, M=32)
    index.set_num_threads(1)
    index.add_items(item_factors, num_threads=1)

    def search(query: int, count: int) -> Items:
        return index.knn_query(queries[query], k=count, num_threads=1)[0][0]

    return _wide_enough(search, index.set_ef, item_factors, queries=queries)


def usearch(item_factors: Floats, queries: Floats) -> Contender:
    """Graph of usearch over half precision, as wide a search as `RECALL` needs."""
    from usearch.index import Index

    index = Index(ndim=item_factors.shape[1], metric="ip", dtype="f16", connectivity=32, expansion_add=200)
    index.add(np.arange(len(item_factors)), item_factors, threads=1)

    def widen(effort: int) -> None:
        index.expansion_search = effort

    return _wide_enough(
        lambda query, count: index.search(queries[query], count, threads=1).keys, widen, item_factors, queries=queries
    )


RECALL = 0.99
EFFORTS = (32, 64, 128, 256, 512, 1_024)
_PROBES = 100


def _wide_enough(search: Search, widen: Callable[[int], object], item_factors: Floats, *, queries: Floats) -> Contender:
    """An approximate search set to the least effort that finds `RECALL` of the ten best items."""
    probes = min(_PROBES, len(queries))
    for effort in EFFORTS:
        widen(effort)
        if np.mean([recall(search(query, 10), item_factors, queries[query]) for query in range(probes)]) >= RECALL:
            break
    return Contender(search, effort=effort)


def recall(found: Items, item_factors: Floats, query: Floats, *, allowed: NDArray[np.intp] | None = None) -> float:
    """Which part of the best items was found, as many as were asked for.

    Measured by score in float64, so that of equal items either counts: an item is right if it scores as much as the
    last that belongs in the list, but for the rounding of float32.
    """
    scores = item_factors.astype(np.float64) @ query.astype(np.float64)
    among = scores if allowed is None else scores[allowed]
    last = np.partition(among, len(among) - len(found))[len(among) - len(found)]
    right = scores[found] >= last - 1e-5 * max(abs(last), 1e-6)
    if allowed is not None:
        right &= np.isin(found, allowed)
    return float(right.mean()) if len(np.unique(found)) == len(found) else 0.0


CONTENDERS: dict[str, Build] = {
    "tacit": tacit,
    "implicit": implicit,
    "numpy": numpy,
    "faiss_flat": faiss_flat,
    "faiss_sq8": faiss_sq8,
    "faiss_hnsw": faiss_hnsw,
    "hnswlib": hnswlib,
    "usearch": usearch,
}
MODULE_OF = {"faiss_flat": "faiss", "faiss_sq8": "faiss", "faiss_hnsw": "faiss"}
OWN = ("tacit", "numpy")
"""What is always here."""
GRAPHS = ("faiss_hnsw", "hnswlib", "usearch")
"""What takes the better part of a minute to build at full size."""
