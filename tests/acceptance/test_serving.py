"""Give me recommendations: the journey from a promoted version to an answer, what goes wrong on it, and the record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tacit.adapters.sql.exposures import SqlExposureLog
from tests.attempts import shortest
from tests.registries import bench_over, sql_bench
from tests.stages import METRICS, WORKLOAD, Stage, served, small_model, spoil, stage, wait_until


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as made:
        yield made


def answer(client: httpx2.Client, user_id: str = "u000") -> dict[str, object]:
    response = client.get(f"/api/v1/users/{user_id}/recommendations?limit=5")
    assert response.status_code == 200
    body: dict[str, object] = response.json()
    return body


@pytest.mark.requirement("SERV-016")
def test_a_promotion_by_another_process_reaches_users_within_two_seconds_and_a_rollback_too(made: Stage) -> None:
    made.release(seed=1)
    with served(made) as client:
        first = answer(client)["model_version"]
        with sql_bench(made.bench.home) as elsewhere:
            model = small_model(2)
            version = elsewhere.register(write=lambda folder: WORKLOAD.save(model, folder), metrics=METRICS)

            def forth_and_back() -> float:
                elsewhere.release.promote("recommender", version.number, actor="bob")
                promoted = wait_until(lambda: answer(client)["model_version"] == "recommender/2")
                elsewhere.release.rollback("recommender", actor="bob", reason="a hunch")
                returned = wait_until(lambda: answer(client)["model_version"] == "recommender/1")
                return max(promoted, returned)

            seconds = shortest(forth_and_back, within=2)

    assert first == "recommender/1"
    assert seconds < 2


def test_a_tampered_version_never_meets_a_user_and_nobody_notices_but_the_operator(made: Stage) -> None:
    made.release(seed=1)
    with served(made) as client:
        before = answer(client)
        version = made.register(seed=2)
        spoil(version.folder, "user_factors.npy")
        with pytest.raises(Exception, match="SHA-256"):
            made.bench.release.promote("recommender", version.number, actor="ann")
        honest = made.register(seed=2)
        made.bench.release.promote("recommender", honest.number, actor="ann")
        spoil(honest.folder, "item_factors.npy")
        made.pool.refresh()
        after, health = answer(client), client.get("/health").json()

    # The pool may have read the honest version before it was spoilt: then that one answers, and rightly.
    assert after["model_version"] in (before["model_version"], "recommender/3")
    assert after["degraded"] is False
    assert health["status"] == ("degraded" if after["model_version"] == before["model_version"] else "healthy")


@pytest.mark.requirement("SERV-009")
def test_a_newcomer_names_three_likes_and_gets_a_list_that_explains_itself_by_them(made: Stage) -> None:
    made.release()
    with served(made) as client:
        found = [
            client.get(f"/api/v1/items?query=artist {item}").json()["items"][0] for item in ("i016", "i018", "i020")
        ]
        liked = [item["item_id"] for item in found]
        body = client.post("/api/v1/recommendations", json={"liked": liked, "limit": 5}).json()
        similar = client.get(f"/api/v1/items/{liked[0]}/similar?limit=5").json()

    assert {category for item in body["items"] for category in item["categories"]} == {"high"}
    assert {reason["item_id"] for item in body["items"] for reason in item["because"]} <= set(liked)
    assert {category for item in similar["items"] for category in item["categories"]} == {"high"}


def test_every_list_shown_over_http_is_in_the_database_soon_after_and_can_be_attributed(tmp_path: Path) -> None:
    from tacit.adapters.memory import MemoryMetricSink
    from tacit.adapters.sql.engine import open_database
    from tacit.serving.exposures import ExposureQueue
    from tacit.serving.model_pool import ModelPool
    from tacit.serving.recommend import RecommendationService

    database = open_database(f"sqlite:///{tmp_path}/tacit.db")
    bench = bench_over(tmp_path, database)
    log = SqlExposureLog(database)
    queue, metrics = ExposureQueue(log, flush_seconds=0.05), MemoryMetricSink()
    pool = ModelPool(bench.registry, bench.versions, WORKLOAD.load, metrics=metrics)
    names = (f"answer-{number}" for number in range(100))
    service = RecommendationService(pool, queue, metrics, clock=lambda: 1_700_000_000.5, new_id=lambda: next(names))
    made = Stage(bench, pool, service, metrics, queue, log)  # type: ignore[arg-type]
    made.release()
    with served(made) as client:
        shown = [answer(client, f"u{place:03}") for place in range(5)]
        wait_until(lambda: log.count() == 5)
    queue.close()
    recorded = {each.recommendation_id: each for each in log.recent(10)}
    database.close()

    for body in shown:
        exposure = recorded[str(body["recommendation_id"])]
        items = body["items"]
        assert isinstance(items, list)
        assert exposure.item_ids == tuple(item["item_id"] for item in items)
        assert (exposure.user_id, exposure.model_version, exposure.at_ms) == (
            body["user_id"],
            body["model_version"],
            1_700_000_000_500,
        )
