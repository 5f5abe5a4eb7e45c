"""How a value becomes the weight of an observation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Curve = Literal["plain", "linear", "log", "capped"]


@dataclass(frozen=True)
class Confidence:
    """How a value (plays, stars, a count) becomes the weight of an observation: `w = alpha · f(value) / scale`.

    `scale` is the mean of `f` over the training data, so that `alpha` is the mean weight whichever curve is taken and
    the three can be compared. By NDCG@10 on seeded validation folds (64 factors): on heavy-tailed play counts
    (Last.fm 2K) `log` is best, `capped` loses 4 % and `linear`, where one obsession drowns the rest, 7 %; on star
    ratings, which span one decade, the three lie within 0.2 %; where every value is 1 they are the same.

    `plain` is the paper's own `w = alpha · value`, for whoever brings an `alpha` tuned for it.

    Attributes:
        curve: `plain` and `linear` take the value, `log` takes `log(1 + value)`, `capped` the value but at most `cap`.
        alpha: Mean weight of an observation over a non-observation; of one play, on the `plain` curve.
        scale: Mean of the curve over the training data; 1 on the `plain` curve.
        cap: Where `capped` cuts.
        mean_weight: Mean of `w` over the training data, `ᾱ`.
    """

    curve: Curve
    alpha: float
    scale: float = 1.0
    cap: float = np.inf
    mean_weight: float = 0.0

    def weights(self, values: Floats) -> Floats:
        """`w` for each value, same shape, float32."""
        return (self.shape(values) * np.float32(self.alpha / self.scale)).astype(np.float32)

    def shape(self, values: Floats) -> Floats:
        """`f` for each value."""
        if self.curve == "log":
            return np.log1p(values)
        return np.minimum(values, np.float32(self.cap)) if self.curve == "capped" else values

    @classmethod
    def fitted(cls, curve: Curve, alpha: float, values: Floats) -> Confidence:
        """The curve scaled to the training data; `capped` cuts at its 90th percentile."""
        cap = float(np.quantile(values, 0.9)) if curve == "capped" and len(values) else float("inf")
        draft = cls(curve, alpha, cap=cap)
        mean = float(draft.shape(values).mean(dtype=np.float64)) if len(values) else 1.0
        scale = 1.0 if curve == "plain" else mean
        return replace(draft, scale=scale, mean_weight=alpha * mean / scale)
