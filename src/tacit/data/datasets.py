"""Snapshots: a dataset frozen, filtered, split and fingerprinted, so that what was learnt can be repeated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tacit.data.catalog import Item
from tacit.data.interactions import NO_TIME, Interactions
from tacit.data.splitting import Split, choose_split, hold_out

Csr = Any
"""A `scipy.sparse.csr_array`, float32."""


@dataclass(frozen=True)
class SnapshotRules:
    """What a snapshot keeps, and how it splits.

    Attributes:
        min_user_interactions: Users with fewer interactions are not trained on or judged by.
        min_item_interactions: Items that fewer users chose are not trained on.
        holdout_share: Share of each user's interactions that is held out, in [0, 1).
        split: `time`, `hash` or `given`; `None` takes the best the data allows.
        seed: Seed of the split where there is no time, and of ties.
    """

    min_user_interactions: int = 5
    min_item_interactions: int = 3
    holdout_share: float = 0.2
    split: Split | None = None
    seed: int = 20_260


@dataclass(frozen=True)
class Snapshot:
    """A frozen data set with its split.

    Users and items are numbered so that those we train on come first: the *thin* ones that the filters dropped
    follow, known by name and history but not learnt from. Trainable items stand in order of popularity.

    Attributes:
        fingerprint: SHA-256 (hex) over all that follows; equal content, equal fingerprint.
        dataset: Where the data came from.
        rules: The rules it was made by.
        split: The split in force.
        import_ids: The imports it holds.
        watermark_ms: Unix milliseconds of the latest event in it; `None` where the data has no times.
        user_ids: All known users, the `n_users` trainable ones first.
        items: All known items, the `n_items` trainable ones first.
        indptr: `(len(user_ids) + 1,)` int64, each user's slice of the three arrays below.
        indices: `(rows,)` int32, item positions, ascending within a user.
        values: `(rows,)` float32.
        held: `(rows,)` bool, whether the row belongs to the hold-out.
        events_turn: The turn up to which applied events are in it.  The fingerprint covers what they brought, not how
            many turns that took.
    """

    fingerprint: str
    dataset: str
    rules: SnapshotRules
    split: Split
    import_ids: tuple[str, ...]
    watermark_ms: int | None
    user_ids: tuple[str, ...]
    items: tuple[Item, ...]
    n_users: int
    n_items: int
    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    values: NDArray[np.float32]
    held: NDArray[np.bool_]
    events_turn: int = 0

    @cached_property
    def training(self) -> Csr:
        """What a model learns from: `(n_users, n_items)`, hold-out removed."""
        return self._matrix(~self.held)

    @cached_property
    def holdout(self) -> Csr:
        """What a model is judged by: `(n_users, n_items)`."""
        return self._matrix(self.held)

    @cached_property
    def history(self) -> Csr:
        """Everything known of everyone: `(len(user_ids), len(items))`."""
        shape = (len(self.user_ids), len(self.items))
        return sparse.csr_array((self.values, self.indices, self.indptr), shape=shape)

    def _matrix(self, kept: NDArray[np.bool_]) -> Csr:
        stop = self.indptr[self.n_users]
        kept = kept[:stop] & (self.indices[:stop] < self.n_items)
        so_far = np.concatenate(([0], np.cumsum(kept, dtype=np.int64)))
        indptr = so_far[self.indptr[: self.n_users + 1]]
        return sparse.csr_array(
            (self.values[:stop][kept], self.indices[:stop][kept], indptr), shape=(self.n_users, self.n_items)
        )

    @cached_property
    def holdout_fingerprint(self) -> str:
        """SHA-256 (hex) over who is judged by what: equal where two versions were scored on the same hold-out."""
        held = self.holdout
        digest = hashlib.sha256(b"tacit-holdout-1\n")
        digest.update(
            json.dumps([self.user_ids[: self.n_users], [i.item_id for i in self.items[: self.n_items]]]).encode()
        )
        for values in (held.indptr, held.indices):
            digest.update(np.ascontiguousarray(values, dtype="<i8").tobytes())
        return digest.hexdigest()

    def facts(self) -> dict[str, object]:
        """What a manifest says of it."""
        return {
            "dataset": self.dataset,
            "imports": list(self.import_ids),
            "rules": asdict(self.rules),
            "split": self.split,
            "watermark_ms": self.watermark_ms,
            "events_turn": self.events_turn,
            "users": self.n_users,
            "items": self.n_items,
            "thin_users": len(self.user_ids) - self.n_users,
            "thin_items": len(self.items) - self.n_items,
            "interactions": int(self.training.nnz + self.holdout.nnz),
            "held_out": int(self.holdout.nnz),
            "holdout": self.holdout_fingerprint,
        }


def freeze(interactions: Interactions, catalog: Iterable[Item], rules: SnapshotRules) -> Snapshot:
    """Filter, split and fingerprint a dataset.

    The two filters are applied again and again until neither drops anything, so that in the result every trainable
    user has at least `min_user_interactions` interactions with trainable items and every trainable item at least
    `min_item_interactions` users. O(rows log rows) time, O(rows) memory.

    Args:
        interactions: All that is known.
        catalog: What is known of the items; an item without an entry is titled by its id.
        rules: What to keep, how to split.
    """
    n_users, n_items = len(interactions.user_ids), len(interactions.item_ids)
    kept = dense_rows(interactions, rules)
    rows = np.flatnonzero(kept)
    split = rules.split or choose_split(interactions)
    held = np.zeros(len(interactions), bool)
    held[rows] = hold_out(interactions, rows, split=split, share=rules.holdout_share, seed=rules.seed)
    listeners = np.bincount(interactions.items[rows], minlength=n_items)
    user_order, trainable_users = _trainable_first(np.bincount(interactions.users[rows], minlength=n_users) > 0)
    item_order, trainable_items = _by_popularity(listeners)
    order, users, items = _renumbered(interactions, user_order, item_order)
    body: dict[str, Any] = {
        "dataset": interactions.dataset,
        "rules": rules,
        "split": split,
        "import_ids": interactions.import_ids,
        "watermark_ms": _watermark(interactions.last_at_ms),
        "user_ids": tuple(interactions.user_ids[u] for u in user_order),
        "items": _described([interactions.item_ids[position] for position in item_order], catalog),
        "n_users": trainable_users,
        "n_items": trainable_items,
        "indptr": np.concatenate(([0], np.cumsum(np.bincount(users, minlength=n_users), dtype=np.int64))),
        "indices": items,
        "values": interactions.values[order],
        "held": held[order],
    }
    return Snapshot(fingerprint=fingerprint_of(body), **body)


def _described(met: Iterable[str], catalog: Iterable[Item]) -> tuple[Item, ...]:
    """The items met, in their order, with what the catalogue says of them; then those nobody met, by id."""
    described = {item.item_id: item for item in catalog}
    known = [described.pop(name, Item(name, name)) for name in met]
    return (*known, *(described[name] for name in sorted(described)))


def dense_rows(interactions: Interactions, rules: SnapshotRules) -> NDArray[np.bool_]:
    """The rows left when users and items below the minima are dropped until none is: `(rows,)` bool."""
    users, items = interactions.users, interactions.items
    kept = np.ones(len(interactions), bool)
    while True:
        per_user = np.bincount(users[kept], minlength=len(interactions.user_ids))
        per_item = np.bincount(items[kept], minlength=len(interactions.item_ids))
        enough = (per_user >= rules.min_user_interactions)[users] & (per_item >= rules.min_item_interactions)[items]
        still = kept & enough
        if np.array_equal(still, kept):
            return kept
        kept = still


def fingerprint_of(body: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over a snapshot's content, independent of how it is stored."""
    digest = hashlib.sha256(b"tacit-snapshot-1\n")
    plain = {key: body[key] for key in ("dataset", "split", "import_ids", "watermark_ms", "n_users", "n_items")}
    digest.update(json.dumps({**plain, "rules": asdict(body["rules"])}, sort_keys=True).encode())
    for item in body["items"]:
        digest.update(json.dumps([item.item_id, item.title, item.categories, item.tags]).encode())
    digest.update(json.dumps(body["user_ids"]).encode())
    for name, kind in (("indptr", "<i8"), ("indices", "<i4"), ("values", "<f4"), ("held", "?")):
        digest.update(np.ascontiguousarray(body[name], dtype=kind).tobytes())
    return digest.hexdigest()


def _trainable_first(trainable: NDArray[np.bool_]) -> tuple[NDArray[np.intp], int]:
    return np.argsort(~trainable, kind="stable"), int(trainable.sum())


def _by_popularity(listeners: NDArray[np.intp]) -> tuple[NDArray[np.intp], int]:
    # Thin items have no listener left, so that popularity puts them last by itself.
    return np.argsort(-listeners, kind="stable"), int((listeners > 0).sum())


def _renumbered(
    interactions: Interactions, user_order: NDArray[np.intp], item_order: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.int32]]:
    """Rows in the order of the new numbers, and the new numbers of their users and items."""
    users = _inverse(user_order)[interactions.users]
    items = _inverse(item_order)[interactions.items]
    order = np.lexsort((items, users))
    return order, users[order], items[order]


def _inverse(order: NDArray[np.intp]) -> NDArray[np.int32]:
    numbers = np.empty(len(order), np.int32)
    numbers[order] = np.arange(len(order), dtype=np.int32)
    return numbers


def _watermark(times: NDArray[np.int64]) -> int | None:
    known = times[times != NO_TIME]
    return int(known.max()) if len(known) else None
