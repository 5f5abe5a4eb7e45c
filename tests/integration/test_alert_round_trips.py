"""Every alert's whole way: a cause, seconds until a receiver hears, seconds until it hears that it is over.

Figures are made up, everything behind them is real: the exporter, Prometheus, its rules, Alertmanager, the receivers.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tacit.entrypoints.api.metrics_listener import MetricsListener
from tacit.monitoring.alerting.catalogue import alert_rules
from tests.alert_causes import Cause, lanes
from tests.alert_receivers import AlertReceivers, Channel, alert_receivers
from tests.alert_world import CHOICES, COMPRESSION, World, living
from tests.stages import wait_until
from tests.watchers import Watchers, watchers

RULES = {rule.name: rule for rule in alert_rules(CHOICES)}
STEADY_SECONDS = 20.0
"""Of silence before anything is wrong: 50 minutes of normal traffic, compressed."""
BY_REAL_CAUSE = frozenset({"TacitHealthCheckFailing"})
"""Durations that are not scaled would come behind others that are: told elsewhere, by a server that is really gone."""


@dataclass(frozen=True)
class Row:
    """One alert's round trip."""

    alert: str
    cause: str
    arrived: float | None
    within: float
    resolved: float | None
    over_within: float

    @property
    def is_in_time(self) -> bool:
        return (
            self.arrived is not None
            and self.resolved is not None
            and self.arrived <= self.within
            and self.resolved <= self.over_within
        )


@dataclass
class Drill:
    """A world, those who watch it, and what was found."""

    world: World
    watchers: Watchers
    receivers: AlertReceivers
    rows: list[Row] = field(default_factory=list)
    allowed: list[tuple[frozenset[str], float, float]] = field(default_factory=list)

    def run(self, cause: Cause) -> None:
        """Make a cause, see that its alerts arrive, take it back, see that their ends arrive."""
        while time.monotonic() - self.world.began < cause.not_before:
            time.sleep(0.05)
        begun = time.monotonic()
        cause.begin(self.world)
        arrived = self._await(cause.expects, "firing", begun, cause.within)
        healed = time.monotonic()
        cause.end(self.world)
        resolved = self._await(cause.expects, "resolved", begun, cause.over_within)
        ended = time.monotonic() + cause.lingers
        self.allowed.append((frozenset((*cause.expects, *cause.also)), begun, ended))
        for alert in cause.expects:
            came, went = arrived[alert], resolved[alert]
            self.rows.append(
                Row(
                    alert,
                    cause.said,
                    None if came is None else came - begun,
                    cause.within,
                    # One that is over by itself may have ended before we looked.
                    None if went is None else max(0.0, went - healed),
                    cause.over_within,
                )
            )

    def false_alerts(self) -> list[str]:
        """Messages that something is wrong which nothing was done for."""
        return [
            f"{each.alert} at {each.at - self.world.began:.1f} s"
            for each in self.receivers.arrivals
            if each.channel == "webhook" and each.status == "firing" and not self._is_allowed(each.alert, each.at)
        ]

    def heard_by(self, channel: Channel) -> set[str]:
        """The rules that a channel was told of; a message about several names none of them."""
        found = {each.alert for each in self.receivers.arrivals if (each.channel, each.status) == (channel, "firing")}
        return found & set(RULES)

    def _is_allowed(self, alert: str, at: float) -> bool:
        return any(alert in names and begun <= at <= ended for names, begun, ended in self.allowed)

    def _await(self, alerts: tuple[str, ...], status: str, since: float, seconds: float) -> dict[str, float | None]:
        found: dict[str, float | None] = dict.fromkeys(alerts)
        until = time.monotonic() + seconds + 1.0
        while time.monotonic() < until and None in found.values():
            for alert in alerts:
                arrival = self.receivers.first("webhook", alert, status, since=since)  # type: ignore[arg-type]
                found[alert] = None if arrival is None else arrival.at
            time.sleep(0.02)
        return found


@contextmanager
def drill(folder: Path) -> Iterator[tuple[Drill, MetricsListener]]:
    with ExitStack() as stack:
        world = World()
        listener = stack.enter_context(living(world))
        receivers = stack.enter_context(alert_receivers())
        target = f"127.0.0.1:{listener.port}"
        choices = receivers.choices()
        made = stack.enter_context(watchers(folder, [target], choices=CHOICES, receivers=choices))
        yield Drill(world, made, receivers), listener


