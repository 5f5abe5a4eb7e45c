"""Training over HTTP: asked for, seen, cancelled, and what its evaluation said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest

from tacit.entrypoints.api.app import create_app
from tacit.entrypoints.api.training import training_routes
from tacit.jobs.job import Job, Problem
from tacit.jobs.retries import Ending
from tacit.registry.registry import Registry
from tacit.registry.versions import Pruning
from tacit.rollout.training_desk import TrainingDesk
from tests.job_books import Desk, order
from tests.stages import listening, stage

TRAIN = "/api/v1/training/train"
JOBS = "/api/v1/training/jobs"


class Silent:
    """A `JobRunner` that runs nothing, so that what is asked for stays as it was asked."""

    def wake(self, job: Job) -> None:
        del job


@dataclass(frozen=True)
class Door:
    """A server with a book of jobs, and a client for it."""

    client: httpx2.Client
    desk: Desk
    registry: Registry

    def train(self, body: object, **headers: str) -> httpx2.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(TRAIN, content=content, headers={"Content-Type": "application/json", **headers})

    def done(self, job: Job, ending: Ending) -> Job:
        claimed = self.desk.book.claim(job.job_id, "vm/1/1")
        assert claimed is not None
        over = self.desk.book.end(claimed, ending)
        assert over is not None
        return over


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    desk = Desk()
    with stage(tmp_path_factory.mktemp("home")) as made:
        made.release()
        training = TrainingDesk(desk.book, Silent(), made.bench.registry, "recommender")
        app = create_app(
            made.service, made.pool, made.metrics, version="0.0.1", extra_routers=[training_routes(training)]
        )
        with listening(app) as client:
            yield Door(client, desk, made.bench.registry)


@pytest.fixture
def door(platform: Door) -> Iterator[Door]:
    """The door, with no job alive before or after."""
    yield platform
    for job in platform.desk.store.alive():
        platform.done(job, Ending(problem=Problem("x_y", "It is over.")))


@pytest.mark.requirement("TRAIN-008")
def test_a_training_is_asked_for_and_answered_before_it_has_begun(door: Door) -> None:
    answer = door.train({"model_type": "als", "parameters": {"factors": 100, "iterations": 50}})

    job = answer.json()
    assert (answer.status_code, job["state"], job["kind"]) == (202, "queued", "train")
    assert (job["parameters"], job["why"], job["actor"]) == ({"factors": 100, "iterations": 50}, "person", "local")
    assert door.client.get(f"{JOBS}/{job['job_id']}").json() == {**job, "log": ""}
    assert door.client.get(JOBS, params={"limit": 1}).json() == {"jobs": [job]}


def test_a_training_without_parameters_is_one_with_the_settings(door: Door) -> None:
    assert door.train({"model_type": "als"}).json()["parameters"] == {}


def test_a_second_training_is_refused_and_told_of_the_first(door: Door) -> None:
    first = door.train({"model_type": "als"}).json()

    second = door.train({"model_type": "als"})

    assert (second.status_code, second.json()["code"]) == (409, "job_in_flight")
    assert second.json()["job_id"] == first["job_id"]


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({}, 422, "field_missing", "model_type"),
        ({"model_type": "svd"}, 422, "model_type_unknown", "model_type"),
        ({"model_type": None}, 422, "type", "model_type"),
        ({"model_type": "als", "parameter": {}}, 422, "field_unknown", "parameter"),
        ({"model_type": "als", "parameters": [8]}, 422, "type", "parameters"),
        ({"model_type": "als", "parameters": None}, 422, "type", "parameters"),
        ({"model_type": "als", "parameters": {"factor": 8}}, 422, "field_unknown", "factor"),
        ({"model_type": "als", "parameters": {"factors": 0}}, 422, "value_range", "factors"),
        ({"model_type": "als", "parameters": {"factors": 2**62}}, 422, "value_range", "factors"),
        ({"model_type": "als", "parameters": {"factors": 8.5}}, 422, "type", "factors"),
        ({"model_type": "als", "parameters": {"alpha": "40"}}, 422, "type", "alpha"),
        ({"model_type": "als", "parameters": {"dataset": "a\0b"}}, 422, "value_range", "dataset"),
        (b'{"model_type":"als","parameters":{"factors":NaN}}', 422, "number_not_finite", None),
        (b'{"model_type":"als","parameters":{"factors":1180591620717411303424}}', 422, "number_out_of_range", None),
        (b'{"model_type":"als","model_type":"als"}', 422, "json_duplicate_key", "model_type"),
        (b"[]", 422, "type", "body"),
        (b"", 400, "body_empty", "body"),
        (b"{", 400, "json_invalid", None),
    ],
)
def test_what_is_wrong_with_a_request_is_named_and_nothing_is_queued(
    door: Door, body: object, status: int, code: str, field: str | None
) -> None:
    answer = door.train(body)

    problem = answer.json()
    assert (answer.status_code, problem["code"], problem.get("field")) == (status, code, field)
    assert list(door.desk.store.alive()) == []


def test_a_body_that_is_not_declared_as_json_is_refused(door: Door) -> None:
    assert door.train({"model_type": "als"}, **{"Content-Type": "text/plain"}).status_code == 415


def test_a_waiting_job_is_cancelled_and_one_that_has_ended_is_not(door: Door) -> None:
    job = door.train({"model_type": "als"}).json()

    cancelled = door.client.post(f"{JOBS}/{job['job_id']}/cancel")
    again = door.client.post(f"{JOBS}/{job['job_id']}/cancel")

    assert (cancelled.status_code, cancelled.json()["state"], cancelled.json()["cancelled_by"]) == (
        200,
        "cancelled",
        "local",
    )
    assert (again.status_code, again.json()["code"]) == (409, "job_over")


def test_a_training_cannot_start_from_a_version_that_does_not_exist(door: Door) -> None:
    answer = door.train({"model_type": "als", "parameters": {"warm_start": 999}})

    assert (answer.status_code, answer.json()["code"]) == (404, "version_unknown")
    assert not door.desk.store.alive()


def test_jobs_that_do_not_exist_are_not_found(door: Door) -> None:
    for answer in (door.client.get(f"{JOBS}/absent"), door.client.post(f"{JOBS}/absent/cancel")):
        assert (answer.status_code, answer.json()["code"]) == (404, "job_unknown")


@pytest.mark.parametrize(
    ("query", "code"),
    [("limit=0", "limit_range"), ("kind=x", "kind_unknown"), ("state=x", "state_unknown"), ("page=1", "field_unknown")],
)
def test_a_list_of_jobs_is_asked_for_as_strictly_as_any(door: Door, query: str, code: str) -> None:
    answer = door.client.get(f"{JOBS}?{query}")

    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_failed_job_says_what_failed_and_what_it_said(door: Door) -> None:
    job = door.desk.book.ask(order("search"))
    door.desk.logs.append(job.job_id, b"half a \xff line\n")
    door.done(job, Ending(problem=Problem("nothing_to_learn", "There is nothing.", "Import more.")))

    told = door.client.get(f"{JOBS}/{job.job_id}").json()

    assert (told["state"], told["log"]) == ("failed", "half a � line\n")
    assert told["problem"] == {"code": "nothing_to_learn", "detail": "There is nothing.", "fix": "Import more."}
    assert job.job_id in {each["job_id"] for each in door.client.get(f"{JOBS}?kind=search&state=failed").json()["jobs"]}


@pytest.mark.requirement("EVAL-011")
def test_the_evaluation_of_a_run_is_what_its_model_scored(door: Door) -> None:
    job = door.desk.book.ask(order())
    early = door.client.get(f"/api/v1/training/evaluate/{job.job_id}")
    outcome = {
        "version": "recommender/9",
        "metrics": {"ndcg@10": 0.25},
        "intervals": {"ndcg@10": [0.2, 0.3]},
        "segments": {"cold": {"ndcg@10": 0.1}},
        "baselines": {"popularity": {"ndcg@10": 0.1}},
        "gate": {"verdict": "pass"},
        "seconds": 3.0,
    }
    door.done(job, Ending(outcome=outcome))

    told = door.client.get(f"/api/v1/training/evaluate/{job.job_id}")

    assert (early.status_code, early.json()["code"]) == (409, "evaluation_missing")
    assert (told.status_code, told.json()) == (
        200,
        {"run_id": job.job_id, **{k: v for k, v in outcome.items() if k != "seconds"}},
    )


@pytest.mark.requirement("EVAL-011")
def test_the_evaluation_of_a_version_is_what_its_manifest_says(door: Door) -> None:
    told = door.client.get("/api/v1/training/evaluate/1").json()

    assert (told["run_id"], told["version"]) == ("1", "recommender/1")
    assert told["metrics"] == {"ndcg@10": 0.25, "recall@10": 0.2}
    assert told["gate"]["verdict"] == "pass"


def test_a_pruned_version_still_tells_what_it_scored(door: Door) -> None:
    whole = door.client.get("/api/v1/training/evaluate/1")
    door.registry._versions.mark_pruned(Pruning("recommender", 1, "ann", 0, "2026-01-02T12:00:00Z"))

    told = door.client.get("/api/v1/training/evaluate/1")

    assert (told.status_code, told.json()) == (200, whole.json())


def test_runs_that_do_not_exist_have_no_evaluation(door: Door) -> None:
    for run_id in ("absent", "999", "0", "9" * 40):
        answer = door.client.get(f"/api/v1/training/evaluate/{run_id}")
        assert (answer.status_code, answer.json()["code"]) == (404, "run_unknown")


def test_everybodys_lists_are_asked_for_as_a_job_of_its_own(door: Door) -> None:
    asked = door.client.post("/api/v1/training/precompute", json={"count": 50})
    again = door.client.post("/api/v1/training/precompute", json={})
    wrong = door.client.post("/api/v1/training/precompute", json={"count": 1_001})

    assert (asked.status_code, asked.json()["kind"], asked.json()["parameters"]) == (202, "precompute", {"count": 50})
    assert (again.status_code, again.json()["code"]) == (409, "job_in_flight")
    assert (wrong.status_code, wrong.json()["field"]) == (422, "count")
