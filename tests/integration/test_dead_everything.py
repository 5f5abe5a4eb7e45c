"""A database that stands still, a paused Redis, and both at once: users' lists are answered, in time, and say so.

Each fault prints its row; `pytest -s` shows them.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tacit.bootstrap import Serving, build, load_settings, serving
from tacit.data import synthetic
from tacit.entrypoints.api.callers import OPEN_DOOR
from tacit.entrypoints.api.gatehouse import checkpoints_of
from tacit.monitoring import overload_metrics
from tests import fault_table
from tests.apis import api_of
from tests.postgres_server import PostgresServer, running_server
from tests.redis_server import RedisServer, redis_server
from tests.stages import listening, wait_until

USERS = 40
HARD_SECONDS, GRACE = 2.0, 0.05
NOISE = 0.25
"""What a busy machine may add."""


@dataclass(frozen=True)
class Scene:
    postgres: PostgresServer
    redis: RedisServer
    parts: Serving
    client: httpx2.Client
    users: list[str]
    quiet: str
    """Who does nothing before the first fault."""

    def is_degraded(self, user_id: str) -> bool:
        return bool(self.client.get(f"/api/v1/users/{user_id}/recommendations").json()["degraded"])

    def ask(self, seconds: float) -> list[tuple[int, bool, float]]:
        """Status, whether degraded, and seconds of each list that is asked for meanwhile."""
        found, until = [], time.monotonic() + seconds
        while time.monotonic() < until:
            began = time.monotonic()
            answer = self.client.get(f"/api/v1/users/{self.users[len(found) % USERS]}/recommendations")
            found.append((answer.status_code, bool(answer.json().get("degraded")), time.monotonic() - began))
        return found

    def tell_of(self, user_id: str) -> None:
        """Something that the user does, so that their list rests on a read."""
        item = self.client.get("/api/v1/popular").json()["items"][0]["item_id"]
        event = {"user_id": user_id, "item_id": item, "type": "play", "event_id": f"{user_id}-{time.time_ns()}"}
        assert self.client.post("/api/v1/events", json=event).status_code == 202


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    synthetic.generate(folder / "community", users=120, items=100, artists_per_user=20)
    flags = {"home": folder / "home", "als.engine": "numpy", "als.factors": 8, "als.iterations": 2}
    with running_server() as postgres, redis_server(folder) as redis:
        chosen = {**flags, "database_url": postgres.new_database(), "cache.redis_url": redis.url}
        with build(load_settings(flags=chosen, environ={})) as app:
            app.import_data("auto", folder / "community", actor="test")
            app.train(actor="test")
            app.promote(1, actor="test", force=True, reason="a test")
            with serving(app) as parts:
                api = api_of(parts, checkpoints=checkpoints_of(app, parts, OPEN_DOOR[0]))
                with listening(api) as client:
                    *users, quiet = parts.pool.current().model.user_ids[: USERS + 1]
                    yield Scene(postgres, redis, parts, client, users, quiet)


@pytest.mark.slow
@pytest.mark.requirement("SERV-031")
def test_lists_are_answered_and_say_so_while_everything_behind_them_stands_still(tmp_path: Path) -> None:
    with scene(tmp_path) as running:
        usual = running.ask(1.0)
        for row, stops_database, stops_redis in (("D11", True, False), ("D7", False, True), ("D22", True, True)):
            for user_id in running.users:
                running.tell_of(user_id)
            time.sleep(1.0)  # in which these are applied: what is known of everybody is out of date, and nobody asked
            with ExitStack() as stack:
                if stops_database:
                    stack.enter_context(running.postgres.paused())
                if stops_redis:
                    running.redis.send(signal.SIGSTOP)
                    stack.callback(running.redis.send, signal.SIGCONT)
                for user_id in running.users:
                    running.tell_of(user_id)  # durable without either
                running.tell_of(running.quiet)
                during = running.ask(6.0)
                assert running.is_degraded(running.quiet) == stops_database
                write = running.client.put("/api/v1/items/new", json={"title": "New"})
            began = time.monotonic()
            wait_until(lambda: not any(degraded for _, degraded, _ in running.ask(0.2)), seconds=20)
            healed = time.monotonic() - began
            worst = max(took for _, _, took in during)
            degraded = sum(each for _, each, _ in during) / len(during)
            fault_table.tell(
                row,
                "database stands still" * stops_database
                + " and " * (stops_database and stops_redis)
                + "Redis paused" * stops_redis,
                f"{len(during)} lists, {degraded:.0%} degraded, worst {worst * 1e3:.0f} ms "
                f"(usual {max(took for _, _, took in usual) * 1e3:.0f} ms); whole again after {healed:.1f} s",
            )
            assert {status for status, _, _ in during} == {200}
            assert worst <= HARD_SECONDS + GRACE + NOISE
            if stops_database:
                assert degraded > 0
                assert write.status_code == 503
                assert running.parts.metrics.value(overload_metrics.DEADLINES_MISSED, priority="lists") == 0
