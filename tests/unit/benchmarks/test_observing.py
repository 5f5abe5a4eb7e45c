"""The benchmark of being observed compares turn by turn, and takes out of the platform what observes and no more."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks._turns import Turn, compared
from benchmarks.observing import WAYS
from tools.guards.source import ROOT

STATES = """
from benchmarks._unobserved import be
from tacit.adapters.memory import MemorySpans
from tacit.adapters.prometheus import PrometheusSink
from tacit.entrypoints.api import request_log
from tacit.monitoring import tracing
from tacit.monitoring.metrics import MODEL_LOADED, VERSIONS_REFUSED
sink, lines, spans = PrometheusSink(), [], MemorySpans()
tracer, kept = tracing.Tracer(spans, share=1.0, joined_per_second=1.0), sink.series(VERSIONS_REFUSED)
request_log.write_to(lines.extend)
for state in ("unobserved", "counted", "traced", "unobserved"):
    be(state)
    sink.increment(VERSIONS_REFUSED)
    kept.increment()
    sink.set(MODEL_LOADED, 1)
    request_log.note(method="GET", route="/", status=200, code=None, seconds=0.1, request_id="a" * 32)
    trace = tracer.begin()
    if trace is not None:
        with tracing.following([trace]), tracing.step("step"):
            pass
        trace.end("GET /", {})
    print(sink.value(VERSIONS_REFUSED), sink.value(MODEL_LOADED), len(lines), len(spans.spans))
"""


def test_states_are_compared_by_the_half_of_their_turns_in_the_middle() -> None:
    cpu = {"unobserved": [1.0, 1.0, 9.0, 0.1], "counted": [1.02, 1.04, 9.0, 0.1], "traced": [1.03, 1.05, 9.0, 0.1]}
    turns = [Turn(state, 0.0, 1.0, each, {}) for state, taken in cpu.items() for each in taken]
    found = compared(turns, "unobserved", late_of={}, rate=100.0)

    assert found.ratios == pytest.approx({"unobserved": 1.0, "counted": 1.03, "traced": 1.04})
    assert found.cpu_us == pytest.approx({"unobserved": 10_000, "counted": 10_300, "traced": 10_400})
    assert found.turns == 4
    assert set(WAYS) == {"kept", "live", "similar"}


def test_what_threads_do_later_counts_to_the_states_that_gave_them_something_to_do() -> None:
    late = {"log-writer": 0.02, "spans": 0.01}  # in each of three turns of a second
    turns = [Turn(state, 0.0, 1.0, 1.0, late) for state in ("unobserved", "counted", "traced")]
    late_of = {"log-writer": ("counted", "traced"), "spans": ("traced",)}
    found = compared(turns, "unobserved", late_of=late_of, rate=1.0)

    assert found.ratios == pytest.approx({"unobserved": 1.0, "counted": 1.03, "traced": 1.06})


def test_each_state_leaves_out_what_it_says_and_puts_back_the_rest() -> None:
    ran = subprocess.run([sys.executable, "-c", STATES], cwd=ROOT, capture_output=True, text=True, check=True)

    assert [line.split() for line in ran.stdout.splitlines()] == [
        ["0.0", "0.0", "0", "0"],
        ["2.0", "1.0", "1", "0"],
        ["4.0", "1.0", "2", "2"],
        ["4.0", "1.0", "2", "2"],
    ]
