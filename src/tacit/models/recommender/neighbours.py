"""Item neighbours: recommend what is met together with what the user already met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Csr = Any


@dataclass(frozen=True)
class ItemNeighbours:
    """Item-based collaborative filtering with cosine similarity over listeners (Deshpande and Karypis, TOIS 2004).

    Attributes:
        item_ids: What the columns mean.
        similarity: `(n_items, n_items)` CSR; row `j` holds the most similar items of `j`, itself excluded.
    """

    item_ids: tuple[str, ...]
    similarity: Csr

    @classmethod
    def fit(cls, training: Csr, item_ids: tuple[str, ...], *, neighbours: int = 100) -> ItemNeighbours:
        """Keep the `neighbours` most similar items of each; O(Σ_u d_u²) time, O(n_items · neighbours) kept."""
        met = sparse.csr_array((np.ones(training.nnz, np.float32), training.indices, training.indptr), training.shape)
        norms = np.sqrt(np.maximum(met.sum(axis=0), 1)).astype(np.float32)
        columns = met.multiply(1 / norms[None, :]).tocsr()
        transposed = columns.T.tocsr()
        blocks = [
            _strongest(transposed[start : start + 1_000] @ columns, start, neighbours)
            for start in range(0, training.shape[1], 1_000)
        ]
        nothing = sparse.csr_array((0, training.shape[1]), dtype=np.float32)
        return cls(item_ids, sparse.vstack([nothing, *blocks], format="csr"))

    def scores(self, histories: Csr) -> NDArray[np.float32]:
        """`(users, n_items)`: the sum of similarities to the items of each `(users, n_items)` history."""
        met = sparse.csr_array(
            (np.ones(histories.nnz, np.float32), histories.indices, histories.indptr), histories.shape
        )
        return np.asarray((met @ self.similarity).toarray(), dtype=np.float32)


def _strongest(block: Csr, start: int, neighbours: int) -> Csr:
    """The strongest entries of each row, without the diagonal that begins at column `start`."""
    block.sort_indices()
    kept = [_strongest_of_row(block, row, own=start + row, most=neighbours) for row in range(block.shape[0])]
    indptr = np.concatenate(([0], np.cumsum([len(row) for row in kept], dtype=np.int64)))
    chosen = np.concatenate([*kept, np.empty(0, np.intp)]).astype(np.intp)
    return sparse.csr_array((block.data[chosen], block.indices[chosen], indptr), block.shape)


def _strongest_of_row(block: Csr, row: int, *, own: int, most: int) -> NDArray[np.intp]:
    """Places in the block's arrays of a row's `most` strongest entries, ties by column, its own column left out.

    Row by row, since a partition of all columns at once is slowed down by the zeros that nearly all of them are.
    """
    places: NDArray[np.intp] = np.arange(block.indptr[row], block.indptr[row + 1])
    places = places[block.indices[places] != own]
    if len(places) <= most:
        return places
    values = block.data[places]
    weakest = np.partition(values, len(values) - most)[len(values) - most]
    stronger, equal = places[values > weakest], places[values == weakest]
    return np.sort(np.concatenate((stronger, equal[: most - len(stronger)])))
