"""Items that a version learnt nothing of: what they are taken for, and how they enter lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.adapters.memory_store import MemoryEventStore
from tacit.data.catalog import Item
from tacit.data.catalog_entries import ItemEntry
from tacit.registry.versions import Manifest, Version
from tacit.serving.fallback import Question, first_answer, similar_chain, taste_chain
from tacit.serving.labels import Labels
from tacit.serving.model_pool import LoadedVersion
from tacit.serving.newcomer_factors import Audience, NewcomerFactors
from tacit.serving.newcomer_shelf import NewcomerShelf
from tacit.serving.newcomers import Newcomers, best_products, merged
from tacit.serving.retrieval import Positions, Wanted, barred, by_taste, taste_of
from tests.event_stores import effect
from tests.stages import RARE, small_model

MODEL = small_model()
LABELS = Labels(MODEL.items)
N = len(MODEL.items)
NOTHING = np.empty(0, np.intp)
FRESH = Item("fresh", "Brand New", ("high",), ("made-up",))
BLANK = Item("blank", "Nothing Known")


def version(number: int = 1, turn: int = 0) -> LoadedVersion:
    manifest = Manifest("recommender", number, "recommender", "d", "s", "c", {}, {}, {}, {"events_turn": turn}, "")
    return LoadedVersion(Version("recommender", number, "", "pass", "", Path()), manifest, MODEL, 0.0)


class Told:
    """A catalogue as somebody told it a moment ago."""

    def __init__(self, *items: Item) -> None:
        self.revision = 1
        self.items: Sequence[Item] = items
        self.updated: dict[str, int] = {}

    def say(self, *items: Item) -> None:
        self.revision += 1
        self.items = items

    def hidden(self, loaded: LoadedVersion) -> Positions:
        return NOTHING

    def newcomers(self, loaded: LoadedVersion) -> Sequence[Item]:
        return self.items

    def entry(self, item_id: str) -> ItemEntry | None:
        return ItemEntry(item_id, updated_at_ms=self.updated.get(item_id, 0))

    def said(self) -> Sequence[ItemEntry]:
        return ()


def made(*items: Item) -> Newcomers:
    """Newcomers that the version does not know, taken for what their words make them."""
    factors = np.array([NewcomerFactors(MODEL, LABELS).of(item)[0] for item in items])
    return Newcomers("recommender/1", 1, items, np.arange(len(items)) + N, factors, np.zeros(len(items), bool), items)


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def test_an_item_is_taken_for_the_items_that_share_its_words_and_is_as_long_as_unpopular_ones() -> None:
    factors = made(FRESH).factors[0]
    high = MODEL.item_factors[LABELS.bearing("high")].mean(axis=0)
    norms = np.linalg.norm(MODEL.item_factors, axis=1)

    # All items bear the tag, so that it tells nothing.
    assert unit(factors) == pytest.approx(unit(high), abs=1e-5)
    assert norms.min() <= np.linalg.norm(factors) <= np.median(norms)


def test_a_rare_word_tells_more_than_a_common_one() -> None:
    rare = replace(FRESH, categories=("high",), tags=())
    labels = Labels([replace(item, tags=("scarce",)) if row == 0 else item for row, item in enumerate(MODEL.items)])
    both = replace(rare, tags=("scarce",))
    factors = [NewcomerFactors(MODEL, labels).of(item)[0] for item in (rare, both)]
    first = unit(MODEL.item_factors[0])

    assert unit(factors[1]) @ first > unit(factors[0]) @ first
    assert unit(factors[1]) @ first > 0.8


def test_an_item_of_which_nothing_is_known_has_no_factors_and_is_in_no_list() -> None:
    newcomers = made(BLANK)
    found = by_taste(MODEL, taste_of(MODEL, 0), Wanted(N, NOTHING), newcomers=newcomers)

    assert not newcomers.factors.any()
    assert N not in found.items.tolist()


def test_three_listeners_are_heard_and_two_are_not() -> None:
    users = np.flatnonzero(np.arange(40) % 2)[:20].astype(np.int32)
    makes = NewcomerFactors(MODEL, LABELS)

    def of(count: int) -> tuple[np.ndarray, bool]:
        return makes.of(BLANK, Audience(users[:count], np.full(count, 5.0, np.float32)))

    assert of(2) == (pytest.approx(np.zeros(4)), False)
    assert of(3)[1]
    assert of(3)[0] == pytest.approx(MODEL.fold_in_item(users[:3], np.full(3, 5.0, np.float32)), abs=1e-6)


@pytest.mark.requirement("SERV-023")
def test_the_more_listeners_an_item_has_the_less_its_words_count() -> None:
    low = [row for row, user in enumerate(MODEL.user_ids) if user.startswith("u") and int(user[1:]) % 2 == 0]
    makes = NewcomerFactors(MODEL, LABELS)

    def likeness(count: int) -> float:
        audience = Audience(np.array(low[:count], np.int32), np.full(count, 5.0, np.float32))
        heard = MODEL.fold_in_item(audience.users, audience.values)
        return float(unit(makes.of(FRESH, audience)[0]) @ unit(heard))

    assert likeness(3) < likeness(6) < likeness(18)


numbers = st.floats(-2, 2, width=32)
pairs = st.lists(st.tuples(st.integers(0, 60), numbers), unique_by=lambda pair: pair[0], max_size=20)


@given(first=pairs, second=pairs, limit=st.integers(1, 15))
def test_merging_gives_the_best_of_both_by_score_then_by_position(
    first: list[tuple[int, float]], second: list[tuple[int, float]], limit: int
) -> None:
    second = [(item + 100, score) for item, score in second]
    columns = [
        (np.array([item for item, _ in part], np.intp), np.array([score for _, score in part], np.float32))
        for part in (sorted(first, key=lambda pair: (-pair[1], pair[0]))[:limit], second)
    ]

    items, scores = merged(*columns[0], new=columns[1][0], of_new=columns[1][1], limit=limit)

    best = sorted([*first, *second], key=lambda pair: (-pair[1], pair[0]))[:limit]
    assert list(zip(items.tolist(), scores.tolist(), strict=True)) == best


@given(seed=st.integers(0, 10**6), count=st.integers(1, 40), copies=st.integers(1, 4), limit=st.integers(1, 12))
def test_the_best_products_are_the_exact_ones_of_those_that_may_be_found(
    seed: int, count: int, copies: int, limit: int
) -> None:
    generator = np.random.default_rng(seed)
    distinct = generator.normal(size=(count, 7)).astype(np.float32)
    factors = np.concatenate([distinct * np.float32(1 + 1e-7 * at) for at in range(copies)])
    may = generator.random(len(factors)) < 0.7
    query = generator.normal(size=7).astype(np.float32)
    longest = float(np.linalg.norm(factors, axis=1).max())

    rows, scores = best_products(factors, query, may=may, limit=limit, longest=longest)

    exact = (factors.astype(np.float64) @ query.astype(np.float64)).astype(np.float32)
    best = sorted(np.flatnonzero(may).tolist(), key=lambda row: (-exact[row], row))[:limit]
    found = sorted(rows.tolist(), key=lambda row: (-exact[row], row))
    assert found[:limit] == best
    assert scores.tolist() == pytest.approx(exact[rows].tolist(), rel=1e-6, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    row=st.integers(0, 40),
    seed=st.integers(0, 99),
    count=st.integers(1, 12),
    limit=st.integers(1, 50),
    category=st.sampled_from((None, "low", "high")),
    off=st.sets(st.integers(0, N + 11), max_size=20),
)
def test_newcomers_enter_a_personal_list_exactly(
    row: int, seed: int, count: int, limit: int, category: str | None, off: set[int]
) -> None:
    generator = np.random.default_rng(seed)
    items = tuple(Item(f"n{at}", f"N{at}", ("low" if at % 2 else "high",)) for at in range(count))
    factors = generator.normal(size=(count, MODEL.item_factors.shape[1])).astype(np.float32)
    newcomers = Newcomers("v", 1, items, np.arange(count) + N, factors, np.ones(count, bool), items)
    taste = taste_of(MODEL, row)
    excluded = np.array(sorted({*taste.items.tolist(), *off}), np.intp)

    found = by_taste(MODEL, taste, Wanted(limit, excluded, category), newcomers=newcomers)

    query, bonus = MODEL.query(MODEL.user_factors[row], taste.items)
    scores = dict(enumerate((MODEL.item_factors @ query).tolist()))
    if bonus is not None:
        for item, more in zip(bonus.items.tolist(), bonus.scores.tolist(), strict=True):
            scores[item] += more
    scores |= {N + at: score for at, score in enumerate((factors @ query).tolist())}
    members = {at: (MODEL.items[at] if at < N else items[at - N]).categories for at in scores}
    allowed = [at for at in scores if at not in excluded and (category is None or category in members[at])]
    wanted = sorted((scores[at] for at in allowed), reverse=True)[:limit]
    assert found.scores.tolist() == pytest.approx(wanted, abs=1e-4)
    assert set(found.items.tolist()) <= set(allowed)


def test_a_newcomer_is_explained_by_the_history_it_suits() -> None:
    row = MODEL.user_rows["u001"]
    taste = taste_of(MODEL, row)
    loud = np.asarray(MODEL.user_factors[row] * 10, np.float32)[None, :]
    newcomers = Newcomers("v", 1, (FRESH,), np.array([N]), loud, np.ones(1, bool), (FRESH,))
    wanted = Wanted(3, barred(MODEL, taste.items, ()))
    steps = taste_chain(Question(MODEL, wanted, newcomers), taste)

    outcome = first_answer(steps, lambda source, error: pytest.fail(str(error)))

    met = {MODEL.items[item].item_id for item in taste.items.tolist()}
    assert outcome.items[0].item_id == "fresh"
    assert outcome.items[0].title == "Brand New"
    assert outcome.items[0].because
    assert {reason.item_id for reason in outcome.items[0].because} <= met


def test_what_is_similar_to_a_newcomer_is_of_its_kind_and_only_heard_newcomers_are_similar_to_others() -> None:
    newcomers = made(FRESH, replace(FRESH, item_id="second"))
    asked = Question(MODEL, Wanted(5, np.array([N])), newcomers)
    of_newcomer = first_answer(similar_chain(asked, N), lambda source, error: pytest.fail(str(error)))
    high = int(LABELS.bearing("high")[0])

    def beside_high(heard: bool) -> list[str]:
        told = replace(newcomers, is_heard=np.full(2, heard))
        question = Question(MODEL, Wanted(40, np.array([high])), told)
        outcome = first_answer(similar_chain(question, high), lambda source, error: pytest.fail(str(error)))
        return [item.item_id for item in outcome.items]

    assert of_newcomer.source == "similar"
    assert {category for item in of_newcomer.items for category in item.categories} == {"high"}
    assert "second" not in {item.item_id for item in of_newcomer.items}
    assert "fresh" in beside_high(True)
    assert "fresh" not in beside_high(False)


def test_the_shelf_holds_the_newcomers_of_the_version_that_answers_and_no_other() -> None:
    shelf = NewcomerShelf(MemoryEventStore(), unit="plays", live=Told(FRESH))
    first, second = version(1), version(2)

    assert shelf.current(first) is None
    shelf.refresh(first)
    newcomers = shelf.current(first)
    assert newcomers is not None
    assert [item.item_id for item in newcomers.items] == [RARE, "fresh"]
    assert shelf.current(second) is None


def test_the_shelf_prepares_anew_only_when_something_came() -> None:
    live, store = Told(FRESH), MemoryEventStore()
    shelf, loaded = NewcomerShelf(store, unit="plays", live=live), version()
    shelf.refresh(loaded)
    first = shelf.current(loaded)
    store.apply([effect(1, user_id="u001", item_id="i001")], offset=1)
    shelf.refresh(loaded)
    unmoved = shelf.current(loaded)
    live.say(FRESH, BLANK)
    shelf.refresh(loaded)
    told = shelf.current(loaded)
    store.apply([effect(2, user_id="u001", item_id="fresh")], offset=2)
    shelf.refresh(loaded)

    assert first is unmoved
    assert told is not None
    assert first is not None
    assert (told.revision, sorted(told.rows)) == (2, ["blank", "fresh", RARE])
    assert shelf.current(loaded) is not told


@pytest.mark.parametrize("weight", [1.0, -1.0])
def test_listeners_are_heard_from_events_since_the_version_those_against_it_are_not(weight: float) -> None:
    store = MemoryEventStore()
    plays = [effect(at, user_id=f"u{at:03}", item_id="blank", weight=weight) for at in range(1, 9, 2)]
    store.apply([*plays, effect(9, user_id="stranger", item_id="blank")], offset=9)
    shelf, loaded = NewcomerShelf(store, unit="plays", live=Told(BLANK)), version()
    shelf.refresh(loaded)
    newcomers = shelf.current(loaded)

    assert newcomers is not None
    place = [item.item_id for item in newcomers.items].index("blank")
    assert bool(newcomers.is_heard[place]) is (weight > 0)
    assert bool(newcomers.factors[place].any()) is (weight > 0)


def test_events_that_a_version_was_trained_with_are_not_heard_again() -> None:
    store = MemoryEventStore()
    store.apply([effect(at, user_id=f"u{at:03}", item_id="blank") for at in range(1, 9, 2)], offset=9)
    shelf, loaded = NewcomerShelf(store, unit="plays", live=Told(BLANK)), version(turn=4)
    shelf.refresh(loaded)
    newcomers = shelf.current(loaded)

    assert newcomers is not None
    assert not newcomers.is_heard.any()


def test_a_newcomer_hidden_since_it_was_prepared_is_barred_at_once() -> None:
    live = Told(FRESH, BLANK)
    shelf, loaded = NewcomerShelf(MemoryEventStore(), unit="plays", live=live), version()
    shelf.refresh(loaded)
    newcomers = shelf.current(loaded)
    assert newcomers is not None
    before = shelf.gone(loaded, newcomers)
    live.say(BLANK)

    assert before.tolist() == []
    assert shelf.gone(loaded, newcomers).tolist() == [newcomers.rows["fresh"]]


def test_the_newest_newcomers_have_precedence_where_there_are_too_many() -> None:
    live = Told(*(Item(f"n{at}", f"N{at}", ("high",)) for at in range(6)))
    live.updated = {f"n{at}": at for at in range(6)}
    shelf, loaded = NewcomerShelf(MemoryEventStore(), unit="plays", live=live, most=4), version()
    shelf.refresh(loaded)
    newcomers = shelf.current(loaded)

    assert newcomers is not None
    assert [item.item_id for item in newcomers.items] == ["n5", "n4", "n3", "n2"]
    assert shelf.gone(loaded, newcomers).tolist() == []

    live.say(*(item for item in live.items if item.item_id not in ("n0", "n3")))

    assert shelf.gone(loaded, newcomers).tolist() == [newcomers.rows["n3"]]
