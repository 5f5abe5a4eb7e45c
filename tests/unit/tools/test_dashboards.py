"""The dashboards are what documents and catalogue say: panels, questions, limits, units, and the files there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from tacit.monitoring import metrics as catalogue
from tacit.monitoring.metrics import CATALOGUE
from tools.dashboards.__main__ import BOARDS, FOLDER, files, main, stale, write
from tools.dashboards.beside import measured
from tools.dashboards.building import SOURCE, json_of, unit
from tools.dashboards.documents import MLOPS, RECOMMENDATION_SYSTEM, SIX_PANELS
from tools.dashboards.panel import Board, Panel, Query, one
from tools.dashboards.promql import Names, names_in, unknown_names

ASKED = [(board.name, panel, query) for board in BOARDS for panel in board.panels for query in panel.queries]
PANEL_LIST = """
1 Requests Per Minute
    rate(http_requests_total[1m]) * 60
2 Average Response Time
    sum(rate(http_request_duration_seconds_sum[5m])) / (sum(rate(http_request_duration_seconds_count[5m])) > 0)
    green, yellow from 0.5, red from 1.0
3 Error Rate
    sum(rate(api_errors_total{kind=~"unavailable|misconfigured|unexpected"}[5m])) / \
(sum(rate(http_requests_total{route!~"/livez|/readyz|/health|/live|/ready|/startupz"}[5m])) > 0)
    green, yellow from 0.01, red from 0.05
4 Total Recommendations
    sum(recommendations_total)
5 Top 5 Moods
    topk(5, sum by (mood) (mood_requests_total) / scalar(sum(mood_requests_total)))
6 Model Status
    sum(model_users) as Users
    sum(model_items) as Artists
    sum(model_factors) as Factors
