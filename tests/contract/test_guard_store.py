"""What every `GuardStore` promises."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tacit.adapters.memory_guards import MemoryGuardStore
from tacit.adapters.sql.guards import SqlGuardStore
from tacit.security.blocks import Block, GuardStore

BLOCK = Block("b1", "203.0.113.7", "Björk's scanner", "manual", "ann", at_ms=1_000, until_ms=5_000)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[GuardStore]:
    if request.param == "memory":
        yield MemoryGuardStore()
        return
    yield SqlGuardStore(request.getfixturevalue(f"{request.param}_database"))


def test_a_block_comes_back_as_it_went_in_and_as_it_was_changed(store: GuardStore) -> None:
    store.add(BLOCK)
    assert (store.block("b1"), store.block("b2")) == (BLOCK, None)
    changed = replace(BLOCK, appeal="we are a partner", review="true", reviewed_by="bob", lifted_at_ms=2_000)
    store.change(changed)

    assert store.block("b1") == changed


def test_what_holds_is_neither_over_nor_lifted(store: GuardStore) -> None:
    for block in (
        BLOCK,
        replace(BLOCK, block_id="b2", until_ms=1_500),
        replace(BLOCK, block_id="b3", lifted_at_ms=1_200),
        replace(BLOCK, block_id="b4", at_ms=1_100, source="automatic", level=2),
    ):
        store.add(block)

    assert [each.block_id for each in store.guarding(2_000).blocks] == ["b4", "b1"]
    assert [each.block_id for each in store.blocks(limit=10, holding_at_ms=2_000)] == ["b4", "b1"]
    assert [each.block_id for each in store.blocks(limit=3)] == ["b4", "b1", "b2"]
    assert (store.count_since(BLOCK.caller, 1_000), store.count_since(BLOCK.caller, 1_101)) == (1, 0)


def test_every_change_raises_the_revision_and_nothing_else_does(store: GuardStore) -> None:
    seen = [store.revision()]
    for act in (
        lambda: store.add(BLOCK),
        lambda: store.change(BLOCK),
        lambda: store.set_strict(True),
        lambda: store.set_strict(True),
        lambda: store.guarding(0),
    ):
        act()
        seen.append(store.revision())

    assert [after - before for before, after in itertools.pairwise(seen)] == [1, 1, 1, 0, 0]
    assert store.guarding(0).revision == seen[-1]


@pytest.mark.requirement("SEC-022")
def test_strict_mode_is_off_until_it_is_switched_on_and_says_whether_that_changed_anything(store: GuardStore) -> None:
    before = store.guarding(0).is_strict
    acts = [store.set_strict(True), store.set_strict(True), store.guarding(0).is_strict, store.set_strict(False)]

    assert (before, acts, store.guarding(0).is_strict) == (False, [True, False, True, True], False)
