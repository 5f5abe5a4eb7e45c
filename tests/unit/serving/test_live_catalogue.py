"""The catalogue in memory: what is hidden, what is new, from which moment on, and what that costs."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.adapters.memory_catalog import MemoryCatalogStore
from tacit.data.catalog import Item
from tacit.data.catalog_entries import ItemChange, ItemEntry
from tacit.errors import Unavailable
from tacit.serving.live_catalogue import PAGE, FollowedCatalogue, UnsaidCatalogue
from tacit.serving.model_pool import LoadedVersion
from tacit.serving.recommend import RecommendationService, ServingLimits
from tests.stages import NEWCOMER, Stage, stage


class Watch:
    """A clock that stands where it is set, in milliseconds."""

    def __init__(self, now_ms: int = 1_000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> float:
        return self.now_ms / 1_000


class Told(MemoryCatalogStore):
    """A store that counts how often it is read, and fails when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.is_broken = False

    def item_changes(self, after: int, *, limit: int) -> Sequence[ItemChange]:
        self.reads += 1
        if self.is_broken:
            raise Unavailable("database_busy", "The database is busy.")
        return super().item_changes(after, limit=limit)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("home")) as made:
        made.release()
        made.pool.refresh()
        yield made


@pytest.fixture
def loaded(made: Stage) -> LoadedVersion:
    return made.pool.current()


@pytest.fixture
def store() -> Told:
    return Told()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def followed(store: Told, watch: Watch) -> FollowedCatalogue:
    return FollowedCatalogue(store, watch)


def hidden(followed: FollowedCatalogue, loaded: LoadedVersion) -> list[str]:
    """The ids of what is hidden, once their positions have been found ascending."""
    positions = followed.hidden(loaded)
    assert positions.dtype == np.intp
    assert (np.diff(positions) > 0).all()
    return sorted(loaded.model.items[row].item_id for row in positions)


def test_nothing_is_hidden_and_nothing_new_while_nothing_was_said(
    followed: FollowedCatalogue, loaded: LoadedVersion
) -> None:
    for catalogue in (followed, UnsaidCatalogue()):
        assert (len(catalogue.hidden(loaded)), len(catalogue.newcomers(loaded))) == (0, 0)
        assert (catalogue.revision, catalogue.entry("i001")) == (0, None)


def test_what_is_unavailable_expired_or_deleted_is_hidden_and_what_is_not_known_is_new(
    store: Told, followed: FollowedCatalogue, loaded: LoadedVersion
) -> None:
    store.put_items(
        [
            ItemEntry("i001", available=False),
            ItemEntry("i002", deleted=True),
            ItemEntry("i003", expires_at_ms=1_000),
            ItemEntry("i004", expires_at_ms=1_001),
            ItemEntry("i005", title="Said"),
            ItemEntry("new 2", "Two", ("a",), ("b",)),
            ItemEntry("new 1"),
            ItemEntry("new 3", available=False),
            ItemEntry("new 4", expires_at_ms=1_000),
            ItemEntry("new 5", deleted=True),
        ]
    )
    before = hidden(followed, loaded)
    followed.refresh()

    assert before == []
    assert hidden(followed, loaded) == ["i001", "i002", "i003"]
    assert list(followed.newcomers(loaded)) == [Item("new 1", "new 1"), Item("new 2", "Two", ("a",), ("b",))]
    assert (followed.revision, followed.entry("i005")) == (1, ItemEntry("i005", title="Said"))


def test_a_later_entry_takes_the_place_of_the_earlier_one(
    store: Told, followed: FollowedCatalogue, loaded: LoadedVersion
) -> None:
    for entry in (ItemEntry("i001", available=False), ItemEntry("new", deleted=True)):
        store.put_items([entry])
        followed.refresh()
        followed.hidden(loaded)
    store.put_items([ItemEntry("i001"), ItemEntry("new")])
    followed.refresh()

    assert (hidden(followed, loaded), [item.item_id for item in followed.newcomers(loaded)]) == ([], ["new"])


