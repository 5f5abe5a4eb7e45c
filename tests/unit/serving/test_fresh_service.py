"""The service with all that freshness adds: events, choices, kept lists and newcomers on one stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.adapters.memory_catalog import MemoryCatalogStore
from tacit.data.catalog_entries import ItemEntry, Preferences
from tacit.entrypoints.api.app import create_app
from tacit.errors import BadInput, NotFound
from tacit.serving.answers import Answer
from tacit.serving.live_catalogue import FollowedCatalogue
from tacit.serving.memory_ladder import MemoryLadder, MemorySteps
from tacit.serving.model_pool import LoadedVersion
from tacit.serving.newcomers import Newcomers
from tacit.serving.ready_answers import ReadyAnswers, RestsOn
from tacit.serving.retrieval import Positions
from tests.fresh_desks import AWAY, Desk, Undropped
from tests.stages import NEWCOMER, RARE, Stage, stage


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("home")) as made:
        made.release()
        made.pool.refresh()
        yield made


@pytest.fixture
def desk(made: Stage) -> Desk:
    return Desk(made)


def ids(answer: Answer) -> list[str]:
    return [item.item_id for item in answer.items]


@pytest.mark.requirement("CACHE-009")
def test_a_list_asked_for_again_is_the_same_under_another_name_and_is_remembered_as_shown(desk: Desk) -> None:
    recorded = desk.exposures.counts().recorded
    first, second = desk.service.for_user("u000"), desk.service.for_user("u000")

    assert replace(second, recommendation_id=first.recommendation_id) == first
    assert second.recommendation_id != first.recommendation_id
    assert desk.counted() == (1, 1, 0)
    assert desk.exposures.counts().recorded == recorded + 2


def test_other_questions_of_the_same_user_are_other_lists(desk: Desk) -> None:
    answers = [
        desk.service.for_user("u000", limit=5),
        desk.service.for_user("u000", limit=6),
        desk.service.for_user("u000", limit=5, category="high"),
        desk.service.for_user("u000", limit=5, exclude={ids(desk.service.for_user("u000", limit=5))[0]}),
    ]

    assert len({tuple(ids(answer)) for answer in answers}) == 4


@pytest.mark.requirement("CACHE-008")
def test_the_list_after_an_event_knows_it(desk: Desk) -> None:
    first = desk.service.for_user("u000")
    desk.did("u000", ids(first)[0])
    second = desk.service.for_user("u000")

    assert ids(first)[0] not in ids(second)
    assert (second.source, second.degraded) == ("personal", False)
    assert ids(first)[0] in {item.item_id for item in desk.service.history("u000", 100)}


def test_what_is_disliked_is_in_no_list_and_not_in_the_history(desk: Desk) -> None:
    best = ids(desk.service.for_user("u000", limit=1))[0]
    desk.did("u000", best, weight=-30.0)
    desk.did("stranger", "i000", "i001", weight=-1.0)

    assert best not in ids(desk.service.for_user("u000", limit=1_000))
    assert best not in {item.item_id for item in desk.service.history("u000", 1_000)}
    assert not {"i000", "i001"} & set(ids(desk.service.for_user("stranger", limit=1_000)))


def test_somebody_never_seen_is_refused_until_their_first_event_and_climbs_the_ladder(desk: Desk) -> None:
    for ask in (desk.service.for_user, desk.service.history):
        with pytest.raises(NotFound):
            ask("zoe")
    sources = []
    for at in range(10):
        desk.did("zoe", f"i{at + 15:03}")
        sources.append(desk.service.for_user("zoe").source)

    assert sources == ["popular"] * 4 + ["blended"] * 5 + ["personal"]
    assert {item.item_id for item in desk.service.history("zoe", 100)} == {f"i{at + 15:03}" for at in range(10)}
    assert {category for item in desk.service.for_user("zoe", limit=3).items for category in item.categories} == {
        "high"
    }


def test_choices_make_somebody_known_and_later_ones_replace_the_earlier(desk: Desk) -> None:
    desk.chose("ivy", Preferences(categories=("high",)))
    by_category = desk.service.for_user("ivy")
    desk.chose("ivy", Preferences(item_ids=("i001", "i002")))
    by_items = desk.service.for_user("ivy", limit=30)

    assert (by_category.source, by_items.source) == ("category", "blended")
    assert {category for item in by_category.items for category in item.categories} == {"high"}
    assert not {"i001", "i002"} & set(ids(by_items))


def test_a_store_that_is_away_costs_freshness_only_and_is_told(desk: Desk) -> None:
    before = desk.service.for_user("u000")
    desk.store.is_away = True
    desk.did("u000", "i000")
    desk.did("zoe", "i000")
    known, unknown = desk.service.for_user("u000"), desk.service.for_user("zoe")
    desk.store.is_away = False
    after = desk.service.for_user("u000")

    assert (ids(known), known.source, known.degraded) == (ids(before), "personal", True)
    assert (unknown.source, unknown.degraded) == ("popular", True)
    assert desk.failures == [AWAY, AWAY]
    assert not after.degraded
    assert "i000" not in ids(desk.service.for_user("zoe", limit=1_000))


def test_choices_that_cannot_be_read_leave_what_is_popular_and_are_told(desk: Desk) -> None:
    desk.chose("ivy", Preferences(categories=("high",)))
    desk.choices.is_away = True
    answer = desk.service.for_user("ivy")
    heavy = desk.service.for_user("u000")

    assert (answer.source, answer.degraded) == ("popular", True)
    assert (heavy.source, heavy.degraded) == ("personal", False)
    assert desk.failures == [AWAY]


def test_where_a_personal_list_cannot_be_computed_the_last_one_answers_without_what_was_seen_since(
    made: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(made, Undropped())
    model = desk.pool.current().model
    before = desk.service.for_user("u000", limit=5)
    desk.did("u000", ids(before)[1])
    monkeypatch.setitem(model.__dict__, "index", None)
    stale = desk.service.for_user("u000", limit=5)
    other = desk.service.for_user("u002", limit=5)

    assert ids(stale) == [ids(before)[0], *ids(before)[2:]]
    assert (stale.source, stale.degraded) == ("personal", True)
    assert (other.source, other.degraded) == ("blended", True)
    assert desk.counted()[2] == 1


def test_a_play_of_an_item_without_factors_is_in_the_history_and_in_no_list(desk: Desk) -> None:
    desk.shelf.refresh(desk.pool.current())
    desk.did("u000", "rare", weight=10_000.0)

    assert desk.service.history("u000", 1)[0].item_id == "rare"
    assert "rare" not in ids(desk.service.for_user("u000", limit=1_000))


def test_items_without_factors_can_be_asked_about_and_those_nobody_knows_cannot(desk: Desk) -> None:
    desk.shelf.refresh(desk.pool.current())

    assert desk.service.similar("rare").source in ("similar", "popular")
    with pytest.raises(NotFound):
        desk.service.similar("nowhere")


def test_without_events_the_newcomer_of_the_community_is_still_cold(desk: Desk) -> None:
    assert desk.service.for_user(NEWCOMER).source == "popular"


class Door(FollowedCatalogue):
    """A catalogue that takes what is said at once, also in the moment after somebody looked at what is hidden."""

    def __init__(self) -> None:
        self.store = MemoryCatalogStore()
        self.next: ItemEntry | None = None
        super().__init__(self.store, time.time)

    def say(self, *entries: ItemEntry) -> None:
        self.store.put_items(entries)
        self.refresh()

    def hidden(self, loaded: LoadedVersion) -> Positions:
        found = super().hidden(loaded)
        if self.next is not None:
            entry, self.next = self.next, None
            self.say(entry)
        return found


def test_an_item_shown_again_while_a_list_is_made_is_in_the_next_one(made: Stage) -> None:
    door = Door()
    desk = Desk(made, live=door)
    best = ids(desk.service.for_user("u000", limit=1))[0]
    door.say(ItemEntry(best, available=False))
    door.next = ItemEntry(best)

    assert best not in ids(desk.service.for_user("u000"))
    assert ids(desk.service.for_user("u000"))[0] == best


def test_a_new_item_that_is_liked_is_known_and_in_no_answer(made: Stage) -> None:
    door = Door()
    desk = Desk(made, live=door)
    door.say(ItemEntry("fresh", categories=("high",)), ItemEntry("removed", deleted=True))
    desk.shelf.refresh(desk.pool.current())
    answer = desk.service.for_likes(["i020", "fresh", "removed"], limit=1_000)

    assert "fresh" in ids(desk.service.for_likes(["i020"], limit=1_000))
    assert "fresh" not in ids(answer)
    assert answer.unknown_items == ("removed",)
    assert desk.service.for_likes(["fresh"]).source == "popular"
    with pytest.raises(BadInput):
        desk.service.for_likes(["removed"])


def test_nothing_is_like_an_item_that_was_removed_whether_or_not_it_had_factors(made: Stage) -> None:
    door = Door()
    desk = Desk(made, live=door)
    desk.shelf.refresh(desk.pool.current())
    for item_id in ("i020", RARE):
        door.say(ItemEntry(item_id, deleted=True))
        with pytest.raises(NotFound):
            desk.service.similar(item_id)


def test_what_is_like_a_new_item_is_that_although_newer_ones_come_meanwhile(
    made: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Door()
    desk = Desk(made, live=door)
    loaded = desk.pool.current()
    door.say(ItemEntry("fresh", categories=("high",), updated_at_ms=1))
    desk.shelf.refresh(loaded)
    before = ids(desk.service.similar("fresh", limit=5))
    current = desk.shelf.current

    def overtaken(version: LoadedVersion) -> Newcomers | None:
        found = current(version)
        door.say(ItemEntry("fresher", categories=("low",), updated_at_ms=2))
        desk.shelf.refresh(version)
        return found

    monkeypatch.setattr(desk.shelf, "current", overtaken)

    assert ids(desk.service.similar("fresh", limit=5)) == before


def test_what_is_hidden_takes_no_place_in_a_history(made: Stage) -> None:
    door = Door()
    desk = Desk(made, live=door)
    first, second = (item.item_id for item in desk.service.history("u000", 2))
    door.say(ItemEntry(first, available=False))

    assert [item.item_id for item in desk.service.history("u000", 1)] == [second]


acts = st.lists(
    st.tuples(
        st.sampled_from(("u000", "u001", NEWCOMER, "zoe")),
        st.one_of(
            st.none(),
            st.tuples(st.integers(0, 29).map(lambda at: f"i{at:03}"), st.sampled_from((1.0, 3.0, -0.5, -3.0))),
        ),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(acts=acts)
def test_no_list_ever_shows_what_its_user_met_whatever_they_did_and_asked_before(made: Stage, acts: Any) -> None:
    desk = Desk(made)
    model = desk.pool.current().model
    met: dict[str, set[str]] = {
        user: {model.items[at].item_id for at in model.history(model.user_rows[user])[0].tolist()}
        for user in ("u000", "u001", NEWCOMER)
    }
    for user_id, deed in acts:
        if deed is not None:
            desk.did(user_id, deed[0], weight=deed[1])
            met.setdefault(user_id, set()).add(deed[0])
        elif user_id in met:
            assert not set(ids(desk.service.for_user(user_id, limit=30))) & met[user_id]
    for user_id, seen in met.items():
        assert not set(ids(desk.service.for_user(user_id, limit=30))) & seen


def test_what_an_answer_rests_on_is_otherwise_after_whatever_its_user_did_or_chose(desk: Desk) -> None:
    desk.service.for_user("u000")
    before = desk.service.rests_on("u000")
    assert before is not None
    assert same(before, desk.service.rests_on("u000"))

    desk.did("u000", "i029")
    assert desk.service.rests_on("u000") is None
    desk.service.for_user("u000")
    after = desk.service.rests_on("u000")
    assert not same(before, after)

    desk.chose(NEWCOMER, Preferences(item_ids=("i001",)))
    desk.service.for_user(NEWCOMER)
    chosen = desk.service.rests_on(NEWCOMER)
    desk.chose(NEWCOMER, Preferences(item_ids=("i002",)))
    assert not same(chosen, desk.service.rests_on(NEWCOMER))
    assert same(after, desk.service.rests_on("u000"))


def test_what_an_answer_rests_on_cannot_be_told_before_choices_that_count_were_read(desk: Desk) -> None:
    assert desk.service.rests_on(NEWCOMER) is None
    desk.service.for_user(NEWCOMER)
    read = desk.service.rests_on(NEWCOMER)
    desk.service.for_user(NEWCOMER)
    assert same(read, desk.service.rests_on(NEWCOMER))

    desk.chose(NEWCOMER, Preferences(categories=("high",)))
    assert desk.service.rests_on(NEWCOMER) is None


def test_whoever_has_met_enough_keeps_their_answers_although_no_choices_were_read(desk: Desk) -> None:
    desk.choices.is_away = True
    for user_id, item_ids in (("u000", ()), ("u001", ("i029",)), ("zoe", tuple(f"i{at:03}" for at in range(10)))):
        desk.did(user_id, *item_ids)
        desk.service.for_user(user_id)
        before = desk.service.rests_on(user_id)
        desk.service.for_user(user_id)
        assert same(before, desk.service.rests_on(user_id))
    assert desk.failures == []


def test_what_answers_rest_on_is_otherwise_once_an_item_is_hidden_or_renamed(made: Stage) -> None:
    store = MemoryCatalogStore()
    live = FollowedCatalogue(store, time.time)
    desk = Desk(made, live=live)
    desk.service.for_user("u000")
    seen = [desk.service.rests_on("u000")]

    for entry in (ItemEntry("i020", title="Another"), ItemEntry("i021", available=False)):
        store.put_items([entry])
        live.refresh()
        desk.service.for_user("u000")
        seen.append(desk.service.rests_on("u000"))

    assert not any(same(one, other) for one, other in pairwise(seen))


def test_answers_that_are_ready_are_given_up_at_every_look_at_memory_that_is_critical(
    made: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    shed: list[ReadyAnswers[Any]] = []

    def noted(answers: ReadyAnswers[Any]) -> None:
        shed.append(answers)

    monkeypatch.setattr(ReadyAnswers, "shed", noted)
    ladder = MemoryLadder(MemorySteps(), lambda: 0.86, made.metrics)
    ladder.shedding(create_app(made.service, made.pool, made.metrics, version="0").shed)
    for _ in range(3):
        ladder.look()

    assert len(shed) == 3


def same(one: RestsOn | None, other: RestsOn | None) -> bool:
    if one is None or other is None or one.loaded is not other.loaded:
        return False
    return all(this is that for this, that in zip(one.things, other.things, strict=True))
