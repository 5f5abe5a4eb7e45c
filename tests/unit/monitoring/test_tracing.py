"""Which requests are followed, and what is kept of the steps of one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tacit.adapters.memory import MemorySpans
from tacit.monitoring.tracing import Span, Trace, Tracer, following, parent_of, places, step

TRACE_ID, SPAN_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE_ID}-{SPAN_ID}-01", f"00-{TRACE_ID}-{SPAN_ID}-00"


def tracer(share: float = 0.0, joined: float = 1.0, *, clock: Callable[[], float] = lambda: 0.0) -> Tracer:
    chances = iter([0.005, 0.5, 0.0099, 0.99] * 1_000)
    return Tracer(
        MemorySpans(), share=share, joined_per_second=joined, chance=lambda: next(chances), clock=clock
    )  # fmt: skip


def by_name(spans: list[Span]) -> dict[str, Span]:
    return {each.name: each for each in spans}


def test_a_share_of_the_requests_is_followed_and_each_is_a_trace_of_its_own() -> None:
    asked = tracer(0.01)
    traces = [found for found in (asked.begin() for _ in range(400)) if found is not None]

    assert len(traces) == 200  # of what chance says here, half is below 1 %
    assert len({each.trace_id for each in traces}) == 200
    assert all(len(each.trace_id) == 32 and len(each.span_id) == 16 for each in traces)


def test_a_share_of_nothing_follows_nobody_and_of_1_everybody() -> None:
    assert not any(tracer(0.0).begin() for _ in range(100))
    assert all(tracer(1.0).begin() for _ in range(100))


def test_a_caller_who_follows_is_joined_and_one_who_does_not_is_believed() -> None:
    joined = tracer().begin(SAMPLED)

    assert joined is not None
    assert joined.trace_id == TRACE_ID
    assert joined.span_id != SPAN_ID
    assert tracer(1.0).begin(UNSAMPLED) is None


def test_strangers_cannot_have_everything_followed() -> None:
    now = [0.0]
    asked = tracer(0.0, 2.0, clock=lambda: now[0])
    at_once = sum(asked.begin(SAMPLED) is not None for _ in range(1_000))
    now[0] += 1.0
    later = sum(asked.begin(SAMPLED) is not None for _ in range(1_000))

    assert (at_once, later) == (2, 2)
    assert tracer(0.0, 0.0).begin(SAMPLED) is None


def test_beyond_that_chance_decides_and_the_trace_stays_the_callers() -> None:
    found = tracer(1.0, 0.0).begin(SAMPLED)

    assert found is not None
    assert found.trace_id == TRACE_ID


@pytest.mark.parametrize(
    "said",
    [
        "",
        "00",
        f"00-{TRACE_ID}-{SPAN_ID}",
        f"00-{TRACE_ID}-{SPAN_ID}-01-more",
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-0g",
        f" 00-{TRACE_ID}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-01\n",
    ],
)
def test_a_parent_that_cannot_be_understood_is_none(said: str) -> None:
    assert parent_of(said) is None
    assert tracer(0.0, 1_000.0).begin(said) is None


def test_a_later_version_of_the_header_is_read_as_far_as_it_is_known() -> None:
    found = parent_of(f"cc-{TRACE_ID}-{SPAN_ID}-ff-whatever")

    assert found is not None
    assert (found.trace_id, found.span_id, found.is_sampled) == (TRACE_ID, SPAN_ID, True)


def test_steps_lie_within_each_other_and_within_the_request() -> None:
    sink = MemorySpans()
    trace = Trace(sink, parent_of(SAMPLED))
    with following([trace]), step("outer"), step("inner"):
        pass
    assert not sink.spans
    trace.end("GET /", {"http.route": "/"})

    spans = by_name(sink.spans)
    assert (spans["GET /"].parent_id, spans["GET /"].is_request) == (SPAN_ID, True)
    assert spans["outer"].parent_id == spans["GET /"].span_id
    assert spans["inner"].parent_id == spans["outer"].span_id
    assert spans["outer"].started_ns <= spans["inner"].started_ns <= spans["inner"].ended_ns <= spans["outer"].ended_ns
    assert {each.trace_id for each in sink.spans} == {TRACE_ID}


def test_a_step_that_raises_has_failed_and_what_is_around_it_goes_on() -> None:
    sink = MemorySpans()
    trace = Trace(sink)
    with following([trace]):
        with pytest.raises(ZeroDivisionError), step("divide"):
            _ = 1 / 0
        with step("mend"):
            pass
    trace.end("GET /", {}, is_failed=True)

    assert {each.name: each.is_failed for each in sink.spans} == {"GET /": True, "divide": True, "mend": False}


def test_work_that_requests_share_is_a_step_of_each() -> None:
    sink = MemorySpans()
    traces = [Trace(sink), Trace(sink)]
    with following(traces), step("take in"):
        pass
    for each in traces:
        each.end("POST /events", {})

    steps = [each for each in sink.spans if each.name == "take in"]
    assert [(each.trace_id, each.parent_id) for each in steps] == [(one.trace_id, one.span_id) for one in traces]


def test_a_step_that_ends_after_its_request_goes_alone() -> None:
    sink = MemorySpans()
    trace = Trace(sink)
    with following([trace]):
        late = places()
    trace.end("POST /events", {})
    for place in late:
        place.add("apply", 1, 2)

    assert [each.name for each in sink.spans] == ["POST /events", "apply"]
    assert sink.spans[1].parent_id == trace.span_id


def test_a_request_that_nobody_follows_leaves_nothing() -> None:
    with step("retrieve") as found:
        assert places() == ()

    assert found is None
    assert step("retrieve") is step("explain")


def test_a_request_that_began_before_it_was_followed_is_told_whole() -> None:
    sink = MemorySpans()
    Trace(sink).end("GET /", {}, seconds=0.5)

    assert sink.spans[0].ended_ns - sink.spans[0].started_ns == 500_000_000
