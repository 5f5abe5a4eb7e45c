"""The lower tiers: each cheaper than the one above, each in use every day, and none shows what must not be shown."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.data.catalog import Item
from tacit.data.datasets import SnapshotRules, freeze
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.model import RecommenderModel
from tacit.models.recommender.workload import RecommenderWorkload
from tacit.monitoring import metrics as catalogue
from tacit.serving.answers import Answer
from tacit.serving.fallback import Question, Step, popular_chain, user_chain
from tacit.serving.ladder import Coldstart
from tacit.serving.ready_made import ReadyMade, ready_made
from tacit.serving.recommend import RecommendationService
from tacit.serving.rehearsals import LOWER_TIERS, Rehearsals
from tacit.serving.retrieval import Wanted, barred, taste_of
from tests.communities import two_tastes
from tests.stages import NEWCOMER, Stage, small_model, stage, wait_until
from tests.unit.serving.test_chain import ask, models, shown

DAY = 86_400.0
NO_ONE = np.empty(0, np.intp)


def chain_of(model: RecommenderModel, user: int, *, limit: int = 5, excluded: set[str] | None = None) -> list[Step]:
    taste = taste_of(model, user)
    wanted = Wanted(limit, barred(model, taste.items, excluded or set()))
    question = Question(model, wanted, ready=ready_made(model))
    return list(user_chain(question, taste, coldstart=Coldstart(1, 1)))


@settings(max_examples=150, deadline=None)
@given(model=models(), data=st.data(), limit=st.integers(1, 20))
def test_no_tier_by_itself_ever_shows_what_was_seen_or_excluded(
    model: RecommenderModel, data: st.DataObject, limit: int
) -> None:
    user = data.draw(st.integers(0, len(model.user_ids) - 1))
    excluded = data.draw(st.sets(st.sampled_from([item.item_id for item in model.items])))
    seen = {model.items[item].item_id for item in taste_of(model, user).items}

    for step in chain_of(model, user, limit=limit, excluded=excluded):
        found = [item.item_id for item in step.retrieve()]
        assert len(set(found)) == len(found) <= limit
        assert not set(found) & (seen | excluded)


@pytest.mark.requirement("SERV-020")
@pytest.mark.requirement("SERV-031")
def test_the_chain_goes_from_personal_through_every_tier_to_static() -> None:
    assert [step.source for step in chain_of(small_model(), 0)] == ["personal", *LOWER_TIERS]


def test_where_everything_else_raises_what_the_version_keeps_ready_still_answers() -> None:
    steps = chain_of(small_model(), 0, limit=4)
    model = replace(small_model(), items=None, popular=None, user_factors=None)  # type: ignore[arg-type]
    question = Question(model, Wanted(4, np.array([2], np.intp), "low"), ready=ready_made(small_model()))
    outcome, failed = ask(popular_chain(question))

    assert (outcome.source, outcome.degraded, failed) == ("static", True, ["category", "popular"])
    assert len(outcome.items) == 4
    assert all("low" in item.categories for item in outcome.items)
    assert [item.item_id for item in steps[-1].retrieve()] == [item.item_id for item in steps[-2].retrieve()]


def test_the_last_tier_holds_no_more_than_what_is_left_of_it() -> None:
    ready = ready_made(small_model(), most=3)
    everything = Wanted(10, np.array(ready.positions, np.intp))

    assert ready.allowed(everything) == ()
    assert ReadyMade().allowed(Wanted(10, NO_ONE)) == ()
    # A category that is used up is left only where nothing else can be answered.
    assert len(ready.allowed(Wanted(10, NO_ONE, "no such category"))) == 3


def clock_at(seconds: float) -> Callable[[], float]:
    return lambda: seconds


def calls_of(do: Callable[[], object]) -> int:
    """How many functions are called, ours and those of libraries: work that no clock measures."""
    counted = [0]

    def count(_: object, what: str, __: object) -> None:
        counted[0] += what in ("call", "c_call")

    do()  # what is derived only once has been derived
    sys.setprofile(count)
    try:
        do()
    finally:
        sys.setprofile(None)
    return counted[0]


@cache
def wide_model() -> RecommenderModel:
    """So many items that what is popular has not all been seen, in two categories."""
    found = two_tastes(users=400, items=300)
    items = tuple(Item(item_id, item_id, ("low" if item_id < "i150" else "high",)) for item_id in found.item_ids)
    return RecommenderWorkload(AlsSettings(factors=8, iterations=2)).fit(freeze(found, items, SnapshotRules())).model


@pytest.mark.requirement("SERV-033")
@pytest.mark.parametrize("limit", [5, 10, 50])
def test_every_tier_does_less_than_the_one_above_it(limit: int) -> None:
    work = Counter[str]()
    for user in range(10):
        for step in chain_of(wide_model(), user, limit=limit):
            work[step.source] += calls_of(step.retrieve)

    assert [work[tier] for tier in ("personal", *LOWER_TIERS)] == sorted(work.values(), reverse=True)
    assert work["static"] * 4 < work["popular"]


def test_the_tier_behind_a_list_of_their_own_takes_the_best_of_what_is_popular_by_their_taste() -> None:
    model, user = wide_model(), 7
    blended = next(step for step in chain_of(model, user, limit=10) if step.source == "blended").retrieve()
    seen = set(taste_of(model, user).items.tolist())
    popular = [row for row in model.ranked.tolist() if row not in seen][:50]
    suits = model.item_factors[popular] @ model.user_factors[user]

    best = sorted(zip((-suits).tolist(), popular, strict=True))[:10]
    assert [item.item_id for item in blended] == [model.items[row].item_id for _, row in best]
    assert [item.score for item in blended] == pytest.approx([1 / (60 + rank) for rank in range(1, 11)], abs=1e-6)


def test_what_a_boost_lifts_is_lifted_in_the_tier_behind_a_list_of_their_own_too() -> None:
    model, taste = wide_model(), taste_of(wide_model(), 7)
    wanted = Wanted(10, barred(model, taste.items, ()))

    def listed(wanted: Wanted) -> list[str]:
        step = user_chain(Question(model, wanted), taste, coldstart=Coldstart(1, 1))[1]
        return [item.item_id for item in step.retrieve()]

    plain = listed(wanted)
    factors = np.ones(len(model.items))
    factors[model.item_rows[plain[4]]] = 10.0

    assert listed(replace(wanted, factors=factors)) == [plain[4], *plain[:4], *plain[5:]]


def test_every_tier_has_more_than_a_hundredth_of_the_users_of_any_day() -> None:
    users = [f"user-{number}" for number in range(30_000)]
    for day in (20_000, 20_001):
        met = Counter(map(Rehearsals(0.0125, clock_at(day * DAY + 5), spared=0).tier, users))

        assert all(0.01 < met[tier] / len(users) < 0.015 for tier in LOWER_TIERS)


def test_a_user_keeps_their_tier_for_a_day_and_another_one_has_it_the_next() -> None:
    users = [f"user-{number}" for number in range(2_000)]
    days = [
        {user for user in users if Rehearsals(0.05, clock_at(at), spared=0).tier(user) == "static"}
        for at in (0.0, DAY - 1, DAY, 2 * DAY)
    ]

    assert days[0] == days[1]
    assert not days[0] & days[2] & days[3]
    assert Rehearsals(0.0, lambda: 0.0, spared=0).tier("user-1") is None


def test_the_first_lists_of_a_process_rehearse_nothing() -> None:
    rehearsals = Rehearsals(0.25, lambda: 0.0, spared=50)

    assert {rehearsals.tier(f"user-{number}") for number in range(50)} == {None}
    assert {rehearsals.tier(f"user-{number}") for number in range(50)} == set(LOWER_TIERS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("home")) as made:
        made.release()
        made.pool.refresh()
        yield made


def rehearsing(made: Stage) -> RecommendationService:
    names = iter(range(1_000_000))
    return RecommendationService(
        made.pool,
        made.exposures,
        made.metrics,
        clock=time.time,
        new_id=lambda: f"rehearsed-{next(names)}",
        rehearsals=Rehearsals(0.25, time.time, spared=0),
    )


def everybody(made: Stage, service: RecommendationService, **asked: object) -> list[Answer]:
    users = [user for user in made.pool.current().model.user_ids if user != NEWCOMER]
    return [service.for_user(user, limit=3, **asked) for user in users]  # type: ignore[arg-type]


def test_a_rehearsed_list_says_so_is_not_degraded_and_counts_like_every_other(made: Stage) -> None:
    before = made.metrics.value(catalogue.TIER_REHEARSALS, source="static")
    answers = everybody(made, rehearsing(made))
    rehearsed = [answer for answer in answers if answer.rehearsed]
    wait_until(lambda: made.exposures.counts().waiting == 0)
    recorded = {each.recommendation_id: each for each in made.log.recent(1_000)}

    assert {answer.source for answer in rehearsed} == set(LOWER_TIERS)
    assert {(len(answer.items), answer.degraded) for answer in rehearsed} == {(3, False)}
    assert {answer.source for answer in answers if not answer.rehearsed} <= {"personal", "blended"}
    for answer in answers:
        seen = {item.item_id for item in made.service.history(str(answer.user_id), 1_000)}
        assert not seen & {item.item_id for item in answer.items}
        assert recorded[answer.recommendation_id].rehearsed is answer.rehearsed
    statics = sum(answer.source == "static" for answer in rehearsed)
    assert made.metrics.value(catalogue.TIER_REHEARSALS, source="static") == before + statics


def test_whoever_asks_for_something_of_their_own_is_not_rehearsed_with(made: Stage) -> None:
    assert not any(answer.rehearsed for answer in everybody(made, rehearsing(made), category="high"))


def test_nobody_is_given_less_than_they_asked_for_to_rehearse(made: Stage) -> None:
    service = rehearsing(made)
    usual = {user: made.service.for_user(user, limit=1_000) for user in made.pool.current().model.user_ids[:20]}

    assert all(service.for_user(user, limit=1_000).items == answer.items for user, answer in usual.items())


def test_a_tier_that_fails_while_rehearsed_is_told_and_the_user_gets_their_own_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stage(tmp_path) as own:
        own.release()
        own.pool.refresh()
        service = rehearsing(own)
        monkeypatch.setattr(ReadyMade, "allowed", lambda *_: 1 / 0)
        answers = everybody(own, service)

    assert not any(answer.degraded for answer in answers)
    assert "static" not in {answer.source for answer in answers}
    assert own.metrics.value(catalogue.RETRIEVER_FAILURES, source="static") > 0


def test_what_failed_nobody_is_shown_as_static_what_they_met(made: Stage) -> None:
    for user in range(5):
        outcome, _ = ask(chain_of(made.pool.current().model, user)[-1:])
        model = made.pool.current().model
        assert not shown(outcome) & {model.items[row].item_id for row in taste_of(model, user).items}
