"""No item that is seen, hidden, expired, excluded or filtered out is ever in an answer, and no cap is broken.

Two ways: every step of every chain is asked by itself, whatever steps there are; and a service with kept and stale
lists, far-away caches and failing models is told and asked things in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tacit.data.catalog_entries import ItemEntry
from tacit.errors import NotFound, TacitError, Unavailable
from tacit.serving.fallback import (
    Outcome,
    Question,
    Step,
    popular_chain,
    similar_chain,
    taste_chain,
    user_chain,
)
from tacit.serving.ladder import Coldstart, Leaning
from tacit.serving.list_making import ListMaking, ServingLimits
from tacit.serving.retrieval import taste_of
from tacit.serving.rules import Rules
from tacit.serving.shaping import shaped_answer
from tests.rule_desks import BROKEN, CATEGORIES, ITEM_IDS, RuleDesk, rules
from tests.stages import NEWCOMER, ODD_USER

USERS = ("u000", "u001", ODD_USER, NEWCOMER, "stranger")
NEW_IDS = ("new-1", "new-2")
Chain = Callable[[Question], Sequence[Step]]


def chains_of(desk: RuleDesk, user_id: str) -> dict[str, Chain]:
    """Every chain there is: of a rung each, with and without choices, for likes, beside an item, and for anyone."""
    taste = taste_of(desk.model, desk.model.user_rows[user_id])
    within = np.array(["high" in item.categories for item in desk.model.items])
    leaning = Leaning(np.array([0, 1], np.int32), within)
    rungs = (Coldstart(1, 1), Coldstart(1, 1_000), Coldstart(999, 1_000))
    by_rung: dict[str, Chain] = {
        f"user {rung.blended_from}-{rung.personal_from}": lambda asked, rung=rung: user_chain(  # type: ignore[misc]
            asked, taste, coldstart=rung, leaning=leaning
        )
        for rung in rungs
    }
    return {
        **by_rung,
        "likes": lambda asked: taste_chain(asked, taste),
        "similar": lambda asked: similar_chain(asked, 3),
        "popular": popular_chain,
    }


DESK = RuleDesk()
MAKING = ListMaking(DESK.live, ServingLimits(), failed=lambda *_: None, shelf=DESK.shelf)
DESK.say(ItemEntry("new-1", categories=("high", "late"), tags=("made-up",), labels='{"year": 7}'))
DESK.prepare()
DESK.say(ItemEntry(ITEM_IDS[2], available=False))
DESK.say(ItemEntry(ITEM_IDS[4], categories=("late", "high"), labels='{"year": 20}'))


@given(
    asked=rules(("listeners", "year")),
    user_id=st.sampled_from(("u000", ODD_USER)),
    limit=st.integers(1, 12),
    excluded=st.frozensets(st.sampled_from((*ITEM_IDS, "new-1")), max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_every_step_of_every_chain_keeps_to_the_rules_by_itself(
    asked: Rules, user_id: str, limit: int, excluded: frozenset[str]
) -> None:
    taste = taste_of(DESK.model, DESK.model.user_rows[user_id])
    question = MAKING.question(DESK.loaded, taste.seen, excluded, limit=limit, rules=asked)
    for chain in chains_of(DESK, user_id).values():
        for place, step in enumerate(chain(question)):

            def alone(asked: Question, chain: Chain = chain, place: int = place) -> Outcome:
                step = chain(asked)[place]
                return Outcome(step.source, step.retrieve(), degraded=step.is_rescue)

            outcome = shaped_answer(question, alone)
            reserve = 0 if question.shape is None else question.shape.reserve
            answer = _Found(outcome.items, outcome.source, outcome.degraded or _leaves_category(step, asked))
            forbidden = excluded | DESK.seen_by(user_id)
            DESK.check(answer, asked, limit=limit + reserve, seen=forbidden)  # type: ignore[arg-type]
            assert question.allowed([item.item_id for item in outcome.items]) == {i.item_id for i in outcome.items}


def _leaves_category(step: Step, asked: Rules) -> bool:
    return bool(asked.categories) and step.is_rescue


@dataclass(frozen=True)
class _Found:
    items: Sequence[object]
    source: str
    degraded: bool


class AnyOrder(RuleBasedStateMachine):
    """Things are said, done, hidden, broken and asked for in any order; every answer is looked through."""

    @initialize(seed=st.integers(0, 3))
    def open(self, seed: int) -> None:
        self.desk = RuleDesk(seed=seed)
        self.asked: list[tuple[str, Rules, int]] = []
        self.refused: list[str] = []

    @rule(user_id=st.sampled_from(USERS), item_id=st.sampled_from(ITEM_IDS[:12]))
    def hide(self, user_id: str, item_id: str) -> None:
        try:
            self.desk.desk.hide(user_id, item_id)
        except NotFound:
            assert self.desk.entry(item_id).deleted

    @rule(user_id=st.sampled_from(USERS), item_id=st.sampled_from(ITEM_IDS[:12]))
    def take_back(self, user_id: str, item_id: str) -> None:
        hidden = {each.item_id for each in self.desk.hiding.hidden_by(user_id)}
        if item_id in hidden:
            self.desk.desk.unhide(user_id, item_id)
        else:
            with pytest.raises(NotFound):
                self.desk.desk.unhide(user_id, item_id)

    @rule(
        item_id=st.sampled_from((*ITEM_IDS[:12], *NEW_IDS)),
        available=st.booleans(),
        expires_in=st.none() | st.integers(-10, 400),
        categories=st.none() | st.lists(st.sampled_from(CATEGORIES), max_size=2, unique=True).map(tuple),
        year=st.integers(0, 40),
        deleted=st.booleans(),
    )
    def say(
        self,
        item_id: str,
        *,
        available: bool,
        expires_in: int | None,
        categories: tuple[str, ...] | None,
        year: int,
        deleted: bool,
    ) -> None:
        self.desk.say(
            ItemEntry(
                item_id,
                categories=categories,
                labels=f'{{"year": {year}}}',
                available=available,
                expires_at_ms=None if expires_in is None else int((self.desk.now + expires_in) * 1_000),
                deleted=deleted,
            )
        )

    @rule(user_id=st.sampled_from(USERS), item_id=st.sampled_from(ITEM_IDS))
    def meet(self, user_id: str, item_id: str) -> None:
        self.desk.met(user_id, item_id)

    @rule()
    def prepare_newcomers(self) -> None:
        self.desk.prepare()

    @rule(seconds=st.sampled_from((1, 200, 301)))
    def wait(self, seconds: int) -> None:
        self.desk.now += seconds

    @rule(names=st.sets(st.sampled_from(BROKEN)))
    def break_parts(self, names: set[str]) -> None:
        self.desk.break_parts(names)

    @rule(user_id=st.sampled_from(USERS), rules=rules(), limit=st.integers(1, 10))
    def ask(self, user_id: str, rules: Rules, limit: int) -> None:
        self.asked.append((user_id, rules, limit))
        self._ask(user_id, rules, limit)

    @precondition(lambda self: bool(self.asked))
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        self._ask(*data.draw(st.sampled_from(self.asked)))

    @rule(rules=rules(), limit=st.integers(1, 10), which=st.sampled_from(("likes", "similar", "popular")))
    def ask_for_nobody(self, rules: Rules, limit: int, which: str) -> None:
        service, liked = self.desk.service, ITEM_IDS[5]
        ways = {
            "likes": lambda: service.for_likes([liked], limit=limit, rules=rules),
            "similar": lambda: service.similar(liked, limit=limit, rules=rules),
            "popular": lambda: service.popular(limit=limit, rules=rules),
        }
        seen = () if which == "popular" else (liked,)
        try:
            answer = ways[which]()
        except TacitError as problem:
            self.refused.append(problem.code)
        else:
            self.desk.check(answer, rules, limit=limit, seen=seen)

    def _ask(self, user_id: str, rules: Rules, limit: int) -> None:
        try:
            answer = self.desk.service.for_user(user_id, limit=limit, rules=rules)
        except (NotFound, Unavailable) as problem:
            self.refused.append(problem.code)
            return
        hidden = {each.item_id for each in self.desk.hiding.hidden_by(user_id)}
        self.desk.check(answer, rules, limit=limit, seen=hidden | self.desk.seen_by(user_id))
        exposure = self.desk.exposures.shown[-1]
        assert exposure.item_ids == tuple(item.item_id for item in answer.items)
        assert (exposure.propensities is not None) == bool(rules.explore)
        if exposure.propensities is not None:
            assert len(exposure.propensities) == len(exposure.item_ids)
            assert all(0 < each <= 1 for each in exposure.propensities)

    @invariant()
    def nothing_is_refused_for_another_reason(self) -> None:
        known = {"answer_unavailable", "user_unknown", "item_unknown", "items_unknown"}
        assert {*getattr(self, "refused", ())} <= known

    @invariant()
    def what_is_followed_is_what_is_kept(self) -> None:
        if hasattr(self, "desk"):
            for user_id in USERS:
                kept = {each.item_id for each in self.desk.hiding.hidden_by(user_id)}
                assert self.desk.hides.of(user_id) == kept


TestInAnyOrder = AnyOrder.TestCase
TestInAnyOrder.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)


def test_a_stale_list_keeps_to_what_was_hidden_since_it_was_kept() -> None:
    desk = RuleDesk()
    asked = Rules(cap=2)
    first = desk.service.for_user("u000", limit=5, rules=asked)
    assert first.source == "personal"
    hidden, moved = first.items[0].item_id, first.items[1].item_id
    desk.desk.hide("u000", hidden)
    desk.say(ItemEntry(moved, available=False))
    desk.break_parts(BROKEN)
    stale = desk.service.for_user("u000", limit=5, rules=asked)

    assert (stale.degraded, stale.source) == (True, "personal")
    assert [item.item_id for item in stale.items] == [item.item_id for item in first.items[2:]]


def test_a_stale_list_keeps_to_its_cap_by_the_categories_of_now() -> None:
    desk = RuleDesk()
    asked = Rules(cap=3)
    first = [item.item_id for item in desk.service.for_user("u000", limit=6, rules=asked).items]
    for item_id in first:
        desk.say(ItemEntry(item_id, categories=("late",)))
    desk.break_parts(BROKEN)
    stale = desk.service.for_user("u000", limit=6, rules=asked)

    assert len(first) > 3
    assert [item.item_id for item in stale.items] == first[:3]
    desk.check(stale, asked, limit=6)


def test_a_newcomer_that_was_moved_since_it_was_prepared_is_not_found_where_it_was() -> None:
    desk = RuleDesk()
    desk.say(ItemEntry("new-1", categories=("high",), tags=("made-up",)))
    desk.prepare()
    before = desk.service.for_user("u000", limit=40, category="high")
    desk.say(ItemEntry("new-1", categories=("late",), tags=("made-up",)))
    after = desk.service.for_user("u000", limit=40, category="high")

    assert "new-1" in {item.item_id for item in before.items}
    assert "new-1" not in {item.item_id for item in after.items}