def test_expiries_take_effect_at_their_millisecond_forwards_and_backwards_without_a_read(
    store: Told, followed: FollowedCatalogue, loaded: LoadedVersion, watch: Watch
) -> None:
    store.put_items(
        [
            ItemEntry("i001", expires_at_ms=2_000),
            ItemEntry("i002", expires_at_ms=3_000),
            ItemEntry("n", expires_at_ms=2_000),
        ]
    )
    followed.refresh()
    reads = store.reads
    found = {}
    for moment in (1_999, 2_000, 2_999, 3_000, 2_500, 0):
        watch.now_ms = moment
        found[moment] = (hidden(followed, loaded), len(followed.newcomers(loaded)))

    assert found == {
        1_999: ([], 1),
        2_000: (["i001"], 0),
        2_999: (["i001"], 0),
        3_000: (["i001", "i002"], 0),
        2_500: (["i001"], 0),
        0: ([], 1),
    }
    assert store.reads == reads


def test_between_two_changes_the_same_positions_are_answered_and_nobody_can_change_them(
    store: Told, followed: FollowedCatalogue, loaded: LoadedVersion, watch: Watch
) -> None:
    store.put_items([ItemEntry("i001", available=False), ItemEntry("i002", expires_at_ms=9_000)])
    followed.refresh()
    first = followed.hidden(loaded)
    watch.now_ms += 100

    assert followed.hidden(loaded) is first
    assert followed.newcomers(loaded) is followed.newcomers(loaded)
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 7


def test_a_store_that_fails_leaves_what_is_known_in_force(
    store: Told, followed: FollowedCatalogue, loaded: LoadedVersion
) -> None:
    store.put_items([ItemEntry("i001", available=False)])
    followed.refresh()
    store.put_items([ItemEntry("i001"), ItemEntry("i002", available=False)])
    store.is_broken = True
    with pytest.raises(Unavailable):
        followed.refresh()
    meanwhile, known = hidden(followed, loaded), followed.revision
    store.is_broken = False
    followed.refresh()

    assert (meanwhile, known) == (["i001"], 1)
    assert (hidden(followed, loaded), followed.revision) == (["i002"], 2)


def test_a_store_that_is_slow_holds_up_no_question(
    store: Told, followed: FollowedCatalogue, loaded: LoadedVersion, watch: Watch
) -> None:
    store.put_items([ItemEntry("i001", expires_at_ms=2_000)])
    followed.refresh()
    entered, free = threading.Event(), threading.Event()

    def slow(after: int, *, limit: int) -> Sequence[ItemChange]:
        entered.set()
        free.wait(10)
        return []

    store.item_changes = slow  # type: ignore[method-assign]
    reading = threading.Thread(target=followed.refresh)
    reading.start()
    entered.wait(10)
    watch.now_ms = 2_000
    found = hidden(followed, loaded)
    free.set()
    reading.join()

    assert found == ["i001"]


def test_a_catalogue_of_many_pages_is_read_to_its_end(store: Told, followed: FollowedCatalogue) -> None:
    for start in range(0, 2 * PAGE + 10, 3_000):
        store.put_items([ItemEntry(f"n{start + at}") for at in range(3_000)])
    followed.refresh()

    assert (followed.revision, followed.entry(f"n{2 * PAGE}")) == (store.revision, ItemEntry(f"n{2 * PAGE}"))


def test_versions_are_looked_at_side_by_side_and_none_is_kept_alive(
    store: Told, followed: FollowedCatalogue, loaded: LoadedVersion
) -> None:
    store.put_items([ItemEntry("i001", available=False)])
    followed.refresh()
    other = replace(loaded, loaded_at=7.0)
    store.put_items([ItemEntry("i002", available=False)])
    both = [hidden(followed, each) for each in (loaded, other)]
    followed.refresh()
    later = [hidden(followed, each) for each in (loaded, other)]
    del other
    gc.collect()
    hidden(followed, replace(loaded, loaded_at=8.0))

    assert (both, later) == ([["i001"]] * 2, [["i001", "i002"]] * 2)
    assert sum(outlook.version() is not None for outlook in followed._outlooks) <= 2


