"""What runs in the processes of the benchmark `batch`: the best hundred of every user, what they know left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import _ours
from benchmarks._factors import load
from benchmarks._folds import Csr, load_csr
from benchmarks._meter import Meter

Floats = NDArray[np.float32]

CHUNK = 8_192
"""Users we are asked for at a time, as a job that writes its lists away would."""
_COMPARED = 200


def tacit(meter: Meter, *, folder: str, users: int, count: int, threads: int) -> dict[str, Any]:
    """Our batch search over the first so many users of a random order, in chunks; the index is built on the clock."""
    user_factors, item_factors, weights, order = _asked(folder, users)
    engine = _ours.engine(threads)
    seen = [_ours.matrix_of(weights[order[start : start + CHUNK]]) for start in range(0, users, CHUNK)]
    compared: list[Any] = []
    with meter.running():
        index = engine.index(item_factors)
        for number, excluded in enumerate(seen):
            some = order[number * CHUNK : (number + 1) * CHUNK]
            lists = index.search_many(user_factors[some], count, excluded=excluded)
            compared = compared or [lists.items[:_COMPARED]]
    return _told(compared[0], user_factors[order], item_factors, users=users)


def implicit(meter: Meter, *, folder: str, users: int, count: int, threads: int) -> dict[str, Any]:
    """`recommend` of implicit for many users at once, as its documentation says: a thousand at a time."""
    from implicit.cpu.als import AlternatingLeastSquares

    user_factors, item_factors, weights, order = _asked(folder, users)
    model = AlternatingLeastSquares(factors=item_factors.shape[1], num_threads=threads)
    model.user_factors, model.item_factors = user_factors, item_factors
    parts = [order[start : start + 1_000] for start in range(0, users, 1_000)]
    seen = [weights[part] for part in parts]
    compared: list[Any] = []
    with meter.running():
        for part, excluded in zip(parts, seen, strict=True):
            items, _ = model.recommend(part, excluded, N=count, filter_already_liked_items=True)
            compared = compared or [items[:_COMPARED]]
    return _told(compared[0], user_factors[order], item_factors, users=users)


def _asked(folder: str, users: int) -> tuple[Floats, Floats, Csr, NDArray[np.int64]]:
    """Factors, what users know, and the users asked for, at random."""
    user_factors, item_factors = load(Path(folder))
    order = np.random.default_rng(3).permutation(len(user_factors))[:users]
    return user_factors, item_factors, load_csr(Path(folder) / "weights", mapped=False), order


def _told(lists: Any, user_factors: Floats, item_factors: Floats, *, users: int) -> dict[str, Any]:
    """The sums of the listed scores of the first users, in float64, by which the sides are compared."""
    asked = user_factors[: len(lists)].astype(np.float64)
    listed = item_factors[np.asarray(lists)].astype(np.float64)
    sums = np.einsum("uk,unk->u", asked, listed)
    return {"users": users, "sums": sums.tolist()}
