"""The chain from personal to popular: what each step finds, what it never shows, and what follows when one fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.data.catalog import Item
from tacit.errors import Unavailable
from tacit.models.recommender.confidence import Confidence
from tacit.models.recommender.engines.numpy_engine import NumpyEngine
from tacit.models.recommender.model import RecommenderModel
from tacit.serving.answers import Recommendation, Source
from tacit.serving.fallback import Outcome, Question, Step, first_answer, popular_chain, similar_chain, user_chain
from tacit.serving.ladder import Coldstart
from tacit.serving.retrieval import Wanted, barred, by_popularity, taste_of

CATEGORIES = ("calm", "loud")


@st.composite
def models(draw: st.DrawFn) -> RecommenderModel:
    """Any small model: items with and without factors, with up to two categories, histories of any length."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_users, n_items, k = draw(st.integers(1, 6)), draw(st.integers(2, 14)), draw(st.integers(1, 4))
    with_factors = draw(st.integers(1, n_items))
    histories = [np.flatnonzero(generator.random(n_items) < generator.random()) for _ in range(n_users)]
    rows = np.concatenate(histories).astype(np.int32)
    listeners = np.bincount(rows, minlength=n_items)
    ranked = np.argsort(-listeners, kind="stable")
    ranked = ranked[listeners[ranked] > 0].astype(np.int32)
    items = tuple(
        Item(f"i{row}", f"Title {row}", tuple(name for name in CATEGORIES if generator.random() < 0.5))
        for row in range(n_items)
    )
    depth = draw(st.integers(0, n_items))
    popular = {"": ranked[:depth]} | {
        name: np.array([row for row in ranked if name in items[row].categories][:depth], np.int32)
        for name in CATEGORIES
    }
    return RecommenderModel(
        user_ids=[f"u{row}" for row in range(n_users)],
        items=items,
        user_factors=generator.normal(size=(n_users, k)).astype(np.float32),
        item_factors=generator.normal(size=(with_factors, k)).astype(np.float32),
        indptr=np.concatenate(([0], np.cumsum([len(history) for history in histories]))),
        indices=rows,
        values=(1 + generator.random(len(rows))).astype(np.float32),
        listeners=listeners,
        popular=popular,
        confidence=Confidence("log", 10.0),
        regularization=0.1,
        frequency_exponent=1.0,
        engine=NumpyEngine(),
    )


def broken(model: RecommenderModel, parts: Sequence[str]) -> RecommenderModel:
    """The same model with arrays that do not fit, so that the steps that need them raise."""
    n = len(model.items)
    spoilt: dict[str, object] = {
        "personal": {"user_factors": np.zeros((len(model.user_ids), 9), np.float32)},
        "category": {"popular": model.popular | {name: np.array([n + 9], np.int32) for name in CATEGORIES}},
    }
    for part in parts:
        model = replace(model, **spoilt[part])  # type: ignore[arg-type]
    return model


def ask(steps: Sequence[Step]) -> tuple[Outcome, list[Source]]:
    failed: list[Source] = []
    outcome = first_answer(steps, lambda source, _: failed.append(source))
    return outcome, failed


def shown(outcome: Outcome) -> set[str]:
    return {item.item_id for item in outcome.items}


@settings(max_examples=60, deadline=None)
@given(
    model=models(),
    data=st.data(),
    limit=st.integers(1, 20),
    rungs=st.tuples(st.integers(1, 6), st.integers(1, 6)).map(sorted),
    category=st.sampled_from((None, *CATEGORIES)),
    failing=st.sets(st.sampled_from(("personal", "category"))),
)
def test_no_step_ever_shows_what_was_seen_or_excluded(
    model: RecommenderModel,
    data: st.DataObject,
    limit: int,
    rungs: list[int],
    category: str | None,
    failing: set[str],
) -> None:
    if category not in model.categories:
        category = None
    model = broken(model, sorted(failing))
    row = data.draw(st.integers(0, len(model.user_ids) - 1))
    excluded = data.draw(st.sets(st.sampled_from([item.item_id for item in model.items])))
    taste = taste_of(model, row)
    wanted = Wanted(limit, barred(model, taste.items, excluded), category)
    outcome, failed = ask(user_chain(Question(model, wanted), taste, coldstart=Coldstart(*rungs)))

    seen = {model.items[item].item_id for item in taste.items}
    assert not shown(outcome) & (seen | excluded)
    assert len(shown(outcome)) == len(outcome.items) <= limit
    assert outcome.degraded == bool(failed)
    if category is not None and not failed:
        assert all(category in item.categories for item in outcome.items)
    for item in outcome.items:
        assert {reason.item_id for reason in item.because} <= seen
        assert all(0 < reason.share <= 1 for reason in item.because)


