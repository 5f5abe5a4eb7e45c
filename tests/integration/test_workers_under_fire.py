"""Workers of a real server, killed and ended under load: who notices, and that nothing acknowledged is lost.

The same supervisor over workers that load nothing is in `tests/unit/adapters/test_supervisor.py`, and takes seconds.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx2
import pytest

from tests.arms import home_with_two_versions
from tests.shells import Server, serving, tacit
from tests.stages import wait_until

pytestmark = pytest.mark.slow

WORKERS = 3
CLIENTS = 16
PAUSE_SECONDS = 0.16
"""Sixteen clients that wait so long between requests ask a hundred a second."""


@dataclass
class Fire:
    """What clients saw that keep their connections, and which events were acknowledged."""

    port: int
    answered: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    refused_events: Counter[str] = field(default_factory=Counter)
    acked: list[str] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def ask_until_over(self, client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        for turn in itertools.count():
            if self.over.wait(PAUSE_SECONDS):
                break
            try:
                if client < 4:
                    self._send(connection, f"{client}-{turn}")
                else:
                    self._ask(connection, f"/api/v1/users/u{(client + turn) % 40:03}/recommendations?limit=5")
            except Exception as problem:
                self.failed[type(problem).__name__] += 1
                connection.close()
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, path: str) -> None:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        if response.status == 200:
            self.answered += 1
            self.moments.append(time.monotonic())
        else:
            self.failed[str(json.loads(body).get("code", response.status))] += 1

    def _send(self, connection: http.client.HTTPConnection, event_id: str) -> None:
        connection.request("POST", "/api/v1/events", json.dumps(event(event_id)), {"Content-Type": "application/json"})
        response = connection.getresponse()
        body = json.loads(response.read())
        if response.status in (200, 202):
            self.acked.append(event_id)
        elif response.status == 503 and response.getheader("Retry-After"):
            # Said in time, and nothing was acknowledged: sent again, it is stored.
            self.refused_events[body["code"]] += 1
        else:
            self.failed[body["code"]] += 1


def event(event_id: str) -> dict[str, str]:
    return {"event_id": event_id, "user_id": "u001", "item_id": "i001", "type": "play"}


@contextmanager
def under_fire(port: int) -> Iterator[Fire]:
    fire = Fire(port)
    clients = [threading.Thread(target=fire.ask_until_over, args=(number,)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        wait_until(lambda: fire.answered > 50, seconds=30)
        yield fire
    finally:
        fire.over.set()
        for client in clients:
            client.join()


@dataclass(frozen=True)
class Blow:
    """What one signal to one worker did.

    Attributes:
        seconds: Until somebody else served in its place.
        failed: Requests that got no answer, or one that is none, by how.
        refused: Events that were refused with the time to send them again.
        gap: The longest time in which nobody was answered.
    """

    role: str
    name: str
    seconds: float
    failed: Mapping[str, int]
    refused: int
    gap: float


def standing(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / "workers.json").read_text())
    return found


def rows(home: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = standing(home)["workers"]
    return found


def all_serve(home: Path) -> bool:
    return {each["state"] for each in rows(home)} == {"serving"}


def calm(home: Path) -> None:
    """Wait until all serve and two stand by, as it is but for a while after a blow."""
    wait_until(lambda: all_serve(home) and len(standing(home)["spares"]) == 2, seconds=120)
    time.sleep(1)


def struck(fire: Fire, home: Path, number: int, which: signal.Signals, *, what: str = "") -> Blow:
    """Signal the worker of a number, and wait until another one serves in its place."""
    before, refused = Counter(fire.failed), sum(fire.refused_events.values())
    row = rows(home)[number]
    began = time.monotonic()
    os.kill(row["pid"], which)
    wait_until(lambda: rows(home)[number]["pid"] not in (None, row["pid"]) and all_serve(home), seconds=60)
    seconds = time.monotonic() - began
    time.sleep(1)
    moments = [began, *(each for each in list(fire.moments) if each >= began)]
    return Blow(
        row["role"],
        f"{which.name}{what}",
        seconds,
        dict(Counter(fire.failed) - before),
        sum(fire.refused_events.values()) - refused,
        max(later - earlier for earlier, later in itertools.pairwise(moments)),
    )


def tell(blows: Sequence[Blow]) -> None:
    print("\n| worker | signal | blows | served again, s (median, max) | failed | events to resend | longest gap, s |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for role, name in sorted({(each.role, each.name) for each in blows}):
        some = [each for each in blows if (each.role, each.name) == (role, name)]
        seconds = [each.seconds for each in some]
        failed = sum((Counter(each.failed) for each in some), Counter())
        print(
            f"| {role} | {name} | {len(some)} | {median(seconds):.2f}, {max(seconds):.2f} "
            f"| {failed.total()} {dict(failed)} | {sum(each.refused for each in some)} "
            f"| {max(each.gap for each in some):.2f} |"
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = home_with_two_versions(tmp_path_factory.mktemp("fire") / "home")
    quick = ("--set", "workers.restarts=1000")
    with serving("serve", "--workers", str(WORKERS), *quick, home=home) as server:
        yield server


def port_of(server: Server) -> int:
    return int(server.announced["pages"].rstrip("/").rpartition(":")[2])


@pytest.mark.timeout(900)
def test_workers_are_killed_and_ended_in_turn_and_nothing_acknowledged_is_lost(server: Server) -> None:
    blows = []
    with under_fire(port_of(server)) as fire:
        for which in (signal.SIGKILL, signal.SIGTERM) * int(os.environ.get("BLOWS", "3")):
            for number in (1, 0):
                calm(server.home)
                blows.append(struck(fire, server.home, number, which))
    tell(blows)
    answers = [
        httpx2.post(server.announced["pages"] + "api/v1/events", json=event(each), timeout=10).status_code
        for each in fire.acked
    ]

    assert set(answers) == {200}, "an event that was acknowledged is not there any more"
    # Those that a killed process had taken on are lost to their senders; of one that was ended, none is.
    assert all(not each.failed for each in blows if each.name == "SIGTERM")
    assert all(sum(each.failed.values()) <= CLIENTS for each in blows)
    assert max(each.gap for each in blows) < 5
    assert max(each.seconds for each in blows) < 5


@pytest.mark.timeout(300)
def test_the_one_that_takes_events_is_killed_again_and_again_also_while_nobody_stands_by(server: Server) -> None:
    home, blows = server.home, []
    with under_fire(port_of(server)) as fire:
        calm(home)
        blows += [struck(fire, home, 0, signal.SIGKILL, what=", in a row") for _ in range(4)]
        for which in (signal.SIGSTOP, signal.SIGKILL):
            for those in (slice(1), slice(2)):
                calm(home)
                spares = standing(home)["spares"][those]
                for spare in spares:
                    os.kill(spare, which)
                blows.append(struck(fire, home, 0, signal.SIGKILL, what=f" after {len(spares)} spare {which.name}"))
                blows.append(struck(fire, home, 0, signal.SIGKILL, what=", soon after that"))
    tell(blows)

    # With nobody left to copy, and seen only when somebody is asked, a whole start is what it takes.
    assert max(each.seconds for each in blows if " after 2 spare" not in each.name) < 5
    assert max(each.seconds for each in blows) < 10
    assert max(each.gap for each in blows) < 5


def test_all_workers_are_replaced_in_turn_without_a_failed_request(server: Server) -> None:
    before = {each["pid"] for each in rows(server.home)}
    with under_fire(port_of(server)) as fire:
        server.process.send_signal(signal.SIGHUP)
        wait_until(
            lambda: all_serve(server.home) and not before & {each["pid"] for each in rows(server.home)}, seconds=120
        )
        time.sleep(1)

    assert fire.failed == {}
    print(f"\n{fire.answered} answered, {dict(fire.refused_events)} events to resend")


def test_a_worker_that_is_stopped_holds_up_its_own_connections_alone_and_is_replaced_in_time(server: Server) -> None:
    wait_until(lambda: all_serve(server.home), seconds=60)
    row = rows(server.home)[1]
    os.kill(row["pid"], signal.SIGSTOP)
    stopped, seconds = time.monotonic(), []
    while rows(server.home)[1]["pid"] in (None, row["pid"]) or not all_serve(server.home):
        began = time.monotonic()
        assert began - stopped < 20
        assert server.get("/api/v1/popular").status_code == 200
        seconds.append(time.monotonic() - began)
        time.sleep(0.1)

    print(f"\nreplaced {time.monotonic() - stopped:.1f} s after it was stopped")
    assert max(seconds) < 2
    assert rows(server.home)[1]["last_end"] == "signal 9"


@pytest.mark.requirement("SERV-017")
def test_workers_share_the_arrays_of_one_version_and_add_up_what_they_measure(server: Server) -> None:
    wait_until(lambda: all_serve(server.home), seconds=60)
    shared = Counter[str]()
    print()
    for row in rows(server.home):
        sizes = memory_of(row["pid"])
        arrays, dirty = mapped_arrays(row["pid"])
        shared.update(arrays)
        print(f"worker {row['worker']}: {sizes['Rss'] // 1024} MiB resident, {sizes['Pss'] // 1024} MiB its share")
        assert dirty == 0
    with httpx2.Client(base_url=server.announced["pages"], timeout=10) as client:
        before = counted(server)
        for _ in range(40):
            assert client.get("/api/v1/popular").status_code == 200

    assert shared
    assert set(shared.values()) == {WORKERS}
    assert counted(server) - before == 40
    assert httpx2.get(server.announced["metrics"]).text.count('process_resident_memory_bytes{worker="') == WORKERS + 1


def counted(server: Server) -> float:
    text = httpx2.get(server.announced["metrics"], timeout=10).text
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("http_requests_total{") and 'route="/api/v1/popular"' in line
    )


def memory_of(pid: int) -> dict[str, int]:
    lines = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return {words[0].rstrip(":"): int(words[1]) for words in lines}


def mapped_arrays(pid: int) -> tuple[set[str], int]:
    """The arrays of versions that a process has mapped, and how many KiB of them are its own."""
    found, dirty, here = set[str](), 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if "-" in line.split()[0]:
            here = line.endswith(".npy")
            if here:
                found.add(line.split()[-1])
        elif here and line.startswith("Private_Dirty:"):
            dirty += int(line.split()[1])
    return found, dirty


def test_a_second_server_of_the_home_is_refused_and_touches_nothing(server: Server) -> None:
    for more in ((), ("--workers", "2")):
        ran = tacit("serve", "--json", *more, home=server.home)

        assert (ran.code, ran.answer["error"]["code"]) == (6, "home_in_use")
        assert ran.answer["error"]["holder"]["pid"] == server.process.pid
        print(f"refused after {ran.seconds:.2f} s")
    findings = tacit("doctor", "--json", home=server.home).answer
    assert "worker 2" in json.dumps(findings)


@pytest.mark.requirement("SERV-004")
def test_the_whole_server_ends_within_ten_seconds_and_leaves_nobody_behind(server: Server) -> None:
    wait_until(lambda: all_serve(server.home), seconds=60)
    pids = [each["pid"] for each in rows(server.home)]
    with under_fire(port_of(server)) as fire:
        began = time.monotonic()
        code = server.end()
        seconds = time.monotonic() - began
        fire.over.set()
    print(f"\nended after {seconds:.2f} s, {dict(fire.failed)}")

    assert code == 0
    assert seconds <= 10
    # Nobody who was let in was left without an answer; who comes later finds nobody.
    assert set(fire.failed) <= {"ConnectionRefusedError"}
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
