"""An installation whose figures a test makes up: normal traffic, compressed, and whatever is said to go wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tacit.adapters.prometheus import PrometheusSink
from tacit.adapters.prometheus_families import families_of, registry_of
from tacit.entrypoints.api.metrics_listener import MetricsListener
from tacit.monitoring.adding_up import Family, Part, added_up
from tacit.monitoring.alerting.choices import AlertChoices
from tacit.monitoring.metric import Metric
from tacit.monitoring.metrics import CATALOGUE

SCRAPE_SECONDS = 0.5
CHOICES = AlertChoices(scrape_seconds=SCRAPE_SECONDS, time_scale=0.001, volume_per_minute=15_000)
"""A thousand times as fast; five minutes are two seconds then, as four scrapes must fit, which is 150 times as fast."""

COMPRESSION = 150
PER_SECOND = 40 / 60 * COMPRESSION
"""Requests: 40 a minute, compressed."""
TICK_SECONDS = 0.1

DRIFT = (
    Metric("tacit_drift_score", "gauge", "score", "Drift.", "monitoring", {"feature": ("popularity",)}),
    Metric("tacit_drift_state", "gauge", "state", "Drift.", "monitoring", {"feature": ("popularity",)}),
)
METRICS = {each.name: each for each in (*DRIFT, *CATALOGUE)}
"""Those of the catalogue, in place of ours where it has them."""

HEALTHY = {
    "model_loaded": 1,
    "tacit_cache_reachable": 1,
    "tacit_memory_ratio": 0.4,
    "tacit_cpu_cores": 64,
    "tacit_disk_free_ratio": 0.6,
    "tacit_model_age_seconds": 86_400,
}


@dataclass
class World:
    """What is measured; attributes say how traffic is now.

    Attributes:
        errors: Share of requests that fail by our fault.
        slow: Share of requests that take `slow_seconds`.
        hidden: Names that are not exported.
    """

    rate: float = PER_SECOND
    errors: float = 0.0
    seconds: float = 0.05
    slow: float = 0.0
    slow_seconds: float = 0.05
    degraded: float = 0.0
    events: float = PER_SECOND
    quarantined: float = 0.0
    rejected: float = 0.0
    hidden: set[str] = field(default_factory=set)
    sink: PrometheusSink = field(default_factory=lambda: PrometheusSink(METRICS.values()))
    reader: PrometheusSink = field(
        default_factory=lambda: PrometheusSink(
            (METRICS["tacit_events_known_turn"], METRICS["tacit_catalogue_revision"])
        )
    )
    began: float = field(default_factory=time.monotonic)
    _owed: dict[str, float] = field(default_factory=dict)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        self.sink.set(METRICS[name], value, **labels)

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        self.sink.increment(METRICS[name], amount, **labels)

    def observe(self, name: str, value: float, times: int = 1, **labels: str) -> None:
        for _ in range(times):
            self.sink.observe(METRICS[name], value, **labels)

    def be_healthy(self) -> None:
        """Every figure as it is while all is well."""
        for name, value in HEALTHY.items():
            self.gauge(name, value)
        self.gauge("tacit_last_event_applied_timestamp_seconds", time.time())
        for kind in ("train", "full_refit", "search", "precompute"):
            self.gauge("tacit_job_last_success_age_seconds", 3_600, kind=kind)
        self.gauge("tacit_secret_age_seconds", 86_400, setting="cache.redis_url")
        for name, value in (("tacit_quality_baseline", 0.2), ("tacit_quality_live", 0.2)):
            self.gauge(name, value, metric="precision@10")

    def tick(self, seconds: float) -> None:
        """So many seconds of traffic."""
        requests, failed = self._whole("requests", self.rate * seconds), 0
        slow = min(requests, self._whole("slow", requests * self.slow))
        where = {"method": "GET", "route": "/api/v1/popular"}
        self.count("http_requests_total", requests, **where, status="200")
        self.observe("http_request_duration_seconds", self.slow_seconds, slow, **where)
        self.observe("http_request_duration_seconds", self.seconds, requests - slow, **where)
        failed = self._whole("errors", requests * self.errors)
        self.count("api_errors_total", failed, kind="unexpected")
        self.count("recommendations_total", requests, source="personal")
        self.count("tacit_degraded_answers_total", self._whole("degraded", requests * self.degraded), source="popular")
        self._tick_events(self._whole("events", self.events * seconds))
        self.gauge("tacit_last_event_applied_timestamp_seconds", time.time() - self.data_age)

    data_age: float = 0.0

    def _tick_events(self, events: int) -> None:
        aside, refused = (self._whole(name, events * getattr(self, name)) for name in ("quarantined", "rejected"))
        for outcome, amount in (
            ("received", events), ("quarantined", aside), ("rejected", refused), ("stored", events - aside - refused),
        ):  # fmt: skip
            self.count("tacit_events_total", amount, source="api", outcome=outcome)

    def _whole(self, name: str, amount: float) -> int:
        """A whole number; what is left over is owed to the next."""
        owed = self._owed.get(name, 0.0) + amount
        self._owed[name] = owed - int(owed)
        return int(owed)

    def families(self) -> list[Family]:
        """What a supervisor of two workers exports of this."""
        parts = (("0", True, self.sink), ("1", False, self.reader))
        found = added_up([Part(name, is_taker, families_of(sink.registry)) for name, is_taker, sink in parts])
        return [each for each in found if each.name not in self.hidden]


@contextmanager
def living(world: World, port: int = 0) -> Iterator[MetricsListener]:
    """The world exported, with traffic that goes on."""
    over = threading.Event()

    def live() -> None:
        before = time.monotonic()
        while not over.wait(TICK_SECONDS):
            now = time.monotonic()
            world.tick(now - before)
            before = now

    world.be_healthy()
    thread = threading.Thread(target=live, name="world", daemon=True)
    thread.start()
    listener = MetricsListener(registry_of(world.families), "127.0.0.1", port)
    listener.start()
    try:
        yield listener
    finally:
        listener.stop()
        over.set()
        thread.join()
