"""Versions brought to users over HTTP, and by the keeper that runs beside a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tacit.bootstrap import build, load_settings, serving
from tacit.bootstrap.rollout_keeping import keeping_rollouts
from tacit.entrypoints.api.app import create_app
from tacit.entrypoints.api.operations import further_routes
from tacit.entrypoints.api.rollout_schemas import RolloutBody, RolloutsBody, RolloutStatusBody
from tacit.entrypoints.api.rollouts import rollout_routes
from tacit.entrypoints.api.schemas import ProblemBody
from tacit.monitoring import metrics
from tacit.rollout.rollout_desk import Opening
from tests.rollouts import Journey, SaidCounts, arm
from tests.stages import Stage, listening, stage, wait_until

PATH = "/api/v1/rollouts"
START = {"version": 3, "reason": "better"}


@dataclass(frozen=True)
class Platform:
    """A server with rollouts, and who turns their clock."""

    road: Journey
    stage: Stage
    client: httpx2.Client

    def post(self, path: str, body: Any) -> httpx2.Response:
        return self.client.post(PATH + path, json=body)

    def status(self, number: int = 1) -> dict[str, Any]:
        response = self.client.get(f"{PATH}/{number}")
        RolloutStatusBody.model_validate_json(response.content)
        body: dict[str, Any] = response.json()
        return body


@contextmanager
def platform(home: Path) -> Iterator[Platform]:
    with stage(home) as made:
        made.release()
        made.release(seed=2)
        made.register(seed=3)
        road = Journey(made.bench, SaidCounts())
        api = create_app(made.service, made.pool, made.metrics, version="0", extra_routers=[rollout_routes(road.desk)])
        with listening(api) as client:
            yield Platform(road, made, client)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Platform]:
    with platform(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform on which nothing is ever begun."""
    with platform(tmp_path_factory.mktemp("home")) as idle:
        yield idle


def problem(response: httpx2.Response) -> tuple[int, str, str | None]:
    body = ProblemBody.model_validate_json(response.content)
    assert body.status == response.status_code
    return body.status, body.code, body.field


def test_a_rollout_is_begun_seen_and_carried_to_all_users(running: Platform) -> None:
    begun = running.post("", {**START, "advance": "manual", "steps": [10, 100]})
    body = RolloutBody.model_validate_json(begun.content)
    next_step = running.post("/1/promote", {"reason": "looks well"})
    running.road.said.arms["canary-10"] = {"canary": arm(100, errors=1), "champion": arm(900)}
    seen = running.status()
    flipped = running.post("/1/promote", {"reason": "now", "to": "all"})

    assert (begun.status_code, body.state, body.version, body.replaces) == (
        201,
        "shadow",
        "recommender/3",
        "recommender/2",
    )
    assert (next_step.status_code, next_step.json()["stage"]) == (200, "canary-10")
    [errors] = [each for each in seen["judged"]["findings"] if each["gate"] == "errors"]
    assert (errors["numbers"]["measured"], errors["numbers"]["limit"]) == (0.01, 0.005)
    assert [step["state"] for step in seen["history"]] == ["shadow", "canary"]
    assert (flipped.json()["state"], running.road.champion()) == ("watching", 3)
    assert RolloutsBody.model_validate_json(running.client.get(PATH).content).rollouts[0].state == "watching"


def test_a_rollout_is_ended_over_http_and_the_trail_says_by_whom(running: Platform) -> None:
    running.post("", START)
    ended = running.post("/1/abort", {"reason": "a bad feeling"})

    assert (ended.status_code, ended.json()["state"]) == (200, "aborted")
    assert running.road.bench.audit.entries(limit=1)[0].actor == "local"
    assert problem(running.post("/1/abort", {"reason": "again"}))[:2] == (409, "rollout_over")


