"""Sessions: the latest counts most, what speaks against an item does, and nothing of the session comes back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.data.catalog_entries import ItemEntry
from tacit.errors import BadInput
from tacit.models.recommender.folding import Against
from tacit.serving.answers import Answer
from tacit.serving.retrieval import Taste
from tacit.serving.sessions import FADE, HALF_LIFE_MS, SessionStep, Worth, faded, worth
from tests.many_desks import ManyDesk
from tests.stages import RARE, Stage, stage, wait_until

ITEMS = [*(f"i{place:03}" for place in range(30)), RARE, "new"]
STEPS = st.builds(
    SessionStep, st.sampled_from([*ITEMS, "nope"]), st.sampled_from([1.0, 3.0, -0.5]), st.none() | st.integers(0, 10**8)
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("home")) as made:
        made.release()
        made.pool.refresh()
        yield made


@pytest.fixture
def desk(made: Stage) -> ManyDesk:
    return ManyDesk(made)


def ids(answer: Answer) -> list[str]:
    return [item.item_id for item in answer.items]


def halves(answer: Answer) -> set[str]:
    return {category for item in answer.items for category in item.categories}


def test_each_step_counts_less_than_the_next_and_less_the_longer_ago_it_was() -> None:
    by_place = worth([SessionStep("a"), SessionStep("b"), SessionStep("a", 2.0)])
    by_time = worth([SessionStep("late", occurred_at_ms=HALF_LIFE_MS), SessionStep("early", occurred_at_ms=0)])
    long = worth([SessionStep(str(place)) for place in range(30)])

    assert by_place == {"a": Worth(2 + FADE**2, 1.0), "b": Worth(1.0, FADE)}
    assert by_time == {"late": Worth(1.0, 1.0), "early": Worth(1.0, FADE / 2)}
    assert [long[str(place)].amount for place in (0, 15, 16, 29)] == [0.0, 0.0, 1.0, 1.0]


def test_a_taste_of_which_nothing_faded_is_the_one_that_is_folded_in_at_once(made: Stage) -> None:
    model = made.pool.current().model
    items = np.array([1, 4, 9], np.int32)
    against = Against(np.array([20], np.int32), np.array([2.0], np.float32))
    taste = Taste(items, np.array([1.0, 3.0, 2.0], np.float32), against=against)
    found = faded(model, taste, np.ones(3, np.float32))
    gone = faded(model, taste, np.array([1.0, 1e-6, 1e-6], np.float32))

    assert found.factors is not None
    assert gone.factors is not None
    np.testing.assert_allclose(found.factors, model.fold_in(items, taste.values, against=against), atol=1e-5)
    alone = faded(model, Taste(items[:1], taste.values[:1], against=against), np.ones(1, np.float32)).factors
    assert alone is not None
    np.testing.assert_allclose(gone.factors @ model.item_factors.T, alone @ model.item_factors.T, atol=0.05)
    np.testing.assert_array_equal(found.emphasis, 1)


def test_the_end_of_a_session_decides_where_it_leads(desk: ManyDesk) -> None:
    low, high = [SessionStep(f"i{at:03}") for at in range(4)], [SessionStep(f"i{at:03}") for at in range(16, 20)]
    to_high, to_low = (desk.sessions.recommend(steps, limit=3) for steps in ([*low, *high], [*high, *low]))

    assert (halves(to_high), halves(to_low)) == ({"high"}, {"low"})
    assert (to_high.source, to_high.user_id, to_high.degraded) == ("personal", None, False)
    assert all(item.because for item in to_high.items)


def test_what_was_skipped_speaks_against_what_is_like_it(desk: ManyDesk) -> None:
    steps = [SessionStep("i016"), SessionStep("i001")]
    plain = desk.sessions.recommend(steps, limit=4)
    against = desk.sessions.recommend([*steps[:1], SessionStep("i001", -3.0)], limit=4)

    assert halves(against) == {"high"}
    assert halves(plain) != {"high"}


def test_a_session_of_a_newcomer_alone_is_led_by_what_the_newcomer_is_taken_for(desk: ManyDesk) -> None:
    desk.said(
        ItemEntry("new", title="New", categories=("high",)), ItemEntry("newer", title="Newer", categories=("low",))
    )
    found = desk.sessions.recommend([SessionStep("new")], limit=5)

    assert (found.source, halves(found), found.unknown_items) == ("personal", {"high"}, ())
    assert "new" not in ids(found)


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(STEPS, min_size=1, max_size=12),
    hidden=st.sets(st.sampled_from(ITEMS), max_size=8),
    excluded=st.sets(st.sampled_from(ITEMS), max_size=8),
)
def test_nothing_of_the_session_nothing_hidden_and_nothing_excluded_is_in_any_answer(
    made: Stage, steps: list[SessionStep], hidden: set[str], excluded: set[str]
) -> None:
    desk = ManyDesk(made)
    desk.said(
        ItemEntry("new", title="New", categories=("low",)), *(ItemEntry(each, available=False) for each in hidden)
    )
    if {step.item_id for step in steps} == {"nope"}:
        with pytest.raises(BadInput):
            desk.sessions.recommend(steps)
        return
    found = desk.sessions.recommend(steps, limit=1_000, exclude=excluded)

    assert not set(ids(found)) & ({step.item_id for step in steps} | hidden | excluded)
    assert found.unknown_items == ("nope",) * any(step.item_id == "nope" for step in steps)
    assert found.source in ("personal", "popular")


def test_the_list_is_remembered_as_nobodys(desk: ManyDesk) -> None:
    found = desk.sessions.recommend([SessionStep("i001")], limit=2)
    wait_until(lambda: any(each.recommendation_id == found.recommendation_id for each in desk.log.recent(9)))
    [kept] = [each for each in desk.log.recent(9) if each.recommendation_id == found.recommendation_id]

    assert (kept.user_id, list(kept.item_ids)) == (None, ids(found))


def test_an_empty_or_endless_session_is_refused(desk: ManyDesk) -> None:
    for steps, code in (([], "session_empty"), ([SessionStep("i001")] * 1_001, "too_many_items")):
        with pytest.raises(BadInput) as refused:
            desk.sessions.recommend(steps)
        assert (refused.value.code, refused.value.field) == (code, "session")
