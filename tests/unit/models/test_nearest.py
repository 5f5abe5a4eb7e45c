"""What is like an item is found once with the version, and is given as a search would find it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.data.catalog import Item
from tacit.errors import Refused
from tacit.models.recommender import artifact, nearest
from tacit.models.recommender.confidence import Confidence
from tacit.models.recommender.engines.interfaces import Engine
from tacit.models.recommender.engines.numpy_engine import NumpyEngine
from tacit.models.recommender.model import RecommenderModel
from tacit.models.recommender.nearest import nearest_items, searched
from tacit.serving.retrieval import Retrieved, Wanted, by_similarity
from tests.engines import running

CATEGORIES = ("even", "third")
PLAIN = NumpyEngine()


@pytest.fixture(scope="module", params=["numpy", "native baseline"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with running(request.param) as found:
        yield found


def catalogue(n_items: int, k: int, *, seed: int, kinds: int, engine: Engine = PLAIN) -> RecommenderModel:
    """Items of so many directions, many of them the same, some of no factors at all."""
    generator = np.random.default_rng(seed)
    directions = generator.normal(size=(kinds, k)).astype(np.float32)
    factors = directions[generator.integers(0, kinds, n_items)] * generator.integers(0, 3, (n_items, 1))
    items = tuple(
        Item(f"i{row}", f"Title {row}", (CATEGORIES[0],) * (row % 2 == 0) + (CATEGORIES[1],) * (row % 3 == 0))
        for row in range(n_items + 2)
    )
    nothing = np.empty(0, np.int32)
    return RecommenderModel(
        user_ids=["u0"],
        items=items,
        user_factors=np.ones((1, k), np.float32),
        item_factors=np.ascontiguousarray(factors, np.float32),
        indptr=np.zeros(2, np.int64),
        indices=nothing,
        values=nothing.astype(np.float32),
        listeners=np.zeros(len(items), np.int64),
        popular={"": nothing},
        confidence=Confidence("log", 10.0),
        regularization=0.1,
        frequency_exponent=1.0,
        engine=engine,
    )


def same(some: Retrieved, others: Retrieved) -> bool:
    return some.items.tolist() == others.items.tolist() and some.scores.tolist() == others.scores.tolist()


@settings(max_examples=40, deadline=None)
@given(data=st.data(), depth=st.integers(1, 40))
def test_a_list_of_what_is_kept_is_the_list_that_a_search_finds(
    engine: Engine, data: st.DataObject, depth: int
) -> None:
    """Whatever is barred, lifted or asked for, and wherever the kept ones end."""
    n = data.draw(st.integers(1, 60))
    kinds = data.draw(st.integers(1, 20))
    model = catalogue(n, data.draw(st.integers(1, 9)), seed=n + kinds, kinds=kinds, engine=engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "DEPTH", depth)
        ready = replace(model, nearest=nearest_items(model))
    barred = np.array(sorted(data.draw(st.sets(st.integers(0, n + 1)))), np.intp)
    lifted = data.draw(st.none() | st.sampled_from([(1.0, 2.0), (0.5, 1.0)]))
    wanted = Wanted(
        data.draw(st.integers(1, 30)),
        barred,
        data.draw(st.sampled_from([None, *CATEGORIES])),
        None if lifted is None else np.where(np.arange(n + 2) % 5 == 0, *lifted),
    )
    item = data.draw(st.integers(0, n - 1))

    assert same(by_similarity(ready, item, wanted), by_similarity(model, item, wanted))


def test_where_enough_is_kept_nothing_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    model = catalogue(300, 8, seed=1, kinds=200)
    ready = replace(model, nearest=nearest_items(model))
    monkeypatch.setattr(RecommenderModel, "alike", None)

    assert len(by_similarity(ready, 7, Wanted(20, np.arange(0, 300, 9), "even")).items) == 20
    with pytest.raises(TypeError):  # more than are kept
        by_similarity(ready, 7, Wanted(101, np.empty(0, np.intp)))


def test_of_a_catalogue_too_large_only_the_most_popular_items_are_searched_beforehand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = catalogue(50, 4, seed=2, kinds=30)
    monkeypatch.setattr(nearest, "_MOST_PRODUCTS", 20 * 50 * 4 * nearest._SLOWER)

    found = nearest_items(model)

    assert found.shape == (20, 49)
    assert replace(model, nearest=found).similar_at_hand(20, 3, excluded=np.empty(0, np.intp)) is None
    assert searched(126_442, 128) == 0 < searched(50, 4)


def test_what_is_kept_is_saved_with_the_version_and_a_version_without_it_is_read_too(tmp_path: Path) -> None:
    model = catalogue(40, 4, seed=3, kinds=30)
    for name, each in {"with": replace(model, nearest=nearest_items(model)), "without": model}.items():
        (tmp_path / name).mkdir()
        artifact.save(each, tmp_path / name)
        again = artifact.load(tmp_path / name, model.engine)
        assert np.array_equal(again.nearest, each.nearest) if name == "with" else again.nearest is None


@pytest.mark.parametrize("wrong", [np.full((40, 3), 40, np.int32), np.zeros((41, 3), np.int32)])
def test_a_version_whose_kept_items_point_nowhere_is_refused(tmp_path: Path, wrong: np.ndarray) -> None:
    artifact.save(replace(catalogue(40, 4, seed=3, kinds=30), nearest=wrong), tmp_path)

    with pytest.raises(Refused) as refusal:
        artifact.load(tmp_path, PLAIN)

    assert refusal.value.field == "item_nearest"
