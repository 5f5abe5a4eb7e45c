"""An alert's whole way with real servers: metric, rule, Alertmanager, receiver; and back, once it is over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tacit.adapters.alertmanager import HttpAlertmanager
from tacit.adapters.prometheus import PrometheusSink
from tacit.entrypoints.api.metrics_listener import MetricsListener
from tacit.monitoring import metrics as catalogue
from tacit.monitoring.alerting.choices import AlertChoices
from tests.alert_receivers import AlertReceivers, Channel, Status, alert_receivers
from tests.stages import wait_until
from tests.watchers import Watchers, watchers

SOON = AlertChoices(scrape_seconds=0.25, time_scale=0.01)
DEADLINE_SECONDS = 15.0
CHANNELS: tuple[Channel, ...] = ("slack", "mail", "pagerduty", "webhook")


@dataclass(frozen=True)
class Post:
    """Something that is measured, those who watch it, and those who are told."""

    sink: PrometheusSink
    watchers: Watchers
    receivers: AlertReceivers

    def has_reached_all(self, alert: str, status: Status) -> bool:
        return all(self.receivers.first(channel, alert, status) for channel in CHANNELS)


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    with ExitStack() as stack:
        sink = PrometheusSink()
        sink.set(catalogue.MODEL_LOADED, 1)
        listener = stack.enter_context(MetricsListener(sink.registry, "127.0.0.1", 0))
        receivers = stack.enter_context(alert_receivers())
        folder = tmp_path_factory.mktemp("watchers")
        made = stack.enter_context(
            watchers(folder, [f"127.0.0.1:{listener.port}"], choices=SOON, receivers=receivers.choices())
        )
        yield Post(sink, made, receivers)


@pytest.mark.requirement("ALERT-014")
@pytest.mark.requirement("ALERT-023")
@pytest.mark.requirement("ALERT-024")
@pytest.mark.requirement("ALERT-025")
def test_an_alert_reaches_every_channel_within_its_deadline_and_so_does_its_end(post: Post) -> None:
    wait_until(lambda: post.receivers.first("dead_man", "DeadMansSwitch", "firing"), seconds=DEADLINE_SECONDS)

    begun = time.monotonic()
    post.sink.set(catalogue.MODEL_LOADED, 0)
    wait_until(lambda: post.has_reached_all("ModelNotLoaded", "firing"), seconds=DEADLINE_SECONDS)
    healed = time.monotonic()
    post.sink.set(catalogue.MODEL_LOADED, 1)
    wait_until(lambda: post.has_reached_all("ModelNotLoaded", "resolved"), seconds=DEADLINE_SECONDS)

    assert healed - begun < DEADLINE_SECONDS
    assert time.monotonic() - healed < DEADLINE_SECONDS
    assert post.receivers.odd == []


def test_alertmanager_knows_that_its_prometheus_lives(post: Post) -> None:
    alertmanager = HttpAlertmanager(post.watchers.alertmanager)

    wait_until(alertmanager.has_heartbeat, seconds=DEADLINE_SECONDS)
