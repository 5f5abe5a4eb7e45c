"""What every metric sink promises."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tacit.adapters.memory import MemoryMetricSink
from tacit.adapters.prometheus import PrometheusSink
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.interfaces import MetricSink
from tacit.monitoring.metric import Metric
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


def test_a_series_that_is_kept_is_the_one_that_its_labels_name(sink: MetricSink) -> None:
    kept = sink.series(catalogue.RECOMMENDATIONS, source="popular")
    kept.increment()
    sink.increment(catalogue.RECOMMENDATIONS, source="popular")
    kept.increment(2)
    times = sink.series(catalogue.RECOMMENDATION_LATENCY, question="user")
    times.observe(0.1, 0.2, 9.0)
    sink.series(catalogue.MODEL_USERS).set(7)

    assert sink.value(catalogue.RECOMMENDATIONS, source="popular") == 4
    assert sink.value(catalogue.RECOMMENDATION_LATENCY, question="user") == 3
    assert sink.value(catalogue.MODEL_USERS) == 7


def test_a_series_that_is_kept_is_only_measured_as_what_it_is(sink: MetricSink) -> None:
    with pytest.raises(ValueError, match="has the labels"):
        sink.series(catalogue.RECOMMENDATIONS, sauce="popular")
    for misuse in (
        lambda: sink.series(catalogue.VERSIONS_REFUSED).set(1),
        lambda: sink.series(catalogue.VERSIONS_REFUSED).increment(-1),
        lambda: sink.series(catalogue.MODEL_LOADED).increment(),
        lambda: sink.series(catalogue.MODEL_LOADED).observe(1),
    ):
        with pytest.raises(ValueError, match=r" is a | only rises"):
            misuse()


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


def exported_by(sink: PrometheusSink) -> str:
    """What is exported of the catalogue, one block a metric, when it began left out."""
    text = re.sub(r"(_created(?:\{.*\})?) .*", r"\1", sink.text().decode())
    blocks = [each for each in text.split("# HELP ") if not each.startswith(("process_", "python_"))]
    return "# HELP ".join(sorted(blocks))


def by_the_library(metrics: Iterable[Metric]) -> Iterator[tuple[Metric, Any]]:
    """The same metrics as the library itself keeps them."""
    kinds = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}
    for metric in metrics:
        buckets = {"buckets": metric.buckets} if metric.kind == "histogram" else {}
        yield metric, kinds[metric.kind](metric.name, metric.help, tuple(metric.labels), registry=None, **buckets)


def test_what_is_exported_is_what_the_librarys_own_numbers_would_be() -> None:
    ours, theirs, chance = PrometheusSink(), CollectorRegistry(), Random(1)
    for metric, instrument in by_the_library(CATALOGUE):
        theirs.register(instrument)
        for known in metric.known_series():
            _ = instrument.labels(**known) if known else None
        for number in range(6):
            labels = {name: chance.choice(values or (f'a"\\\n{number}',)) for name, values in metric.labels.items()}
            value = chance.choice([0.0, 1.0, 2.5, 1e9, *metric.buckets])
            series = instrument.labels(**labels) if labels else instrument
            how = {"counter": ("increment", "inc"), "gauge": ("set", "set"), "histogram": ("observe", "observe")}
            getattr(ours, how[metric.kind][0])(metric, value, **labels)
            getattr(series, how[metric.kind][1])(value)
    library = PrometheusSink(())
    library.registry = theirs

    assert exported_by(ours) == exported_by(library)


def test_when_series_began_is_left_out_where_an_operator_wants_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert b"tacit_list_cache_created{" in PrometheusSink().text()
    monkeypatch.setenv("PROMETHEUS_DISABLE_CREATED_SERIES", "True")

    assert b"_created{" not in PrometheusSink().text()


@pytest.mark.requirement("MON-017")
def test_what_the_process_uses_is_exported_too() -> None:
    text = PrometheusSink().text().decode()

    assert "process_resident_memory_bytes " in text
    assert "process_cpu_seconds_total " in text
    assert "python_gc_collections_total{" in text
