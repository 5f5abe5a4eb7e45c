"""What every `VersionStore` promises."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tacit.adapters.memory import MemoryVersionStore
from tacit.adapters.sql.engine import open_database
from tacit.adapters.sql.registry import SqlVersionStore
from tacit.errors import Refused
from tacit.registry.chain import first_broken
from tacit.registry.interfaces import VersionStore
from tacit.registry.versions import Evidence, Origin, Pin, Promotion, Pruning, Version


def folder_of(name: str, number: int) -> Path:
    return Path("versions", name, str(number))


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VersionStore]:
    if request.param == "memory":
        yield MemoryVersionStore()
        return
    if request.param == "postgres":
        yield SqlVersionStore(request.getfixturevalue("postgres_database"), folder_of)
        return
    database = open_database(f"sqlite:///{tmp_path}/tacit.db")
    yield SqlVersionStore(database, folder_of)
    database.close()


def version(number: int, name: str = "recommender") -> Version:
    return Version(name, number, f"{number:064x}", "pass", "2026-01-02T12:00:00Z", folder_of(name, number))


def promotion(from_number: int | None, to_number: int, name: str = "recommender") -> Promotion:
    return Promotion(
        name, "promoted", from_number, to_number, "ann", forced=True, reason="é", at="2026-01-02T12:00:00Z"
    )


def test_numbers_start_at_one_and_rise_for_each_model_alone(store: VersionStore) -> None:
    numbers = [store.next_number("recommender"), store.next_number("vision"), store.next_number("recommender")]

    assert numbers == [1, 1, 2]


def test_callers_at_the_same_time_never_get_the_same_number(store: VersionStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        numbers = list(threads.map(lambda _: store.next_number("recommender"), range(40)))

    assert sorted(numbers) == list(range(1, 41))


def test_a_version_comes_back_as_it_went_in(store: VersionStore) -> None:
    store.add(version(1))

    assert store.version("recommender", 1) == version(1)


def test_what_was_never_added_is_not_there(store: VersionStore) -> None:
    assert store.version("recommender", 1) is None
    assert list(store.versions("recommender")) == []
    assert list(store.promotions("recommender")) == []
    assert list(store.names()) == []
    assert store.challenger("recommender") is None


def test_versions_come_oldest_first_and_of_one_model_only(store: VersionStore) -> None:
    for each in (version(10), version(2), version(1, "vision")):
        store.add(each)

    assert list(store.versions("recommender")) == [version(2), version(10)]
    assert list(store.names()) == ["recommender", "vision"]


def test_a_version_is_added_once(store: VersionStore) -> None:
    store.add(version(1))

    with pytest.raises(Refused) as refusal:
        store.add(version(1))

    assert refusal.value.code == "version_immutable"


def test_the_ledger_keeps_every_promotion_as_it_was_oldest_first(store: VersionStore) -> None:
    for each in (version(1), version(2), version(1, "vision")):
        store.add(each)
    store.promote(promotion(None, 1), expected=None)
    store.promote(promotion(None, 1, "vision"), expected=None)
    store.promote(promotion(1, 2), expected=1)

    assert list(store.promotions("recommender")) == [promotion(None, 1), promotion(1, 2)]


@pytest.mark.parametrize("expected", [None, 2])
def test_a_promotion_that_expects_another_champion_is_refused_and_not_kept(
    store: VersionStore, expected: int | None
) -> None:
    store.add(version(1))
    store.add(version(2))
    store.promote(promotion(None, 1), expected=None)

    with pytest.raises(Refused) as refusal:
        store.promote(promotion(expected, 2), expected=expected)

    assert refusal.value.code == "alias_moved"
    assert list(store.promotions("recommender")) == [promotion(None, 1)]


def test_of_many_who_move_the_champion_at_once_exactly_one_wins(store: VersionStore) -> None:
    for number in range(1, 9):
        store.add(version(number))

    def try_to_promote(number: int) -> bool:
        try:
            store.promote(promotion(None, number), expected=None)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        wins = list(threads.map(try_to_promote, range(1, 9)))

    assert wins.count(True) == 1
    assert len(store.promotions("recommender")) == 1


def test_the_challenger_can_be_named_replaced_and_withdrawn(store: VersionStore) -> None:
    store.add(version(1))
    store.add(version(2))
    seen = []
    for number in (1, 2, None, None):
        store.set_challenger("recommender", number)
        seen.append(store.challenger("recommender"))

    assert seen == [1, 2, None, None]


def test_every_move_is_chained_to_the_one_before_it_with_what_it_stood_on(store: VersionStore) -> None:
    for each in (version(1), version(2), version(1, "vision")):
        store.add(each)
    evidence = Evidence("a" * 64, "b" * 64)
    first = store.promote(promotion(None, 1), expected=None, evidence=evidence)
    other = store.promote(promotion(None, 1, "vision"), expected=None)
    second = store.promote(promotion(1, 2), expected=1, evidence=evidence)

    assert list(store.ledger("recommender")) == [first, second]
    assert list(store.ledger("vision")) == [other]
    assert (first.sequence, second.sequence, other.evidence) == (1, 2, None)
    assert first_broken(store.ledger("recommender")) is None


def test_a_refused_move_leaves_the_chain_as_it_was(store: VersionStore) -> None:
    store.add(version(1))
    store.promote(promotion(None, 1), expected=None)
    with pytest.raises(Refused):
        store.promote(promotion(None, 1), expected=None)

    assert len(store.ledger("recommender")) == 1


def test_moves_of_many_at_once_make_one_chain(store: VersionStore) -> None:
    for number in range(1, 9):
        store.add(version(number))

    def promote(number: int) -> None:
        while True:
            moves = store.promotions("recommender")
            champion = moves[-1].to_number if moves else None
            try:
                store.promote(promotion(champion, number), expected=champion)
            except Refused:
                continue
            return

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(promote, range(1, 9)))

    assert first_broken(store.ledger("recommender")) is None
    assert [entry.sequence for entry in store.ledger("recommender")] == list(range(1, 9))


def test_several_versions_are_pinned_at_once_and_a_new_reason_replaces_the_old(store: VersionStore) -> None:
    for number in (1, 2):
        store.add(version(number))
    pins = [Pin("recommender", number, "é", "ann", "now") for number in (2, 1)]
    for pin in (*pins, again := Pin("recommender", 2, "better", "bob", "later")):
        store.pin(pin)

    assert list(store.pins("recommender")) == [pins[1], again]
    assert list(store.pins("vision")) == []
    assert [store.unpin("recommender", 2), store.unpin("recommender", 2)] == [True, False]
    assert list(store.pins("recommender")) == [pins[1]]


def test_a_version_is_marked_as_pruned_once_and_says_so(store: VersionStore) -> None:
    for number in (1, 2):
        store.add(version(number))
    pruning = Pruning("recommender", 1, "ann", 2**40, "now")

    marked = [store.mark_pruned(pruning), store.mark_pruned(Pruning("recommender", 1, "bob", 5, "later"))]

    assert marked == [True, False]
    assert list(store.prunings("recommender")) == [pruning]
    assert [each.pruned_at for each in store.versions("recommender")] == ["now", None]
    found = store.version("recommender", 1)
    assert found is not None
    assert found.pruned_at == "now"


def test_a_pruned_version_can_become_neither_champion_nor_challenger_nor_be_pinned(store: VersionStore) -> None:
    store.add(version(1))
    store.mark_pruned(Pruning("recommender", 1, "ann", 0, "now"))

    for act in (
        lambda: store.promote(promotion(None, 1), expected=None),
        lambda: store.set_challenger("recommender", 1),
        lambda: store.pin(Pin("recommender", 1, "", "ann", "now")),
    ):
        with pytest.raises(Refused) as refusal:
            act()
        assert refusal.value.code == "version_pruned"
    assert list(store.ledger("recommender")) == []
    assert store.challenger("recommender") is None


def test_where_versions_came_from_comes_back_as_it_went_in(store: VersionStore) -> None:
    store.add(version(1))
    origin = Origin("recommender", 1, "recommender", 41, "d" * 64, "k" * 16)
    store.add_origin(origin)

    assert list(store.origins("recommender")) == [origin]
    assert list(store.origins("vision")) == []
