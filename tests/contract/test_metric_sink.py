"""What every metric sink promises."""

from __future__ import annotations

import threading

import pytest

from tacit.adapters.memory import MemoryMetricSink
from tacit.adapters.prometheus import PrometheusSink
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.monitoring.metrics import CATALOGUE

SINKS = {"memory": MemoryMetricSink, "prometheus": PrometheusSink}


@pytest.fixture(params=SINKS)
def sink(request: pytest.FixtureRequest) -> MetricSink:
    made: MetricSink = SINKS[request.param]()
    return made


def test_counters_add_up_series_by_series(sink: MetricSink) -> None:
    sink.increment(catalogue.RECOMMENDATIONS, source="popular")
    sink.increment(catalogue.RECOMMENDATIONS, 2, source="popular")

    assert sink.value(catalogue.RECOMMENDATIONS, source="popular") == 3
    assert sink.value(catalogue.RECOMMENDATIONS, source="personal") == 0


def test_labels_are_told_apart_by_their_names_whatever_their_order(sink: MetricSink) -> None:
    sink.increment(catalogue.HTTP_REQUESTS, method="GET", route="/a", status="200")
    sink.increment(catalogue.HTTP_REQUESTS, status="200", route="/a", method="GET")

    assert sink.value(catalogue.HTTP_REQUESTS, method="GET", route="/a", status="200") == 2
    with pytest.raises(ValueError, match="has the labels"):
        sink.increment(catalogue.HTTP_REQUESTS, method="GET", path="/a", status="200")


def test_a_counter_never_falls(sink: MetricSink) -> None:
    with pytest.raises(ValueError, match=r".+"):
        sink.increment(catalogue.VERSIONS_REFUSED, -1)


def test_gauges_stand_at_what_they_were_last_set_to(sink: MetricSink) -> None:
    sink.set(catalogue.MODEL_USERS, 7)
    sink.set(catalogue.MODEL_USERS, 5)

    assert sink.value(catalogue.MODEL_USERS) == 5


def test_histograms_count_their_observations(sink: MetricSink) -> None:
    for seconds in (0.001, 0.2, 9.0):
        sink.observe(catalogue.RECOMMENDATION_LATENCY, seconds, question="user")

    assert sink.value(catalogue.RECOMMENDATION_LATENCY, question="user") == 3


def test_what_is_watched_is_asked_each_time_and_the_other_series_stand_at_0(sink: MetricSink) -> None:
    written = ["a"]
    sink.watch(catalogue.EXPOSURES, lambda: len(written), outcome="written")
    before = sink.value(catalogue.EXPOSURES, outcome="written")
    written.append("b")

    assert (before, sink.value(catalogue.EXPOSURES, outcome="written")) == (1, 2)
    assert sink.value(catalogue.EXPOSURES, outcome="dropped") == 0


def test_a_dropped_series_is_gone_and_dropping_it_again_is_nothing(sink: MetricSink) -> None:
    sink.set(catalogue.MODEL_ACCURACY, 0.5, metric="ndcg@10")
    sink.drop(catalogue.MODEL_ACCURACY, metric="ndcg@10")
    sink.drop(catalogue.MODEL_ACCURACY, metric="ndcg@10")

    assert sink.value(catalogue.MODEL_ACCURACY, metric="ndcg@10") == 0


def test_other_labels_than_the_metrics_own_are_refused(sink: MetricSink) -> None:
    for labels in ({}, {"sauce": "popular"}, {"source": "popular", "user": "7"}):
        with pytest.raises(ValueError, match="has the labels"):
            sink.increment(catalogue.RECOMMENDATIONS, **labels)


def test_a_metric_is_only_measured_as_what_it_is(sink: MetricSink) -> None:
    for misuse in (
        lambda: sink.set(catalogue.VERSIONS_REFUSED, 1),
        lambda: sink.increment(catalogue.MODEL_LOADED),
        lambda: sink.observe(catalogue.MODEL_LOADED, 1),
        lambda: sink.watch(catalogue.RECOMMENDATION_LATENCY, lambda: 1.0),
    ):
        with pytest.raises(ValueError, match=" is a "):
            misuse()


def test_two_sinks_know_nothing_of_each_other(sink: MetricSink) -> None:
    other = type(sink)()
    sink.increment(catalogue.VERSIONS_REFUSED)

    assert other.value(catalogue.VERSIONS_REFUSED) == 0


def test_increments_from_many_threads_are_all_counted(sink: MetricSink) -> None:
    def count() -> None:
        for _ in range(500):
            sink.increment(catalogue.VERSIONS_REFUSED)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sink.value(catalogue.VERSIONS_REFUSED) == 2_000


def test_every_known_series_is_exported_at_0_from_the_start() -> None:
    text = PrometheusSink().text().decode()
    for metric in CATALOGUE:
        for labels in metric.known_series():
            spelled = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
            name = f"{metric.name}_count" if metric.kind == "histogram" else metric.name

            assert f"{name}{{{spelled}}} 0.0" in text if labels else f"\n{name} 0.0" in text


def test_a_watched_counter_is_exported_once_with_all_its_series() -> None:
    sink = PrometheusSink()
    sink.watch(catalogue.EXPOSURES, lambda: 5, outcome="written")
    lines = [line for line in sink.text().decode().splitlines() if line.startswith("tacit_exposures_total{")]

    assert sorted(lines) == [
        'tacit_exposures_total{outcome="dropped"} 0.0',
        'tacit_exposures_total{outcome="recorded"} 0.0',
        'tacit_exposures_total{outcome="written"} 5.0',
    ]


@pytest.mark.requirement("MON-017")
def test_what_the_process_uses_is_exported_too() -> None:
    text = PrometheusSink().text().decode()

    assert "process_resident_memory_bytes " in text
    assert "process_cpu_seconds_total " in text
    assert "python_gc_collections_total{" in text
