"""The service: who is asked, what they get, what is refused, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tacit.errors import BadInput, NotFound, Refused, TacitError, Unavailable
from tacit.monitoring import metrics as catalogue
from tacit.serving.events import RetrieverFailed
from tacit.serving.recommend import ServingLimits
from tests.stages import NEWCOMER, RARE, Stage, small_model, stage, stage_over, wait_until


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("home")) as made:
        made.release()
        made.pool.refresh()
        yield made


@pytest.fixture
def lenient(made: Stage) -> Stage:
    """The same registry served with other limits."""
    other = stage_over(made.bench, limits=ServingLimits(unknown_user="popular", max_reasons=1))
    other.pool.refresh()
    return other


def history_of(made: Stage, user_id: str) -> set[str]:
    return {item.item_id for item in made.service.history(user_id, 1_000)}


def test_a_listener_of_one_half_is_recommended_that_half_with_reasons_from_it(made: Stage) -> None:
    answer = made.service.for_user("u000", limit=3)

    assert (answer.source, answer.degraded, answer.model_version) == ("personal", False, "recommender/1")
    assert {category for item in answer.items for category in item.categories} == {"low"}
    assert all(len(item.because) == 3 for item in answer.items)
    for item in answer.items:
        assert {reason.item_id for reason in item.because} <= history_of(made, "u000")
        assert [reason.share for reason in item.because] == sorted(
            (reason.share for reason in item.because), reverse=True
        )


def test_nobody_is_shown_what_they_met_however_much_they_ask_for(made: Stage) -> None:
    model = made.pool.current().model
    for user_id in model.user_ids:
        shown = {item.item_id for item in made.service.for_user(user_id, limit=1_000).items}

        assert not shown & history_of(made, user_id)


@pytest.mark.requirement("SERV-021")
@pytest.mark.requirement("SERV-025")
def test_somebody_with_fewer_than_five_items_gets_what_is_popular_and_that_is_not_degraded(made: Stage) -> None:
    answer = made.service.for_user(NEWCOMER)

    assert (answer.source, answer.degraded) == ("popular", False)
    assert "i001" not in {item.item_id for item in answer.items}


def test_a_category_narrows_every_source_and_a_list_is_not_filled_up(made: Stage) -> None:
    answers = [
        made.service.for_user("u000", category="high", limit=1_000),
        made.service.for_user(NEWCOMER, category="high", limit=1_000),
        made.service.popular(category="high", limit=1_000),
        made.service.similar("i001", category="high", limit=1_000),
    ]

    assert [answer.source for answer in answers] == ["personal", "category", "category", "similar"]
    assert all(item.categories == ("high",) for answer in answers for item in answer.items)
    assert all(len(answer.items) <= 15 for answer in answers)


def test_a_category_without_factors_is_answered_by_what_is_popular_in_it(made: Stage) -> None:
    answer = made.service.for_user("u000", category="odd")

    assert (answer.source, answer.degraded, [item.item_id for item in answer.items]) == ("category", False, [RARE])


def test_likes_are_folded_in_explained_and_not_recommended_back(made: Stage) -> None:
    answer = made.service.for_likes(["i016", "nothing", "i017", "i016", "nowhere"], limit=5)

    assert (answer.source, answer.user_id, answer.unknown_items) == ("personal", None, ("nothing", "nowhere"))
    assert {category for item in answer.items for category in item.categories} == {"high"}
    assert {reason.item_id for item in answer.items for reason in item.because} == {"i016", "i017"}
    assert not {"i016", "i017"} & {item.item_id for item in answer.items}


def test_likes_of_which_the_model_learnt_nothing_are_answered_by_popularity(made: Stage) -> None:
    answer = made.service.for_likes([RARE])

    assert (answer.source, answer.degraded) == ("popular", False)


def test_what_is_similar_shares_its_listeners(made: Stage) -> None:
    answer = made.service.similar("i020", limit=5)

    assert answer.source == "similar"
    assert {category for item in answer.items for category in item.categories} == {"high"}
    assert "i020" not in {item.item_id for item in answer.items}


def test_an_item_without_factors_is_taken_for_its_category_then_for_what_is_popular(made: Stage) -> None:
    answer = made.service.similar(RARE, limit=5)

    # It is the only one of its category, so that nothing is left but what is popular.
    assert (answer.source, answer.degraded, len(answer.items)) == ("popular", False, 5)


def test_popular_items_come_by_how_many_met_them(made: Stage) -> None:
    items = made.service.popular(limit=1_000).items
    listeners = [made.service.item(item.item_id).listeners for item in items]

    assert listeners == sorted(listeners, reverse=True)
    assert items[0].score == pytest.approx(listeners[0] / len(made.pool.current().model.user_ids), abs=1e-6)


def test_excluded_items_are_in_no_answer_and_unknown_ones_exclude_nothing(made: Stage) -> None:
    first = made.service.for_user("u000", limit=1).items[0].item_id
    answers = [
        made.service.for_user("u000", exclude={first, "nothing"}, limit=1_000),
        made.service.popular(exclude={first}, limit=1_000),
        made.service.for_likes(["i001"], exclude={first}, limit=1_000),
        made.service.similar("i001", exclude={first}, limit=1_000),
    ]

    assert all(first not in {item.item_id for item in answer.items} for answer in answers)


def test_an_unknown_user_is_refused_and_told_what_to_ask_instead(made: Stage) -> None:
    with pytest.raises(NotFound) as caught:
        made.service.for_user("nobody")

    assert caught.value.code == "user_unknown"
    assert "POST /api/v1/recommendations" in (caught.value.fix or "")
    assert "GET /api/v1/popular" in (caught.value.fix or "")


def test_an_unknown_user_gets_what_is_popular_where_the_settings_say_so(lenient: Stage) -> None:
    answer = lenient.service.for_user("nobody", limit=2)

    assert (answer.source, answer.degraded, answer.user_id) == ("popular", False, "nobody")
    assert answer.items == lenient.service.popular(limit=2).items


@pytest.mark.parametrize(
    ("ask", "kind", "code"),
    [
        (lambda service: service.similar("nothing"), NotFound, "item_unknown"),
        (lambda service: service.item("nothing"), NotFound, "item_unknown"),
        (lambda service: service.history("nobody", 3), NotFound, "user_unknown"),
        (lambda service: service.popular(category="hihg"), NotFound, "category_unknown"),
        (lambda service: service.for_likes([]), BadInput, "liked_empty"),
        (lambda service: service.for_likes(["nothing"]), BadInput, "items_unknown"),
        (lambda service: service.for_likes(["i001"] * 1_001), BadInput, "too_many_items"),
        (lambda service: service.for_user("u000", limit=0), BadInput, "limit_range"),
        (lambda service: service.popular(limit=-1), BadInput, "limit_range"),
        (lambda service: service.search("a", limit=1_001), BadInput, "limit_range"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_name(
    made: Stage, ask: object, kind: type[TacitError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        ask(made.service)  # type: ignore[operator]

    assert caught.value.code == code


def test_a_category_nearly_right_is_answered_with_the_ones_that_exist(made: Stage) -> None:
    with pytest.raises(NotFound) as caught:
        made.service.popular(category="HIHG")

    assert caught.value.context["near"] == ["high"]


@pytest.mark.requirement("SERV-027")
def test_a_model_that_fails_is_stood_in_for_by_what_is_popular_in_their_category_and_each_failure_is_told(
    made: Stage, tmp_path: Path
) -> None:
    with stage(tmp_path) as own:
        own.release()
        own.pool.refresh()
        loaded = own.pool.current()
        torn = replace(loaded.model, user_factors=np.zeros((len(loaded.model.user_ids), 3), np.float32))
        own.pool._loaded = replace(loaded, model=torn)
        answer = own.service.for_user("u000", limit=3)

    assert (answer.source, answer.degraded, len(answer.items)) == ("category", True, 3)
    assert {item.categories for item in answer.items} == {("low",)}
    assert own.metrics.value(catalogue.RETRIEVER_FAILURES, source="personal") == 1
    assert own.metrics.value(catalogue.RETRIEVER_FAILURES, source="blended") == 1
    assert own.metrics.value(catalogue.DEGRADED_ANSWERS, source="category") == 1
    failures = [event for event in own.events if isinstance(event, RetrieverFailed)]
    assert [failure.source for failure in failures] == ["personal", "blended"]
    assert isinstance(failures[0].error, Refused)


def test_every_answer_is_remembered_as_it_was_shown(made: Stage) -> None:
    answer = made.service.for_user("u004", limit=2)
    wait_until(lambda: made.exposures.counts().waiting == 0)
    exposure = next(each for each in made.log.recent(1_000) if each.recommendation_id == answer.recommendation_id)

    assert exposure.item_ids == tuple(item.item_id for item in answer.items)
    assert (exposure.user_id, exposure.source, exposure.model_version, exposure.degraded) == (
        "u004",
        "personal",
        "recommender/1",
        False,
    )


def test_answers_are_counted_by_source_and_what_became_of_the_record_can_be_read(made: Stage) -> None:
    before = made.metrics.value(catalogue.RECOMMENDATIONS, source="personal")
    made.service.for_user("u002")
    wait_until(lambda: made.exposures.counts().waiting == 0)
    recorded, written, dropped = (
        made.metrics.value(catalogue.EXPOSURES, outcome=outcome) for outcome in ("recorded", "written", "dropped")
    )

    assert made.metrics.value(catalogue.RECOMMENDATIONS, source="personal") == before + 1
    assert recorded == written + dropped > 0


def test_titles_are_found_without_case_and_accents(made: Stage) -> None:
    assert [item.item_id for item in made.service.search("SIGUR ros")] == [RARE]
    assert [item.title for item in made.service.search("band")] == ["The 50% Band"]


def test_categories_are_listed_with_their_sizes(made: Stage) -> None:
    assert made.service.categories() == (("low", 16), ("high", 15), ("odd", 1))


def test_a_history_is_listed_by_how_much_of_each(made: Stage) -> None:
    model = small_model()
    items, values = model.history(model.user_rows["u000"])
    most = model.items[items[int(np.argmax(values))]].item_id

    assert made.service.history("u000", 1)[0].item_id == most


def test_without_a_version_nothing_is_answered_and_the_caller_may_try_again(tmp_path: Path) -> None:
    with stage(tmp_path) as empty, pytest.raises(Unavailable) as caught:
        empty.service.popular()

    assert caught.value.code == "model_not_loaded"


def test_as_many_reasons_are_given_as_the_limits_allow(lenient: Stage) -> None:
    assert {len(item.because) for item in lenient.service.for_user("u000").items} == {1}
