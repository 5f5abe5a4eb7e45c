"""A draw from the whole catalogue that leans to what few know, the same for everybody who has its seed (pure)."""

from __future__ import annotations

import secrets
from hashlib import blake2b

import numpy as np

from tacit.models.recommender.model import RecommenderModel
from tacit.serving.retrieval import Retrieved, Wanted


def new_seed() -> str:
    """A seed that nobody used before, as it may stand in an address."""
    return secrets.token_hex(6)


def drawn(model: RecommenderModel, wanted: Wanted, seed: str) -> Retrieved:
    """Items that somebody met, without replacement, each in proportion to `log2(1 + listeners)`.

    An item that a thousand met comes ten times as often as one that one met, not a thousand times.  The keys are drawn
    for the whole catalogue and what is barred is left out afterwards, so that whoever asks with a seed, the order of
    what two of them see is the same (Efraimidis and Spirakis, IPL 2006: the lowest of `-ln(u) / weight`).
    """
    weights = np.log2(1.0 + np.asarray(model.listeners, np.float64))
    state = int.from_bytes(blake2b(seed.encode("utf-8", "surrogatepass"), digest_size=16).digest(), "big")
    keys = np.random.Generator(np.random.PCG64(state)).exponential(size=len(weights))
    with np.errstate(divide="ignore"):
        keys = keys / weights
    keys[wanted.barred[wanted.barred < len(keys)]] = np.inf
    if wanted.category is not None:
        keys[~model.categories[wanted.category]] = np.inf
    most = min(wanted.limit, len(keys))
    first = np.argpartition(keys, most - 1)[:most] if most else np.empty(0, np.intp)
    first = first[np.argsort(keys[first], kind="stable")]
    found = first[np.isfinite(keys[first])]
    shares = weights[found] / max(float(weights.sum()), 1e-12)
    return Retrieved(found.astype(np.intp), shares.astype(np.float32))
