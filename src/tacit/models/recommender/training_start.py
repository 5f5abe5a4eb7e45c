"""Where a training starts: from random item factors, or from factors learnt before."""

from __future__ import annotations

import numpy as np

from tacit.errors import Refused
from tacit.models.recommender.engines.interfaces import Floats

_SPREAD = np.float32(0.1)
"""Standard deviation of random factors."""


def first_factors(
    rows: int, columns: int, *, k: int, seed: int, start: tuple[Floats, Floats] | None = None
) -> tuple[Floats, Floats]:
    """User factors `(rows, k)` and item factors `(columns, k)` to begin with, in memory of their own.

    Without a start the users are 0, since the first half step computes them, and the items are drawn. With one, its
    factors are those of the first rows of each side, and later rows are 0: the half step of their side gives them
    their first value. Where the start has fewer than `k` factors, items have the missing ones drawn, while users have
    0 there, so that no product changes. Where it has more, the `k` directions are kept in which the items vary most:
    the leading eigenvectors of their Gram matrix.

    Raises:
        Refused: `factors_invalid` if the start has more rows than needed, a value that is not finite, no item factor
            other than 0, or sides of different `k`.
    """
    drawn = np.random.default_rng(seed).standard_normal((columns, k), dtype=np.float32)
    drawn *= _SPREAD
    users = np.zeros((rows, k), np.float32)
    if start is None:
        return users, drawn
    _check(*start, rows=rows, columns=columns)
    known_users, known_items = _leading(*start, k=k)
    met, width = known_items.shape
    users[: len(known_users), :width] = known_users
    drawn[:met, :width] = known_items
    drawn[met:] = 0
    return users, drawn


def _leading(users: Floats, items: Floats, *, k: int) -> tuple[Floats, Floats]:
    if items.shape[1] <= k:
        return users, items
    gram = items.T.astype(np.float64) @ items
    directions = np.linalg.eigh(gram)[1][:, ::-1][:, :k].astype(np.float32)
    return users @ directions, items @ directions


def _check(users: Floats, items: Floats, *, rows: int, columns: int) -> None:
    for name, side, most in (("user_factors", users, rows), ("item_factors", items, columns)):
        if side.ndim != 2 or len(side) > most or side.shape[1] != items.shape[1]:
            raise _invalid(name, f"have shape {side.shape} for {most} rows and {items.shape[-1]} factors")
        if not np.isfinite(np.sum(side, dtype=np.float64)):
            raise _invalid(name, "hold a value that is not finite")
    if not np.any(items):
        raise _invalid("item_factors", "are zero everywhere, which no half step can leave")


def _invalid(name: str, problem: str) -> Refused:
    return Refused(
        "factors_invalid", f"The {name} to start from {problem}.", field=name, fix="Start from other factors, or none."
    )
