"""Redis killed and paused while a platform answers over HTTP: every answer comes, and hardly later than before.

Each fault prints its row; `pytest -s` shows them.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest

from tacit.bootstrap import Serving, build, load_settings, serving
from tacit.data import synthetic
from tacit.entrypoints.api.app import create_app
from tacit.monitoring import metrics as catalogue
from tests import fault_table
from tests.redis_server import RedisServer, redis_server
from tests.stages import listening, wait_until

THREADS = 3
PAUSE_SECONDS = 0.005
USERS = 40
EXTRA_MS = 60.0
"""What an answer may take longer than twice the usual while it is not known yet that Redis is away."""


@dataclass
class Crowd:
    """Threads that ask for lists at a bounded rate.

    Attributes:
        answers: When each came, its status, whose list it was asked to be and is, and how many milliseconds it took.
    """

    address: str
    users: list[str]
    answers: list[tuple[float, int, bool, float]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self, thread: int) -> None:
        with httpx2.Client(base_url=self.address, timeout=10) as client:
            turn = thread
            while not self.over.is_set():
                turn += THREADS
                self.ask(client, self.users[turn % USERS])
                time.sleep(PAUSE_SECONDS)

    def ask(self, client: httpx2.Client, user_id: str) -> None:
        began = time.monotonic()
        response = client.get(f"/api/v1/users/{quote(user_id, safe='')}/recommendations?limit=20")
        ended = time.monotonic()
        is_theirs = response.status_code == 200 and response.json()["user_id"] == user_id
        self.answers.append((ended, response.status_code, is_theirs, (ended - began) * 1_000))

    def since(self, began: float) -> list[float]:
        return sorted(took for at, _, _, took in list(self.answers) if at >= began)


@dataclass(frozen=True)
class Scene:
    server: RedisServer
    parts: Serving
    crowd: Crowd

    def hits(self) -> float:
        return self.parts.metrics.value(catalogue.LIST_CACHE, outcome="hit")


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """A platform whose lists are kept in a real Redis, warm and under load."""
    synthetic.generate(folder / "community", users=120, items=100, artists_per_user=20)
    with redis_server(folder) as server:
        flags = {"home": folder / "home", "als.engine": "numpy", "als.factors": 8, "als.iterations": 2}
        in_force = load_settings(flags={**flags, "cache.redis_url": server.url}, environ={})
        with build(in_force) as app:
            app.import_data("auto", folder / "community", actor="test")
            app.train(actor="test")
            app.promote(1, actor="test", force=True, reason="a test")
            with serving(app) as parts:
                parts.pool.refresh()
                api = create_app(parts.service, parts.pool, parts.metrics, version="0", intake=parts.intake)
                users = list(parts.pool.current().model.user_ids[:USERS])
                with listening(api) as client, asked(str(client.base_url), users) as crowd:
                    yield Scene(server, parts, crowd)


@contextmanager
def asked(address: str, users: list[str]) -> Iterator[Crowd]:
    crowd = Crowd(address, users)
    threads = [threading.Thread(target=crowd.run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield crowd
    finally:
        crowd.over.set()
        for thread in threads:
            thread.join()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "strike", "mend"),
    [
        ("D6 killed", lambda server: server.kill(), lambda server: server.start()),
        ("D7 paused", lambda server: server.send(signal.SIGSTOP), lambda server: server.send(signal.SIGCONT)),
    ],
)
def test_an_outage_of_redis_costs_no_answer_and_little_time(
    tmp_path: Path, fault: str, strike: Callable[[RedisServer], None], mend: Callable[[RedisServer], None]
) -> None:
    with scene(tmp_path) as running:
        wait_until(lambda: running.hits() > 100, seconds=30)
        began = time.monotonic()
        time.sleep(3.0)
        usual = running.crowd.since(began)
        began = time.monotonic()
        strike(running.server)
        time.sleep(3.0)
        during = running.crowd.since(began)
        mend(running.server)
        wait_until(lambda: running.parts.metrics.value(catalogue.CACHE_REACHABLE) == 1, seconds=30)
        known = running.hits()
        wait_until(lambda: running.hits() > known + 50, seconds=30)
        answers = list(running.crowd.answers)
    p99_usual, p99_during = usual[int(len(usual) * 0.99)], during[int(len(during) * 0.99)]
    row, _, what = fault.partition(" ")
    fault_table.tell(
        row,
        f"Redis {what}, over HTTP",
        f"{len(answers)} answers; p99 {p99_usual:.1f} ms before, {p99_during:.1f} ms during; "
        f"worst {usual[-1]:.1f} ms before, {during[-1]:.1f} ms during",
    )

    assert {status for _, status, _, _ in answers} == {200}
    assert all(is_theirs for _, _, is_theirs, _ in answers)
    assert during[-1] <= 2 * usual[-1] + EXTRA_MS
    assert p99_during <= 2 * p99_usual + EXTRA_MS / 10
