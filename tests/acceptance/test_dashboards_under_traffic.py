"""Every question of every dashboard, asked of a Prometheus that looks at a platform while simulated people use it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tacit.data import synthetic
from tests.prometheus_server import PrometheusServer, Sample, prometheus_server, scraping
from tests.shells import QUICK, Server, serving, tacit, within
from tests.stages import wait_until
from tools.dashboards.__main__ import BOARDS
from tools.dashboards.panel import Board, Panel

pytestmark = [pytest.mark.slow, pytest.mark.timeout(170)]

SHOWN = [(board, panel) for board in BOARDS for panel in board.panels]
SPELT = (
    "http_requests_total", "http_request_duration_seconds_count", "api_errors_total", "recommendations_total",
    "mood_requests_total", "model_loaded", "recommendation_latency_seconds_count", "ml_training_duration_seconds",
    "ml_model_accuracy",
)  # fmt: skip
"""Metrics of documents 003 and 004, as these spell them."""
SETTINGS = (
    "auth.mode=required", "ab.check_seconds=1", "limits.authenticated_per_minute=1000000", "retraining.niceness=0",
    "retraining.precompute=off", "workers.count=1",
)  # fmt: skip


@dataclass(frozen=True)
class Watched:
    """A platform that was used, and who watched."""

    prometheus: PrometheusServer
    came: dict[str, Any]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A champion, a job that trained, a rollout in its first stage, and people who ask all the while."""
    folder = tmp_path_factory.mktemp("watched")
    home, key = folder / "home", folder / "key"
    data = synthetic.generate(folder / "community", users=300, items=200, artists_per_user=30)
    chosen = [word for setting in SETTINGS for word in ("--set", setting)]
    with serving("up", "--data", data, *QUICK, *chosen, home=home) as server:
        target = server.announced["metrics"].split("/")[2]
        with prometheus_server(folder / "prometheus", scraping(target)) as prometheus:
            key.write_text(within("keys", "create", "traffic", "--role", "operator", "--json", home=home).answer["key"])
            _roll_out(server, key.read_text())
            asked = ("--rate", "900", "--duration", "25", "--users", "60", "--key-file", key, "--json")
            came = tacit("traffic", server.announced["pages"].rstrip("/"), *asked, home=home)
            assert came.code == 0, came.err
            moved = 'sum(tacit_clicked_lists) > 0 and sum(tacit_jobs{state="running"}) == 0'
            wait_until(lambda: prometheus.query(moved), seconds=30)
            yield Watched(prometheus, came.answer)


def _roll_out(server: Server, key: str) -> None:
    """Train a second version in the background, and begin to show it."""
    with httpx2.Client(base_url=server.announced["pages"], headers={"Authorization": f"Bearer {key}"}) as client:
        wait_until(lambda: client.get("api/v1/training/jobs").is_success)  # a key that is new is known in a moment
        body = {"model_type": "als", "parameters": {"factors": 8, "iterations": 2}}
        asked = client.post("api/v1/training/train", json=body)
        path = f"api/v1/training/jobs/{asked.json()['job_id']}"
        wait_until(lambda: client.get(path).json()["state"] == "succeeded", seconds=60)
        begun = client.post("api/v1/rollouts", json={"version": 2, "reason": "to be seen", "force": True})
        assert begun.is_success, begun.text


@pytest.mark.requirement("MON-032")
@pytest.mark.parametrize(("board", "panel"), SHOWN, ids=[f"{board.name}-{panel.title}" for board, panel in SHOWN])
def test_every_panel_shows_something_that_moves_under_traffic(watched: Watched, board: Board, panel: Panel) -> None:
    found = {query.expr: watched.prometheus.query(query.expr) for query in panel.queries}
    values = [sample.value for each in found.values() for sample in each]

    assert [expr for expr, each in found.items() if not any(math.isfinite(one.value) for one in each)] == []
    assert panel.is_still or any(values), f"{panel.title} of {board.title} stands at 0"
    assert panel.title != "Conservation" or values == [0]


@pytest.mark.parametrize("name", SPELT)
@pytest.mark.requirement("MON-001")
@pytest.mark.requirement("MON-005")
@pytest.mark.requirement("MON-007")
@pytest.mark.requirement("MON-008")
def test_every_metric_of_the_documents_is_there_as_spelt_and_moves(watched: Watched, name: str) -> None:
    assert [sample.value for sample in watched.prometheus.query(f"sum({name}) > 0")] != []


def test_the_mood_asked_for_most_is_the_one_that_people_want_most(watched: Watched) -> None:
    top = watched.prometheus.query("topk(5, sum by (mood) (mood_requests_total) / scalar(sum(mood_requests_total)))")

    assert len(top) == 5
    assert {sample.labels["mood"] for sample in top} >= {"heartbreak", "party"}
    assert max(top, key=lambda sample: sample.value).value > 1.5 / 12


@pytest.mark.requirement("MON-033")
def test_people_of_all_kinds_came_at_the_rate_that_was_wanted(watched: Watched) -> None:
    came = watched.came

    assert came["per_minute"] == pytest.approx(900, rel=0.15)
    assert came["failed"] == {}
    assert came["unknown_users"] > 0
    assert {"user", "mood", "similar", "chart", "discovery", "session", "likes", "search"} <= came["questions"].keys()
    assert (came["events"]["unsent"], came["events"]["dropped"]) == (0, {})
    assert came["events"]["stored"] > 100


def test_lists_made_for_somebody_are_clicked_more_than_what_is_popular(watched: Watched) -> None:
    sources = watched.came["sources"]

    assert sources["personal"]["expected_ctr"] > 1.2 * sources["popular"]["expected_ctr"]
    assert watched.came["lists"]["ctr"] == pytest.approx(watched.came["lists"]["expected_ctr"], abs=0.08)


def test_the_platform_counts_the_clicks_that_were_made(watched: Watched) -> None:
    def value(expr: str) -> float:
        found: list[Sample] = watched.prometheus.query(expr)
        return sum(sample.value for sample in found)

    personal = watched.came["sources"]["personal"]
    assert value('tacit_clicked_lists{source="personal"}') == pytest.approx(personal["clicked"], abs=3)
    assert value('tacit_attributed_lists{source="personal"}') == pytest.approx(personal["shown"], rel=0.2)
    assert value("sum(tacit_event_balance)") == 0


def test_a_platform_that_is_away_is_told_so(tmp_path: Path) -> None:
    ran = within("traffic", "http://127.0.0.1:9", "--json", home=tmp_path)

    assert ran.answer["error"]["code"] == "connection_failed"
