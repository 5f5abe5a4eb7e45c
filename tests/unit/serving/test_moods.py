"""What suits a mood: found by real words, or in the company of items that somebody picked, and never invented."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from tacit.adapters.memory_moods import MemoryMoodStore
from tacit.data.catalog import Item
from tacit.data.catalog_entries import Preferences, UserEntry
from tacit.data.moods import MOST_MOODS, Mood
from tacit.errors import NotFound, Refused
from tacit.models.recommender.model import RecommenderModel
from tacit.serving.labels import Labels
from tacit.serving.mood_book import ChosenMoods, MoodBook
from tacit.serving.mood_desk import MoodDesk
from tacit.serving.mood_profiles import MoodProfile, profile_of
from tests.stages import RARE, small_model

LOW = Mood("low", "Low", (("LOW".casefold(), 1.0),), is_default=True)


def profile(mood: Mood, model: RecommenderModel | None = None) -> MoodProfile:
    model = model or small_model()
    return profile_of(model, Labels(model.items), mood)


def ids(made: MoodProfile) -> list[str]:
    return [small_model().items[row].item_id for row in made.found.items.tolist()]


def plain() -> RecommenderModel:
    """The same community, of whose items nothing is said."""
    model = small_model()
    bare = replace(model, items=tuple(Item(item.item_id, item.title) for item in model.items))
    bare.__dict__.update(unit_index=model.unit_index, unit_factors=model.unit_factors)
    return bare


@pytest.mark.requirement("SERV-022")
def test_a_mood_is_the_items_that_bear_its_words_the_popular_ones_first() -> None:
    made, model = profile(replace(LOW, words=(("low", 1.0), ("made-up", 0.2), ("nothing", 1.0)))), small_model()
    rows = made.found.items.tolist()
    low = [row for row in rows if "low" in model.items[row].categories]

    assert made.basis == "words"
    assert dict(made.words) == {"low": 16, "made-up": len(model.items)}
    assert [model.listeners[row] for row in low] == sorted((model.listeners[row] for row in low), reverse=True)
    assert rows[0] == low[0]
    assert 0 < made.found.scores.min() <= made.found.scores.max() == 1
    assert made.seeds.tolist() == rows[:8]


def test_items_that_somebody_picked_come_first_whatever_their_words() -> None:
    made = profile(replace(LOW, seeds=("i020", "nowhere", RARE)))

    assert ids(made)[:2] == ["i020", RARE]
    assert len(set(ids(made))) == len(ids(made))
    assert [small_model().items[row].item_id for row in made.seeds.tolist()] == ["i020", RARE]


def test_where_nothing_has_words_the_company_of_the_seeds_is_the_mood() -> None:
    made, model = profile(Mood("high", "High", (("high", 1.0),), ("i016", "i017", "i018")), plain()), small_model()

    assert (made.basis, made.words, made.why_empty) == ("neighbours", (), None)
    near = [model.items[row] for row in made.found.items.tolist()[3:10]]
    assert {item.categories for item in near} == {("high",)}


def test_few_words_are_helped_out_by_the_neighbours_of_what_they_found() -> None:
    model = small_model()
    items = tuple(replace(item, categories=("high",) if item.item_id == "i020" else ()) for item in model.items)
    tagged = replace(plain(), items=items)
    made = profile_of(tagged, Labels(items), Mood("high", "High", (("high", 1.0),)))

    assert made.basis == "words and neighbours"
    assert ids(made)[0] == "i020"
    assert len(ids(made)) > 5


@pytest.mark.parametrize(
    ("mood", "why"), [(LOW, "nobody picked items"), (replace(LOW, seeds=("nowhere",)), "none of its seeds has factors")]
)
def test_without_words_and_company_a_mood_is_empty_and_says_why(mood: Mood, why: str) -> None:
    made = profile(mood, plain())

    assert (len(made.found.items), made.basis) == (0, "nothing")
    assert why in str(made.why_empty)


def test_opposite_seeds_whose_middle_is_nowhere_have_no_company() -> None:
    model = plain()
    factors = np.array(model.unit_factors)
    factors[1] = -factors[0]
    model.__dict__["unit_factors"] = factors
    made = profile(Mood("odd", "Odd", (), (model.items[0].item_id, model.items[1].item_id)), model)

    assert len(made.found.items) == 2
    assert np.isfinite(made.found.scores).all()


def test_what_is_said_of_a_mood_stands_above_what_was_shipped_until_it_is_forgotten() -> None:
    store = MemoryMoodStore()
    book = MoodBook((LOW,), store)
    before = book.stamp
    store.put(Mood("low", "Lower", (("deep", 1.0),)), at_ms=1)
    store.put(Mood("own", "Own", (("own", 1.0),)), at_ms=1)
    book.refresh()
    assert [mood.title for mood in book.moods.values()] == ["Lower", "Own"]
    assert book.stamp != before

    store.remove("low")
    store.remove("own")
    book.refresh()
    assert (book.moods, book.stamp) == ({"low": LOW}, before)
    with pytest.raises(NotFound, match="no such mood"):
        book.mood("own")


@pytest.mark.requirement("SERV-024")
def test_moods_that_a_user_chose_mean_the_words_in_force_and_stay_words_of_their_own_too() -> None:
    book = MoodBook((replace(LOW, title="Feeling low", words=(("deep", 1.0), ("low", 0.5))),), MemoryMoodStore())
    chosen = Preferences(("i1",), ("rock",), ("FEELING LOW", "rain"))

    class Entries:
        def users(self, user_ids: object) -> list[UserEntry]:
            return [UserEntry("ann", preferences=chosen)]

    [told] = ChosenMoods(Entries(), book).users(["ann"])
    assert told.preferences == replace(chosen, moods=("FEELING LOW", "deep", "low", "rain"))


class Written:
    """An audit trail."""

    def __init__(self) -> None:
        self.acts: list[tuple[str, str, str]] = []

    def record(self, action: str, *, actor: str, subject: str, at: str, facts: object) -> None:
        assert not math.isnan(len(at))
        self.acts.append((action, actor, subject))


def test_every_change_of_a_mood_is_written_down_and_in_force_at_once() -> None:
    store, audit = MemoryMoodStore(), Written()
    desk = MoodDesk(store, MoodBook((LOW,), store), audit, transaction=nullcontext, clock=lambda: 1.0)
    news = [desk.put(name, {"words": ["deep"]}, actor="ann")[1] for name in ("low", "own")]
    assert (news, list(desk.book.moods)) == ([False, True], ["low", "own"])
    assert desk.book.mood("low").words == (("deep", 1.0),)

    desk.remove("low", actor="bob")
    assert desk.book.mood("low") == LOW
    with pytest.raises(NotFound):
        desk.remove("low", actor="bob")
    assert audit.acts == [
        ("mood_changed", "ann", "mood/low"),
        ("mood_changed", "ann", "mood/own"),
        ("mood_forgotten", "bob", "mood/low"),
    ]


def test_there_are_no_more_moods_than_a_page_can_show() -> None:
    store = MemoryMoodStore()
    desk = MoodDesk(store, MoodBook((LOW,), store), Written(), transaction=nullcontext, clock=lambda: 1.0)
    for number in range(MOST_MOODS - 1):
        store.put(Mood(f"m{number}", "M", (("a", 1.0),)), at_ms=1)
    desk.book.refresh()

    with pytest.raises(Refused, match="the most are 100"):
        desk.put("another", {"words": ["a"]}, actor="ann")
    desk.put("m5", {"words": ["b"]}, actor="ann")
