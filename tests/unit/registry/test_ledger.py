"""What the ledger says of the champion."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.registry.ledger import champions
from tacit.registry.versions import Promotion

Kind = Literal["promoted", "rolled_back"]


def move(kind: Kind, to_number: int) -> Promotion:
    return Promotion("recommender", kind, None, to_number, "ann", forced=False, reason="", at="2026-01-02T12:00:00Z")


def played(story: str) -> tuple[int, ...]:
    """The stack after a story such as `1 2 <1`, where `<` marks a rollback."""
    moves = [move("rolled_back" if "<" in word else "promoted", int(word.lstrip("<"))) for word in story.split()]
    return champions(moves)


@pytest.mark.parametrize(
    ("story", "stack"),
    [
        ("", ()),
        ("1", (1,)),
        ("1 2 3", (1, 2, 3)),
        ("1 2 3 <2", (1, 2)),
        ("1 2 3 <2 <1", (1,)),
        ("1 2 3 <1", (1,)),
        ("1 2 <1 3", (1, 3)),
        ("1 2 <1 2", (1, 2)),
        ("1 2 1", (2, 1)),
    ],
)
def test_the_ledger_tells_what_a_rollback_can_walk_through(story: str, stack: tuple[int, ...]) -> None:
    assert played(story) == stack


@given(st.lists(st.integers(1, 4), min_size=1, max_size=12))
def test_rolling_back_all_the_way_never_returns_to_a_version_that_was_left(numbers: list[int]) -> None:
    ledger = [move("promoted", number) for number in numbers]
    left: list[int] = []

    while len(stack := champions(ledger)) > 1:
        left.append(stack[-1])
        ledger.append(move("rolled_back", stack[-2]))

    assert champions(ledger)[-1] not in left
    assert len(left) == len(set(left))
