"""What both engines check before a kernel sees it: factors, queries, positions; one refusal each, in the same words."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tacit.errors import Refused
from tacit.models.recommender.engines.interfaces import Bonus, Doubles, Floats, Positions
from tacit.models.recommender.engines.matrix import Matrix

MOST = 1_000
"""Items that one query may ask for."""

LONGEST = 2.0**63
"""Norm that factors and queries may have: by Cauchy-Schwarz no product, nor any part of its sum, exceeds 2^126."""

LARGEST_BONUS = 8.5e37
"""Just under 2^126, so that product and bonus together are finite in float32 as well."""

_BLOCK = 1 << 14
"""Rows looked at together."""


def check_factors(factors: Any, name: str, *, rows: int | None = None, k: int | None = None, scan: bool = True) -> None:
    """That an array is `(rows, k)` C-contiguous float32, `k` ≥ 1, and finite unless a kernel finds that out itself.

    Raises:
        Refused: `factors_invalid`.
    """
    if not (isinstance(factors, np.ndarray) and factors.dtype == np.float32 and factors.ndim == 2):
        _refuse_factors(name, f"are {_described(factors)}, not two-dimensional float32")
    if not factors.flags.c_contiguous:
        _refuse_factors(name, "do not lie row by row in memory; copy them with numpy.ascontiguousarray")
    if factors.shape != (len(factors) if rows is None else rows, factors.shape[1] if k is None else k):
        _refuse_factors(name, f"are {_described(factors)}, not {rows if rows is not None else 'rows'} x {k}")
    if not factors.shape[1]:
        _refuse_factors(name, "have no columns")
    for start in range(0, len(factors) if scan else 0, _BLOCK):
        finite = np.isfinite(factors[start : start + _BLOCK]).all(axis=1)
        if not finite.all():
            _refuse_factors(name, f"are not finite in row {start + int(finite.argmin())}")


def check_half_step(solved: Floats, fixed: Floats, matrix: Matrix, *, scan: bool = True) -> None:
    """That both sides fit the matrix and each other and can be written in place, and that all weights are above 0.

    `scan` is as in `check_factors`.

    Raises:
        Refused: `factors_invalid`, `matrix_invalid`.
    """
    check_factors(fixed, "fixed", rows=matrix.columns, scan=scan)
    check_factors(solved, "solved", rows=matrix.rows, k=fixed.shape[1], scan=scan)
    for name, side in (("solved", solved), ("fixed", fixed)):
        if not side.flags.writeable:
            _refuse_factors(name, "are read-only; train on a copy")
    if np.may_share_memory(solved, fixed):
        _refuse_factors("solved", "share memory with fixed; give each side an array of its own")
    matrix.weights()


def check_sums(matrix: Matrix, factors: Floats, out: Floats, *, scan: bool = True) -> None:
    """That `matrix @ factors` can be had, and written to `out`; `scan` is as in `check_factors`.

    Raises:
        Refused: `factors_invalid`, `matrix_invalid`.
    """
    check_width(matrix, len(factors))
    check_factors(factors, "factors", scan=scan)
    check_factors(out, "out", rows=matrix.rows, k=factors.shape[1], scan=False)
    if not out.flags.writeable or np.may_share_memory(out, factors):
        _refuse_factors("out", "are read-only or share memory with the factors; give an array of its own")


def check_basis(factors: Floats, basis: Doubles) -> None:
    """That factors can be turned by a basis in place.

    Raises:
        Refused: `factors_invalid`.
    """
    check_factors(factors, "factors")
    k = factors.shape[1]
    if np.shape(basis) != (k, k) or not np.isfinite(basis).all():
        _refuse_factors("basis", f"are {_described(basis)}, not {k} x {k} and finite")
    if not factors.flags.writeable:
        _refuse_factors("factors", "are read-only; turn a copy")


def check_width(matrix: Matrix, columns: int) -> None:
    """That a matrix has so many columns; `matrix_invalid`."""
    if matrix.columns != columns:
        raise Refused(
            "matrix_invalid",
            f"The matrix has {matrix.columns} columns, where {columns} items are known.",
            field="matrix",
            fix="Number its columns as the items are.",
        )


def check_transposed(by_user: Matrix, by_item: Matrix) -> None:
    """That two matrices can be one by user and by item; `matrix_invalid`."""
    if by_item.shape != by_user.shape[::-1] or by_item.nnz != by_user.nnz:
        raise Refused(
            "matrix_invalid",
            f"By item it is {by_item.shape} with {by_item.nnz} entries, by user {by_user.shape} with {by_user.nnz}.",
            field="by_item",
            fix="Transpose by_user.",
        )


def checked_weights(values: Floats, length: int, field: str, *, positive: bool = False) -> Floats:
    """`(length,)` float32 weights or scales, finite, not below 0 (`positive`: above it); else `weights_invalid`."""
    values = np.ascontiguousarray(values, np.float32)
    if values.shape != (length,):
        _refuse_weights(field, f"has shape {values.shape}, not ({length},)", "Give one number for each.")
    if not np.isfinite(values).all() or (values <= 0 if positive else values < 0).any():
        _refuse_weights(field, "holds a number that is not finite, or too small", "Keep all of them above 0.")
    return values


def check_keep(keep: int) -> None:
    """That at least one neighbour is kept; `weights_invalid`."""
    if keep < 1:
        _refuse_weights("keep", f"is {keep}", "Keep at least one neighbour.")


def check_similarities(scores: Floats) -> None:
    """That no product of weights and scales left float32; `weights_invalid`."""
    if not np.isfinite(scores).all():
        _refuse_weights("user_weights", "and the scales have products beyond float32", "Scale them down.")


def checked_row(items: Positions, weights: Floats, n: int) -> Matrix:
    """One row of weights in any order, as a matrix (which needs no order here): `matrix_invalid` if it cannot be."""
    items, weights = np.asarray(items), np.asarray(weights)
    if items.shape != weights.shape or items.ndim != 1 or (len(items) and items.dtype.kind not in "iu"):
        _refuse_row(f"has {_described(items)} items and {_described(weights)} weights", "Give each item one weight.")
    if len(items) and not (items.min() >= 0 and items.max() < n):
        _refuse_row(f"holds items from {items.min()} to {items.max()}", f"Items run from 0 to {n - 1}.")
    if len(np.unique(items)) != len(items):
        _refuse_row("holds an item twice", "Add the weights of repeated items up.")
    with np.errstate(over="ignore", under="ignore"):  # as they will be used: 1e-50 is 0 then, and 1e300 infinite
        weights = np.asarray(weights, np.float32)
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        _refuse_row("holds a weight that is not finite and above 0", "Leave such items out.")
    return Matrix.trusted(np.array([0, len(items)]), items, weights, columns=n)


def check_lengths(factors: Floats) -> float:
    """The longest norm of the rows, float64, if products with it cannot overflow; else `factors_invalid`."""
    longest = 0.0
    for start in range(0, len(factors), _BLOCK):
        norms = np.sqrt(np.square(factors[start : start + _BLOCK].astype(np.float64)).sum(axis=1))
        if norms.max() > LONGEST:
            row = start + int(norms.argmax())
            _refuse_factors("factors", f"are {norms.max():.3g} long in row {row}; products may overflow")
        longest = max(longest, float(norms.max()))
    return longest


def checked_queries(queries: Floats, k: int) -> Floats:
    """`(q, k)` float32 queries, finite and not too long; else `query_invalid`."""
    queries = np.asarray(queries)
    if queries.ndim != 2 or queries.shape[1] != k or queries.dtype.kind not in "fiu":
        _refuse_query("query", f"is {_described(queries)}, not {k} numbers", "Use factors of the index's own length.")
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = np.ascontiguousarray(queries, np.float32)
        lengths = np.sqrt(np.square(narrow.astype(np.float64)).sum(axis=1))
    if not (lengths <= LONGEST).all():
        row = int((~(lengths <= LONGEST)).argmax())
        _refuse_query("query", f"is not finite, or longer than {LONGEST:g} (row {row})", "Check where it came from.")
    return narrow


def checked_counts(counts: Any, queries: int) -> Positions:
    """`(queries,)` int32 counts, each within 1…1,000, from one for all or one each; else `query_invalid`."""
    array = np.asarray(counts)
    if array.dtype.kind not in "iu" or array.shape not in ((), (queries,)):
        _refuse_query("count", f"is {_described(array)}", "Give one whole number, or one for each query.")
    if array.size and not (array.min() >= 1 and array.max() <= MOST):
        _refuse_query("count", f"is {array.min()} to {array.max()}", f"Ask for 1 to {MOST:,} items.")
    return np.broadcast_to(array, (queries,)).astype(np.int32)


def checked_positions(positions: Any, n: int, name: str) -> Positions:
    """`(e,)` int32 positions of `n` items, in any order; else `query_invalid`."""
    array = np.asarray(positions)
    if array.ndim != 1 or (len(array) and array.dtype.kind not in "iu"):
        _refuse_query(name, f"is {_described(array)}", "Give one row of item positions.")
    if len(array) and not (array.min() >= 0 and array.max() < n):
        _refuse_query(name, f"holds {array.min()} to {array.max()}", f"Items run from 0 to {n - 1}.")
    return array.astype(np.int32, copy=False)


def checked_bonus(bonus: Bonus, n: int) -> Bonus:
    """A bonus with ascending positions and finite scores; else `query_invalid`."""
    items, scores = checked_positions(bonus.items, n, "bonus"), np.asarray(bonus.scores, np.float32)
    if scores.shape != items.shape or (np.diff(items) <= 0).any():
        _refuse_query("bonus", "is unsorted, repeated or of two lengths", "Give each item one score, in order.")
    check_bonus_scores(scores)
    return Bonus(items, scores)


def check_bonus_scores(scores: Floats) -> None:
    """That no bonus is infinite, nor would make a score so; else `query_invalid`."""
    if not (np.abs(scores) <= LARGEST_BONUS).all():
        _refuse_query("bonus", f"is not finite, or beyond {LARGEST_BONUS:g}", "Check where it came from.")


def check_rows(matrix: Matrix | None, shape: tuple[int, int], name: str) -> None:
    """That what is given for each query is given for each query and item; else `query_invalid`."""
    if matrix is not None and matrix.shape != shape:
        _refuse_query(name, f"is {matrix.shape}, not {shape}", "Give a row for each query, a column for each item.")


def checked_mask(mask: Any, n: int) -> NDArray[np.bool_]:
    """`(n,)` bool; else `query_invalid`."""
    array = np.asarray(mask)
    if array.dtype != np.bool_ or array.shape != (n,):
        _refuse_query("only", f"is {_described(array)}, not {n} bool", "Say of each item whether it passes.")
    return array


def refuse_foreign_filter() -> NoReturn:
    """`query_invalid`, for a filter that another index prepared."""
    _refuse_query("only", "was prepared by another index", "Prepare it with the filter method of the index you ask.")


def _described(value: Any) -> str:
    return f"{getattr(value, 'shape', type(value).__name__)} {getattr(value, 'dtype', '')}".strip()


def _refuse_factors(name: str, problem: str) -> NoReturn:
    raise Refused("factors_invalid", f"The factors `{name}` {problem}.", field=name, fix="Give float32 rows.")


def _refuse_query(name: str, problem: str, fix: str) -> NoReturn:
    raise Refused("query_invalid", f"The {name} {problem}.", field=name, fix=fix)


def _refuse_weights(field: str, problem: str, fix: str) -> NoReturn:
    raise Refused("weights_invalid", f"{field} {problem}.", field=field, fix=fix)


def _refuse_row(problem: str, fix: str) -> NoReturn:
    raise Refused("matrix_invalid", f"The row {problem}.", field="items", fix=fix, context={"row": 0})
