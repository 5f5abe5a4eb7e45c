"""Snapshots: filtered, split, fingerprinted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tacit.data.catalog import Item
from tacit.data.datasets import SnapshotRules, dense_rows, freeze
from tests.communities import interactions, titled, two_tastes

RULES = SnapshotRules()


@pytest.mark.requirement("DATA-006")
def test_a_user_with_four_interactions_is_known_but_not_trained_on() -> None:
    rows = [(f"u{user}", f"i{item}", 1.0) for user in range(6) for item in range(6)]
    found = interactions([*rows, *(("few", f"i{item}", 1.0) for item in range(4))])

    snapshot = freeze(found, (), RULES)

    assert snapshot.n_users == 6
    assert "few" in snapshot.user_ids[6:]
    assert snapshot.history[[snapshot.user_ids.index("few")]].nnz == 4


@pytest.mark.requirement("DATA-007")
def test_an_item_with_two_listeners_is_known_but_not_trained_on() -> None:
    rows = [(f"u{user}", f"i{item}", 1.0) for user in range(6) for item in range(6)]
    found = interactions([*rows, ("u0", "rare", 1.0), ("u1", "rare", 1.0)])

    snapshot = freeze(found, (), RULES)

    assert snapshot.n_items == 6
    assert [item.item_id for item in snapshot.items[6:]] == ["rare"]


def test_the_filters_are_applied_until_neither_drops_anything() -> None:
    # Without u5 (4 rows) the item i5 has two listeners left; without i5 its listeners have too few rows, and so on.
    rows = [(f"u{user}", f"i{item}", 1.0) for user in range(8) for item in range(user, user + 5)]
    found = interactions(rows)

    kept = dense_rows(found, RULES)

    assert all(count == 0 or count >= 5 for count in np.bincount(found.users[kept], minlength=8))
    assert all(count == 0 or count >= 3 for count in np.bincount(found.items[kept], minlength=12))


def test_training_and_holdout_are_disjoint_and_together_the_whole() -> None:
    snapshot = freeze(two_tastes(), (), RULES)

    overlap = snapshot.training.multiply(snapshot.holdout)

    assert overlap.nnz == 0
    assert snapshot.training.nnz + snapshot.holdout.nnz == len(snapshot.indices)
    assert abs(snapshot.holdout.nnz / len(snapshot.indices) - 0.2) < 0.06


def test_items_stand_in_order_of_popularity_and_keep_what_the_catalogue_says() -> None:
    found = two_tastes()
    snapshot = freeze(found, titled(found), RULES)
    listeners = np.bincount(snapshot.indices, minlength=len(snapshot.items))

    assert (np.diff(listeners[: snapshot.n_items]) <= 0).all()
    assert snapshot.items[0].title == f"Item {snapshot.items[0].item_id}"


def test_an_item_nobody_met_is_known_by_its_catalogue_entry() -> None:
    snapshot = freeze(two_tastes(), (Item("unheard", "Unheard"),), RULES)

    assert snapshot.items[-1] == Item("unheard", "Unheard")


@pytest.mark.requirement("DATA-015")
def test_equal_content_gives_an_equal_fingerprint_and_any_change_another() -> None:
    found = two_tastes()
    louder = replace(found, values=np.where(np.arange(len(found)) == 3, found.values + 1, found.values))

    fingerprints = [
        freeze(found, (), RULES).fingerprint,
        freeze(found, (), RULES).fingerprint,
        freeze(louder, (), RULES).fingerprint,
        freeze(found, (Item("unheard", "Unheard"),), RULES).fingerprint,
        freeze(found, (), replace(RULES, holdout_share=0.3)).fingerprint,
    ]

    assert fingerprints[0] == fingerprints[1]
    assert len(set(fingerprints)) == 4


def test_the_watermark_is_the_latest_event() -> None:
    found = two_tastes()

    assert freeze(found, (), RULES).watermark_ms == found.last_at_ms.max()
    assert freeze(interactions([("ann", "x", 1.0)]), (), RULES).watermark_ms is None


def test_a_dataset_with_nothing_dense_enough_freezes_to_nothing_trainable() -> None:
    snapshot = freeze(interactions([("ann", "x", 1.0), ("bob", "y", 1.0)]), (), RULES)

    assert (snapshot.n_users, snapshot.n_items) == (0, 0)
    assert snapshot.training.shape == (0, 0)
    assert snapshot.history.nnz == 2
