"""What several processes measured, as one."""

from __future__ import annotations

import json
import math

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tacit.adapters.prometheus import PrometheusSink
from tacit.adapters.prometheus_families import as_values, families_of, from_values, registry_of
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.adding_up import RULES, Part, added_up, counts_alone


def part(worker: str, *, is_taker: bool, lists: int, loaded: int, turn: int, lag: float = 0) -> Part:
    """What one process measured, as it comes over the line."""
    sink = PrometheusSink()
    sink.increment(catalogue.RECOMMENDATIONS, lists, source="personal")
    for _ in range(lists):
        sink.observe(catalogue.RECOMMENDATION_LATENCY, 0.02, question="user")
    sink.set(catalogue.MODEL_LOADED, loaded)
    sink.set(catalogue.EVENT_LAG, lag)
    sink.watch(catalogue.EVENTS_KNOWN, lambda: turn)
    sink.watch(catalogue.JOB_SUCCESS_AGE, lambda: math.nan, kind="train")
    return Part(worker, is_taker, from_values(json.loads(json.dumps(as_values(families_of(sink.registry))))))


def exported(*parts: Part) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every series that Prometheus would see, each once."""
    text = generate_latest(registry_of(lambda: added_up(parts))).decode()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    return found


def of(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_counts_are_added_and_each_gauge_is_told_by_whoever_knows() -> None:
    found = exported(
        part("0", is_taker=True, lists=3, loaded=1, turn=0, lag=7),
        part("1", is_taker=False, lists=4, loaded=0, turn=9),
    )

    assert found[of("recommendations_total", source="personal")] == 7
    assert found[of("recommendation_latency_seconds_count", question="user")] == 7
    assert found[of("recommendation_latency_seconds_bucket", question="user", le="0.025")] == 7
    assert found[of("recommendation_latency_seconds_bucket", question="user", le="0.01")] == 0
    assert (found[of("model_loaded")], found[of("tacit_event_lag")]) == (0, 7)
    assert found[of("tacit_events_known_turn", worker="1")] == 9
    assert math.isnan(found[of("tacit_job_last_success_age_seconds", kind="train")])
    assert {key for key in found if key[0] == "process_open_fds"} == {
        of("process_open_fds", worker="0"), of("process_open_fds", worker="1")
    }  # fmt: skip


def test_of_a_process_that_ended_the_counts_stay_and_nothing_else() -> None:
    gone = counts_alone(part("1", is_taker=False, lists=5, loaded=0, turn=3))
    found = exported(gone, part("0", is_taker=True, lists=1, loaded=1, turn=0))

    assert found[of("recommendations_total", source="personal")] == 6
    assert found[of("model_loaded")] == 1
    assert of("tacit_events_known_turn", worker="1") not in found


def test_every_rule_is_of_a_gauge_that_there_is() -> None:
    kinds = {each.name: each.kind for each in catalogue.CATALOGUE}

    assert {kinds.get(name) for name in RULES} == {"gauge"}
