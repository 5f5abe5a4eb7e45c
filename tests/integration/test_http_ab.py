"""A/B tests and outcomes over HTTP and from a shell: the same desk behind both doors."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tacit.entrypoints.api.ab_schemas import AbReportBody, AbTestBody, AbTestsBody
from tacit.entrypoints.api.outcomes import OutcomesAnswer
from tacit.monitoring import metrics as catalogue
from tacit.rollout.traffic import Place
from tacit.serving.exposures import Exposure
from tests.integration.test_http_events import Platform, platform, play, problem
from tests.shells import within
from tests.stages import wait_until

PATH = "/api/v1/ab"
PLAN = {
    "title": "Sooner personal",
    "arms": [
        {"name": "control", "share": 0.5},
        {"name": "sooner", "share": 0.5, "settings": {"coldstart.personal_from": 6}},
    ],
    "guardrails": [{"metric": "watch_seconds", "harm_limit": 0.1}],
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform(tmp_path_factory.mktemp("ab") / "home", **{"ab.check_seconds": 0.05}) as running:
        yield running


def created(running: Platform, **changes: Any) -> int:
    response = running.client.post(PATH, json={**PLAN, **changes})
    assert response.status_code == 201, response.text
    return AbTestBody.model_validate_json(response.content).number


def stop(running: Platform, number: int) -> Any:
    return running.client.post(f"{PATH}/{number}/stop", json={"reason": "enough"})


def show(running: Platform, name: str, **changes: Any) -> Exposure:
    moment = int(time.time() * 1_000)
    plain: dict[str, Any] = {
        "recommendation_id": name,
        "model_version": "recommender/1",
        "user_id": "ann",
        "source": "personal",
        "degraded": False,
        "item_ids": ("i1", "i2"),
        "at_ms": moment,
    }
    exposure = Exposure(**{**plain, **changes})
    running.app.exposures.write([exposure])
    return exposure


def test_a_test_is_made_started_read_and_stopped_over_http(running: Platform) -> None:
    number = created(running)
    started = running.client.post(f"{PATH}/{number}/start")
    listed = AbTestsBody.model_validate_json(running.client.get(PATH).content)
    report = AbReportBody.model_validate_json(running.client.get(f"{PATH}/{number}/report").content)
    wait_until(lambda: running.parts.metrics.value(catalogue.AB_RUNNING) == 1)
    stopped = stop(running, number)
    acts = [(each.action, each.actor) for each in running.app.audit.entries()[:3]]

    assert AbTestBody.model_validate_json(started.content).state == "running"
    assert listed.tests[0].plan.arms[1].settings == {"coldstart.personal_from": 6.0}
    assert (report.state, report.stop, report.winner) == ("running", None, None)
    assert "Too few users" in report.verdict
    assert (stopped.json()["state"], stopped.json()["reason"]) == ("stopped", "enough")
    assert running.client.get(f"{PATH}/{number}").json() == stopped.json()
    assert acts == [("ab_stopped", "local"), ("ab_started", "local"), ("ab_created", "local")]


def test_what_is_wrong_with_a_plan_or_a_request_is_told_by_its_field(running: Platform) -> None:
    number = created(running)
    tried = {
        "fields": running.client.post(PATH, json={**PLAN, "metric": "joy"}),
        "arms": running.client.post(PATH, json={**PLAN, "arms": [{**PLAN["arms"][0], "version": 7}]}),  # type: ignore[index]
        "version": running.client.post(
            PATH,
            json={**PLAN, "arms": [PLAN["arms"][0], {"name": "b", "share": 0.5, "version": 7}]},  # type: ignore[index]
        ),
        "body": running.client.post(PATH, content=b"[]", headers={"Content-Type": "application/json"}),
        "none": running.client.get(f"{PATH}/999/report"),
        "number": running.client.get(f"{PATH}/0x1"),
        "query": running.client.get(f"{PATH}/{number}?x=1"),
        "draft": stop(running, number),
        "reason": running.client.post(f"{PATH}/{number}/stop", json={"reason": " "}),
        "reasons": running.client.post(f"{PATH}/{number}/stop", json={"reason": 7}),
    }

    assert {name: problem(response) for name, response in tried.items()} == {
        "fields": (422, "value_range"),
        "arms": (422, "ab_arms_invalid"),
        "version": (404, "version_unknown"),
        "body": (422, "type"),
        "none": (404, "ab_unknown"),
        "number": (422, "value_range"),
        "query": (422, "field_unknown"),
        "draft": (409, "ab_state"),
        "reason": (422, "field_missing"),
        "reasons": (422, "type"),
    }


def test_only_one_test_divides_users_at_a_time_whichever_door_asks(running: Platform) -> None:
    first, second = created(running), created(running)
    running.client.post(f"{PATH}/{first}/start")
    ran = within("ab", "start", str(second), "--json", home=running.app.settings.home)
    state = running.client.get(f"{PATH}/{second}").json()["state"]
    stop(running, first)

    assert (ran.answer["error"]["code"], state) == ("traffic_taken", "draft")


@pytest.mark.requirement("EVAL-018")
def test_outcomes_are_told_by_source_version_and_arm(running: Platform) -> None:
    show(running, "told-1", place=Place("ab-77", "ab", "b"))
    show(running, "told-2", user_id=None, source="similar")
    event = {"recommendation_id": "told-1", "user_id": "ann"}
    running.send([play(**event), play(**event, type="watch_time", value=60), play(**event, item_id="i9")])
    ask = "/api/v1/outcomes"
    wait_until(lambda: running.client.get(ask).json()["outcomes"].get("personal", {}).get("clicks") == 2)
    by = {
        name: OutcomesAnswer.model_validate_json(running.client.get(f"{ask}?by={name}&split=ab-77&since=1h").content)
        for name in ("source", "version", "arm")
    }
    expected = {"lists": 1, "clicked": 1, "clicks": 2, "watch_seconds": 60.0, "users": 1, "ctr": 1.0}

    assert by["source"].outcomes["personal"].model_dump() == expected
    assert by["source"].anonymous["similar"].lists == 1
    assert by["version"].outcomes["recommender/1"].model_dump() == expected
    assert by["arm"].outcomes["b"].model_dump() == expected
    assert running.client.get(f"{ask}?since=2100-01-01T00:00:00Z").json()["outcomes"] == {}
    wait_until(lambda: running.parts.metrics.value(catalogue.CLICKED_LISTS, source="personal") == 1)
    assert running.parts.metrics.value(catalogue.ATTRIBUTED_LISTS, source="personal") == 1
    told = within("outcomes", "--since", "1h", home=running.app.settings.home)
    assert re.search(r"personal +1 +1 +100.00% +2 +60 s +1", told.out)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("by=user", "value_range"),
        ("since=yesterday", "timestamp_unit"),
        ("since=2026-01-01T00:00:00", "timestamp_unit"),
        ("by=arm", "field_missing"),
        ("until=1h", "field_unknown"),
        ("by=arm&split=%00", "string_nul"),
    ],
)
def test_a_question_about_outcomes_that_makes_no_sense_is_refused(running: Platform, query: str, code: str) -> None:
    assert problem(running.client.get(f"/api/v1/outcomes?{query}")) == (422, code)


def test_a_test_is_made_and_read_at_the_shell(running: Platform) -> None:
    home = running.app.settings.home
    arms = ("--arm", "a=0.5", "--arm", "b=0.25,coldstart.personal_from=20", "--arm", "c=0.25")
    made = within("ab", "create", "Three", *arms, "--guardrail", "watch_seconds=0.2", "--json", home=home)
    number = str(made.answer["number"])
    started = within("ab", "start", number, home=home)
    report = within("ab", "report", number, home=home)
    ended = within("ab", "stop", number, "--reason", "seen", home=home)
    listed = within("ab", "list", home=home)

    assert made.answer["plan"]["arms"][1]["settings"] == {"coldstart.personal_from": 20.0}
    assert (started.code, report.code, ended.code) == (0, 0, 0)
    assert "c 25% (champion)" in " ".join(report.out.split())
    assert "Too few users to say anything of b: 0 of 200." in report.out
    assert re.search(rf"{number} +stopped +Three +a, b, c +seen", listed.out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--arm", "a", "--arm", "b=0.5"), "NAME=SHARE"),
        (("--arm", "a=0.5,version", "--arm", "b=0.5"), "version=N"),
        (("--arm", "a=0.5", "--arm", "b=much"), "arms[1].share"),
        (("--arm", "a=0.5", "--arm", "b=0.5", "--guardrail", "ctr"), "METRIC=LIMIT"),
    ],
)
def test_arms_that_nobody_can_read_are_told_at_the_shell(
    running: Platform, arguments: tuple[str, ...], said: str
) -> None:
    ran = within("ab", "create", "Odd", *arguments, home=running.app.settings.home)

    assert ran.code != 0
    assert said in ran.err


@pytest.mark.requirement("ROLL-012")
def test_with_the_setting_off_a_server_ends_what_runs_and_starts_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with platform(home, **{"ab.check_seconds": 60.0}) as before:
        number = created(before)
        before.client.post(f"{PATH}/{number}/start")
    with platform(home, **{"ab.enabled": False, "ab.check_seconds": 0.05}) as after:
        wait_until(lambda: after.client.get(f"{PATH}/{number}").json()["state"] == "stopped")
        refused = after.client.post(f"{PATH}/{created(after)}/start")
        split = after.app.traffic.plan("recommender").split

    assert (problem(refused), split) == ((409, "ab_off"), None)
