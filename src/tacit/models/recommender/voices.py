"""Second voices: item-to-item matrices that say of every item how well it goes with one already met.

A user is scored by the sum of the rows of what they met: `v_ui = Σ_j∈u s_ji`.  How much of an item they met does not
count, only that they met it.  `neighbours.py` and `ease.py` make such matrices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from tacit.data.interfaces import Progress, silent
from tacit.models.recommender.engines.interfaces import Engine
from tacit.models.recommender.engines.matrix import Matrix

Kind = Literal["item_knn", "rp3beta", "ease"]
KINDS: tuple[Kind, ...] = ("item_knn", "rp3beta", "ease")


@dataclass(frozen=True)
class Voice:
    """An item-to-item matrix, and how it was made.

    Attributes:
        kind: The formula.
        similarity: `(n_items, n_items)` float32; row `j` holds what having met `j` says of the others.
        parameters: What `VoiceSettings` of this kind need to make it anew.
    """

    kind: Kind
    similarity: Matrix
    parameters: Mapping[str, float] = field(default_factory=dict)

    def scores(self, engine: Engine, histories: Matrix) -> Matrix:
        """What it says to each of `(users, n_items)` histories, sparse: `(users, n_items)`.

        For thousands of users the result is large, a few thousand entries each: ask for them in portions.
        """
        return engine.weighted_rows(met(histories), self.similarity)


class VoiceSettings(Protocol):
    """How to make a voice from a training matrix."""

    @property
    def kind(self) -> Kind:
        """The formula."""
        ...

    @property
    def parameters(self) -> Mapping[str, float]:
        """Its numbers, by name; what `voice_settings` reads back."""
        ...

    def fit(self, engine: Engine, by_user: Matrix, by_item: Matrix, *, progress: Progress = silent) -> Voice:
        """Make it.

        Args:
            engine: Does the products.
            by_user: `(users, items)`; which entries are there counts, their values do not.
            by_item: Its transpose.
            progress: Told while it works.
        """
        ...


def met(histories: Matrix) -> Matrix:
    """The same entries, each counting once."""
    return Matrix(histories.indptr, histories.indices, np.ones(histories.nnz, np.float32), histories.columns)