@settings(max_examples=60, deadline=None)
@given(model=models(), data=st.data(), limit=st.integers(1, 20))
def test_nothing_is_similar_to_itself_or_excluded(model: RecommenderModel, data: st.DataObject, limit: int) -> None:
    item = data.draw(st.integers(0, len(model.items) - 1))
    excluded = data.draw(st.sets(st.sampled_from([item.item_id for item in model.items])))
    wanted = Wanted(limit, barred(model, np.array([item], np.int32), excluded))
    outcome, _ = ask(similar_chain(Question(model, wanted), item))

    assert not shown(outcome) & {model.items[item].item_id, *excluded}


@settings(max_examples=60, deadline=None)
@given(model=models(), data=st.data(), limit=st.integers(1, 20))
def test_popular_items_are_the_most_met_of_those_allowed_however_deep_the_list(
    model: RecommenderModel, data: st.DataObject, limit: int
) -> None:
    hidden = data.draw(st.sets(st.integers(0, len(model.items) - 1)))
    found = by_popularity(model, Wanted(limit, np.array(sorted(hidden), np.intp))).items.tolist()

    allowed = [row for row in range(len(model.items)) if row not in hidden and model.listeners[row]]
    assert found == sorted(allowed, key=lambda row: (-model.listeners[row], row))[:limit]


def found(*names: str) -> Callable[[], tuple[Recommendation, ...]]:
    return lambda: tuple(Recommendation(name, name, (), 1.0) for name in names)


def broke() -> tuple[Recommendation, ...]:
    raise RuntimeError("an index out of range, say")


@pytest.mark.parametrize(
    ("steps", "source", "degraded", "failed"),
    [
        ([Step("personal", found("a")), Step("popular", found("b"))], "personal", False, []),
        ([Step("personal", broke), Step("popular", found("b"))], "popular", True, ["personal"]),
        ([Step("personal", found()), Step("popular", found("b"))], "popular", False, []),
        ([Step("personal", found()), Step("category", found())], "category", False, []),
        ([Step("category", found()), Step("popular", found("b"), is_rescue=True)], "category", False, []),
        ([Step("category", broke), Step("popular", found("b"), is_rescue=True)], "popular", True, ["category"]),
        ([Step("personal", found()), Step("category", broke)], "personal", True, ["category"]),
    ],
)
@pytest.mark.requirement("SERV-020")
def test_the_first_step_that_finds_something_answers_and_a_failure_before_it_degrades_the_answer(
    steps: list[Step], source: str, degraded: bool, failed: list[str]
) -> None:
    outcome, raised = ask(steps)

    assert (outcome.source, outcome.degraded, raised) == (source, degraded, failed)


def test_when_every_step_fails_the_caller_is_told_to_try_again() -> None:
    with pytest.raises(Unavailable, match="Every way to answer failed"):
        ask([Step("personal", broke), Step("popular", broke)])


def test_what_is_popular_in_a_category_is_never_filled_up_from_elsewhere() -> None:
    model = replace(small(), popular={"": np.array([0, 1, 2], np.int32), "calm": np.array([1], np.int32)})
    outcome, _ = ask(popular_chain(Question(model, Wanted(3, np.array([1], np.intp), "calm"))))

    assert (outcome.source, outcome.items) == ("category", ())


def small() -> RecommenderModel:
    """Three items, the second of them calm, and one user who met the first."""
    return RecommenderModel(
        user_ids=["u0"],
        items=(Item("i0", "A"), Item("i1", "B", ("calm",)), Item("i2", "C")),
        user_factors=np.ones((1, 1), np.float32),
        item_factors=np.ones((3, 1), np.float32),
        indptr=np.array([0, 1]),
        indices=np.array([0], np.int32),
        values=np.ones(1, np.float32),
        listeners=np.array([1, 1, 1]),
        popular={"": np.array([0, 1, 2], np.int32), "calm": np.array([1], np.int32)},
        confidence=Confidence("log", 10.0),
        regularization=0.1,
        frequency_exponent=1.0,
        engine=NumpyEngine(),
    )
