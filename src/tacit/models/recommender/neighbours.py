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
    dense = block.toarray()
    dense[np.arange(len(dense)), start + np.arange(len(dense))] = 0
    keep = min(neighbours, dense.shape[1])
    weakest = np.partition(dense, -keep, axis=1)[:, -keep][:, None]
    return sparse.csr_array(np.where(dense >= np.maximum(weakest, 1e-12), dense, np.float32(0)))
