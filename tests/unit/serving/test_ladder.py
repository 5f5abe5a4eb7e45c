"""The cold-start ladder: which rung somebody stands on, and what they get there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.data.catalog_entries import Preferences
from tacit.errors import Misconfigured
from tacit.serving.fallback import Outcome, Question, first_answer, user_chain
from tacit.serving.labels import Labels
from tacit.serving.ladder import Coldstart, Leaning, fused, leaning_of
from tacit.serving.profiles import taste_from
from tacit.serving.retrieval import Retrieved, Wanted, barred
from tests.stages import RARE, small_model

MODEL = small_model()
LABELS = Labels(MODEL.items)
RUNGS = Coldstart()


def asked(
    *, seen: int = 0, limit: int = 5, category: str | None = None, preferences: Preferences | None = None
) -> Outcome:
    """What somebody gets who met the first so many items of one half."""
    low = [row for row, item in enumerate(MODEL.items) if item.categories == ("low",)]
    taste = taste_from(dict.fromkeys(low[:seen], 5.0))
    leaning = leaning_of(MODEL, LABELS, preferences or Preferences())
    chosen = (preferences or Preferences()).item_ids
    question = Question(MODEL, Wanted(limit, barred(MODEL, taste.seen, chosen), category))
    steps = user_chain(question, taste, coldstart=RUNGS, leaning=leaning, like_value=5.0)

    def failed(source: str, error: Exception) -> None:
        raise error

    return first_answer(steps, failed)


def shown(outcome: Outcome) -> list[str]:
    return [item.item_id for item in outcome.items]


@pytest.mark.requirement("SERV-021", "SERV-025", "SERV-026")
@pytest.mark.parametrize(
    ("seen", "source"),
    [
        (0, "popular"),
        (1, "popular"),
        (4, "popular"),
        (5, "blended"),
        (9, "blended"),
        (10, "personal"),
        (12, "personal"),
    ],
)
def test_a_list_is_popular_below_five_items_blended_from_five_and_personal_from_ten(seen: int, source: str) -> None:
    assert asked(seen=seen).source == source


def test_the_share_of_ones_own_list_grows_in_equal_steps() -> None:
    shares = [RUNGS.share(count) for count in range(4, 12)]

    assert shares == pytest.approx([0, *(2 / 3 + at / 15 for at in range(5)), 1, 1])
    chosen = [RUNGS.chosen_share(count, chosen) for count, chosen in ((0, 1), (4, 1), (2, 5), (4, 50))]
    assert chosen == [RUNGS.share(count) for count in (5, 5, 7, 9)]
    assert Coldstart(1, 1).share(1) == 1
    assert 0 < Coldstart(1, 1).chosen_share(0, 3) <= 1


@pytest.mark.parametrize("rungs", [(0, 5), (6, 5), (-1, -1)])
def test_rungs_that_do_not_go_up_are_refused(rungs: tuple[int, int]) -> None:
    with pytest.raises(Misconfigured, match="blended"):
        Coldstart(*rungs)


@pytest.mark.requirement("SERV-026")
def test_a_blended_list_moves_from_the_popular_one_to_ones_own_with_its_share() -> None:
    own = Retrieved(np.arange(10), np.ones(10, np.float32))
    popular = Retrieved(np.arange(5, 15), np.ones(10, np.float32))

    def of_own(share: float) -> int:
        return len(set(fused(own, popular, share=share, limit=10).items.tolist()) & set(range(10)))

    shares = [of_own(share) for share in (0.001, 0.3, 0.5, 0.7, 0.999)]

    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (5, 10)
    assert asked(seen=5).items != asked(seen=4).items


def test_what_only_the_popular_list_found_has_no_reason_in_the_history() -> None:
    outcome = asked(seen=7, limit=24)
    personal = asked(seen=12, limit=24)

    assert outcome.source == "blended"
    assert all(item.because for item in personal.items if item.item_id != RARE)
    seen = {MODEL.items[row].item_id for row in range(len(MODEL.items))} - set(shown(outcome))
    assert {reason.item_id for item in outcome.items for reason in item.because} <= seen


def test_items_chosen_when_asked_give_somebody_unknown_a_list_of_their_own() -> None:
    chosen = asked(preferences=Preferences(item_ids=("i016", "i018", "i020", "unheard of")))

    assert chosen.source == "blended"
    assert shown(chosen) != shown(asked())
    assert not {"i016", "i018", "i020"} & set(shown(chosen))
    assert {reason.item_id for item in chosen.items for reason in item.because} <= {"i016", "i018", "i020"}


@pytest.mark.requirement("SERV-023")
@pytest.mark.parametrize(
    "preferences",
    [
        Preferences(categories=("high",)),
        Preferences(moods=("HIGH",)),
        Preferences(moods=("gloom", "high"), item_ids=("unheard of",)),
    ],
)
def test_chosen_categories_and_moods_give_what_is_popular_within_them(preferences: Preferences) -> None:
    outcome = asked(preferences=preferences, limit=50)
    listeners = [int(MODEL.listeners[MODEL.item_rows[item]]) for item in shown(outcome)]

    assert outcome.source == "category"
    assert all(item.categories == ("high",) for item in outcome.items)
    assert len(outcome.items) == 15
    assert listeners == sorted(listeners, reverse=True)


def test_a_category_that_is_asked_for_stands_above_those_that_were_chosen() -> None:
    outcome = asked(preferences=Preferences(categories=("high",)), category="low", limit=50)

    assert outcome.source == "category"
    assert all(item.categories == ("low",) for item in outcome.items)


def test_moods_that_nothing_bears_leave_what_is_popular() -> None:
    assert asked(preferences=Preferences(moods=("gloom",))).source == "popular"


def test_a_tag_is_a_mood_as_much_as_a_category_is() -> None:
    leaning = leaning_of(MODEL, LABELS, Preferences(moods=("Made-Up",)))

    assert leaning.within is not None
    assert leaning.within.all()


lists = st.lists(st.integers(0, 30), unique=True, max_size=15)


@settings(deadline=None)
@given(own=lists, others=lists, share=st.floats(0.01, 1), limit=st.integers(1, 20))
def test_a_fused_list_is_ordered_by_the_sum_of_reciprocal_ranks(
    own: list[int], others: list[int], share: float, limit: int
) -> None:
    found = fused(
        Retrieved(np.array(own, np.intp), np.zeros(len(own), np.float32)),
        Retrieved(np.array(others, np.intp), np.zeros(len(others), np.float32)),
        share=share,
        limit=limit,
    )

    def score(item: int) -> float:
        of_own = share / (61 + own.index(item)) if item in own else 0.0
        return of_own + ((1 - share) / (61 + others.index(item)) if item in others else 0.0)

    best = sorted({*own, *others}, key=lambda item: (-score(item), item))[:limit]
    assert found.items.tolist() == best
    assert found.scores.tolist() == pytest.approx([score(item) for item in best], rel=1e-5)


def test_somebody_who_chose_nothing_leans_nowhere() -> None:
    leaning = leaning_of(MODEL, LABELS, Preferences())

    assert isinstance(leaning, Leaning)
    assert (len(leaning.items), leaning.within) == (0, None)
