"""Alerts by what really goes wrong with a real server: receivers hear of it, and hear when it is over."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from tests.alert_receivers import AlertReceivers, Status, alert_receivers
from tests.redis_server import RedisServer, redis_server
from tests.shells import Server, free_port, serving
from tests.stages import stage, wait_until
from tests.watchers import skip_without_servers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DEADLINE_SECONDS = 40.0
"""Durations are a fiftieth: five minutes are six seconds, and the longest window here, 15 minutes, is 18."""
SETTINGS = """
port = {port}
metrics_port = {metrics}

[monitoring]
servers = true
scrape_seconds = 0.5
prometheus_port = {prometheus}
alertmanager_port = {alertmanager}

[alerts]
time_scale = 0.02
[alerts.request_volume]
per_minute = 5000
[alerts.model_age_days]  # the versions of the tests are dated long ago
warning = 36500
critical = 36500
[alerts.receivers]
webhook = "{hook}/hook"
dead_man = "{hook}/dead-man"
group_seconds = 0.1

[limits]
enabled = false

[cache]
redis_url = "{redis}"
"""


@dataclass
class Scene:
    """A server that is watched, and who is told."""

    folder: Path
    receivers: AlertReceivers
    redis: RedisServer
    port: int
    rows: list[tuple[str, float, float]] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @contextmanager
    def server(self) -> Iterator[Server]:
        with serving("serve", "--without-champion", home=self.home, port=self.port) as server:
            yield server

    def heard(self, alert: str, status: Status, since: float) -> float:
        """Seconds from a moment until everybody was told."""
        wait_until(lambda: self.receivers.first("webhook", alert, status, since=since), seconds=DEADLINE_SECONDS)
        arrival = self.receivers.first("webhook", alert, status, since=since)
        assert arrival is not None
        return arrival.at - since

    def round_trip(self, alert: str, break_it: Callable[[], object], mend: Callable[[], object]) -> None:
        begun = time.monotonic()
        break_it()
        came = self.heard(alert, "firing", begun)
        healed = time.monotonic()
        mend()
        self.rows.append((alert, came, self.heard(alert, "resolved", healed)))

    def post(self, path: str, body: object, times: int = 1) -> None:
        with httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10) as client:
            for _ in range(times):
                client.post(path, json=body)

    def release(self) -> None:
        with stage(self.home) as made:
            made.release()

    @contextmanager
    def crowd(self) -> Iterator[None]:
        """Somebody who asks for lists all the time, whatever is answered."""
        over = threading.Event()

        def ask() -> None:
            with httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=5) as client:
                # Always another list, so that none lies ready.
                for number in itertools.count():
                    if over.wait(0.1):
                        return
                    with suppress(httpx2.HTTPError):
                        path = f"/api/v1/users/u{number % 37:03}/recommendations"
                        client.get(path, params={"limit": number % 29 + 1})

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    skip_without_servers()
    with ExitStack() as stack:
        receivers = stack.enter_context(alert_receivers())
        redis = stack.enter_context(redis_server(tmp_path))
        ports = {name: free_port() for name in ("port", "metrics", "prometheus", "alertmanager")}
        text = SETTINGS.format(hook=receivers.http, redis=redis.url, **ports)
        (tmp_path / "tacit.toml").write_text(text)
        with stage(tmp_path / "home"):
            pass
        yield Scene(tmp_path, receivers, redis, ports["port"])


OLD = [
    {"event_id": f"old-{number}", "user_id": "u000", "item_id": "i003", "type": "play", "occurred_at": 946_684_800_000}
    for number in range(60)
]
"""Events of the year 2000, which are set aside."""
STRANGER = {"login": "mallory", "password": "correct horse battery staple"}
FOLLOW = {"AvailabilityBudgetBurningFast", "AvailabilityBudgetBurning", "AvailabilityBudgetLeaking", "AbusePattern"}
"""What being away, and an attack, bring along."""


@pytest.mark.requirement("ALERT-012")
@pytest.mark.requirement("ALERT-013")
@pytest.mark.requirement("ALERT-014")
def test_what_really_goes_wrong_is_told_and_so_is_its_end(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    with scene.server() as server:
        scene.round_trip("ModelNotLoaded", lambda: None, scene.release)
        with scene.crowd():
            time.sleep(6)
            in_peace = {each.alert for each in scene.receivers.arrivals if each.channel == "webhook"}
            scene.round_trip("CacheUnreachable", scene.redis.kill, scene.redis.start)
            scene.round_trip("QuarantineGrowing", lambda: scene.post("/api/v1/events", {"events": OLD}), lambda: None)
            scene.round_trip("SignInAttack", lambda: scene.post("/api/v1/auth/token", STRANGER, times=60), lambda: None)
        begun = time.monotonic()
        server.process.kill()
        gone = {each: scene.heard(each, "firing", begun) for each in ("TacitHealthCheckFailing", "TacitDown")}
    began_again = time.monotonic()
    with scene.server() as server:
        back = {each: scene.heard(each, "resolved", began_again) for each in gone}
        server.end()
    scene.rows += [(each, seconds, back[each]) for each, seconds in gone.items()]
    with capsys.disabled():
        print()
        for alert, came, went in scene.rows:
            print(f"{alert:<28} heard after {came:5.1f} s, over after {went:5.1f} s")
    told = {each.alert for each in scene.receivers.arrivals if each.channel == "webhook" and each.status == "firing"}

    assert in_peace == {"ModelNotLoaded"}
    assert told - FOLLOW == {alert for alert, _, _ in scene.rows}
    assert max(came for _, came, _ in scene.rows) < DEADLINE_SECONDS
