"""Traces arrive where they are collected, whole; and where they do not, nobody who asks is the worse for it."""

from __future__ import annotations

import json
import logging
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tacit.bootstrap import App, Serving, build, load_settings, serving
from tacit.bootstrap.tracing import check_tracing
from tacit.entrypoints.api import request_log
from tacit.errors import Misconfigured
from tacit.monitoring.tracing_metrics import SPANS
from tests.apis import api_of
from tests.collectors import Collector, collecting
from tests.shells import free_port
from tests.stages import listening, stage, wait_until

LIST, ROUTE = "/api/v1/users/u001/recommendations", "/api/v1/users/{user_id}/recommendations"
TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = {"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01"}
EVENT = {"user_id": "u001", "item_id": "a01", "type": "play"}
QUICK = {"als.engine": "numpy", "tiers.rehearsal_share": 0}


LINES: list[str] = []
"""Of the log, about requests."""


@pytest.fixture(autouse=True)
def _seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from tacit.adapters import otlp_spans

    monkeypatch.setattr(otlp_spans, "GATHER_SECONDS", 0.05)
    request_log.write_to(LINES.extend)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tracing") / "home"
    with stage(folder) as made:
        made.release()
    shutil.copytree(folder, folder.with_name("other"))
    return folder


@pytest.fixture
def other_home(home: Path) -> Path:
    """One that nobody serves from for longer than a test."""
    return home.with_name("other")


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@dataclass
class Running:
    app: App
    parts: Serving
    client: httpx2.Client

    def spans(self, outcome: str) -> float:
        return self.parts.metrics.value(SPANS, outcome=outcome)

    def said(self, request_id: str) -> dict[str, Any]:
        """The line of the log about a request."""
        wait_until(lambda: any(request_id in line for line in LINES))
        return dict(json.loads(next(line for line in LINES if request_id in line)))


@contextmanager
def served(home: Path, endpoint: str, **chosen: object) -> Iterator[Running]:
    settings = {**QUICK, "tracing.endpoint": endpoint, **{f"tracing.{key}": value for key, value in chosen.items()}}
    with (
        build(load_settings(flags={"home": home, **settings}, environ={})) as app,
        serving(app) as parts,
        listening(api_of(parts, tracer=parts.tracer)) as client,
    ):
        yield Running(app, parts, client)


@pytest.fixture(scope="module")
def running(home: Path, collector: Collector) -> Iterator[Running]:
    """A server that follows whatever its caller does, and nobody else."""
    from tacit.adapters import otlp_spans

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(otlp_spans, "GATHER_SECONDS", 0.05)
        with served(home, collector.address, share=0.0, joined_per_second=1_000.0) as running:
            yield running


def asked(client: httpx2.Client, path: str, nth: int, **more: Any) -> tuple[httpx2.Response, str]:
    """An answer to a request that its caller follows, and its trace."""
    trace_id = f"{nth:032x}"
    return client.request(
        more.pop("method", "GET"), path, headers={"traceparent": f"00-{trace_id}-{SPAN_ID}-01"}, **more
    ), trace_id  # fmt: skip


def names_above(spans: Mapping[str, Any], name: str) -> list[str]:
    """A span's name, and those of the spans around it, the innermost first."""
    by_id = {each.span_id: each for each in spans.values()}
    found, at = [], spans[name]
    while at is not None:
        found.append(at.name)
        at = by_id.get(at.parent_id)
    return found


def test_a_list_is_told_step_by_step(running: Running, collector: Collector) -> None:
    response, trace_id = asked(running.client, f"{LIST}?exclude=x1", 1)
    wait_until(lambda: f"GET {ROUTE}" in collector.of(trace_id))

    spans = collector.of(trace_id)
    assert response.status_code == 200
    assert collector.paths == {"/v1/traces"}
    assert names_above(spans, "retrieve") == ["retrieve", response.json()["source"], f"GET {ROUTE}"]
    assert {"profile", "rules", "cache", "fold in", "retrieve", "explain"} <= spans.keys()
    own = spans[f"GET {ROUTE}"]
    assert (own.parent_id, own.service, own.is_failed) == (SPAN_ID, "tacit", False)
    assert own.facts == {
        "http.request.method": "GET",
        "http.route": ROUTE,
        "http.response.status_code": 200,
        "tacit.request_id": response.headers["X-Request-Id"],
    }
    assert all(0 <= each.seconds <= own.seconds for each in spans.values())


def test_every_way_to_a_list_is_followed_and_none_says_whose_it_is(running: Running, collector: Collector) -> None:
    found = [asked(running.client, LIST, 20 + nth) for nth in range(4)]  # the framework, then what lies ready
    found += [asked(running.client, f"{LIST}?exclude=y{nth}", 30 + nth) for nth in range(2)]  # at the head
    shown = found[0][0].json()["items"][0]["item_id"]
    found.append(asked(running.client, f"/api/v1/items/{shown}/similar", 40))
    wait_until(lambda: all(collector.of(trace_id) for _, trace_id in found))

    assert {response.status_code for response, _ in found} == {200}
    for response, trace_id in found:
        [own] = [each for each in collector.of(trace_id).values() if each.facts]
        assert own.parent_id == SPAN_ID
        assert own.facts["tacit.request_id"] == response.headers["X-Request-Id"]
        assert running.said(response.headers["X-Request-Id"])["trace_id"] == trace_id
    assert not any("u001" in repr(each) for each in collector.spans)


