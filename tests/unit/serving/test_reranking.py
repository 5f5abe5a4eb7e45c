"""Candidates in order: as lists are ordered, all of them back, and nothing that must not be shown."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.data.catalog_entries import ItemEntry, Preferences
from tacit.data.datasets import SnapshotRules, freeze
from tacit.errors import BadInput, NotFound
from tacit.models.recommender.als import AlsSettings
from tacit.models.recommender.model import RecommenderModel
from tacit.models.recommender.training_plan import PlanRules, VoiceRecipe
from tacit.models.recommender.workload import RecommenderWorkload
from tacit.serving.candidates import best_first, blended_scores, scores_by_taste
from tacit.serving.reranking import Candidates, Reranked, Reranking
from tacit.serving.retrieval import Wanted, by_taste, taste_of
from tacit.serving.sessions import SessionStep, liked_clues, session_clues
from tests.arms import ROLLOUT, divided_stage, marks_of, split
from tests.communities import interactions, rows_of, titled, two_tastes
from tests.many_desks import ManyDesk
from tests.stages import NEWCOMER, RARE, Stage, stage, wait_until

KNN = VoiceRecipe("item_knn", {"source": 0.5, "target": 0.5, "user": 0.0, "keep": 20, "by_target": 0.0}, 0.4)
CATALOGUE = tuple(f"i{place:03}" for place in range(30))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("home")) as made:
        made.release()
        made.pool.refresh()
        yield made


@pytest.fixture
def desk(made: Stage) -> ManyDesk:
    return ManyDesk(made)


def ids(found: Reranked) -> list[str]:
    return [item.item_id for item in found.answer.items]


def test_candidates_come_in_the_order_scores_and_reasons_of_the_users_own_list(desk: ManyDesk) -> None:
    alone = desk.service.for_user("u000", limit=1_000)
    given = tuple(sorted(item.item_id for item in alone.items))
    found = desk.reranking.for_user("u000", Candidates(given, explained=3))

    assert [(item.item_id, item.score) for item in found.answer.items] == [
        (item.item_id, item.score) for item in alone.items
    ]
    assert [item.because for item in found.answer.items[:3]] == [item.because for item in alone.items[:3]]
    assert not any(item.because for item in found.answer.items[3:])
    assert (found.answer.source, found.answer.degraded, found.left_out) == ("personal", False, ())


@settings(max_examples=25, deadline=None)
@given(row=st.integers(0, 119), seed=st.integers(0, 99))
def test_scores_are_those_of_lists_also_where_a_second_voice_speaks(row: int, seed: int) -> None:
    model = blended()
    taste = taste_of(model, row)
    best = by_taste(model, taste, Wanted(1_000, np.empty(0, np.intp)))
    mixed = np.random.default_rng(seed).permutation(len(best.items))

    scores = scores_by_taste(model, taste, best.items[mixed])
    assert scores.tolist() == best.scores[mixed].tolist()
    assert sorted(best.scores.tolist(), reverse=True) == scores[best_first(scores, scores)].tolist()


@cache
def blended() -> RecommenderModel:
    """A small version with a second voice."""
    found = two_tastes()
    more = interactions([*rows_of(found), ("u001", "rare", 1.0)])
    workload = RecommenderWorkload(AlsSettings(factors=8, iterations=6), rules=PlanRules(blend=KNN))
    return workload.fit(freeze(more, titled(more), SnapshotRules())).model


@settings(max_examples=40, deadline=None)
@given(
    wanted=st.lists(st.sampled_from([*CATALOGUE, RARE, "new", "nope", "gone"]), min_size=1, unique=True),
    hidden=st.sets(st.sampled_from([*CATALOGUE, RARE, "new", "gone"]), max_size=8),
    met=st.lists(st.sampled_from([*CATALOGUE, "new", "nope"]), max_size=4),
    user_id=st.sampled_from(["u000", "u021", NEWCOMER]),
    filter_seen=st.booleans(),
)
def test_every_candidate_comes_back_once_or_is_named_as_left_out_and_nothing_hidden_or_seen_leaks(
    made: Stage, wanted: list[str], hidden: set[str], met: list[str], user_id: str, filter_seen: bool
) -> None:
    desk = ManyDesk(made)
    desk.said(
        ItemEntry("new", title="New", categories=("low",)), *(ItemEntry(each, available=False) for each in hidden)
    )
    desk.did(user_id, *met)
    found = desk.reranking.for_user(user_id, Candidates(tuple(wanted), filter_seen=filter_seen))
    seen = desk.seen_by(user_id) | set(met)
    off = hidden | (seen if filter_seen else set())

    assert sorted([*ids(found), *found.left_out]) == sorted(wanted)
    assert set(found.left_out) == off & set(wanted)
    unknown = [each for each in wanted if each in ("nope", "gone") and each not in found.left_out]
    assert list(found.unknown_candidates) == unknown
    assert ids(found)[len(ids(found)) - len(unknown) :] == unknown


def test_a_newcomer_among_the_candidates_is_scored_as_in_lists(desk: ManyDesk) -> None:
    desk.said(ItemEntry("new", title="New", categories=("low",)))
    alone = {item.item_id: item.score for item in desk.service.for_user("u000", limit=1_000).items}
    found = desk.reranking.for_user("u000", Candidates(("nope", "i029", "new")))

    assert {item.item_id: item.score for item in found.answer.items[:2]} == {
        name: alone[name] for name in ("i029", "new")
    }
    assert ids(found)[2] == "nope"
    assert math.isnan(found.answer.items[2].score)


def test_somebody_new_gets_what_is_popular_first_and_equals_keep_their_order(desk: ManyDesk) -> None:
    popular = [item.item_id for item in desk.service.popular(limit=1_000).items]
    found = desk.reranking.for_user(NEWCOMER, Candidates(tuple(reversed(popular))))
    shares = [item.score for item in found.answer.items]

    assert found.answer.source == "popular"
    assert shares == sorted(shares, reverse=True)
    assert best_first(np.array([1, 2, 1], np.float32), np.zeros(3, np.float32)).tolist() == [1, 0, 2]


def test_somebody_cold_is_answered_by_both_orders_and_by_what_they_chose(desk: ManyDesk) -> None:
    desk.did("zoe", *CATALOGUE[15:21])
    desk.chose("ivy", Preferences(categories=("high",)))
    desk.chose("max", Preferences(item_ids=("i016", "i017")))
    wanted = Candidates(("i002", "i003", "i024", "i025"))
    by_both, by_category, by_items = (desk.reranking.for_user(each, wanted) for each in ("zoe", "ivy", "max"))

    assert [each.answer.source for each in (by_both, by_category, by_items)] == ["blended", "category", "blended"]
    for found in (by_both, by_category, by_items):
        assert set(ids(found)[:2]) == {"i024", "i025"}
        assert [item.score for item in found.answer.items] == sorted(
            (item.score for item in found.answer.items), reverse=True
        )


def test_between_cold_and_known_both_orders_count_by_rank() -> None:
    own, others = np.array([0.9, 0.1, np.nan], np.float32), np.array([0.2, 0.5, 0.4], np.float32)
    found = blended_scores(own, others, share=0.75)

    expected = [0.75 / 61 + 0.25 / 63, 0.75 / 62 + 0.25 / 61, 0.25 / 62]
    assert found.tolist() == pytest.approx(expected)
    assert np.isnan(blended_scores(own[2:], np.zeros(1, np.float32), share=0.75)).all()


def test_likes_and_a_session_say_whose_order_it_is_and_what_of_them_is_unknown(desk: ManyDesk) -> None:
    wanted = Candidates(("i002", "i018", "i003", "i019"))
    by_likes = desk.reranking.for_clues(liked_clues(("i016", "i017", "nothing")), wanted)
    by_session = desk.reranking.for_clues(session_clues([SessionStep("i000"), SessionStep("i001")]), wanted)

    assert set(ids(by_likes)[:2]) == {"i018", "i019"}
    assert set(ids(by_session)[:2]) == {"i002", "i003"}
    assert (by_likes.answer.unknown_items, by_likes.answer.user_id) == (("nothing",), None)
    seen = desk.reranking.for_clues(liked_clues(("i018",)), Candidates(("i018", "i019"), filter_seen=True))
    assert (ids(seen), seen.left_out) == (["i019"], ("i018",))


def test_only_what_is_going_to_be_shown_is_remembered_as_shown(desk: ManyDesk) -> None:
    found = desk.reranking.for_user("u000", Candidates(CATALOGUE, shown=3))
    wait_until(lambda: any(each.recommendation_id == found.answer.recommendation_id for each in desk.log.recent(5)))
    [kept] = [each for each in desk.log.recent(5) if each.recommendation_id == found.answer.recommendation_id]

    assert (kept.user_id, list(kept.item_ids)) == ("u000", ids(found)[:3])
    assert len(ids(found)) == 30


def test_what_cannot_be_asked_is_refused_and_says_why(desk: ManyDesk) -> None:
    for wrong, code in (((), "candidates_empty"), (tuple(map(str, range(1_001))), "too_many_items")):
        with pytest.raises(BadInput) as refused:
            Candidates(wrong)
        assert (refused.value.code, refused.value.field) == (code, "candidates")
    with pytest.raises(NotFound):
        desk.reranking.for_user("nobody", Candidates(("i000",)))


def test_the_version_of_a_users_arm_puts_their_candidates_into_order(tmp_path: Path) -> None:
    halves = split()
    with divided_stage(tmp_path) as made:
        made.divide(halves)
        reranking = Reranking(made.service.bench)
        for arm, mark, number in (("canary", "two", 2), ("champion", "one", 1)):
            found = reranking.for_user(made.users_of(halves, arm)[0], Candidates(CATALOGUE)).answer

            assert (marks_of(found), found.model_version) == ({mark}, f"recommender/{number}")
            assert made.counted(arm).requests == 1
        wait_until(lambda: made.log.count() == 2)
        assert {each.place.split_id for each in made.log.recent(2) if each.place} == {ROLLOUT}