def test_categories_are_those_of_items_that_are_still_there(store: Told, followed: FollowedCatalogue) -> None:
    store.put_items([ItemEntry("a", categories=("x", "y")), ItemEntry("b", categories=("z",)), ItemEntry("c")])
    followed.refresh()
    before = followed.categories()
    store.put_items([ItemEntry("b", categories=("z",), deleted=True)])
    followed.refresh()

    assert (before, followed.categories()) == ({"x", "y", "z"}, {"x", "y"})


ENTRIES = st.builds(
    ItemEntry,
    st.sampled_from([f"i{at:03}" for at in range(30)]),
    available=st.booleans(),
    expires_at_ms=st.none() | st.integers(0, 20),
    deleted=st.sampled_from([False, False, True]),
)


@pytest.fixture(scope="module")
def looked_at(made: Stage) -> tuple[RecommendationService, MemoryCatalogStore, FollowedCatalogue, Watch]:
    """A service over a catalogue that is changed and told the time by the test."""
    store, watch = MemoryCatalogStore(), Watch()
    followed = FollowedCatalogue(store, watch)
    service = RecommendationService(
        made.pool,
        made.exposures,
        made.metrics,
        clock=watch,
        new_id=lambda: "answer",
        limits=ServingLimits(unknown_user="popular"),
        catalogue=followed,
    )
    return service, store, followed, watch


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    batches=st.lists(st.lists(ENTRIES, max_size=12), max_size=3), now_ms=st.integers(0, 21), limit=st.integers(1, 40)
)
def test_no_question_shows_what_is_hidden_expired_or_seen(
    looked_at: tuple[RecommendationService, MemoryCatalogStore, FollowedCatalogue, Watch],
    made: Stage,
    batches: list[list[ItemEntry]],
    now_ms: int,
    limit: int,
) -> None:
    service, store, followed, watch = looked_at
    watch.now_ms = now_ms
    model = made.pool.current().model
    store.put_items([ItemEntry(item.item_id) for item in model.items])
    for batch in batches:
        store.put_items(batch)
    followed.refresh()
    entries = store.items([item.item_id for item in model.items])
    off = {entry.item_id for entry in entries if not entry.is_shown(now_ms)}
    gone = {entry.item_id for entry in entries if entry.deleted}
    seen = {
        user: {model.items[row].item_id for row in model.history(model.user_rows[user])[0]}
        for user in ("u000", NEWCOMER)
    }

    for user in ("u000", NEWCOMER, "a stranger"):
        for category in (None, "low", "high"):
            answer = service.for_user(user, limit=limit, category=category)
            told = {item.item_id for item in answer.items}
            reasons = {reason.item_id for item in answer.items for reason in item.because}
            assert not told & (off | seen.get(user, set()))
            assert not reasons & off
    others = [
        service.popular(limit=limit),
        service.for_likes(["i001", "i016"], limit=limit),
        *(service.similar(item, limit=limit) for item in ("i002", "i020") if item not in gone),
    ]
    assert not {item.item_id for answer in others for item in answer.items} & off
    assert not {item.item_id for item in service.search("artist", limit=limit)} & off
    assert not {item.item_id for item in service.history("u000", 1_000)} & off


def test_what_is_not_hidden_fills_the_list_up_to_its_length(
    looked_at: tuple[RecommendationService, MemoryCatalogStore, FollowedCatalogue, Watch], made: Stage
) -> None:
    service, store, followed, _ = looked_at
    model = made.pool.current().model
    store.put_items([ItemEntry(item.item_id, available=at % 2 == 0) for at, item in enumerate(model.items)])
    followed.refresh()

    assert len(service.popular(limit=10).items) == 10
    assert len(service.for_user("u000", limit=5).items) == 5
    assert len(service.search("artist", limit=10)) == 10