@pytest.mark.parametrize("is_batch", [False, True])
def test_an_event_is_told_until_it_is_applied(running: Running, collector: Collector, is_batch: bool) -> None:
    event = {**EVENT, "event_id": f"traced-{is_batch}"}
    body = [event, {**event, "event_id": "traced-too"}] if is_batch else event
    response, trace_id = asked(running.client, "/api/v1/events", 50 + is_batch, method="POST", json=body)
    wait_until(lambda: "apply" in collector.of(trace_id) and "take in" in collector.of(trace_id))

    spans = collector.of(trace_id)
    assert response.status_code == 202
    assert names_above(spans, "append to the log") == ["append to the log", "take in", "POST /api/v1/events"]
    assert names_above(spans, "apply") == ["apply", "POST /api/v1/events"]
    assert spans["POST /api/v1/events"].parent_id == SPAN_ID
    assert running.said(response.headers["X-Request-Id"])["trace_id"] == trace_id


def test_a_problem_names_its_trace_and_only_then_one(running: Running, collector: Collector) -> None:
    paths = {"/api/v1/items/nothing/similar": "item_unknown", "/api/v1/nothing": "route_unknown"}
    for nth, (path, code) in enumerate(paths.items()):
        response, trace_id = asked(running.client, path, 60 + nth)
        wait_until(lambda trace_id=trace_id: collector.of(trace_id))
        [own] = [each for each in collector.of(trace_id).values() if each.facts]

        assert (response.json()["code"], response.json()["trace_id"]) == (code, trace_id)
        assert (own.facts["tacit.code"], own.is_failed) == (code, False)
        assert "trace_id" not in running.client.get(path).json()
    refused, trace_id = asked(running.client, "/api/v1/events", 70, method="POST", json={"user_id": 7})
    assert refused.json()["trace_id"] == trace_id


def test_whoever_is_not_followed_leaves_no_trace(running: Running, collector: Collector) -> None:
    response = running.client.get(LIST, headers={"traceparent": f"00-{'9' * 32}-{SPAN_ID}-00"})
    plain = running.client.get(LIST)
    _, trace_id = asked(running.client, LIST, 80)
    wait_until(lambda: collector.of(trace_id))

    followed = {each.facts["tacit.request_id"] for each in collector.requests()}
    for each in (response, plain):
        assert each.headers["X-Request-Id"] not in followed
        assert "trace_id" not in running.said(each.headers["X-Request-Id"])


def test_what_arrived_is_counted(running: Running, collector: Collector) -> None:
    wait_until(lambda: running.spans("exported") == len(collector.spans) > 0)

    assert running.spans("dropped") == 0


def test_a_share_is_followed_of_those_who_ask_for_nothing(other_home: Path) -> None:
    with collecting() as collector, served(other_home, f"{collector.address}/v1/traces", share=1.0) as running:
        for nth in range(5):
            running.client.get(f"{LIST}?exclude=z{nth}")
        wait_until(lambda: len(collector.requests()) == 5)

        assert len({each.trace_id for each in collector.requests()}) == 5
        assert {each.parent_id for each in collector.requests()} == {""}
        assert collector.paths == {"/v1/traces"}


def test_a_collector_that_cannot_be_reached_costs_no_answer_and_no_moment_at_the_end(other_home: Path) -> None:
    with served(other_home, f"http://127.0.0.1:{free_port()}", share=1.0) as running:
        for nth in range(20):
            assert running.client.get(f"{LIST}?exclude=w{nth}").status_code == 200
        sink, ended = running.parts.metrics, time.perf_counter()
    assert time.perf_counter() - ended < 3
    wait_until(lambda: sink.value(SPANS, outcome="dropped") > 20)
    assert sink.value(SPANS, outcome="exported") == 0


def test_spans_beyond_what_may_wait_are_given_up_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    from tacit.adapters import otlp_spans
    from tacit.monitoring.tracing import Span

    counts = {"exported": 0.0, "dropped": 0.0}

    def told(outcome: str, number: float) -> None:
        counts[outcome] += number

    span = Span("step", "1" * 32, "2" * 16, None, 1, 2)
    monkeypatch.setattr(otlp_spans, "MOST_WAITING", 10)
    with collecting() as collector:
        collector.held.set()
        sink = otlp_spans.OtlpSpans(
            collector.address,
            version="0",
            exported=lambda number: told("exported", number),
            dropped=lambda number: told("dropped", number),
        )
        for _ in range(40):
            sink.give([span])
        assert counts["dropped"] >= 20
        collector.held.clear()
        sink.close(2.0)

    assert sum(counts.values()) == 40
    assert counts["exported"] == len(collector.spans)


def test_without_the_extra_a_server_says_how_to_mend_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    flags = {"home": tmp_path, "tracing.endpoint": "http://127.0.0.1:4318"}
    settings = load_settings(flags=flags, environ={}).settings
    monkeypatch.delitem(sys.modules, "tacit.adapters.otlp_spans", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(Misconfigured) as refused:
        check_tracing(settings)

    assert (refused.value.code, refused.value.field) == ("extra_missing", "tracing.endpoint")
    assert "tacit[tracing]" in (refused.value.fix or "")


def test_without_an_endpoint_nothing_is_loaded_and_nobody_followed(other_home: Path) -> None:
    with build(load_settings(flags={"home": other_home, **QUICK}, environ={})) as app, serving(app) as parts:
        check_tracing(app.settings)

        assert parts.tracer is None


def test_what_the_library_says_of_a_collector_it_cannot_reach_is_not_in_our_log() -> None:
    assert logging.getLogger("opentelemetry").getEffectiveLevel() >= logging.CRITICAL
