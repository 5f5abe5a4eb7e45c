"""What document 004 promises of the API: its address for a user's list, and four routers under /api/v1."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tacit.entrypoints.api.monitoring_schemas import MetricsBody, MlflowRunBody, MlflowRunsBody
from tacit.entrypoints.api.schemas import AnswerBody
from tests.browsing_desk import browsing_desk
from tests.catalogues import Shelf, problem


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    with browsing_desk(tmp_path_factory.mktemp("home"), **{"tiers.rehearsal_share": 0}) as desk:
        yield desk


@pytest.mark.requirement("SERV-012")
def test_a_users_list_is_found_under_its_address_with_ten_items_unless_told_otherwise(desk: Shelf) -> None:
    user_id = desk.parts.pool.current().model.user_ids[0]
    path = f"/api/v1/recommendations/user/{user_id}"
    bodies = [AnswerBody.model_validate_json(desk.client.get(path + query).content) for query in ("", "?limit=3")]

    assert [len(body.items) for body in bodies] == [10, 3]
    assert {body.user_id for body in bodies} == {user_id}
    assert desk.client.get(path).headers["link"] == f'</api/v1/users/{user_id}/recommendations>; rel="canonical"'
    assert "deprecation" not in desk.client.get(path).headers
    # Of a store that is asked in vain, as on a machine that is busy, nobody knows who is unknown: a list is the answer.
    asked = [desk.client.get("/api/v1/recommendations/user/nobody") for _ in range(3)]
    assert (404, "user_unknown") in [problem(each) for each in asked if each.status_code != 200]


@pytest.mark.requirement("SERV-013")
@pytest.mark.parametrize("router", ["recommendations", "training", "mlflow", "monitoring"])
def test_its_four_routers_are_there(desk: Shelf, router: str) -> None:
    document = desk.client.get("/openapi.json").json()
    tagged = [path for path, ways in document["paths"].items() for way in ways.values() if router in way["tags"]]

    assert any(path.startswith(f"/api/v1/{router}") for path in tagged)


def test_a_training_is_a_run_in_the_words_of_mlflow(desk: Shelf) -> None:
    runs = MlflowRunsBody.model_validate_json(desk.client.get("/api/v1/mlflow/runs").content).runs
    [run] = [each for each in runs if each.info.run_name == "recommender/1"]
    alone = MlflowRunBody.model_validate_json(desk.client.get(f"/api/v1/mlflow/runs/{run.info.run_id}").content)

    assert alone.run == run
    assert (run.info.status, run.info.experiment_id) == ("FINISHED", "training")
    assert run.info.start_time < run.info.end_time
    assert {"factors", "seed"} <= {param.key for param in run.data.params}
    assert "ndcg@10" in {metric.key for metric in run.data.metrics}
    assert problem(desk.client.get("/api/v1/mlflow/runs/none")) == (404, "run_unknown")


def test_what_is_measured_can_be_read_as_it_is_exported(desk: Shelf) -> None:
    desk.client.get("/api/v1/popular")
    body = MetricsBody.model_validate_json(desk.client.get("/api/v1/monitoring/metrics").content)
    alone = desk.client.get("/api/v1/monitoring/metrics", params={"name": "recommendations_total"})
    [served] = MetricsBody.model_validate_json(alone.content).metrics
    counted = {series.labels["source"]: series.value for series in served.series}

    assert {"model_loaded", "http_requests_total", "recommendation_latency_seconds_count"} <= {
        each.name for each in body.metrics
    }
    assert not any(each.name.endswith("_bucket") for each in body.metrics)
    assert (served.kind, counted["popular"]) == (
        "counter",
        desk.parts.metrics.registry.get_sample_value("recommendations_total", {"source": "popular"}),
    )
    unknown = desk.client.get("/api/v1/monitoring/metrics", params={"name": "no_such"})
    assert problem(unknown) == (404, "metric_unknown")
