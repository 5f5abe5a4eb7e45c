"""What every `GuardStore` promises."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace

import pytest

from tacit.adapters.memory import MemoryAuditTrail
from tacit.adapters.memory_guards import MemoryGuardStore
from tacit.adapters.sql.engine import Database
from tacit.adapters.sql.guards import SqlGuardStore
from tacit.security.audit import AuditRecorder
from tacit.security.blocks import Block, GuardStore
from tacit.security.guard_desk import GuardDesk

BLOCK = Block("b1", "203.0.113.7", "Björk's scanner", "manual", "ann", at_ms=1_000, until_ms=5_000)


Unit = Callable[[], AbstractContextManager[None]]


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def kept(request: pytest.FixtureRequest) -> tuple[GuardStore, Unit]:
    """A store, and how a unit of work is opened that it joins."""
    if request.param == "memory":
        return MemoryGuardStore(), nullcontext
    database: Database = request.getfixturevalue(f"{request.param}_database")
    return SqlGuardStore(database), database.transaction


@pytest.fixture
def store(kept: tuple[GuardStore, Unit]) -> GuardStore:
    return kept[0]


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


@pytest.mark.parametrize("later", ["appeal", "review"])
def test_a_lift_stands_whoever_says_something_of_the_same_block_at_that_moment(
    kept: tuple[GuardStore, Unit], later: str
) -> None:
    store, transaction = kept
    store.add(BLOCK)
    quick = _desk(store, transaction)

    @contextmanager
    def after_a_lift() -> Iterator[None]:
        """A unit of work that has to wait for another one, in which the block is lifted."""
        quick.review("b1", decision="lifted", finding="a partner", actor="cora")
        with transaction():
            yield

    slow = _desk(store, after_a_lift)
    if later == "appeal":
        slow.appeal("b1", "we are a partner", actor="bob")
    else:
        slow.review("b1", decision="kept", finding="scans us still", actor="bob")
    found = store.block("b1")

    assert found is not None
    assert found.lifted_at_ms == 2_000
    assert (found.appeal, found.review) in {("we are a partner", "a partner"), ("", "scans us still")}


def _desk(store: GuardStore, transaction: Unit) -> GuardDesk:
    return GuardDesk(store, AuditRecorder(MemoryAuditTrail()), lambda: "now", lambda: 2_000, transaction)
