"""Lists made beforehand: they answer where none can be worked out, for whom they still hold, and leak nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.adapters.precomputed import PrecomputedFolder
from tacit.errors import Refused, Unavailable
from tacit.models.recommender.lists import lists_for_all
from tacit.serving.model_pool import ModelPool
from tacit.serving.precomputed import PrecomputedLists, PrecomputedShelf
from tests.arms import failing_load
from tests.many_desks import ManyDesk
from tests.stages import NEWCOMER, RARE, Stage, stage

ITEMS = [*(f"i{place:03}" for place in range(30)), RARE]


@dataclass
class Broken:
    """A stage whose version fails at every search while it is told to, with everybody's list on disk."""

    stage: Stage
    folder: PrecomputedFolder
    fails: bool = False

    def desk(self) -> ManyDesk:
        shelf = PrecomputedShelf(self.folder, failed=lambda _: None)
        shelf.refresh(self.stage.pool.current())
        return ManyDesk(self.stage, shelf)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    home: Path = tmp_path_factory.mktemp("home")
    with stage(home) as made:
        made.release()
        found = Broken(made, PrecomputedFolder(home / "precomputed"))
        load = failing_load(1, lambda: found.fails)
        pool = ModelPool(made.bench.registry, made.bench.versions, load, metrics=made.metrics)
        pool.refresh()
        found.stage = replace(made, pool=pool)
        loaded = pool.current()
        chunks = lists_for_all(loaded.model, 20, min_interactions=10)
        found.folder.write(loaded.version.manifest_digest, chunks, count=20)
        yield found


@pytest.fixture(autouse=True)
def mended(broken: Broken) -> Iterator[None]:
    yield
    broken.fails = False


@pytest.mark.requirement("SERV-036")
def test_where_a_list_cannot_be_worked_out_the_one_made_beforehand_is_given_and_it_says_so(broken: Broken) -> None:
    alone = broken.desk().service.for_user("u000", limit=5)
    broken.fails = True
    ready, without = broken.desk().service.for_user("u000", limit=5), ManyDesk(broken.stage).service.for_user("u000")

    assert [(item.item_id, item.score) for item in ready.items] == [(item.item_id, item.score) for item in alone.items]
    assert (ready.source, ready.degraded, alone.degraded) == ("personal", True, False)
    assert (without.source, without.degraded) == ("blended", True)


@settings(max_examples=30, deadline=None)
@given(
    hidden=st.sets(st.sampled_from(ITEMS), max_size=8),
    excluded=st.sets(st.sampled_from(ITEMS), max_size=8),
    category=st.sampled_from([None, "low", "high"]),
    limit=st.integers(1, 40),
    did=st.booleans(),
)
def test_nothing_hidden_excluded_or_seen_is_in_it_and_who_did_something_since_gets_another(
    broken: Broken, hidden: set[str], excluded: set[str], category: str | None, limit: int, did: bool
) -> None:
    broken.fails = True
    desk = broken.desk()
    desk.stock(hidden)
    if did:
        desk.did("u000", "i003")
    found = desk.service.for_user("u000", limit=limit, exclude=excluded, category=category)
    shown = {item.item_id for item in found.items}

    assert not shown & (hidden | excluded | desk.seen_by("u000"))
    assert category is None or all(item.categories == (category,) for item in found.items)
    assert len(shown) == len(found.items) <= limit
    assert not (did and found.source == "personal")


def test_only_who_has_enough_of_a_history_has_a_list_made_beforehand(broken: Broken) -> None:
    broken.fails = True
    found = broken.desk().service.for_user(NEWCOMER)

    assert (found.source, found.degraded) == ("popular", False)


def test_lists_are_looked_for_once_read_once_and_refused_once(broken: Broken) -> None:
    told: list[Refused] = []
    reads: list[str] = []

    class Store:
        name = "first"

        def newest(self, digest: str) -> str:
            return self.name

        def read(self, name: str, digest: str, *, shape: tuple[int, int]) -> PrecomputedLists:
            reads.append(name)
            if name == "away":
                raise Unavailable("precomputed_unreadable", "They cannot be read.")
            raise Refused("precomputed_invalid", "They are not as they were written.")

    store, loaded = Store(), broken.stage.pool.current()
    shelf = PrecomputedShelf(store, failed=told.append)
    for name in ("first", "first", "second"):
        store.name = name
        shelf.refresh(loaded)

    assert (reads, len(told), shelf.lists(loaded)) == (["first", "second"], 2, None)
    store.name = "away"
    for _ in range(2):
        with pytest.raises(Unavailable):
            shelf.refresh(loaded)
    assert reads[2:] == ["away", "away"]
    shelf.refresh(None)
    assert shelf.lists(loaded) is None
