"""The benchmark of being observed compares pair by pair, and takes out of the platform what observes and no more."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.observing import WAYS, ratio_of_pairs
from tools.guards.source import ROOT

BLIND = """
from benchmarks._unobserved import blind
from tacit.adapters.prometheus import PrometheusSink
from tacit.entrypoints.api import request_log
from tacit.monitoring.metrics import MODEL_LOADED, VERSIONS_REFUSED
sink = PrometheusSink()
sink.increment(VERSIONS_REFUSED)
lines = []
request_log.write_to(lines.append)
request_log.note(method="GET", route="/", status=200, code=None, seconds=0.1, request_id="a" * 32)
blind()
for _ in range(3):
    sink.increment(VERSIONS_REFUSED)
    sink.set(MODEL_LOADED, 1)
    request_log.note(method="GET", route="/", status=200, code=None, seconds=0.1, request_id="a" * 32)
print(sink.value(VERSIONS_REFUSED), sink.value(MODEL_LOADED), len(lines))
"""


def test_the_ratio_is_the_middle_one_of_the_pairs() -> None:
    observed = [{"server_cpu_us": cpu} for cpu in (110.0, 105.0, 300.0)]
    unobserved = [{"server_cpu_us": 100.0} for _ in observed]

    assert ratio_of_pairs(observed, unobserved) == 1.1
    assert set(WAYS) == {"kept", "live", "similar"}


def test_what_is_unobserved_counts_nothing_and_logs_no_request() -> None:
    ran = subprocess.run([sys.executable, "-c", BLIND], cwd=ROOT, capture_output=True, text=True, check=True)

    assert ran.stdout.split() == ["1.0", "0.0", "1"]
