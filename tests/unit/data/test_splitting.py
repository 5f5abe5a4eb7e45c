"""Which interactions are held out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.data.interactions import Interactions
from tacit.data.splitting import choose_split, hold_out, id_hashes
from tests.communities import interactions, two_tastes


def held(found: Interactions, **choices: object) -> np.ndarray:
    rows = np.arange(len(found))
    return hold_out(found, rows, **{"split": choose_split(found), "share": 0.2, "seed": 1, **choices})


@pytest.mark.requirement("DATA-009")
def test_the_latest_fifth_of_each_users_interactions_is_held_out() -> None:
    rows = [("ann", f"i{day}", 1.0, day) for day in range(10)] + [
        ("bob", f"i{day}", 1.0, 100 - day) for day in range(5)
    ]
    found = interactions(rows)

    mask = held(found)

    assert [row for row, out in zip(sorted(rows), mask, strict=True) if out] == [
        ("ann", "i8", 1.0, 8),
        ("ann", "i9", 1.0, 9),
        ("bob", "i0", 1.0, 100),
    ]


def test_a_user_with_too_few_interactions_for_one_whole_row_keeps_them_all() -> None:
    found = interactions([("ann", f"i{day}", 1.0, day) for day in range(4)])

    assert not held(found).any()


def test_without_times_the_split_is_the_same_on_every_run_and_differs_by_seed() -> None:
    found = interactions([(f"u{user}", f"i{item}", 1.0) for user in range(20) for item in range(20)])

    assert choose_split(found) == "hash"
    assert np.array_equal(held(found), held(found))
    assert not np.array_equal(held(found), held(found, seed=2))


def test_the_hash_of_a_pair_does_not_depend_on_who_else_is_there() -> None:
    few, many = interactions([("ann", "x", 1.0)]), interactions([("abe", "w", 1.0), ("ann", "x", 1.0)])

    assert id_hashes(few.user_ids, seed=7)[0] == id_hashes(many.user_ids, seed=7)[1]


def test_the_publishers_own_split_is_taken_where_there_is_one() -> None:
    found = interactions([("ann", "x", 1.0), ("ann", "y", 1.0), ("bob", "x", 1.0)], folds=[1, 2, 1])

    assert choose_split(found) == "given"
    assert held(found).tolist() == [False, True, False]


@given(share=st.floats(0, 0.95), seed=st.integers(0, 2**32))
def test_every_user_gives_exactly_the_whole_rows_of_the_share(share: float, seed: int) -> None:
    found = two_tastes(users=10)
    counts = np.bincount(found.users)

    mask = hold_out(found, np.arange(len(found)), split="time", share=share, seed=seed)

    assert np.bincount(found.users[mask], minlength=10).tolist() == np.floor(counts * share + 1e-9).astype(int).tolist()
