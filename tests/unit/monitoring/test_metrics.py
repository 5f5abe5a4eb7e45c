"""The catalogue: every metric once, named by the rules of those who read it."""

from __future__ import annotations

import re
from importlib import import_module
from pkgutil import iter_modules

import pytest

from tacit import monitoring
from tacit.monitoring.metric import Metric
from tacit.monitoring.metrics import CATALOGUE, SOURCES
from tacit.serving.answers import Source


def test_every_metric_declared_is_in_the_catalogue_once() -> None:
    modules = [each.name for each in iter_modules(monitoring.__path__) if each.name.endswith("metrics")]
    places = [vars(import_module(f"tacit.monitoring.{name}")) for name in modules]
    declared = [value for place in places for value in place.values() if isinstance(value, Metric)]

    assert sorted(metric.name for metric in declared) == sorted({metric.name for metric in CATALOGUE})
    assert len(CATALOGUE) == len(declared)


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_a_name_says_the_kind_and_the_unit(metric: Metric) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.name.endswith("_seconds") == (metric.unit == "seconds")
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert metric.help.endswith(".")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("http_requests_total", marks=pytest.mark.requirement("MON-001")),
        pytest.param("http_request_duration_seconds", marks=pytest.mark.requirement("MON-002")),
        "api_errors_total",
        "recommendations_total",
        "model_loaded",
        "recommendation_latency_seconds",
        "ml_training_duration_seconds",
        "ml_model_accuracy",
        "tacit_exposures_total",
        "tacit_versions_refused_total",
        "tacit_model_info",
    ],
)
def test_what_dashboards_read_is_in_the_catalogue(name: str) -> None:
    assert name in {metric.name for metric in CATALOGUE}


def test_every_source_of_an_answer_is_counted() -> None:
    assert set(SOURCES) == set(Source.__args__)  # type: ignore[attr-defined]


def test_known_series_are_every_combination_and_none_where_a_value_is_open() -> None:
    both = Metric("x_total", "counter", "things", "Things.", "serving", {"a": ("1", "2"), "b": ("3",)})
    half_open = Metric("y_total", "counter", "things", "Things.", "serving", {"a": ("1", "2"), "b": ()})

    assert list(both.known_series()) == [{"a": "1", "b": "3"}, {"a": "2", "b": "3"}]
    assert list(half_open.known_series()) == []