def last_causes(made: Drill, folder: Path, listener: MetricsListener) -> list[Cause]:
    """Those that blind the rules for all others."""
    prometheus = made.watchers.servers.servers[1]
    config, broken = folder / "prometheus.yml", folder / "broken.rules.yml"
    usual, port = config.read_text(), listener.port

    def reload(write: Callable[[], object]) -> Callable[[World], None]:
        def act(world: World) -> None:
            write()
            assert prometheus.pid is not None
            prometheus.signal(signal.SIGHUP)

        return act

    def come_back(world: World) -> None:
        listener._asked_port = port
        listener.start()

    rule = "groups: [{name: broken, rules: [{record: broken, expr: model_users + on() tacit_jobs}]}]"
    return [
        Cause(
            "a rule cannot be worked out",
            ("RuleFailing",),
            reload(lambda: broken.write_text(rule)),
            reload(broken.unlink),
        ),
        Cause(
            "PagerDuty refuses",
            ("ChannelDown",),
            lambda world: (made.receivers.refuses.add("pagerduty"), world.gauge("model_loaded", 0)),
            lambda world: (made.receivers.refuses.clear(), world.gauge("model_loaded", 1)),
            also=("ModelNotLoaded",),
            within=30,
            over_within=30,
        ),
        Cause(
            "a figure is exported no longer",
            ("MetricsMissing",),
            lambda world: world.hidden.add("model_loaded"),
            lambda world: world.hidden.clear(),
        ),
        Cause(
            "nothing listens any more",
            ("TacitDown",),
            lambda world: listener.stop(),
            come_back,
            also=("TacitHealthCheckFailing", *_BUDGET),
            over_within=40,
            lingers=25,
        ),
        Cause(
            "Prometheus was told of no target",
            ("TargetMissing",),
            reload(lambda: config.write_text(usual.replace("job_name: tacit", "job_name: somebody-else"))),
            reload(lambda: config.write_text(usual)),
            within=20,
            over_within=20,
        ),
    ]


_BUDGET = ("AvailabilityBudgetBurningFast", "AvailabilityBudgetBurning", "AvailabilityBudgetLeaking")


def go_on(made: Drill, causes: list[Cause], failures: list[BaseException]) -> None:
    try:
        for cause in causes:
            made.run(cause)
    except BaseException as problem:  # of a thread nobody would hear it
        failures.append(problem)


def table(rows: list[Row]) -> str:
    def seconds(value: float | None) -> str:
        return "never" if value is None else f"{value:5.1f}"

    head = f"{'alert':<31}{'cause':<46}{'heard':>7}{'within':>8}{'over':>7}{'within':>8}"
    lines = [
        f"{row.alert:<31}{row.cause[:44]:<46}{seconds(row.arrived):>7}{row.within:>8.0f}"
        f"{seconds(row.resolved):>7}{row.over_within:>8.0f}"
        for row in sorted(rows, key=lambda row: row.alert)
    ]
    return "\n".join((head, *lines))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.requirement("MON-044")
@pytest.mark.requirement("ALERT-026")
@pytest.mark.requirement("ALERT-027")
@pytest.mark.requirement("ALERT-028")
@pytest.mark.requirement("ALERT-031")
def test_each_alert_arrives_in_time_and_ends_in_time_and_none_is_false(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failures: list[BaseException] = []
    with drill(tmp_path) as (made, listener):
        wait_until(lambda: made.receivers.first("dead_man", "DeadMansSwitch", "firing"), seconds=20)
        heard_first = time.monotonic() - made.world.began
        time.sleep(STEADY_SECONDS)
        in_peace = [each for each in made.receivers.arrivals if each.channel == "webhook"]
        ways = [threading.Thread(target=go_on, args=(made, lane, failures)) for lane in lanes()]
        for way in ways:
            way.start()
            time.sleep(0.3)
        for way in ways:
            way.join()
        go_on(made, last_causes(made, tmp_path, listener), failures)
        false = made.false_alerts()
    minutes = STEADY_SECONDS * COMPRESSION / 60
    with capsys.disabled():
        print(f"\n{table(made.rows)}")
        print(
            f"DeadMansSwitch heard after {heard_first:.1f} s; {minutes:.0f} minutes of normal traffic without a message"
        )
        print(f"{len(made.rows)} round trips; false: {false or 0}; refused by a receiver: {made.receivers.odd or 0}")

    assert failures == []
    assert in_peace == []
    assert [row for row in made.rows if not row.is_in_time] == []
    assert false == []
    told = {row.alert for row in made.rows} | {"DeadMansSwitch"} | BY_REAL_CAUSE
    assert set(RULES) - told == set()
    heard = made.heard_by("webhook")
    urgent = {name for name in heard if RULES[name].severity in ("critical", "p0")}
    texted = {name for name in heard if RULES[name].severity == "p0" or RULES[name].category == "security"}
    assert made.heard_by("sms") == texted
    assert made.heard_by("pagerduty") <= urgent
    assert {"ErrorRateCritical", "TacitDown", "TrailBroken", "RefreshTokenReused"} <= made.heard_by("pagerduty")
    assert {"ModelOld", "SecretOld", "EventLagHigh", "ModelNotLoaded"} <= made.heard_by("slack") & made.heard_by("mail")
