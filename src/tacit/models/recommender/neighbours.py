"""Item neighbours and RP3beta: how much more often two items are met together than others are.

Both are one formula, a weighted co-occurrence, with `n_j` the listeners of an item and `d_u` the
items of a user:

    s_ji = n_j^-σ · n_i^-τ · Σ_u d_u^-υ [u met j][u met i]

* *Cosine* (Deshpande and Karypis, "Item-Based Top-N Recommendation Algorithms", TOIS 2004, §4): `σ = τ = ½, υ = 0`.
* *Asymmetric cosine* (Aiolli, "Efficient Top-N Recommendation for Very Large Scale Binary Rated Datasets", RecSys 2013,
  eq. 3): `σ + τ = 1`; the smaller `τ`, the more the popular are let pass.
* *Inverse user frequency* (Breese, Heckerman and Kadie, UAI 1998, §2.2.2, with a power for the logarithm): `υ > 0`; who
  met everything says little about any two.
* *RP3beta* (Paudel, Christoffel, Newell and Bernstein, TiiS 2016, §4): a walk from the user to an item of theirs, to
  another listener and on to an item, `Σ_j∈u 1/d_u · (1/n_j · 1/d_v)^α`, divided by `n_i^β`: `σ = υ = α, τ = β`.  The
  first step is the same for all items of one user and changes no order.

Only the strongest entries are kept: of each row (what one item leads to) or of each column (what leads to one item).
Rows hold what is likely next, and are better where the future is to be told from the past; columns give every item its
say, and are far better for a voice that speaks alone on dense data, where rows fill with the popular.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tacit.data.interfaces import Progress, silent
from tacit.models.recommender.engines.interfaces import Engine, Floats
from tacit.models.recommender.engines.matrix import Matrix
from tacit.models.recommender.voices import Kind, Voice


@dataclass(frozen=True)
class CoOccurrence:
    """Item neighbours or RP3beta: the exponents of the module's formula.

    Attributes:
        source: `σ`, of the listeners of the item met.
        target: `τ`, of the listeners of the item spoken of.
        user: `υ`, of the items of the users between them.
        keep: How many entries of each row or column.
        by_target: Whether the strongest of each column are kept, rather than of each row.
        kind: What it is called.
    """

    source: float = 0.5
    target: float = 0.3
    user: float = 0.5
    keep: int = 200
    by_target: bool = False
    kind: Kind = "item_knn"

    @property
    def parameters(self) -> Mapping[str, float]:
        return {
            "source": self.source,
            "target": self.target,
            "user": self.user,
            "keep": self.keep,
            "by_target": float(self.by_target),
        }

    def fit(self, engine: Engine, by_user: Matrix, by_item: Matrix, *, progress: Progress = silent) -> Voice:
        """O(Σ_u d_u²) time, O(threads · n_items + n_items · keep) memory beside the matrices."""
        source, target = _powers(by_item, self.source), _powers(by_item, self.target)
        # Co-occurrence is the same both ways, so that the columns are rows with the scales swapped.
        found = engine.neighbours(
            by_user,
            by_item,
            user_weights=_powers(by_user, self.user),
            source_scales=target if self.by_target else source,
            target_scales=source if self.by_target else target,
            keep=self.keep,
            progress=progress,
        )
        return Voice(self.kind, engine.transpose(found) if self.by_target else found, self.parameters)


def rp3beta(alpha: float = 1.0, beta: float = 0.5, *, keep: int = 200, by_target: bool = False) -> CoOccurrence:
    """RP3beta's settings in the module's formula."""
    return CoOccurrence(alpha, beta, alpha, keep=keep, by_target=by_target, kind="rp3beta")


def _powers(matrix: Matrix, exponent: float) -> Floats:
    """`count^-exponent` of each row; what has no entry counts as one, and meets nobody."""
    return np.asarray(np.maximum(matrix.counts, 1).astype(np.float64) ** -exponent, dtype=np.float32)
