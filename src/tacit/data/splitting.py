"""Past and recent: which interactions of a user are held out to judge a model by (pure)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tacit.data.interactions import NO_TIME, Interactions

Split = Literal["time", "hash", "given"]


def choose_split(interactions: Interactions) -> Split:
    """The publisher's own split where the data carries one, else by time, else by seeded hash."""
    if np.any(interactions.folds == 2):
        return "given"
    if np.any(interactions.last_at_ms != NO_TIME):
        return "time"
    return "hash"


def hold_out(
    interactions: Interactions, rows: NDArray[np.intp], *, split: Split, share: float, seed: int
) -> NDArray[np.bool_]:
    """Mark the interactions to hold out.

    Of a user's `n` rows the last `floor(share * n)` are held out: the latest by time, ties and untimed data in the
    order of a seeded hash of the pair. The hash looks at nothing but the two ids and the seed, so that a pair keeps
    its place however the data grows around it.

    Args:
        interactions: The interactions.
        rows: Positions of the rows that take part, in any order.
        split: How to choose.
        share: Share of each user's rows to hold out, in [0, 1).
        seed: Seed of the hash.

    Returns:
        `(len(rows),)` bool, aligned with `rows`. O(n log n) time, O(n) memory.
    """
    if split == "given":
        return np.asarray(interactions.folds[rows] == 2)
    users = interactions.users[rows]
    hashes = pair_hashes(interactions, rows, seed=seed)
    times = interactions.last_at_ms[rows] if split == "time" else np.zeros(len(rows), np.int64)
    order = np.lexsort((hashes, times, users))
    counts = np.bincount(users)
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    position = np.empty(len(rows), np.int64)
    position[order] = np.arange(len(rows)) - starts[users[order]]
    # The product is nudged up so that 0.2 x 5, which floats make 0.99…, holds out one row of five.
    held = np.floor(counts * share + 1e-9).astype(np.int64)
    return np.asarray(position >= (counts - held)[users])


def pair_hashes(interactions: Interactions, rows: NDArray[np.intp], *, seed: int) -> NDArray[np.uint64]:
    """A 64-bit hash of each row's (user id, item id) under a seed: `(len(rows),)` uint64.

    Ids are hashed once each with BLAKE2b; pairs are mixed by the finaliser of SplitMix64 (Steele, Lea, Flood,
    OOPSLA 2014), which is a bijection of good avalanche.
    """
    by_user = id_hashes(interactions.user_ids, seed=seed)[interactions.users[rows]]
    by_item = id_hashes(interactions.item_ids, seed=seed + 1)[interactions.items[rows]]
    with np.errstate(over="ignore"):
        mixed = by_user + np.uint64(0x9E3779B97F4A7C15) * by_item
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def id_hashes(ids: Sequence[str], *, seed: int) -> NDArray[np.uint64]:
    """A 64-bit hash of each id under a seed: `(len(ids),)` uint64, the same on every machine."""
    key = seed.to_bytes(8, "little")
    digests = b"".join(hashlib.blake2b(name.encode(), digest_size=8, key=key).digest() for name in ids)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)