"""
"""The six panels of document 003: titles, questions, limits."""


def rendered(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "dashboards" / f"{name}.json").read_text("utf-8"))
    return found


def listed(dashboard: dict[str, Any]) -> str:
    """The panels of a dashboard as they lie in its file, written as the list is."""
    lines: list[str] = []
    for number, panel in enumerate(dashboard["panels"], 1):
        lines.append(f"{number} {panel['title']}")
        several = len(panel["targets"]) > 1
        lines += [f"    {each['expr']}" + f" as {each['legendFormat']}" * several for each in panel["targets"]]
        first, *steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        if steps:
            said = [first["color"], *(f"{step['color']} from {step['value']}" for step in steps)]
            lines.append("    " + ", ".join(said))
    return "\n" + "\n".join(lines) + "\n"


@pytest.mark.requirement("MON-023")
def test_the_files_are_what_the_code_says() -> None:
    assert stale() == []


def test_a_file_that_is_changed_missing_or_left_over_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path)
    (tmp_path / "dashboards" / "play.json").write_text("{}")
    (tmp_path / "dashboards" / "request.json").unlink()
    (tmp_path / "dashboards" / "gone.json").write_text("{}")

    assert stale(tmp_path) == ["dashboards/gone.json", "dashboards/play.json", "dashboards/request.json"]
    write(tmp_path)
    assert stale(tmp_path) == []
    assert (main(["--check"]), capsys.readouterr().out) == (0, "")


@pytest.mark.requirement("MON-024")
@pytest.mark.requirement("MON-025")
@pytest.mark.requirement("MON-026")
@pytest.mark.requirement("MON-027")
@pytest.mark.requirement("MON-028")
@pytest.mark.requirement("MON-029")
def test_the_six_panels_are_byte_for_byte_those_of_the_list() -> None:
    assert listed(rendered("six-panels")) == PANEL_LIST


@pytest.mark.requirement("MON-030")
@pytest.mark.requirement("MON-031")
@pytest.mark.requirement("MON-032")
@pytest.mark.requirement("MON-041")
def test_the_two_dashboards_of_document_004_bear_their_names_and_show_what_they_are_for() -> None:
    titles = {board.title: {panel.title for panel in board.panels} for board in (MLOPS, RECOMMENDATION_SYSTEM)}

    assert {"Model Accuracy", "API Uptime", "Memory", "Processor"} <= titles["MLOps Comprehensive Dashboard"]
    assert "Alerts" in titles["MLOps Comprehensive Dashboard"]
    assert {"Ranking Quality", "Click-Through Rate", "What Users Do"} <= titles["Recommendation System Dashboard"]
    assert [rendered(board.name)["title"] for board in (MLOPS, RECOMMENDATION_SYSTEM)] == list(titles)


@pytest.mark.parametrize(("board", "panel", "query"), ASKED, ids=[f"{name}-{panel.title}" for name, panel, _ in ASKED])
def test_every_metric_and_label_that_is_asked_for_is_in_the_catalogue(board: str, panel: Panel, query: Query) -> None:
    assert unknown_names(query.expr, CATALOGUE) == [], f"{board}: {panel.title}"


@pytest.mark.parametrize(
    ("expr", "unknown"),
    [
        ("rate(http_requests_total[5m])", []),
        ("rate(http_request_total[5m])", ["http_request_total"]),
        ('sum by (route) (http_requests_total{method="GET"})', []),
        ('sum by (path) (http_requests_total{verb="GET"})', ["path", "verb"]),
        ("sum by (le) (rate(http_request_duration_seconds_bucket[5m]))", []),
        ("http_request_duration_seconds", ["http_request_duration_seconds"]),
        ("http_requests_total_bucket", ["http_requests_total_bucket"]),
        ('up{job="tacit"} and on (instance) model_loaded unless bogus', ["bogus"]),
    ],
)
def test_a_name_that_nothing_measures_is_found(expr: str, unknown: list[str]) -> None:
    assert unknown_names(expr, CATALOGUE) == unknown


def test_texts_ranges_and_functions_are_no_names() -> None:
    found = names_in('topk(5, sum by (a, b) (rate(x_total{c=~"d|e{f}", g!="h"}[5m]))) / scalar(y) > bool 0')

    assert found == Names(frozenset({"x_total", "y"}), frozenset({"a", "b", "c", "g"}))


def test_every_question_is_promql(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed here")
    rules = [{"record": f"panel:{number}", "expr": query.expr} for number, (_, _, query) in enumerate(ASKED)]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    ran = subprocess.run(["promtool", "check", "rules", str(path)], capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    assert f"{len(ASKED)} rules found" in ran.stdout


@pytest.mark.parametrize(
    ("unit_of", "per", "said"),
    [
        (catalogue.HTTP_DURATION, "", "s"),
        (catalogue.HTTP_REQUESTS, "minute", "suffix: requests/min"),
        (catalogue.EVENT_LAG, "", "suffix: events"),
        (catalogue.CLICKED_LISTS, "all", "percentunit"),
        ("bytes", "", "bytes"),
    ],
)
def test_the_unit_of_a_panel_is_that_of_its_metric(unit_of: Any, per: Any, said: str) -> None:
    assert unit(Panel("x", "y", one("up"), unit_of, per=per)) == said


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_every_panel_says_what_it_tells_has_a_name_of_its_own_and_a_place(board: Board) -> None:
    dashboard = json.loads(json_of(board))
    places = [panel["gridPos"] for panel in dashboard["panels"]]

    assert len({panel.title for panel in board.panels}) == len(board.panels)
    assert all(panel.says.endswith(".") for panel in board.panels)
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {SOURCE}
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert not any(_overlap(one, other) for one, other in combinations(places, 2))


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(one[at] < other[at] + other[size] and other[at] < one[at] + one[size] for at, size in ("xw", "yh"))


@pytest.mark.requirement("MON-022")
def test_grafana_is_told_of_the_source_and_of_the_folder() -> None:
    source = yaml.safe_load(files()["provisioning/datasources/tacit.yaml"])["datasources"][0]
    provider = yaml.safe_load(files()["provisioning/dashboards/tacit.yaml"])["providers"][0]

    assert (source["uid"], source["type"], source["url"]) == (SOURCE, "prometheus", "${GRAFANA_PROMETHEUS_URL}")
    assert (provider["type"], provider["options"]["path"]) == ("file", "${GRAFANA_DASHBOARDS}")


def test_colours_change_where_alerts_speak() -> None:
    choices = pytest.importorskip(
        "tacit.monitoring.alerting.choices", reason="the alerts are not here yet"
    ).AlertChoices()
    recommender = choices.workloads[0].error_rate
    found = {panel.title: [value for value, _ in panel.limits] for board in BOARDS for panel in board.panels}

    assert found["Error Rate"] == [recommender.warning, recommender.critical]
    assert found["Average Response Time"][0] == choices.latency_avg.warning
    assert found["Response Time"] == [choices.latency_p95.warning, choices.latency_p95.critical]
    assert found["Degraded Share"] == [choices.degraded_share.warning, choices.degraded_share.critical]
    assert found["API Uptime"] == [choices.availability]
    assert found["Lag"] == [choices.event_lag]
    assert found["Event Loop Lag"] == [choices.loop_lag]


def test_a_panel_is_left_out_where_its_metric_is_not_measured() -> None:
    there, missing = (Panel(name, "It.", one(name), "none") for name in ("model_loaded", "nothing_measures_this"))

    assert measured((there, missing)) == (there,)


def test_no_panel_is_without_a_question_and_no_legend_names_a_label_it_lost() -> None:
    lost = [
        (name, panel.title, label)
        for name, panel, query in ASKED
        for label in re.findall(r"\{\{(\w+)\}\}", query.legend)
        if label not in names_in(query.expr).labels
    ]

    assert lost == []
    assert SIX_PANELS.panels[0].queries == one("rate(http_requests_total[1m]) * 60")
