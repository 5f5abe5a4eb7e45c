"""Rules of a list: what they let through, what they lift, and that what comes of it is exactly the best there is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.data.catalog_entries import ItemEntry
from tacit.errors import BadInput, NotFound
from tacit.serving.fallback import Outcome, Question, popular_chain
from tacit.serving.list_making import ListMaking, ServingLimits
from tacit.serving.retrieval import Retrieved, Wanted, by_popularity, by_similarity, by_taste, taste_of
from tacit.serving.rules import NO_RULES, Boost, Range, Rules, lifted
from tacit.serving.shaping import shaped_answer
from tests.rule_desks import ITEM_IDS, RuleDesk, rules

DESK = RuleDesk()
DESK.say(ItemEntry("new", categories=("high",), tags=("Made-Up",), labels='{"year": 1999, "name": "x", "odd": true}'))
DESK.prepare()
UNSEEN = [each for each in ITEM_IDS if each not in DESK.seen_by("u000")]
MOVED = next(each for each in UNSEEN if "low" in DESK.categories(each))
DESK.say(ItemEntry(MOVED, categories=("low", "late"), labels='{"year": 2005.5}'))
MAKING = ListMaking(DESK.live, ServingLimits(), failed=lambda *_: None, shelf=DESK.shelf)
MODEL = DESK.model
EVERYTHING = len(ITEM_IDS) + 1


def asked(rules: Rules, *, limit: int, user_id: str = "u000") -> Question:
    taste = taste_of(MODEL, MODEL.user_rows[user_id])
    return MAKING.question(DESK.loaded, taste.seen, frozenset(), limit=limit, rules=rules)


def every_way(question: Question, user_id: str = "u000") -> dict[str, Retrieved]:
    """What each way to find items finds for a question."""
    taste, wanted = taste_of(MODEL, MODEL.user_rows[user_id]), question.wanted
    return {
        "taste": by_taste(MODEL, taste, wanted, newcomers=question.newcomers),
        "similar": by_similarity(MODEL, 2, wanted, newcomers=question.newcomers),
        "popular": by_popularity(MODEL, wanted),
    }


def names(found: Retrieved) -> list[int]:
    return found.items.tolist()


@given(given_rules=rules(("listeners", "year")), limit=st.integers(1, EVERYTHING))
@settings(max_examples=80, deadline=None)
def test_what_is_boosted_is_exactly_the_best_by_the_lifted_score(given_rules: Rules, limit: int) -> None:
    plain = replace(given_rules, cap=None, diversity=None, explore=None)
    question = asked(plain, limit=limit)
    factors = question.wanted.factors
    unlifted = every_way(replace(question, wanted=replace(question.wanted, factors=None, limit=EVERYTHING)))

    for way, found in every_way(question).items():
        every = unlifted[way]
        by = every.scores.astype(np.float64)
        if factors is not None:
            by = np.array([lifted(np.array(s), factors[i]) for i, s in zip(names(every), by, strict=True)])
        best = np.lexsort((every.items, -by))[:limit]
        assert names(found) == every.items[best].tolist(), way
        assert found.scores.tolist() == by[best].astype(np.float32).tolist()


@given(limit=st.integers(1, 12), cap=st.integers(1, 5), user_id=st.sampled_from(["u000", "u001"]))
@settings(max_examples=40, deadline=None)
def test_a_capped_list_is_what_is_left_of_the_whole_one_without_what_finds_no_room(
    limit: int, cap: int, user_id: str
) -> None:
    question = asked(Rules(cap=cap), limit=limit)

    def chain(question: Question) -> Outcome:
        step, *_ = popular_chain(question)
        return Outcome("popular", step.retrieve(), degraded=False)

    whole = chain(replace(question, wanted=replace(question.wanted, limit=EVERYTHING))).items
    room: Counter[str] = Counter()
    expected = []
    for item in whole:
        categories = {*DESK.categories(item.item_id)}
        if all(room[each] < cap for each in categories) and len(expected) < limit:
            room.update(categories)
            expected.append(item.item_id)

    assert [item.item_id for item in shaped_answer(question, chain).items] == expected


@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=2, unique=True),
    st.floats(0.1, 10),
)
def test_a_boost_never_lowers_a_bury_never_raises_and_neither_changes_the_order(
    scores: list[float], factor: float
) -> None:
    low, high = sorted(scores)
    by = lifted(np.array([low, high]), factor)

    assert by[0] < by[1] or (low, high) == (0.0, -0.0)
    for before, after in zip((low, high), by.tolist(), strict=True):
        assert after >= before if factor >= 1 else after <= before


def ids_of(given_rules: Rules, *, limit: int = EVERYTHING) -> set[str]:
    """Ids of the popular items and of those that suit a taste, as a question with rules finds them."""
    question = asked(given_rules, limit=limit)
    found = [*names(every_way(question)["taste"]), *names(every_way(question)["popular"])]
    return {("new" if row >= len(MODEL.items) else MODEL.items[row].item_id) for row in found}


def test_ranges_look_at_labels_at_listeners_and_at_the_end_of_an_item() -> None:
    counted = dict(zip(ITEM_IDS, np.asarray(MODEL.listeners).tolist(), strict=True))
    every = ids_of(NO_RULES)
    half = sorted(counted.values())[len(counted) // 2]

    assert {"new", MOVED} <= every
    assert ids_of(Rules(ranges=(Range("year", 1990, 2005.5),))) == {"new", MOVED}
    assert ids_of(Rules(ranges=(Range("year", most=2000),))) == {"new"}
    assert ids_of(Rules(ranges=(Range("year", 1990), Range("listeners", 1)))) == {MOVED}
    popular = {each for each in every - {"new"} if counted[each] >= half}
    assert ids_of(Rules(ranges=(Range("popularity", half),))) == popular
    assert ids_of(Rules(ranges=(Range("expires_at", 1),))) == every


def test_categories_are_those_of_now_and_must_all_be_there() -> None:
    assert ids_of(Rules(categories=("low", "high"))) == set()
    assert ids_of(Rules(categories=("low",))) == {each for each in ids_of(NO_RULES) if "low" in DESK.categories(each)}
    second = Rules(categories=("low",), include=frozenset({MOVED, "new"}))
    assert ids_of(second) == {MOVED}


def test_what_is_only_in_the_catalogue_bears_its_words_whatever_their_case() -> None:
    lifted_new = asked(Rules(boosts=(Boost("tag", "MADE-UP", 2.0), Boost("category", "late", 0.5))), limit=5)
    factors = lifted_new.wanted.factors

    assert factors is not None
    assert factors[-1] == 2.0
    assert factors[MODEL.item_rows[MOVED]] == 1.0
    assert set(factors.tolist()) == {1.0, 2.0}


def test_of_several_boosts_the_highest_and_of_several_buries_the_lowest_counts() -> None:
    named = (Boost("item", ITEM_IDS[0], 3.0), Boost("tag", "made-up", 2.0), Boost("item", ITEM_IDS[0], 0.5))
    factors = asked(Rules(boosts=named), limit=5).wanted.factors

    assert factors is not None
    assert factors[MODEL.item_rows[ITEM_IDS[0]]] == 1.5
    assert factors[MODEL.item_rows[ITEM_IDS[-2]]] == 2.0


@pytest.mark.parametrize(
    ("made", "code", "field"),
    [
        (lambda: Boost("tag", "x", 10.1), "factor_range", "boost"),
        (lambda: Boost("tag", "x", 0.0), "factor_range", "boost"),
        (lambda: Boost("tag", "x", math.nan), "factor_range", "boost"),
        (lambda: Range("year", 2, 1), "range_empty", "range"),
        (lambda: Range("year", math.nan), "range_empty", "range"),
        (lambda: Rules(cap=0), "cap_range", "cap"),
        (lambda: Rules(diversity=1.1), "share_range", "diversity"),
        (lambda: Rules(explore=math.nan), "share_range", "explore"),
        (lambda: Rules(exclude=frozenset(map(str, range(1_001)))), "too_many_items", "exclude"),
        (lambda: Rules(boosts=tuple(Boost("item", str(n), 2) for n in range(21))), "too_many_items", "boost"),
    ],
)
def test_rules_that_make_no_sense_are_refused_by_name(made: object, code: str, field: str) -> None:
    with pytest.raises(BadInput) as refused:
        made()  # type: ignore[operator]
    assert (refused.value.code, refused.value.field) == (code, field)


def test_a_field_or_a_category_that_no_item_has_is_told_with_those_there_are() -> None:
    with pytest.raises(BadInput, match="number called 'yaer'") as refused:
        DESK.service.for_user("u000", rules=Rules(ranges=(Range("yaer", 1),)))
    assert refused.value.code == "range_field_unknown"
    assert "'year'" in (refused.value.fix or "")
    with pytest.raises(BadInput):
        DESK.service.popular(rules=Rules(ranges=(Range("name", 1),)))
    with pytest.raises(NotFound):
        DESK.service.popular(rules=Rules(categories=("low", "nothing")))


def test_more_than_an_index_finds_at_once_is_found_in_several_searches() -> None:
    taste = taste_of(MODEL, 0)
    every = by_taste(MODEL, taste, Wanted(5_000, taste.seen.astype(np.intp)))
    expected: Sequence[int] = names(by_taste(MODEL, taste, Wanted(1_000, taste.seen.astype(np.intp))))
    assert names(every) == expected