def test_what_may_not_begin_is_refused_with_its_reason(running: Platform) -> None:
    running.stage.bench.register("fail", reasons=("worse",))
    assert problem(running.post("", {**START, "version": 4})) == (409, "gate_not_passed", "number")
    assert problem(running.post("", {**START, "version": 2}))[:2] == (409, "already_champion")
    assert problem(running.post("", {**START, "version": 9}))[:2] == (404, "version_unknown")
    running.post("", START)
    assert problem(running.post("", START))[:2] == (409, "traffic_taken")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"version": 3}, "reason"),
        ({"version": 3, "reason": " "}, "reason"),
        ({"version": 3, "reason": 7}, "reason"),
        ({"version": 3, "reason": "x" * 1_001}, "reason"),
        ({"version": 3, "reason": "a\nb"}, "reason"),
        ({"version": "3", "reason": "x"}, "version"),
        ({"version": True, "reason": "x"}, "version"),
        ({"version": 0, "reason": "x"}, "version"),
        ({"version": 2**31, "reason": "x"}, "version"),
        ({"reason": "x"}, "version"),
        ({**START, "steps": [25, 5, 100]}, "steps"),
        ({**START, "steps": [5, 25]}, "steps"),
        ({**START, "steps": []}, "steps"),
        ({**START, "steps": "5,25"}, "steps"),
        ({**START, "steps": [True]}, "steps"),
        ({**START, "advance": "always"}, "advance"),
        ({**START, "force": 1}, "force"),
        ({**START, "verison": 3}, "verison"),
    ],
)
def test_what_is_malformed_is_refused_by_its_field_and_begins_nothing(
    idle: Platform, body: dict[str, Any], field: str
) -> None:
    status, _, named = problem(idle.post("", body))

    assert (status, named) == (422, field)
    assert idle.client.get(PATH).json() == {"rollouts": []}


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.0", "9" * 30])
def test_a_number_that_is_none_is_refused(idle: Platform, number: str) -> None:
    assert problem(idle.client.get(f"{PATH}/{number}")) == (422, "value_range", "rollout_id")


def test_a_rollout_that_never_was_is_not_found(idle: Platform) -> None:
    assert problem(idle.client.get(f"{PATH}/7"))[:2] == (404, "rollout_unknown")
    assert problem(idle.post("/7/abort", {"reason": "x"}))[:2] == (404, "rollout_unknown")
    assert problem(idle.post("/7/promote", {"reason": "x", "to": "none"})) == (422, "type", "to")


def test_what_people_abort_over_http_is_counted_by_the_server_that_was_asked(tmp_path: Path) -> None:
    with stage(tmp_path) as made:
        made.release()
        made.register(seed=2)
    in_force = load_settings(flags={"home": tmp_path}, environ={})
    with build(in_force) as app, serving(app) as parts:
        routers = further_routes(app, parts)
        api = create_app(parts.service, parts.pool, parts.metrics, version="0", extra_routers=routers)
        with listening(api) as client:
            begun = client.post(PATH, json={"version": 2, "reason": "better"}).json()
            ended = client.post(f"{PATH}/{begun['rollout_id']}/abort", json={"reason": "a bad feeling"})
            counted = parts.metrics.value(metrics.ROLLOUT_ABORTS, reason="person")

    assert ended.json()["state"] == "aborted"
    assert counted == 1


def test_the_keeper_beside_a_server_looks_by_itself(tmp_path: Path) -> None:
    with stage(tmp_path) as made:
        for seed in (1, 2):
            made.release(seed=seed)
        made.register(seed=3)
        flags = {"home": tmp_path, "rollout.every_seconds": 0.05}
        with build(load_settings(flags=flags, environ={})) as app, keeping_rollouts(app, made.metrics):
            begun = app.rollouts.desk.start(Opening(3, "ann", "better"))
            wait_until(lambda: made.metrics.value(metrics.ROLLOUT_STATE, state="shadow") == 1)
            app.promote(1, actor="carol", reason="mine")
            wait_until(lambda: app.rollouts.desk.status(begun.rollout_id).rollout.is_over)
            ended = app.rollouts.desk.status(begun.rollout_id).rollout

            assert (ended.state, app.registry.champion("recommender").number) == ("superseded", 1)  # type: ignore[union-attr]
            assert app.rollouts.standing.traffic.plan("recommender").split is None
            wait_until(lambda: made.metrics.value(metrics.ROLLOUT_STATE, state="superseded") == 1)
