"""A look at everything: silent while users do what they did, loud when they do not, and honest where it cannot tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tacit.monitoring.drift.comparing import Rules
from tacit.monitoring.drift.happenings import Happenings, Items, shown_of, thinned
from tacit.monitoring.drift.looking import Choices, Known, look
from tacit.monitoring.drift.report import FEATURES, LEARNT, DriftReport, FeatureDrift, Thresholds
from tests.drift_worlds import DAY_MS, START, genres, shown_lists, steady, turned_to_jazz

RULES = Rules(reference_ms=28 * DAY_MS, history_ms=84 * DAY_MS, alarm=0.005 / len(FEATURES), moments=80)
CHOICES = Choices(DAY_MS, RULES)
NOTHING = shown_of([])
END = START + 85 * DAY_MS


def seen(events: Happenings, choices: Choices = CHOICES, *, items: Items | None = None) -> DriftReport:
    return look(Known(events, NOTHING, items or genres()), choices, now_ms=int(events.at_ms[-1]) + 1)


@pytest.fixture(scope="module")
def quiet() -> DriftReport:
    return seen(steady())


@pytest.fixture(scope="module")
def jazz() -> DriftReport:
    return seen(turned_to_jazz(steady(), 0.5, since_ms=END - DAY_MS))


def test_users_who_do_what_they_did_are_no_drift(quiet: DriftReport) -> None:
    assert quiet.state == "ok"
    assert [each.name for each in quiet.features] == list(FEATURES)
    told = [each for each in quiet.features if each.score is not None]
    assert {each.name for each in told} >= {"popularity", "categories", "tastes", "values", "new_users", "pace"}
    assert {each.state for each in told} == {"ok"}


@pytest.mark.requirement("DRIFT-010")
@pytest.mark.requirement("DRIFT-011")
def test_a_taste_that_turns_is_seen_where_it_shows_and_nowhere_else(jazz: DriftReport) -> None:
    moved = {each.name for each in jazz.features if each.state in ("warn", "retrain")}

    assert {"categories", "tastes"} <= moved <= {"categories", "tastes", "popularity"}
    categories = jazz.feature("categories")
    assert categories is not None
    bars = {bar.label: bar for bar in categories.bars}
    assert bars["jazz"].now > 0.5 > 0.3 > bars["jazz"].before
    assert categories.chance is not None
    assert categories.p_value is not None
    assert categories.chance < 1e-3
    assert categories.p_value < 1e-6


def test_the_more_of_the_window_is_replaced_the_higher_it_scores() -> None:
    scores = [seen(turned_to_jazz(steady(), share, since_ms=END - DAY_MS)).overall for share in (0.0, 0.2, 0.5, 1.0)]

    assert scores == sorted(scores, key=lambda score: score or 0.0)
    assert scores[0] is not None
    assert scores[0] < 0.3
    assert scores[-1] is not None
    assert scores[-1] > 0.6


@pytest.mark.requirement("DRIFT-014")
def test_a_weekend_like_every_weekend_is_no_drift_and_one_like_no_other_is() -> None:
    events = steady(weekend=0.6, days=80, a_day=800)
    last = int(events.at_ms[-1])
    assert (last // DAY_MS + 3) % 7 in (5, 6)
    narrow = replace(CHOICES, rules=replace(RULES, least_units=100))
    as_ever = seen(events, narrow).feature("categories")
    another = seen(turned_to_jazz(events, 0.6, since_ms=last - DAY_MS), narrow).feature("categories")

    assert as_ever is not None
    assert another is not None
    assert (as_ever.season, as_ever.state) == ("week", "ok")
    assert another.state in ("warn", "retrain")
    blind = replace(narrow, rules=replace(narrow.rules, is_seasonal=False))
    unweighed = seen(events, blind).feature("categories")
    assert unweighed is not None
    assert unweighed.effect is not None
    assert as_ever.effect is not None
    assert unweighed.effect > 2 * as_ever.effect


def test_too_few_events_or_too_short_a_history_are_not_enough_data() -> None:
    few = seen(steady(a_day=30))
    young = seen(steady(days=2), replace(CHOICES, rules=replace(RULES, least_units=400)))
    nothing = look(Known(steady().only(np.zeros(34_000, bool)), NOTHING), CHOICES, now_ms=END)

    for each in (few, young, nothing):
        assert (each.state, each.overall) == ("not_enough_data", None)


def test_the_burst_of_one_user_counts_as_a_handful_of_events() -> None:
    events = steady(days=2)
    users = events.users.copy()
    users[100:400] = 7

    kept = thinned(replace(events, users=users))

    assert (kept.users == 7).sum() < 25
    assert len(thinned(events)) > 0.99 * len(events)


@pytest.mark.requirement("DRIFT-004")
@pytest.mark.requirement("DRIFT-015")
def test_clicks_that_halve_are_seen_as_drift_as_a_rate_and_as_quality() -> None:
    before, since = 30_000, 400
    lists = shown_lists(before, ctr=0.3, until_ms=END - DAY_MS)
    lists += shown_lists(since, ctr=0.12, until_ms=END, seed=4)
    known = Known(
        steady(a_day=10), shown_of(lists), holdout=0.2, by_segment={"cold": 0.1, "heavy": 0.3}, live={"cold": 1.0}
    )

    found = look(known, CHOICES, now_ms=END + 1)

    ctr, precision = found.quality
    assert (ctr.state, ctr.units) == ("warn", since)
    assert ctr.estimated is not None
    assert ctr.measured is not None
    assert ctr.high is not None
    assert ctr.high < 0.9 * ctr.estimated
    assert abs(ctr.estimated - 0.3) < 0.02
    assert (precision.baseline, precision.estimated) == (0.2, 0.1)
    clicks = found.feature("ctr")
    assert clicks is not None
    assert clicks.state in ("warn", "retrain")
    assert [each.rate for each in found.rates] == ["ctr"]
    assert found.rates[0].at_ms >= END - DAY_MS


def test_the_mix_of_who_answers_moves_what_is_estimated_without_a_click() -> None:
    lists = shown_lists(4_000, ctr=0.1, until_ms=END - DAY_MS, popular=0.5)
    lists = [each._replace(clicked=each.source == "personal" and each.clicked) for each in lists]
    lists += shown_lists(400, ctr=0.0, until_ms=END, popular=1.0)

    ctr = look(Known(steady(a_day=10), shown_of(lists)), CHOICES, now_ms=END + 1).quality[0]

    assert ctr.baseline is not None
    assert ctr.estimated is not None
    assert ctr.estimated < 0.1 * ctr.baseline


def test_what_no_model_can_learn_from_warns_and_asks_for_nothing() -> None:
    thresholds = Thresholds(0.3, 0.6)
    surge = FeatureDrift("pace", thresholds.state(0.9, is_learnt=False), 400, 0.9)

    assert "pace" not in LEARNT
    assert surge.state == "warn"
    assert thresholds.state(thresholds.overall([surge])) == "warn"
    assert thresholds.state(thresholds.overall([surge, FeatureDrift("categories", "retrain", 400, 0.61)])) == "retrain"


def test_an_item_that_is_suddenly_everywhere_is_named() -> None:
    events = steady()
    items = events.items.copy()
    recent = np.flatnonzero(events.at_ms >= END - DAY_MS)
    items[recent[::4]] = 150

    found = seen(replace(events, items=items))

    assert found.bursts[0].item == "150"
    assert found.bursts[0].count > 80 > 5 > found.bursts[0].expected
    assert seen(events).bursts == ()
