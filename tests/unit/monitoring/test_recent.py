"""What was measured lately: rates, shares and quantiles of the time between readings, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest

from tacit.adapters.prometheus import PrometheusSink
from tacit.adapters.prometheus_families import families_of
from tacit.monitoring import metrics as catalogue
from tacit.monitoring import recent as module
from tacit.monitoring.adding_up import Family
from tacit.monitoring.charts import BY_ID, CHARTS
from tacit.monitoring.figures import Level, Measured, Quantile, Rate, Share, quantile
from tacit.monitoring.recent import RANGES, RecentFigures

AWAY = {"method": "GET", "route": "/console/data", "status": "200"}
LIST = {"method": "GET", "route": "/api/v1/popular", "status": "200"}


class World:
    """A registry that is read at times that are told."""

    def __init__(self) -> None:
        self.sink, self.now_ms = PrometheusSink(), 1_000_000_000_000
        self.sink.increment(catalogue.HTTP_REQUESTS, 0, **LIST)
        self.recent = RecentFigures(self.families, lambda: self.now_ms)
        self.recent.take()

    def families(self) -> Iterable[Family]:
        return families_of(self.sink.registry)

    def after(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1_000)
        self.recent.take()


@pytest.fixture
def world() -> World:
    return World()


def values(world: World, chart: str, at: int = 0, **more: int) -> tuple[float | None, ...]:
    return world.recent.points(chart, "15m", **more).values[at]


def test_traffic_is_what_was_asked_per_second_without_who_looks_at_the_console(world: World) -> None:
    world.sink.increment(catalogue.HTTP_REQUESTS, 50, **LIST)
    world.sink.increment(catalogue.HTTP_REQUESTS, 500, **AWAY)
    world.after(5)
    world.after(5)

    assert values(world, "traffic") == (10.0, 0.0)


def test_a_quantile_is_of_the_time_between_two_readings_and_not_of_all_time(world: World) -> None:
    for _ in range(100):
        world.sink.observe(catalogue.HTTP_DURATION, 4.0, method="GET", route="/a")
    world.after(5)
    for _ in range(100):
        world.sink.observe(catalogue.HTTP_DURATION, 0.002, method="GET", route="/a")
    world.after(5)
    slow, quick = values(world, "latency", 1)

    assert slow is not None
    assert quick is not None
    assert 2.0 < slow <= 5.0
    assert 0.001 < quick <= 0.0025


def test_without_an_answer_there_is_no_latency_and_no_share_rather_than_nought(world: World) -> None:
    world.after(5)

    assert values(world, "latency", 1) == (None,)
    assert values(world, "errors", 0) == (None,)
    assert values(world, "traffic") == (0.0,)


def test_a_share_of_errors_counts_a_status_that_was_never_seen_before(world: World) -> None:
    world.sink.increment(catalogue.HTTP_REQUESTS, 90, **LIST)
    world.sink.increment(catalogue.HTTP_REQUESTS, 10, **{**LIST, "status": "503"})
    world.after(5)

    assert values(world, "errors", 0) == (pytest.approx(0.1),)


def test_a_counter_that_began_anew_counts_from_nothing() -> None:
    rate = Rate("requests", catalogue.HTTP_REQUESTS)

    assert rate.value((100.0,), (20.0,), 5.0) == 4.0
    assert rate.value((math.nan,), (20.0,), 5.0) == 4.0
    assert rate.value((5.0,), (math.nan,), 5.0) is None


def test_whoever_comes_back_is_told_only_what_they_missed(world: World) -> None:
    for _ in range(4):
        world.after(5)
    whole = world.recent.points("traffic", "15m")
    later = world.recent.points("traffic", "15m", since_ms=whole.at_ms[1])

    assert later.at_ms == whole.at_ms[2:]
    assert later.values[0] == whole.values[0][2:]


def test_a_day_is_kept_in_no_more_than_a_few_hundred_readings() -> None:
    recent = RecentFigures(lambda: (), lambda: 86_400_000)
    for second in range(0, 86_401, 5):
        recent.take(second * 1_000)

    assert [len(ring.moments) for ring in recent._rings] == [each.seconds // each.every + 1 for each in RANGES]
    assert [len(recent.points("traffic", each.name).at_ms) for each in RANGES] == [180, 180, 288]


def test_a_long_range_goes_on_to_the_latest_reading(world: World) -> None:
    for _ in range(100):
        world.after(5)

    for name in ("15m", "1h", "24h"):
        assert world.recent.points("traffic", name).at_ms[-1] == world.now_ms, name
    assert len(world.recent.points("traffic", "24h").at_ms) < 60


def test_over_a_range_a_rate_is_its_mean_and_a_quantile_that_of_all_of_it(world: World) -> None:
    for count in (10, 30):
        world.sink.increment(catalogue.HTTP_REQUESTS, count, **LIST)
        world.after(5)

    assert world.recent.over("traffic", "15m") == (4.0,)
    assert world.recent.over("latency", "15m") == (None, None, None)


def test_a_clock_that_is_set_back_begins_a_new_chart(world: World) -> None:
    world.after(5)
    world.now_ms -= 3_600_000
    world.recent.take()
    world.after(5)

    assert len(world.recent.points("traffic", "15m").at_ms) == 1


def test_a_name_of_no_range_is_taken_for_the_finest() -> None:
    assert module.range_of("../../etc") is RANGES[0]


@pytest.mark.parametrize(
    ("counts", "share", "found"),
    [
        ((0, 0, 0), 0.5, None),
        ((10, 10, 10), 0.5, 0.5),
        ((0, 10, 10), 0.5, 1.5),
        ((0, 0, 10), 0.99, 2.0),
        ((5, 10, 10), 1.0, 2.0),
    ],
)
def test_a_quantile_lies_straight_between_the_bounds_of_its_class(
    counts: tuple[float, ...], share: float, found: float | None
) -> None:
    assert quantile((1.0, 2.0, math.inf), counts, share) == found


def test_every_chart_is_drawn_from_metrics_of_the_catalogue_that_are_exported(world: World) -> None:
    """A chart over a metric that nobody exports would be empty for ever."""
    exported = {family.name for family in world.families()}
    read = {metric.name for chart in CHARTS for figure, _ in chart.series for metric in figure.metrics}

    assert read <= {metric.name for metric in catalogue.CATALOGUE}
    assert {name for name in read if name.removesuffix("_total") not in exported} == set()
    assert list(BY_ID) == [chart.chart_id for chart in CHARTS]


def test_every_pattern_of_a_chart_names_a_label_that_its_metric_has() -> None:
    for chart in CHARTS:
        for figure, _ in chart.series:
            if isinstance(figure, Rate | Level | Quantile | Share):
                assert set(figure.where) <= set(figure.metric.labels), chart.chart_id


def test_a_gauge_that_says_nothing_leaves_a_gap() -> None:
    level = Level("age", catalogue.TRENDING_AGE)

    assert level.value((1.0,), level.reading(Measured({})), 5.0) is None
